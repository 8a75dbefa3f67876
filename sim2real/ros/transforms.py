"""Transforms from topics, and goals that are given in a frame: where such a goal is in the robot's own frame now.

/tf and /tf_static of tf2, or plain TransformStamped and PoseStamped topics. There is no buffer: the latest transform
counts, and one that is too old is a reason to hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from sim2real import rotations
from sim2real.errors import DeploymentError, RobotDescriptionError
from sim2real.robots import RobotDescription
from sim2real.ros.context import RosContext, message_class
from sim2real.ros.frames import FrameTree, Pose
from sim2real.ros.goals import FramedGoal, Goal, GoalSequence, in_frame
from sim2real.ros.messages import stamp_seconds
from sim2real.ros.sensor_sections import TF, TRANSFORM, FramesSection, FrameTopic
from sim2real.tasks.base import Task

_WORLDS = ("world", "map", "odom")  # what drivers call the frame that a drone's odometry is in
_TF_DEPTH = 100  # messages, as in tf2: many nodes share the topics


class Transforms:
    """Listens to a profile's transforms.

    Args:
        ros: An open context; its executor must be spun.
        robot: The robot.
        section: ``frames`` of its profile.
        clock: Of the receptions in [s].

    Attributes:
        tree: What is known.
        rejected: Why the last message was not taken, "" if none was refused.

    Raises:
        MissingDependencyError: /tf is asked for and tf2_msgs is not installed.
    """

    def __init__(self, ros: RosContext, robot: RobotDescription, section: FramesSection,
                 clock: Callable[[], float] = time.monotonic):
        self._ros, self._clock = ros, clock
        self.tree = new_tree(robot, section)
        self.rejected = ""
        for topic in section.topics:
            self._listen(topic.topic, topic.type, topic.qos, partial(self._take, topic))
        if section.tf:
            self._listen("/tf", TF, "best_effort", self.take_tf, _TF_DEPTH)
            self._listen("/tf_static", TF, "latched", partial(self.take_tf, static=True), _TF_DEPTH)

    def _listen(self, topic: str, kind: str, qos: str, take: Callable[[Any], None], depth: int = 10) -> None:
        self._ros.node.create_subscription(
            message_class(kind), topic, take,
            self._ros.qos("best_effort" if qos == "best_effort" else "reliable", depth=depth, latched=qos == "latched"),
            event_callbacks=self._ros.subscription_events(topic))

    def _take(self, topic: FrameTopic, message: Any) -> None:
        if topic.type == TRANSFORM:
            self._put(message.header, topic.child or message.child_frame_id, message.transform.translation,
                      message.transform.rotation, topic.static)
        else:
            self._put(message.header, topic.child or "", message.pose.position, message.pose.orientation, topic.static)

    def take_tf(self, message: Any, static: bool = False) -> None:
        """Take in a tf2_msgs/msg/TFMessage."""
        for transform in message.transforms:
            self._put(transform.header, transform.child_frame_id, transform.transform.translation,
                      transform.transform.rotation, static)

    def _put(self, header: Any, child: str, p: Any, q: Any, static: bool) -> None:
        try:
            self.tree.put(header.frame_id, child, Pose(np.array([p.x, p.y, p.z]), np.array([q.w, q.x, q.y, q.z])),
                          self._clock(), stamp=stamp_seconds(header), static=static)
        except DeploymentError as error:
            self.rejected = str(error)
            self._ros.complain("transforms", self.rejected)

    def place(self, goal: FramedGoal) -> np.ndarray:
        """``goal`` (G,) in the base now; raises DeploymentError where its frame is missing or stale."""
        return placed(goal, self.tree.base_from(goal.frame, self._clock()))

    def goal(self, values: np.ndarray, frame: str, task: Task) -> Goal:
        """A goal (G,) of ``task`` that came in ``frame``; raises Sim2RealError where it cannot be placed now."""
        if self.tree.is_base(frame):
            return values
        goal = in_frame(values, frame, task)
        self.place(goal)
        return goal


class GoalFrames:
    """A gate: the frames of the goals that wait, and of the one that is pursued, have to be known."""

    def __init__(self, transforms: Transforms, goals: GoalSequence):
        self._transforms, self._goals = transforms, goals
        goals.place = transforms.place

    def closed(self) -> list[str]:
        """One sentence for each frame of a goal that cannot be placed."""
        goals = {goal.frame: goal for goal in self._goals.framed}
        return [why for goal in goals.values() if (why := self._why(goal))]

    def judge(self) -> tuple[str, str]:
        """("hold", why) while the frame of the present goal is missing or stale, else ("", "")."""
        goal = self._goals.framed_now
        why = self._why(goal) if goal is not None else ""
        return ("hold", why) if why else ("", "")

    def _why(self, goal: FramedGoal) -> str:
        try:
            self._transforms.place(goal)
        except DeploymentError as error:
            return f"goal: {error}"
        return ""


def new_tree(robot: RobotDescription, section: FramesSection) -> FrameTree:
    """A tree with the frames that never move."""
    also: tuple[str, ...] = ()
    base = section.base
    if base is None and robot.kind == "drone":
        base, also = _WORLDS[0], _WORLDS[1:]
    tree = FrameTree(base or robot.model.root, section.max_age, also)
    for name, fixed in section.fixed.items():
        try:
            tree.put(fixed.parent, name, Pose(np.array(fixed.position), rotations.from_rpy(np.array(fixed.rpy))), 0.0,
                     static=True)
        except DeploymentError as error:
            raise RobotDescriptionError(f"robot {robot.name}, robot.yaml: field 'ros.frames.fixed.{name}': {error}"
                                        ) from None
    return tree


def placed(goal: FramedGoal, base_from: Pose) -> np.ndarray:
    """A goal (G,) of a position and, with G = 4, a heading [rad], with 6 an axis, with 7 a quaternion, in the base."""
    q, values = base_from.quaternion, goal.values
    position = rotations.rotate(q, values[:3]) + base_from.position
    rest: np.ndarray | list[float] = []
    if len(values) == 4:
        turned = rotations.multiply(q, rotations.from_rpy(np.array([0.0, 0.0, values[3]])))
        rest = [float(rotations.to_rpy(turned)[2])]
    elif len(values) == 6:
        rest = rotations.rotate(q, values[3:])
    elif len(values) == 7:
        rest = rotations.multiply(q, values[3:])
    return np.concatenate([position, rest])
