"""Transforms over real DDS, and goals in frames: placed, moved along, held for."""

from __future__ import annotations

import time
import types

import numpy as np
import pytest

from sim2real import rotations
from sim2real.errors import BadInputError, DeploymentError, MissingDependencyError, RobotDescriptionError
from sim2real.robots import load_robot
from sim2real.ros.context import message_class
from sim2real.ros.frames import Pose
from sim2real.ros.goals import FramedGoal, GoalSequence
from sim2real.ros.messages import set_stamp
from sim2real.ros.sensor_sections import FramesSection
from sim2real.ros.transforms import GoalFrames, Transforms, new_tree, placed
from sim2real.tasks import make_task
from sim2real.types import RobotState

UR5E, CRAZYFLIE = load_robot("ur5e"), load_robot("crazyflie")
REACH = make_task("reach", UR5E)
TRANSFORM, POSE = "geometry_msgs/msg/TransformStamped", "geometry_msgs/msg/PoseStamped"
QUARTER = rotations.from_rpy(np.array([0.0, 0.0, np.pi / 2]))


def transform(parent, child, x, stamp=None):
    message = message_class(TRANSFORM)()
    message.header.frame_id, message.child_frame_id = parent, child
    set_stamp(message.header, time.time() if stamp is None else stamp)
    message.transform.translation.x = x
    return message


def section(**fields):
    return FramesSection.model_validate(fields)


def silent():
    """A context that hears nothing: for what needs no network."""
    return types.SimpleNamespace()


def test_topics_of_both_types_and_what_is_latched(ros, wait):
    publish = ros.node.create_publisher
    marker, mocap = publish(message_class(TRANSFORM), "/marker", ros.qos("reliable")), publish(
        message_class(POSE), "/mocap/base", ros.qos("best_effort"))
    fixed = publish(message_class(TRANSFORM), "/calibration", ros.qos("reliable", latched=True))
    fixed.publish(transform("room", "camera", 3.0))  # before anybody listens
    found = Transforms(ros, UR5E, section(topics=[
        {"topic": "/marker", "type": TRANSFORM}, {"topic": "/mocap/base", "type": POSE, "child": "base_link"},
        {"topic": "/calibration", "type": TRANSFORM, "static": True, "qos": "latched"}]))
    base = message_class(POSE)()
    base.header.frame_id, base.pose.position.x, base.pose.orientation.w = "room", 1.0, 1.0

    def known():
        marker.publish(transform("camera", "cup", 0.5))
        set_stamp(base.header, time.time())
        mocap.publish(base)
        try:
            return found.tree.base_from("cup", time.monotonic())
        except DeploymentError:
            return None

    wait(known)
    assert known().position.tolist() == [2.5, 0.0, 0.0]  # 3 + 0.5 in the room, and the base is at 1
    end = time.monotonic() + 0.3
    wait(lambda: time.monotonic() > end)
    with pytest.raises(DeploymentError, match=r"frame 'cup': where '(cup|base_link)' is in '(camera|room)' is known of "
                                              r"\d+ ms ago"):
        found.place(FramedGoal(np.zeros(3), "cup"))
    assert found.tree.base_from("cup", 0.0).position[0] == 2.5


def test_a_broken_transform_is_said_and_changes_nothing(ros, wait):
    publisher = ros.node.create_publisher(message_class(TRANSFORM), "/marker", ros.qos("reliable"))
    found = Transforms(ros, UR5E, section(topics=[{"topic": "/marker", "type": TRANSFORM}]))
    broken = transform("base_link", "cup", float("nan"))
    wait(lambda: publisher.publish(broken) or found.rejected)
    assert "the transform of frame 'cup' in 'base_link' is rejected: expected finite numbers" in found.rejected
    assert found.tree.known == []


def test_tf_says_what_to_install_where_tf2_msgs_is_missing(ros):
    try:
        message_class("tf2_msgs/msg/TFMessage")
    except MissingDependencyError:
        with pytest.raises(MissingDependencyError, match="the message package tf2_msgs is not installed .* "
                                                         "apt install ros-.*-tf2-msgs"):
            Transforms(ros, UR5E, section(tf=True))
    else:
        assert Transforms(ros, UR5E, section(tf=True)).tree.known == []


def test_a_tf_message_places_all_its_frames():
    found = Transforms(silent(), UR5E, section(max_age="1 h"))
    found.take_tf(types.SimpleNamespace(transforms=[transform("base_link", "a", 1.0), transform("a", "b", 2.0)]))
    found.take_tf(types.SimpleNamespace(transforms=[transform("b", "c", 3.0)]), static=True)
    assert found.tree.base_from("c", time.monotonic()).position.tolist() == [6.0, 0.0, 0.0]


