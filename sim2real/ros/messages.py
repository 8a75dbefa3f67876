"""ROS messages <-> RobotState and commands, in both directions: the policy node and the twin are each other's mirror.

Messages are taken by attribute, so anything with the right fields will do; classes to build come from the profile.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Container
from typing import Any

import numpy as np

from sim2real.errors import DeploymentError
from sim2real.robots import RobotDescription
from sim2real.ros import conversions
from sim2real.ros.profiles import MULTI_ARRAY, ODOMETRY, CommandTopic, MessageFields, RosProfile
from sim2real.types import RobotState

MakeMessage = Callable[[str], Any]  # an empty message of a type's name


def stamp_seconds(header: Any) -> float:
    """A header's stamp in [s]; 0 where the driver gives none."""
    return header.stamp.sec + 1e-9 * header.stamp.nanosec


def set_stamp(header: Any, seconds: float) -> None:
    """Write ``seconds`` into a header's stamp."""
    header.stamp.sec = int(seconds)
    header.stamp.nanosec = min(int((seconds - int(seconds)) * 1e9), 999_999_999)


def set_path(message: Any, path: str, value: Any) -> None:
    """Set a field such as ``linear.x``, in the type it has."""
    *parents, last = path.split(".")
    for name in parents:
        message = getattr(message, name)
    setattr(message, last, type(getattr(message, last))(value))


def get_path(message: Any, path: str) -> Any:
    """A field such as ``linear.x``."""
    for name in path.split("."):
        message = getattr(message, name)
    return message


# ------------------------------------------------------------------------------------------------- states
class StateReader:
    """The driver's state messages as RobotState of one robot, stamped with the time of reception.

    Args:
        robot, profile: The robot and its driver's topics.
        needs_effort: Whether messages without usable efforts are refused; else nobody looks at them.
    """

    def __init__(self, robot: RobotDescription, profile: RosProfile, *, needs_effort: bool = False):
        self._robot, self._topic = robot, profile.state
        self._reads_effort = needs_effort or robot.sensors.effort_noise is not None
        self._needs_effort = needs_effort
        self._joints = conversions.JointMap(robot.joint_names, profile.joints)
        self._linear = conversions.Differentiator(profile.state.filter)
        self._angular = conversions.Differentiator(profile.state.filter, attitude=True)
        self._last: tuple[float, float] | None = None  # stamp, reception

    def read(self, message: Any, received: float) -> RobotState:
        """The state in ``message``, which came at ``received`` [s] (monotonic).

        Raises:
            DeploymentError: The message cannot be used; says which joint or field.
        """
        dt = self._elapsed(stamp_seconds(message.header), received)
        try:
            if self._robot.kind == "arm":
                return self._read_joints(message, received, dt)
            return self._read_pose(message, received, dt)
        except DeploymentError as error:
            raise DeploymentError(f"message on {self._topic.topic} rejected: {error}") from None

    @property
    def measured(self) -> tuple[str, ...]:
        """Fields of the state that messages bring; the others are differentiated from these, or empty."""
        topic, odometry = self._topic, self._topic.type == ODOMETRY
        if self._robot.kind == "arm":
            brought = {"joint_position": True, "joint_velocity": topic.velocity == "message",
                       "joint_effort": self._reads_effort}
        else:
            brought = {"position": True, "linear_velocity": odometry, "quaternion": True,
                       "angular_velocity": odometry and topic.angular_velocity == "message"}
        return tuple(field for field, there in brought.items() if there)

    def _read_joints(self, message: Any, received: float, dt: float) -> RobotState:
        position = self._joints.positions(message.name, message.position)
        if self._topic.velocity == "differentiated":
            velocity = self._linear.update(position, dt)
        elif len(message.velocity) == 0:
            raise DeploymentError("it has no velocities; set 'ros.state.velocity: differentiated'")
        else:
            velocity = self._joints.velocities(message.name, message.velocity)
        effort = self._read_effort(message) if self._reads_effort else None
        return RobotState.of_joints(np.array([received]), position[None], velocity[None], effort)

    def _read_effort(self, message: Any) -> np.ndarray | None:
        """Efforts (1, J), None where there are none that can be used and none are needed."""
        try:
            effort = self._joints.efforts(message.name, message.effort)
        except DeploymentError as error:
            if not self._needs_effort:
                return None
            raise DeploymentError(f"its efforts cannot be used ({error}), and the policy's identifier looks at them; "
                                  "let the driver report them, or train with --without-effort") from None
        if self._needs_effort and not np.isfinite(effort).all():
            raise DeploymentError("an effort is not finite, and the policy's identifier looks at efforts")
        return effort[None]

    def _read_pose(self, message: Any, received: float, dt: float) -> RobotState:
        state = RobotState.zeros(1, 0)
        state.time[0] = received
        topic = self._topic
        odometry = topic.type == ODOMETRY
        pose = message.pose.pose if odometry else message.pose
        p, q = pose.position, pose.orientation
        linear = angular = (0.0, 0.0, 0.0)
        if odometry:
            twist = message.twist.twist
            linear = (twist.linear.x, twist.linear.y, twist.linear.z)
            angular = (twist.angular.x, twist.angular.y, twist.angular.z)
        state.position[0], state.quaternion[0], state.linear_velocity[0], state.angular_velocity[0] = \
            conversions.state_from_odometry(np.array([p.x, p.y, p.z]), np.array([q.x, q.y, q.z, q.w]), np.array(linear),
                                            np.array(angular), frame=topic.frame, twist_frame=topic.twist_frame)
        if not odometry:
            state.linear_velocity[0] = self._linear.update(state.position[0], dt)
        if not odometry or topic.angular_velocity == "differentiated":
            state.angular_velocity[0] = self._angular.update(state.quaternion[0], dt)
        return state

    def _elapsed(self, stamp: float, received: float) -> float:
        """Time since the last message in [s], by stamps where they make sense: reception jitters."""
        period, last = 1.0 / self._topic.rate, self._last
        self._last = (stamp, received)
        if last is None:
            return 0.0
        by_stamp, by_reception = stamp - last[0], received - last[1]
        return by_stamp if 0.2 * period < by_stamp < 5.0 * period else by_reception


