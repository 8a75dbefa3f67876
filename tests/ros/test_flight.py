"""The little flight control around a policy."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real import rotations
from sim2real.robots import load_robot
from sim2real.ros.flight import PositionHold, level_rates
from sim2real.simulators import make_simulator


def test_level_rates_turn_the_shorter_way():
    # rolled right by 0.1 rad: roll back, and only that; 6 rad/s per rad is the Crazyflie's own gain
    np.testing.assert_allclose(level_rates(rotations.from_rpy([0.1, 0.0, 0.0])), [-0.6, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(level_rates(rotations.from_rpy([0.0, 0.1, 2.0])), [0.0, -0.6, 0.0], atol=1e-12)


@pytest.mark.parametrize(("name", "parameters"), [
    ("crazyflie", {}), ("crazyflie", {"mass": 0.033, "battery_voltage_scale": 0.95}), ("x500", {"payload_mass": 0.4}),
])
def test_holds_a_place_it_has_to_fly_to(name, parameters):
    robot = load_robot(name)
    with make_simulator("quadrotor", robot, 1) as sim:
        sim.set_parameters(None, sim.space.batch(1, parameters))
        start = sim.home_state(1)
        start.position[0] = (0.5, -0.3, 1.5)
        sim.reset(None, start)
        hold = PositionHold(robot, np.array([0.0, 0.0, 1.0]))
        for _ in range(round(10.0 / robot.control_period)):
            sim.step(hold.command(sim.state(), robot.control_period)[None])
        assert np.linalg.norm(sim.true_state().position[0] - [0.0, 0.0, 1.0]) < 0.05


def test_comes_down_at_the_speed_asked_for():
    robot = load_robot("crazyflie")
    with make_simulator("quadrotor", robot, 1) as sim:
        start = sim.home_state(1)
        start.position[0, 2] = 2.0
        sim.reset(None, start)
        hold = PositionHold(robot, start.position[0])
        for _ in range(round(3.0 / robot.control_period)):
            sim.step(hold.command(sim.state(), robot.control_period, climb=-0.4)[None])
        assert sim.true_state().linear_velocity[0, 2] == pytest.approx(-0.4, abs=0.08)


def test_commands_stay_inside_what_the_vehicle_takes():
    robot = load_robot("x500")
    with make_simulator("quadrotor", robot, 1) as sim:
        state = sim.home_state(1)
        state.quaternion[0] = rotations.from_rpy([2.5, 0.3, 0.0])
        command = PositionHold(robot, np.array([100.0, 0.0, 100.0])).command(state, 0.02)
    assert 0.0 <= command[0] <= robot.rotors.max_thrust
    assert (np.abs(command[1:]) <= robot.rotors.max_rate).all()
