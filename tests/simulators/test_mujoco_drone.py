from __future__ import annotations

import numpy as np
import pytest

from sim2real.errors import BadInputError, MissingDependencyError
from sim2real.simulators import make_simulator
from tests.simulators.flight import CLEAN, GRAVITY, fly, open_loop, robot_named, start

ROBOT = robot_named("x500")


def test_parameters_arrive_in_the_model():
    with make_simulator("mujoco", ROBOT, 3) as sim:
        values = sim.space.batch(3)
        values[1] = sim.space.batch(1, {"mass": 2.5, "inertia_zz": 0.05, "com_x": 0.01, "contact_friction": 0.5,
                                        "payload_mass": 0.5, "payload_offset_z": 0.0})
        sim.set_parameters(None, values)
        model, plain = sim.batch.get_model(1), sim.batch.get_model(0)
        body, base = sim.model.body("base_link").id, ROBOT.model.link("base_link")
        assert model.body_mass[body] == 3.0 and plain.body_mass[body] == base.mass
        assert model.body_inertia[body, 2] == 0.05
        assert model.body_ipos[body, 0] == pytest.approx(base.com[0] + 0.01)
        assert (model.pair_friction[:, :2] == 0.5).all() and (plain.pair_friction[:, :2] == 0.8).all()
        assert model.body_subtreemass[body] == 3.0  # what follows from them is recomputed


def test_stands_on_the_floor_at_height_zero():
    with make_simulator("mujoco", ROBOT, 1) as sim:
        sim.reset(state=start(ROBOT, 1, height=0.05))
        fly(sim, np.zeros(4), 100)
        assert abs(sim.true_state().position[0, 2]) < 2e-3
        assert np.abs(sim.true_state().linear_velocity).max() < 1e-3


def test_contact_friction():
    """Slides with mu g."""
    robot = open_loop("x500")
    with make_simulator("mujoco", robot, 2) as sim:
        values = np.concatenate([sim.space.batch(1, {**CLEAN, "contact_friction": mu}) for mu in (0.2, 0.4)])
        sim.set_parameters(None, values)
        state = start(robot, 2, height=0.0)
        sim.reset(state=state)
        fly(sim, np.zeros(4), 20)
        state = sim.true_state().copy()
        state.linear_velocity[:, 0] = 2.0
        sim.reset(state=state)
        fly(sim, np.zeros(4), 10)  # 0.2 s
        slowed = 2.0 - sim.true_state().linear_velocity[:, 0]
    np.testing.assert_allclose(slowed, np.array([0.2, 0.4]) * GRAVITY * 0.2, rtol=0.15)


def test_crash_is_survived():
    with make_simulator("mujoco", ROBOT, 2) as sim:
        sim.reset(state=start(ROBOT, 2, height=2.0, linear_velocity=[15.0, 0, -25.0], angular_velocity=[30.0, 5, 5]))
        flight = fly(sim, [ROBOT.hover_thrust, 3, 3, 1], 100)
        assert np.isfinite(flight).all() and not sim.unstable.any()
        assert flight[..., 2].min() > -0.5


def test_pictures():
    with make_simulator("mujoco", ROBOT, 2) as sim:
        sim.reset(state=start(ROBOT, 2, height=2.0, position=[[0, 0, 2], [1, 0, 2]]))
        try:
            pictures = sim.render("overview", size=(60, 80))
        except MissingDependencyError as error:
            pytest.skip(str(error))
        assert pictures.shape == (2, 60, 80, 3) and pictures.dtype == np.uint8
        assert np.abs(pictures[0].astype(int) - pictures[1]).max() > 50  # they stand elsewhere
        near = sim.render("chase", np.array([1]), size=(60, 80))
        assert (near.max(axis=3) < 60).mean() > (pictures.max(axis=3) < 60).mean()  # its dark body is larger
        with pytest.raises(BadInputError, match="unknown camera 'nose'"):
            sim.render("nose", size=(60, 80))
