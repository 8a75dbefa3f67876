"""Which channels a robot's log has: what was sent, and what is reported, in the order of the simulators' arrays."""

from __future__ import annotations

from sim2real.robots import RobotDescription

_AXES = "xyz"


def command_channels(robot: RobotDescription) -> tuple[str, ...]:
    """Channels of a command, (C,): joint set points [rad], or collective thrust [N] and body rates [rad/s]."""
    if robot.kind == "arm":
        return tuple(f"command.{joint}" for joint in robot.joint_names)
    return ("command_thrust", *(f"command_rate.{axis}" for axis in _AXES))


def state_channels(robot: RobotDescription) -> tuple[str, ...]:
    """Channels of a state: joint positions, then velocities; or place, velocity, quaternion (w x y z), body rates."""
    return tuple(name for names in state_fields(robot).values() for name in names)


def state_fields(robot: RobotDescription) -> dict[str, tuple[str, ...]]:
    """Field of ``RobotState`` -> its channels, in the order of ``state_channels``."""
    parts = {"joint_position": ("position", robot.joint_names), "joint_velocity": ("velocity", robot.joint_names)}
    if robot.kind == "drone":
        parts = {"position": ("place", _AXES), "linear_velocity": ("linear_velocity", _AXES),
                 "quaternion": ("quaternion", "wxyz"), "angular_velocity": ("angular_velocity", _AXES)}
    return {field: tuple(f"{quantity}.{each}" for each in elements) for field, (quantity, elements) in parts.items()}


def needed_channels(robot: RobotDescription) -> tuple[str, ...]:
    """Without these nothing can be identified: all commands, and positions or place and attitude."""
    states = state_channels(robot)
    least = states[:robot.num_joints] if robot.kind == "arm" else (*states[:3], *states[6:10])
    return (*command_channels(robot), *least)
