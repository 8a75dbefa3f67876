"""What a driver refuses, and in which words: the controller manager's two kinds of controllers behind an arm's topics.

Only one interface is claimed at a time. Sources, by their log lines: ros2_controllers' forward_command_controller
(takes the newest array, no timeout, no limits) and joint_trajectory_controller (names, sizes, times; a new trajectory
replaces the running one, its end is held); ur_robot_driver's speed scaling and controller_stopper.
"""

from __future__ import annotations

from typing import Any

from sim2real.errors import DeploymentError, RobotDescriptionError, unknown
from sim2real.robots import RobotDescription
from sim2real.ros.profiles import MULTI_ARRAY, CommandTopic, ExtraTopic, MessageFields, RosProfile


def heartbeats(command: CommandTopic) -> tuple[MessageFields, ...]:
    """Messages beside the set points that carry no value of theirs: PX4's OffboardControlMode."""
    return tuple(part for part in command.also if not part.fields)


def reported(extra: ExtraTopic, running: bool, scaling: float) -> float | bool:
    """What a topic beside the state says now, by the last part of its name; any other is the constant it is.

    ``robot_program_running`` follows ``running``; ``speed_scaling`` is ``scaling`` in percent, 0 while nothing runs
    (assumed).
    """
    name = extra.topic.rsplit("/", 1)[-1]
    if name == "robot_program_running":
        return bool(running and extra.value)
    if name == "speed_scaling":
        return float(extra.value) * scaling * running
    return extra.value


def controller_name(interface: str, command: CommandTopic) -> str:
    """The controller behind a command topic: what stands before its last part, as the drivers name it."""
    parts = command.topic.strip("/").split("/")
    return parts[-2] if len(parts) > 1 else interface


class Controllers:
    """An arm's controllers, one of them active.

    Args:
        active: The interface claimed at the start; default: the profile's first.

    Attributes:
        active: The interface whose messages are taken; None for a drone, which takes all.

    Raises:
        RobotDescriptionError: There is no interface of that name.
    """

    def __init__(self, robot: RobotDescription, profile: RosProfile, active: str | None = None):
        profile.command(active)  # raises where there is none of that name
        self._commands = profile.commands
        self._names = {name: controller_name(name, command) for name, command in profile.commands.items()}
        mapped = {name: row.name or name for name, row in profile.joints.items()}
        self._joints = tuple(mapped.get(name, name) for name in robot.joint_names)
        self.active = None if robot.kind == "drone" else active or next(iter(profile.commands))

    @property
    def scaled(self) -> bool:
        """Whether the active controller slows down with the speed scaling: UR's, by its name."""
        return self.active is not None and self._names[self.active].startswith("scaled_")

    def controllers(self) -> list[tuple[str, str, bool]]:
        """Controller, its type and whether it is active, of all."""
        kinds = {True: "forward_command_controller/ForwardCommandController",
                 False: "joint_trajectory_controller/JointTrajectoryController"}
        return [(self._names[name], kinds[command.type == MULTI_ARRAY], name == self.active)
                for name, command in self._commands.items()]

    def switch(self, name: str) -> str:
        """Make an interface active, by its own name or its controller's; returns the interface.

        Raises:
            RobotDescriptionError: There is none of that name, or the robot has no controllers to switch.
        """
        if self.active is None:
            raise RobotDescriptionError("a drone takes commands on all of its interfaces; there is nothing to switch")
        found = [interface for interface, controller in self._names.items() if name in (interface, controller)]
        if not found:
            raise RobotDescriptionError(unknown("controller", name, {*self._names, *self._names.values()}))
        self.active = found[0]
        return self.active

    def check(self, interface: str, message: Any, now: float) -> None:
        """Refuse a message as its controller would; ``now`` is the wall clock's time in [s].

        Raises:
            DeploymentError: In the controller's own words where it has any.
        """
        if self.active is None:
            return
        command, name = self._commands[interface], self._names[interface]
        if interface != self.active:
            raise DeploymentError(f"{name}: not active, {self._names[self.active]} is, so {command.topic} is ignored; "
                                  f"switch controllers, or start the twin with --interface {interface}")
        if command.type == MULTI_ARRAY:
            size = len(command.joints or self._joints)
            if len(message.data) != size:
                raise DeploymentError(f"{name}: command size ({len(message.data)}) does not match number of "
                                      f"interfaces ({size})")
        else:
            fault = _trajectory_fault(message, command.joints or self._joints, now)
            if fault:
                raise DeploymentError(f"{name}: {fault}")


def _trajectory_fault(message: Any, joints: tuple[str, ...], now: float) -> str:
    """Why joint_trajectory_controller (allow_partial_joints_goal off, its default) refuses a message, or nothing."""
    names = list(message.joint_names)
    if not names:
        return "Empty joint names on incoming trajectory."
    if len(names) != len(joints):
        return "Joints on incoming trajectory don't match the controller joints."
    if not message.points:
        return "Empty trajectory received."
    times = [point.time_from_start.sec + 1e-9 * point.time_from_start.nanosec for point in message.points]
    start = message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec
    if start != 0.0 and start + times[-1] < now:
        return f"Received trajectory with non-zero start time ({start:f}) that ends in the past ({start + times[-1]:f})"
    for name in names:
        if name not in joints or names.count(name) != 1:
            return f"Incoming joint {name} doesn't match the controller's joints."
    for i, point in enumerate(message.points):
        if i > 0 and times[i] <= times[i - 1]:
            return (f"Time between points {i - 1} and {i} is not strictly increasing, it is {times[i - 1]:f} and "
                    f"{times[i]:f} respectively")
        for field in ("positions", "velocities", "accelerations"):
            size = len(getattr(point, field))
            if size != len(names) and (size or field == "positions"):
                return f"Mismatch between joint_names size ({len(names)}) and {field} ({size}) at point #{i}."
    return ""