def test_fixed_frames_and_the_base():
    fixed = section(fixed={"table": {"parent": "base_link", "position": ["50 cm", 0.1, 0.0],
                                     "rpy": [0, 0, "90 deg"]}})
    at = new_tree(UR5E, fixed).base_from("table", 1e9)
    np.testing.assert_allclose(at.position, [0.5, 0.1, 0.0])
    np.testing.assert_allclose(at.quaternion, QUARTER)
    assert new_tree(UR5E, section()).base == UR5E.model.root == "base_link"
    assert new_tree(UR5E, section(base="tool_mount")).base == "tool_mount"
    world = new_tree(CRAZYFLIE, section())
    assert world.is_base("world") and world.is_base("map") and not world.is_base("base_link")
    with pytest.raises(RobotDescriptionError, match="robot ur5e, robot.yaml: field 'ros.frames.fixed.a': .*two diff"):
        new_tree(UR5E, section(fixed={"a": {"parent": "a", "position": [0, 0, 0]}}))


def test_goals_of_every_kind_are_placed():
    there = Pose(np.array([1.0, 2.0, 3.0]), QUARTER)
    half = np.sqrt(0.5)
    for given, expected in (((0.5, 0.0, 0.0), (1.0, 2.5, 3.0)),
                            ((0.5, 0.0, 0.0, 0.2), (1.0, 2.5, 3.0, np.pi / 2 + 0.2)),
                            ((0.0, 0.0, 0.1, 1.0, 0.0, 0.0), (1.0, 2.0, 3.1, 0.0, 1.0, 0.0)),
                            ((0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0), (1.0, 2.0, 3.0, half, 0.0, 0.0, half))):
        np.testing.assert_allclose(placed(FramedGoal(np.array(given), "table"), there), expected, atol=1e-12)


def test_a_goal_that_comes_by_topic_in_a_frame_is_refused_where_nothing_says_where_that_is():
    found = Transforms(silent(), UR5E, section())
    for name in ("", "base_link", "/base_link"):
        assert found.goal(np.ones(3), name, REACH).tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(DeploymentError, match="frame 'map': no transform connects it to 'base_link'"):
        found.goal(np.ones(3), "map", REACH)
    track = make_task("track", CRAZYFLIE)
    with pytest.raises(BadInputError, match="goal in frame 'map': goals of task track are no places"):
        found.goal(np.ones(9), "map", track)


class Moving:
    """Transforms whose clock and frame the test moves."""

    def __init__(self):
        self.now = 10.0
        self.transforms = Transforms(silent(), UR5E, section(), lambda: self.now)

    def put(self, x):
        at = Pose(np.array([x, 0.0, 0.0]), np.array([1.0, 0.0, 0.0, 0.0]))
        self.transforms.tree.put("base_link", "table", at, self.now)


def test_a_goal_waits_for_its_frame_moves_with_it_and_holds_while_it_is_stale():
    moving = Moving()
    goals = GoalSequence(REACH, [FramedGoal(np.array([0.1, 0.0, 0.3]), "table"), np.array([0.4, 0.1, 0.3])])
    gate = GoalFrames(moving.transforms, goals)
    assert goals.next(0.0) is None and not goals.finished
    assert gate.closed() == [gate.judge()[1]] and gate.judge()[0] == "hold"
    assert gate.judge()[1].startswith("goal: frame 'table': no transform connects it to 'base_link'")
    moving.put(0.4)
    assert gate.closed() == [] and gate.judge() == ("", "")
    np.testing.assert_allclose(goals.next(1.0), [0.5, 0.0, 0.3])
    assert goals.next(1.1) is None  # it stands
    moving.put(0.4005)
    assert goals.next(1.2) is None  # half a millimetre is noise
    moving.put(0.42)
    np.testing.assert_allclose(goals.next(1.3), [0.52, 0.0, 0.3])
    assert goals.goals == 1
    moving.now += 0.3
    action, why = gate.judge()
    assert action == "hold" and "where 'table' is in 'base_link' is known of 300 ms ago" in why
    assert goals.next(1.4) is None and goals.current is not None
    moving.put(0.42)
    assert gate.judge() == ("", "")
    state = RobotState.zeros(1, 6)
    for now in (1.0, 100.0):  # given up by its time, which the moves have not begun anew
        goals.judge(state, now)
    assert goals.current is None
    np.testing.assert_allclose(goals.next(101.0), [0.4, 0.1, 0.3])  # in the base: no frame counts any more
    moving.now += 10.0
    assert gate.judge() == ("", "") and gate.closed() == []
