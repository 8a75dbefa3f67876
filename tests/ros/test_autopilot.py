"""A vehicle's own nature: watchdog stages, thrust lock, failsafe, step by step."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.robots import load_robot
from sim2real.ros.autopilot import Autopilot
from sim2real.ros.profiles import RosProfile
from sim2real.types import RobotState

DT = 0.01


def autopilot_of(name):
    robot = load_robot(name)
    profile = RosProfile.for_robot(robot)
    return robot, Autopilot(robot, profile.watchdog, profile.unlock, np.array([0.0, 0.0, 1.0]))


def state_at(*position, climb=0.0):
    state = RobotState.zeros(1, 0)
    state.position[0] = position
    state.linear_velocity[0, 2] = climb
    return state


def test_a_crazyflies_stages_are_exact_and_the_lock_lasts_until_zero_thrust():
    robot, autopilot = autopilot_of("crazyflie")
    flying = np.array([robot.hover_thrust, 1.0, 0.0, 0.0])
    here = state_at(0.0, 0.0, 1.0)
    assert autopilot.take(flying).tolist() == [0.0] * 4  # locked at the start
    autopilot.take(np.zeros(4))
    wanted = autopilot.take(flying)
    assert wanted.tolist() == flying.tolist()
    assert autopilot.command(wanted, 0.5, here, DT).tolist() == wanted.tolist()
    assert autopilot.command(wanted, 0.501, here, DT).tolist() == [robot.hover_thrust, 0.0, 0.0, 0.0]  # level
    assert autopilot.command(wanted, 2.0, here, DT)[0] == robot.hover_thrust
    assert autopilot.take(flying).tolist() == flying.tolist()  # no lock before the motors stop
    assert autopilot.command(wanted, 2.001, here, DT).tolist() == [0.0] * 4
    assert autopilot.take(flying).tolist() == [0.0] * 4
    assert autopilot.take(np.array([0.0, 1.0, 0.0, 0.0])).tolist() == [0.0, 1.0, 0.0, 0.0]  # thrust alone unlocks
    assert autopilot.take(flying).tolist() == flying.tolist()
    assert autopilot.failsafe == "" and autopilot.request(99.0) == ""  # a Crazyflie has nothing to ask for


def test_px4_holds_where_it_was_and_stays_there_whatever_comes():
    robot, autopilot = autopilot_of("x500")
    wanted = autopilot.take(np.array([30.0, 1.0, 0.0, 0.0]))
    here = state_at(3.0, 2.0, 5.0)
    assert autopilot.command(wanted, 1.0, here, DT).tolist() == wanted.tolist()
    held = autopilot.command(wanted, 1.01, here, DT)
    assert autopilot.failsafe == "hold"
    assert held[0] == pytest.approx(robot.hover_thrust, rel=0.01)  # it is where it wants to be
    np.testing.assert_allclose(held[1:], 0.0, atol=1e-9)
    autopilot.take(np.array([30.0, 1.0, 0.0, 0.0]))
    assert autopilot.command(wanted, 0.0, here, DT)[0] == pytest.approx(robot.hover_thrust, rel=0.01)  # latched
    assert "no sign of life for 1.5 s" in autopilot.request(1.5) and autopilot.failsafe == "hold"
    assert autopilot.request(0.1) == "" and autopilot.failsafe == ""
    assert autopilot.command(wanted, 0.1, here, DT).tolist() == wanted.tolist()


def test_px4_comes_down_after_five_seconds_and_disarms_on_the_ground_only():
    robot, autopilot = autopilot_of("x500")
    wanted = autopilot.take(np.array([robot.hover_thrust, 0.0, 0.0, 0.0]))
    stages = []
    for k in range(1200):
        sinking = 500 < k < 900
        autopilot.command(wanted, 2.0, state_at(0.0, 0.0, 1.0, climb=-0.7 if sinking else 0.0), DT)
        stages.append(autopilot.failsafe)
    assert stages.index("descend") == pytest.approx(500, abs=2)
    assert stages.index("disarmed") == pytest.approx(900 + 200, abs=2)
    assert autopilot.command(wanted, 2.0, state_at(0, 0, 0), DT).tolist() == [0.0] * 4
    assert "disarmed" in autopilot.request(0.0)
