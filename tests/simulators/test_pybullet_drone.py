from __future__ import annotations

import numpy as np
import pybullet
import pytest

from sim2real import rotations
from sim2real.errors import BadInputError
from sim2real.simulators import make_simulator
from tests.simulators.flight import CLEAN, GRAVITY, fly, open_loop, packed, robot_named, start

ROBOT = robot_named("x500")


def test_parameters_arrive_in_bullet():
    with make_simulator("pybullet", ROBOT, 2) as sim:
        values = sim.space.batch(2)
        values[1] = sim.space.batch(1, {"mass": 2.5, "inertia_xx": 0.03, "contact_friction": 0.5})
        sim.set_parameters(None, values)
        world = sim._worlds[1]
        info = pybullet.getDynamicsInfo(world.body, -1, physicsClientId=world._client)
        assert info[0] == 2.5 and info[1] == 0.5
        np.testing.assert_allclose(info[2], [0.03, *ROBOT.rotors.inertia[1:]])


def test_conventions():
    """Quaternion order, body rates and an origin beside the centre of mass survive the way into Bullet and back."""
    with make_simulator("pybullet", ROBOT, 2) as sim:
        sim.set_parameters(None, sim.space.batch(2, {"com_x": 0.01, "com_y": -0.008, "com_z": 0.004}))
        state = start(ROBOT, 2, quaternion=rotations.from_rpy([0.3, -0.2, 1.0]), linear_velocity=[1, 2, 3],
                      angular_velocity=[4.0, -5.0, 6.0])
        sim.reset(state=state)
        np.testing.assert_allclose(packed(sim.true_state()), packed(state), atol=1e-12)
        world = sim._worlds[0]
        _, (x, y, z, w) = pybullet.getBasePositionAndOrientation(world.body, physicsClientId=world._client)
        np.testing.assert_allclose([w, x, y, z], state.quaternion[0], atol=1e-12)
        _, spin = pybullet.getBaseVelocity(world.body, physicsClientId=world._client)
        np.testing.assert_allclose(spin, rotations.rotate(state.quaternion[0], np.array([4.0, -5.0, 6.0])), atol=1e-12)


def test_no_damping_and_no_speed_limit():
    """Bullet's own damping (0.04 1/s) and its limit of 100 on velocities are gone."""
    robot = open_loop("x500")
    with make_simulator("pybullet", robot, 1) as sim:
        sim.set_parameters(None, sim.space.batch(1, CLEAN))
        sim.reset(state=start(robot, 1, height=1e4, linear_velocity=[150.0, 0, 0], angular_velocity=[0, 0, 120.0]))
        fly(sim, np.zeros(4), 20)
        np.testing.assert_allclose(sim.true_state().linear_velocity[0, 0], 150.0, rtol=1e-9)
        np.testing.assert_allclose(sim.true_state().angular_velocity[0, 2], 120.0, rtol=1e-6)


def test_stands_on_the_floor_at_height_zero():
    with make_simulator("pybullet", ROBOT, 1) as sim:
        sim.reset(state=start(ROBOT, 1, height=0.05))
        fly(sim, np.zeros(4), 100)
        assert abs(sim.true_state().position[0, 2]) < 2e-3
        assert np.abs(sim.true_state().linear_velocity).max() < 1e-2


def test_contact_friction():
    """Slides with mu g."""
    robot = open_loop("x500")
    with make_simulator("pybullet", robot, 2) as sim:
        values = np.concatenate([sim.space.batch(1, {**CLEAN, "contact_friction": mu}) for mu in (0.2, 0.4)])
        sim.set_parameters(None, values)
        sim.reset(state=start(robot, 2, height=0.0, linear_velocity=[2.0, 0, 0]))
        fly(sim, np.zeros(4), 10)  # 0.2 s
        slowed = 2.0 - sim.true_state().linear_velocity[:, 0]
    np.testing.assert_allclose(slowed, np.array([0.2, 0.4]) * GRAVITY * 0.2, rtol=0.15)


def test_crash_is_survived():
    with make_simulator("pybullet", ROBOT, 2) as sim:
        sim.reset(state=start(ROBOT, 2, height=2.0, linear_velocity=[15.0, 0, -25.0], angular_velocity=[30.0, 5, 5]))
        flight = fly(sim, [ROBOT.hover_thrust, 3, 3, 1], 100)
        assert np.isfinite(flight).all() and not sim.unstable.any()
        assert flight[..., 2].min() > -0.5


def test_pictures():
    with make_simulator("pybullet", ROBOT, 2) as sim:
        sim.reset(state=start(ROBOT, 2, position=[[0, 0, 2], [1, 0, 2]]))
        pictures = sim.render("overview", size=(60, 80))
        assert pictures.shape == (2, 60, 80, 3) and pictures.dtype == np.uint8
        assert np.abs(pictures[0].astype(int) - pictures[1]).max() > 50  # they stand elsewhere
        near = sim.render("chase", np.array([1]), size=(60, 80))
        assert (near.max(axis=3) < 60).mean() > (pictures.max(axis=3) < 60).mean()  # its dark body is larger
        with pytest.raises(BadInputError, match="unknown camera 'nose'"):
            sim.render("nose")