class StateWriter:
    """RobotState of one robot as the driver's messages (the twin's side)."""

    def __init__(self, robot: RobotDescription, profile: RosProfile, make: MakeMessage):
        self._robot, self._profile, self._make = robot, profile, make
        self._joints = conversions.JointMap(robot.joint_names, profile.joints)

    def write(self, state: RobotState, stamp: float) -> Any:
        """The message of ``state`` with ``stamp`` [s]."""
        topic = self._profile.state
        message = self._make(topic.type)
        set_stamp(message.header, stamp)
        if self._robot.kind == "arm":
            message.header.frame_id = "base_link"
            message.name = list(self._joints.driver_names)
            message.position = self._joints.to_driver(state.joint_position[0]).tolist()
            if topic.velocity == "message":
                message.velocity = (state.joint_velocity[0] / self._joints.factor).tolist()
            if self._robot.sensors.effort_noise is not None:
                message.effort = (state.joint_effort[0] / self._joints.effort_factor).tolist()
            return message
        message.header.frame_id = "map"
        position, q, linear, angular = conversions.odometry_from_state(
            state.position[0], state.quaternion[0], state.linear_velocity[0], state.angular_velocity[0],
            frame=topic.frame, twist_frame=topic.twist_frame)
        pose = message.pose
        if topic.type == ODOMETRY:
            message.child_frame_id = "base_link"
            pose, twist = message.pose.pose, message.twist.twist
            twist.linear.x, twist.linear.y, twist.linear.z = linear.tolist()
            if topic.angular_velocity == "message":
                twist.angular.x, twist.angular.y, twist.angular.z = angular.tolist()
        pose.position.x, pose.position.y, pose.position.z = position.tolist()
        pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w = q.tolist()
        return message


