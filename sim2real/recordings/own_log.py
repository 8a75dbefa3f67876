"""Logs that ``sim2real deploy --log`` writes, as recordings: commands at the driver's rate, and states.

States are all that the driver sent (``/measured``) or, in a log without them, those of the policy's steps (``/state``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sim2real import rotations
from sim2real.errors import BadInputError
from sim2real.recordings.layout import command_channels, state_fields
from sim2real.recordings.log_reader import LogReader
from sim2real.recordings.recording import Recording
from sim2real.recordings.streams import Stream, join, on_clock
from sim2real.robots import RobotDescription


def read_own_log(path: Path, robot: RobotDescription) -> Recording:
    """The recording in an MCAP file of ours, and in its later parts.

    Raises:
        BadInputError: It cannot be read, is of another robot, or has no states or commands.
    """
    log = LogReader(path)
    if log.metadata.get("robot", robot.name) != robot.name:
        raise BadInputError(f"{path} is a log of {log.metadata['robot']}, not of {robot.name}; give --robot "
                            f"{log.metadata['robot']}")
    measured, steps, sent, commands = _States(robot), _States(robot), [], []
    for stamp, topic, row in log:
        if topic == "/measured":
            measured.add(1e-9 * stamp, row["time"], row)
        elif topic == "/state":
            steps.add(1e-9 * stamp, row["now"], row)
        elif topic == "/command":
            sent.append(1e-9 * stamp)
            commands.append(_numbers(row, ("command",)))
    given = Stream(np.array(sent), _columns(path, command_channels(robot), commands), {})
    time, channels = join(str(path), given, [(measured if measured.rows else steps).stream(path)], even=True)
    return Recording(str(path), time, channels)


class _States:
    """Rows of states as they are read; those of one topic have the same fields."""

    def __init__(self, robot: RobotDescription):
        self._robot, self._fields = robot, state_fields(robot)
        self._stamps, self._received, self._offsets = [], [], []
        self.rows: list[list[float]] = []

    def add(self, put: float, now: float, row: dict[str, Any]) -> None:
        """Of a row, put into the log at ``put`` [s] of the recorder's clock, right after ``now`` [s] of the node's."""
        if not self.rows:
            self._fields = {field: names for field, names in self._fields.items() if field in row} or self._fields
        self._stamps.append(np.nan if row.get("stamp") is None else float(row["stamp"]))
        self._received.append(float(row["time"]))
        self._offsets.append(put - float(now))
        self.rows.append(_numbers(row, tuple(self._fields)))

    def stream(self, path: Path) -> Stream:
        """All rows, by the recorder's clock."""
        received = np.array(self._received) + (float(np.median(self._offsets)) if self._offsets else 0.0)
        values = _columns(path, tuple(name for names in self._fields.values() for name in names), self.rows)
        turn = self._fields.get("quaternion", ())
        if turn:  # a driver may change its sign, and what lies between is no rotation
            q = rotations.continuous(np.column_stack([values[name] for name in turn]))
            values.update(zip(turn, q.T, strict=True))
        return Stream(on_clock(np.array(self._stamps), received), values, slopes(self._robot))


def slopes(robot: RobotDescription) -> dict[str, str]:
    """Channel of a state -> the channel that is its derivative."""
    if robot.kind == "arm":
        return {f"position.{joint}": f"velocity.{joint}" for joint in robot.joint_names}
    return {f"place.{axis}": f"linear_velocity.{axis}" for axis in "xyz"}


def _numbers(row: dict[str, Any], fields: tuple[str, ...]) -> list[float]:
    return [np.nan if value is None else float(value) for field in fields for value in row.get(field, ())]


def _columns(path: Path, names: tuple[str, ...], rows: list[list[float]]) -> dict[str, np.ndarray]:
    wrong = next((row for row in rows if len(row) != len(names)), None)
    if wrong is not None:
        raise BadInputError(f"{path}: expected rows of {len(names)} numbers ({', '.join(names[:3])}, ...), got "
                            f"{len(wrong)}; is it a log of this robot?")
    return dict(zip(names, np.array(rows, float).reshape(len(rows), len(names)).T, strict=True))
