"""When a stopped robot's run is over."""

from __future__ import annotations

from sim2real.robots import load_robot
from sim2real.ros.landing import Ending, standing
from sim2real.types import RobotState


def drone(height, climb, time):
    state = RobotState.zeros(1, 0)
    state.position[0, 2], state.linear_velocity[0, 2], state.time[0] = height, climb, time
    return state


def test_an_arm_once_its_commands_have_stood_still():
    ending, state = Ending(load_robot("ur5e")), RobotState.zeros(1, 6)
    assert not ending.over(state, False, 0.0)
    assert not ending.over(state, True, 0.5)
    assert not ending.over(state, False, 0.7)  # moves again
    assert not ending.over(state, True, 0.8)
    assert not ending.over(state, True, 1.05)
    assert ending.over(state, True, 1.15)
    assert ending.last_command is None


def test_a_drone_once_the_ground_holds_it():
    ending = Ending(load_robot("crazyflie"))
    time, height = 0.0, 1.0
    while not ending.over(drone(height, -0.3 if height > 0.0 else 0.0, time), True, time):
        time += 0.02
        height = max(0.0, height - 0.006)
    assert 1.0 / 0.3 < time < 1.0 / 0.3 + 1.0
    assert ending.last_command.tolist() == [0.0, 0.0, 0.0, 0.0]  # motors off


def test_a_drone_that_begins_to_stop_in_hover_has_not_landed():
    ending = Ending(load_robot("crazyflie"))
    assert not any(ending.over(drone(1.0, 0.0, 0.02 * k), True, 0.02 * k) for k in range(50))


def test_blind_a_drone_ends_after_it_must_be_down():
    ending = Ending(load_robot("crazyflie"))
    lost = drone(0.9, 0.0, 0.0)  # the last state that ever came
    assert not ending.over(lost, True, 0.0)
    assert not ending.over(lost, True, 8.4)
    assert ending.over(lost, True, 8.6)  # 1.5 * 0.9 m / 0.3 m/s + 4 s


def test_an_arm_stands_where_fresh_states_say_so():
    robot, state = load_robot("ur5e"), RobotState.zeros(1, 6)
    assert standing(robot, state, 0.05) and not standing(robot, state, 0.2)  # nobody knows any more
    state.joint_velocity[0, 3] = -0.03
    assert not standing(robot, state, 0.05)
    state.joint_velocity[0, 3] = float("nan")
    assert not standing(robot, state, 0.05)
    assert not standing(load_robot("crazyflie"), drone(1.0, 0.0, 0.0), 0.0)
