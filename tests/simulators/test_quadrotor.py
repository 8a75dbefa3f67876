from __future__ import annotations

import numpy as np
import pytest

from sim2real import rotations
from sim2real.errors import BadInputError
from sim2real.robots import load_robot
from sim2real.simulators import make_simulator
from tests.simulators.flight import CLEAN, GRAVITY, fly, open_loop, packed, robot_named, start

ROBOT = open_loop()
HOVER = np.array([ROBOT.hover_thrust, 0.0, 0.0, 0.0])


def simulator(n: int = 1, values: dict | None = None, robot=ROBOT):
    sim = make_simulator("quadrotor", robot, n)
    sim.set_parameters(None, sim.space.batch(n, {**CLEAN, **(values or {})}))
    return sim


def test_free_fall():
    """Symplectic Euler: z = -g t (t + h) / 2 exactly."""
    sim = simulator()
    sim.reset(state=start(ROBOT))
    flight = fly(sim, np.zeros(4), 25)
    np.testing.assert_allclose(flight[-1, 0, 2] - 100, -GRAVITY * 0.5 * 0.502 / 2, rtol=1e-9)
    np.testing.assert_allclose(flight[-1, 0, 9], -GRAVITY * 0.5, rtol=1e-9)


def test_torque_free_tumbling_keeps_momentum_and_energy():
    sim = simulator(values={"com_x": 1e-3, "com_z": -1e-3})
    sim.reset(state=start(ROBOT, angular_velocity=[3.0, 5.0, -4.0]))
    flight = fly(sim, np.zeros(4), 50)
    inertia = ROBOT.rotors.inertia
    momentum = rotations.rotate(flight[:, 0, 3:7], inertia * flight[:, 0, 10:])
    energy = (inertia * flight[:, 0, 10:] ** 2).sum(axis=1)
    assert np.abs(momentum - momentum[0]).max() < 0.01 * np.linalg.norm(momentum[0])
    assert np.abs(energy / energy[0] - 1).max() < 0.015  # first order: 1 % a second at 7 rad/s
    assert np.abs(flight[-1, 0, 10:] - flight[0, 0, 10:]).max() > 0.5  # it does tumble


@pytest.mark.parametrize("axis", range(3))
def test_rotation_by_the_exponential_map(axis):
    """Spun about a principal axis the attitude is exactly w t, even fast."""
    rate = np.eye(3)[axis] * 40.0
    sim = simulator()
    sim.reset(state=start(ROBOT, angular_velocity=rate))
    fly(sim, np.zeros(4), 10)
    np.testing.assert_allclose(rotations.to_axis_angle(rotations.multiply(
        sim.true_state().quaternion, rotations.from_axis_angle(-rate * 0.2)))[0], 0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(sim.true_state().quaternion), 1, atol=1e-12)


def test_reset_with_a_shifted_centre_of_mass_is_of_the_origin():
    sim = simulator(3, {"com_x": 0.01, "com_y": -0.005, "com_z": 0.003})
    state = start(ROBOT, 3, quaternion=rotations.from_rpy([0.3, -0.2, 1.0]), linear_velocity=[1, 2, 3],
                  angular_velocity=[4.0, -5.0, 6.0])
    sim.reset(state=state)
    np.testing.assert_allclose(packed(sim.true_state()), packed(state), atol=1e-12)
    values = sim.space.batch(3)
    sim.set_parameters(None, values)  # the origin stays where it is when the centre of mass moves
    np.testing.assert_allclose(packed(sim._read()), packed(state), atol=1e-12)


def test_floor():
    """It stands, neither sinks nor bounces, takes off again, and a crash at speed leaves finite numbers."""
    sim = simulator(3)
    sim.reset(state=start(ROBOT, 3, height=0.0))
    fly(sim, np.zeros(4), 20)
    np.testing.assert_allclose(sim.true_state().position, 0, atol=1e-9)
    assert fly(sim, 1.2 * HOVER, 10)[-1, :, 2].min() > 0.02
    state = start(ROBOT, 3, height=1.0, linear_velocity=[30.0, 0, -40.0], angular_velocity=[50.0, 20, 10],
                  quaternion=rotations.from_rpy([2.0, 1.0, 0.0]))
    sim.reset(state=state)
    flight = fly(sim, np.array([ROBOT.hover_thrust, 3, 3, 1]), 100)
    assert np.isfinite(flight).all() and flight[..., 2].min() > -1e-3 and not sim.unstable.any()
    assert np.abs(flight[-1, :, 7:9]).max() < 1.0


def test_a_runaway_is_marked_and_stopped():
    sim = simulator(2)
    values = sim.values.copy()
    values[1, sim.space.column("external_force_x")] = 1e4
    sim.set_parameters(None, values)
    sim.reset(state=start(ROBOT, 2))
    fly(sim, HOVER, 200)
    assert sim.unstable.tolist() == [False, True] and np.isfinite(packed(sim.true_state())).all()


def test_numbers_do_not_depend_on_how_many():
    """Bit by bit, for counts that fill numpy's vector registers and that do not."""
    robot = robot_named("crazyflie")
    with make_simulator("quadrotor", robot, 37) as sim:
        draws = np.random.default_rng(0).random((37, len(sim.space)))
        values = sim.space.low + (sim.space.high - sim.space.low) * draws
        flights = {}
        for n in (1, 2, 7, 16, 37):
            with make_simulator("quadrotor", robot, n) as some:
                some.set_parameters(None, values[:n])
                some.reset(state=start(robot, n))
                flights[n] = fly(some, [robot.hover_thrust, 1.0, -0.5, 0.3], 5)
        for n, flight in flights.items():
            np.testing.assert_array_equal(flight, flights[37][:, :n])


def test_arms_are_refused():
    with pytest.raises(BadInputError, match="simulates drones, ur5e is an arm"):
        make_simulator("quadrotor", load_robot("ur5e"), 1)
