from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sim2real.robots import load_robot
from sim2real.ros.gates import Seen, all_closed, closed, gravest
from sim2real.ros.profiles import RosProfile
from sim2real.types import RobotState


def arm(**changes) -> tuple:
    """A UR5e behind its profile with all gates green, but for ``changes``."""
    robot = load_robot("ur5e")
    profile = RosProfile.for_robot(robot)
    state = RobotState.zeros(1, 6)
    state.joint_position[:], state.time[:] = robot.home, 10.0
    seen = Seen(state, 10.01, [9.5 + 0.002 * k for k in range(20)], 1, ())
    return robot, profile, profile.command(), dataclasses.replace(seen, **changes)


def state_at(q, time=10.0):
    state = RobotState.zeros(1, 6)
    state.joint_position[:], state.time[:] = q, time
    return state


def test_all_green():
    assert closed(*arm()) == []


@pytest.mark.parametrize(("changes", "words"), [
    ({"state": None}, "no usable state on /joint_states"),
    ({"state": None, "rejected": "joint elbow_joint is missing"}, "elbow_joint is missing"),
    ({"now": 10.3}, "300 ms old; 100 ms are allowed"),
    ({"received": [0.2 * k for k in range(9)]}, "comes 5.0 times a second; 12.5 are needed"),
    ({"state": state_at(np.nan)}, "not finite; if the driver leaves velocities out"),
    ({"state": state_at(np.degrees(load_robot("ur5e").home))}, "seems to speak degrees"),
    ({"state": state_at([0, 0, 3.4, 0, 0, 0])}, "elbow_joint is at 3.4, outside"),
    ({"takers": 0}, "nobody takes commands on /forward_position_controller/commands"),
    ({"rivals": ["teleop"]}, "teleop also publishes on /forward_position_controller/commands"),
    ({"rivals": ["teleop", "joystick"]}, "joystick, teleop also publish on /forward_position_controller/commands"),
])
def test_each_gate_by_itself(changes, words):
    (sentence,) = closed(*arm(**changes))
    assert words in sentence


def test_several_are_all_named():
    assert len(closed(*arm(now=11.0, takers=0, rivals=["a", "b"]))) == 3


@dataclasses.dataclass
class Answer:
    """A gate that says always the same."""

    verdict: tuple[str, str] = ("", "")
    sentences: tuple[str, ...] = ()

    def closed(self):
        return list(self.sentences)

    def judge(self):
        return self.verdict


def test_of_many_gates_all_are_named_and_the_gravest_counts():
    well, slow, worse = Answer(), Answer(("hold", "slow"), ("slow",)), Answer(("stop", "worse"), ("worse", "and more"))
    assert all_closed([well, slow, worse]) == ["slow", "worse", "and more"]
    assert gravest([]) == gravest([well]) == ("", "")
    assert gravest([well, slow, Answer(("hold", "later"))]) == ("hold", "slow")
    assert gravest([slow, worse]) == gravest([worse, slow]) == ("stop", "worse")


def test_a_drone_whose_height_is_counted_downwards():
    robot = load_robot("x500")
    profile = RosProfile.for_robot(robot)
    state = RobotState.zeros(1, 0)
    state.time[:], state.position[:], state.quaternion[:] = 1.0, [0.5, 0.5, 1.0], [1.0, 0.0, 0.0, 0.0]
    seen = Seen(state, 1.0, [], 1, ())
    assert closed(robot, profile, profile.command(), seen) == []
    state.position[:, 2] = -1.0
    (sentence,) = closed(robot, profile, profile.command(), seen)
    assert "at a height of -1.00 m; -0.20 m is the lowest" in sentence and "ros.state.frame" in sentence


def test_a_drone_with_its_quaternion_in_another_order():
    robot = load_robot("crazyflie")
    profile = RosProfile.for_robot(robot)
    state = RobotState.zeros(1, 0)
    state.time[:] = 1.0
    seen = Seen(state, 1.0, [], 1, ())
    assert closed(robot, profile, profile.command(), seen) == []
    for yaw in np.radians([0.0, 30.0, -120.0]):
        state.quaternion[:] = [np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)]
        assert closed(robot, profile, profile.command(), seen) == []
        state.quaternion[:] = state.quaternion[:, [3, 0, 1, 2]]  # taken for another order
        (sentence,) = closed(robot, profile, profile.command(), seen)
        assert "tilted by" in sentence and "ros.state.frame" in sentence and "another order" in sentence
