"""One sample after another: what a robot can do in the time between, and what it cannot."""

import copy

import numpy as np
import pytest

from sim2real import rotations
from sim2real.deployment.senses import ArmSenses, DroneSenses, contradiction
from sim2real.robots import load_robot
from sim2real.types import RobotState

UR5E, CRAZYFLIE = load_robot("ur5e"), load_robot("crazyflie")
ARM, DRONE = ArmSenses(UR5E, 0.04), DroneSenses(CRAZYFLIE, 0.02)


def arm(position=0.0, velocity=0.0, joint=2):
    state = RobotState.zeros(1, 6)
    state.joint_position[0, joint], state.joint_velocity[0, joint] = position, velocity
    return ARM.take(state)


def drone(**fields):
    state = RobotState.zeros(1, 0)
    for name, value in fields.items():
        getattr(state, name)[0] = value
    return DRONE.take(state)


def test_a_joint_may_change_as_far_as_it_can():
    """By hand: 1.5 * pi * 40 ms, half a period at pi, 0.02 and 20 * 0.1 mrad: 0.1885 + 0.0628 + 0.022 = 0.2733."""
    assert ARM.excess(arm(0.273), arm(), 0.04) == "" and ARM.excess(arm(-0.273), arm(), 0.04) == ""
    assert ARM.excess(arm(0.274), arm(), 0.04) == "elbow_joint jumped by 0.274 in 40 ms; it can do 0.273"
    assert ARM.excess(arm(1.02), arm(), 0.2) == "" and ARM.excess(arm(1.03), arm(), 0.2).endswith("it can do 1.027")


def test_a_joint_may_be_as_fast_as_it_can():
    assert ARM.excess(arm(velocity=6.28), arm(), 0.04) == ""
    assert "said to move at -6.40 per second; its limit is 3.16" in ARM.excess(arm(velocity=-6.4), arm(), 0.04)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_in_excess(number):
    assert ARM.excess(arm(number), arm(), 0.04) and ARM.excess(arm(velocity=number), arm(), 0.04)
    for field in ("position", "quaternion", "linear_velocity", "angular_velocity"):
        assert DRONE.excess(drone(**{field: number}), drone(), 0.02), field


def test_a_joint_on_its_way_is_named():
    assert ARM.moving(arm(velocity=0.15)) == "" and ARM.moving(arm(velocity=-0.16)) == "elbow_joint"


def test_a_drone_moves_with_its_velocity():
    """At 2 m/s it is 40 mm on; a jump of half a metre is none of that."""
    fast = {"linear_velocity": [2.0, 0.0, 0.0]}
    assert DRONE.excess(drone(position=[0.04, 0.0, 0.0], **fast), drone(**fast), 0.02) == ""
    assert DRONE.excess(drone(position=[0.5, 0.0, 0.0], **fast), drone(**fast), 0.02).startswith(
        "the position jumped by 0.50 m in 20 ms; the drone can do 0.")


def test_a_drones_velocity_and_attitude_change_as_far_as_they_can():
    turned = rotations.from_axis_angle(np.array([[0.3, 0.0, 0.0]]))[0]
    assert DRONE.excess(drone(quaternion=turned), drone(), 0.02) == ""
    assert DRONE.excess(drone(quaternion=-turned), drone(), 0.02) == ""  # the same attitude
    over = rotations.from_axis_angle(np.array([[0.0, 1.6, 0.0]]))[0]
    assert DRONE.excess(drone(quaternion=over), drone(), 0.02).startswith("the attitude jumped by 1.60 rad")
    assert DRONE.excess(drone(linear_velocity=[0.0, 0.0, 1.0]), drone(), 0.02) == ""
    assert DRONE.excess(drone(linear_velocity=[0.0, 0.0, 4.0]), drone(), 0.02).startswith("the velocity jumped by 4.00")
    assert "said to turn at 30.0 rad/s" in DRONE.excess(drone(angular_velocity=[30.0, 0.0, 0.0]), drone(), 0.02)


def test_a_drone_that_moves_or_turns_moves():
    assert DRONE.moving(drone()) == "" and DRONE.moving(drone(angular_velocity=[0.0, 0.03, 0.0]))
    assert DRONE.moving(drone(linear_velocity=[0.0, 0.0, -0.03]))


def test_rows_are_numbers_of_their_own():
    """A state whose arrays are written on later must not change what was taken."""
    state = RobotState.zeros(1, 6)
    row = ARM.take(state)
    kept = copy.deepcopy(row)
    state.joint_position[:] = 1.0
    assert row == kept


def test_two_states_that_cannot_both_be():
    before, state = RobotState.zeros(1, 6), RobotState.zeros(1, 6)
    state.time[0] = 0.002
    assert contradiction(UR5E, before, state) == ""
    state.joint_position[0, 1] = 0.5
    assert contradiction(UR5E, before, state).startswith("shoulder_lift_joint jumped by 0.500 in 2 ms")
    assert contradiction(UR5E, state, before).startswith("shoulder_lift_joint jumped by -0.500 in 0 ms")
    before, state = RobotState.zeros(1, 0), RobotState.zeros(1, 0)
    state.position[0, 0] = 2.0
    assert contradiction(CRAZYFLIE, before, state).startswith("the position jumped by 2.00 m")