# ------------------------------------------------------------------------------------------------- commands
class CommandWriter:
    """Commands of one robot as messages of one of the driver's interfaces.

    Args:
        without: Topics of optional messages that are left out.
        period: Time between two commands in [s]; default: the robot's control period.
    """

    def __init__(self, robot: RobotDescription, profile: RosProfile, command: CommandTopic, make: MakeMessage,
                 without: Container[str] = (), period: float | None = None):
        self._command, self._make = command, make
        self._parts = (command, *(part for part in command.also if part.topic not in without))
        self._period = robot.control_period if period is None else period
        self._joints = conversions.JointMap(robot.joint_names, profile.joints)
        self._order = command.joints or self._joints.driver_names
        self._controller = self._joints.controller(self._order, command.hold)
        self._numbers = make(MULTI_ARRAY) if command.type == MULTI_ARRAY else None
        self._thrust = conversions.ThrustMap(command.thrust, robot.rotors) if command.thrust and robot.rotors else None

    def write(self, command: np.ndarray, previous: np.ndarray, stamp: float) -> list[tuple[MessageFields, Any]]:
        """Messages by their topic, of a command (C,) that follows ``previous`` (C,); all leave in this tick.

        A message of numbers alone is the same object every time: to make it takes longer than all else here.
        """
        topic = self._command
        if self._thrust is not None:
            return [(part, self._fields(part, command, stamp)) for part in self._parts]
        message = self._make(topic.type) if self._numbers is None else self._numbers
        if topic.quantity == "velocity":  # what takes the joints from the one to the other in a period
            rates = (command - previous) / self._period
            message.data = array("d", self._controller.rates(rates))
            return [(topic, message)]
        goal = self._controller.positions(command)
        if topic.type == MULTI_ARRAY:
            message.data = array("d", goal)
            return [(topic, message)]
        # two points: a single one would make the controller start from where the joints are, which lag behind, at
        # every message. No stamp: it starts at once, whatever the clocks say
        message.joint_names = list(self._order)
        start = self._controller.positions(previous)
        message.points = [self._point(start, 0.0), self._point(goal, self._period)]
        return [(topic, message)]

    def _point(self, positions: list[float], seconds: float) -> Any:
        point = self._make("trajectory_msgs/msg/JointTrajectoryPoint")
        point.positions = positions
        point.time_from_start.sec = int(seconds)
        point.time_from_start.nanosec = round((seconds - int(seconds)) * 1e9)
        return point

    def _fields(self, part: MessageFields, command: np.ndarray, stamp: float) -> Any:
        assert self._thrust is not None
        message = self._make(part.type)
        if hasattr(message, "header"):
            set_stamp(message.header, stamp)
            message.header.frame_id = "base_link"
        for path, number in conversions.command_to_fields(part, self._thrust, command).items():
            set_path(message, path, number)
        for path, number in part.constants.items():
            set_path(message, path, number)
        return message


class CommandReader:
    """Messages of one of the driver's interfaces as set points (the twin's side)."""

    def __init__(self, robot: RobotDescription, profile: RosProfile, command: CommandTopic):
        self._command = command
        self._joints = conversions.JointMap(robot.joint_names, profile.joints)
        self._order = command.joints or self._joints.driver_names
        self._thrust = conversions.ThrustMap(command.thrust, robot.rotors) if command.thrust and robot.rotors else None

    def read(self, message: Any) -> list[tuple[float, np.ndarray]]:
        """Set points (C,) of the topic's ``quantity`` in our order and units, each with its time from now in [s].

        Raises:
            DeploymentError: The controller would refuse the message.
        """
        topic = self._command
        if self._thrust is not None:
            numbers = {path: float(get_path(message, path)) for path in topic.fields}
            return [(0.0, conversions.command_from_fields(topic, self._thrust, numbers))]
        if topic.type == MULTI_ARRAY:
            if len(message.data) != len(self._order):
                raise DeploymentError(f"{topic.topic}: expected {len(self._order)} numbers, got {len(message.data)}")
            if topic.quantity == "velocity":
                return [(0.0, self._joints.velocities(self._order, message.data))]
            return [(0.0, self._joints.positions(self._order, message.data))]
        return [(point.time_from_start.sec + 1e-9 * point.time_from_start.nanosec,
                 self._joints.positions(message.joint_names, point.positions)) for point in message.points]
