"""Logs that ``sim2real deploy --log`` writes, as recordings: states of every step, commands at the driver's rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim2real.errors import BadInputError
from sim2real.recordings.layout import command_channels, state_channels
from sim2real.recordings.log_reader import LogReader
from sim2real.recordings.recording import Recording
from sim2real.recordings.streams import Stream, join
from sim2real.robots import RobotDescription

_ARM = ("joint_position", "joint_velocity")
_DRONE = ("position", "linear_velocity", "quaternion", "angular_velocity")


def read_own_log(path: Path, robot: RobotDescription) -> Recording:
    """The recording in an MCAP file of ours, and in its later parts.

    Raises:
        BadInputError: It cannot be read, is of another robot, or has no states or commands.
    """
    log = LogReader(path)
    if log.metadata.get("robot", robot.name) != robot.name:
        raise BadInputError(f"{path} is a log of {log.metadata['robot']}, not of {robot.name}; give --robot "
                            f"{log.metadata['robot']}")
    stamps, states, sent, commands, offsets = [], [], [], [], []
    for stamp, topic, row in log:
        if topic == "/state":
            stamps.append(float(row["time"]))
            states.append(_numbers(row, _ARM if robot.kind == "arm" else _DRONE))
            offsets.append(1e-9 * stamp - float(row["now"]))
        elif topic == "/command":
            sent.append(1e-9 * stamp)
            commands.append(_numbers(row, ("command",)))
    names, given = state_channels(robot), command_channels(robot)
    # states are stamped by the node's clock, rows by the recorder's: they are put right after the step
    clock = float(np.median(offsets)) if offsets else 0.0
    time, channels = join(str(path), Stream(np.array(sent), _columns(path, given, commands), {}),
                          [Stream(np.array(stamps) + clock, _columns(path, names, states), slopes(robot))], even=True)
    return Recording(str(path), time, channels)


def slopes(robot: RobotDescription) -> dict[str, str]:
    """Channel of a state -> the channel that is its derivative."""
    if robot.kind == "arm":
        return {f"position.{joint}": f"velocity.{joint}" for joint in robot.joint_names}
    return {f"place.{axis}": f"linear_velocity.{axis}" for axis in "xyz"}


def _numbers(row: dict, fields: tuple[str, ...]) -> list[float]:
    return [np.nan if value is None else float(value) for field in fields for value in row[field]]


def _columns(path: Path, names: tuple[str, ...], rows: list[list[float]]) -> dict[str, np.ndarray]:
    wrong = next((row for row in rows if len(row) != len(names)), None)
    if wrong is not None:
        raise BadInputError(f"{path}: expected rows of {len(names)} numbers ({', '.join(names[:3])}, ...), got "
                            f"{len(wrong)}; is it a log of this robot?")
    return dict(zip(names, np.array(rows, float).reshape(len(rows), len(names)).T, strict=True))
