"""A rosbag2 of a robot's driver as a recording: topics, names, units and frames as the robot's profile has them."""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.errors import BadInputError
from sim2real.recordings.layout import command_channels, state_channels
from sim2real.recordings.own_log import slopes
from sim2real.recordings.recording import Recording
from sim2real.recordings.rosbag import bag_messages, bag_topics
from sim2real.recordings.streams import Stream, join, on_clock
from sim2real.robots import RobotDescription
from sim2real.ros.conversions import JointMap, ThrustMap, command_from_fields, state_from_odometry
from sim2real.ros.messages import stamp_seconds
from sim2real.ros.profiles import ODOMETRY, TRAJECTORY, CommandTopic, RosProfile


def read_bag(path: Path, robot: RobotDescription) -> Recording:
    """The recording of a bag with the state topic of the robot's profile and one of its command topics.

    Raises:
        BadInputError: It cannot be read, or has not these topics.
    """
    profile, topics = RosProfile.for_robot(robot), bag_topics(path)
    state, command = profile.state, _command(path, profile, topics)
    if state.topic not in topics:
        raise BadInputError(f"{path}: expected states on {state.topic}, the bag has {_listed(topics)}")
    joints = JointMap(robot.joint_names, profile.joints)
    stamps, received, states, sent, commands = [], [], [], [], []
    for topic, time, message in bag_messages(path, (state.topic, command.topic)):
        if topic == state.topic:
            stamps.append(stamp_seconds(message.header) or np.nan)
            received.append(time)
            states.append(_arm_state(joints, message) if robot.kind == "arm" else _drone_state(profile, message))
        else:
            for when, values in _set_points(robot, command, joints, message, time):
                sent.append(when)
                commands.append(values)
    measured = Stream(on_clock(np.array(stamps), np.array(received)), _columns(state_channels(robot), states),
                      slopes(robot))
    given = Stream(np.array(sent), _columns(command_channels(robot), commands), {})
    if command.type == TRAJECTORY and len(given.time) and len(measured.time):
        given = _followed(given, measured.time)
    time, channels = join(str(path), given, [measured])
    return Recording(str(path), time, channels)


def _command(path: Path, profile: RosProfile, topics: dict[str, str]) -> CommandTopic:
    """The interface whose topic is in the bag."""
    usable = [command for command in profile.commands.values() if command.quantity == "position"]
    found = [command for command in usable if command.topic in topics]
    if not found:
        raise BadInputError(f"{path}: expected commands on {' or '.join(command.topic for command in usable)}, the bag "
                            f"has {_listed(topics)}; record that topic too")
    return found[0]


def _listed(topics: dict[str, str]) -> str:
    return ", ".join(sorted(topics)[:12]) or "no topics"


def _arm_state(joints: JointMap, message: Any) -> np.ndarray:
    positions = joints.positions(message.name, message.position)
    known = len(message.velocity) == len(message.name)
    velocities = joints.velocities(message.name, message.velocity) if known else np.full(len(positions), np.nan)
    return np.concatenate([positions, velocities])


def _drone_state(profile: RosProfile, message: Any) -> np.ndarray:
    state = profile.state
    odometry = state.type == ODOMETRY
    pose = message.pose.pose if odometry else message.pose
    twist = message.twist.twist if odometry else None
    linear, angular = (_vector(twist.linear), _vector(twist.angular)) if twist else (np.zeros(3), np.zeros(3))
    quaternion = np.array([pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w])
    position, q, linear, angular = state_from_odometry(_vector(pose.position), quaternion, linear, angular,
                                                       frame=state.frame, twist_frame=state.twist_frame)
    unknown = np.full(3, np.nan)
    return np.concatenate([position, linear if odometry else unknown, q,
                           angular if odometry and state.angular_velocity == "message" else unknown])


def _vector(message: Any) -> np.ndarray:
    return np.array([message.x, message.y, message.z])


def _set_points(robot: RobotDescription, command: CommandTopic, joints: JointMap, message: Any,
                time: float) -> list[tuple[float, np.ndarray]]:
    """(time in [s], command (C,)) of each set point of a message."""
    if robot.kind == "drone":
        numbers = {field: float(reduce(getattr, field.split("."), message)) for field in command.fields}
        return [(time, command_from_fields(command, ThrustMap(command.thrust, robot.rotors), numbers))]
    if command.type == TRAJECTORY:
        return [(time + point.time_from_start.sec + 1e-9 * point.time_from_start.nanosec,
                 joints.positions(message.joint_names, point.positions)) for point in message.points]
    return [(time, joints.positions(command.joints or joints.driver_names, message.data))]


def _followed(given: Stream, rows: np.ndarray) -> Stream:
    """Trajectories as the controller follows them: linearly from point to point, a later message's counting."""
    kept = np.flatnonzero(given.time <= np.minimum.accumulate(given.time[::-1])[::-1])
    inside = rows[(rows >= given.time[kept[0]]) & (rows <= given.time[kept[-1]])]
    return Stream(inside, {name: np.interp(inside, given.time[kept], values[kept])
                           for name, values in given.values.items()}, {})


def _columns(names: tuple[str, ...], rows: list[np.ndarray]) -> dict[str, np.ndarray]:
    return dict(zip(names, np.array(rows, float).reshape(len(rows), len(names)).T, strict=True))
