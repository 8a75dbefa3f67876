"""An excitation as a CSV: ``time`` in [s] and ``command.<joint>`` in [rad], as the log readers know them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim2real.errors import BadInputError
from sim2real.files import atomic_write_text
from sim2real.recordings.tables import read_table
from sim2real.robots import RobotDescription

_JITTER = 0.01  # share of the period by which a row's time may be off
_FEWEST = 8
_DEGREE = np.pi / 180.0
_FAR = 0.5  # [rad] from home at the beginning, where the same number of degrees is at home


def write_csv(path: str | Path, robot: RobotDescription, time: np.ndarray, command: np.ndarray) -> None:
    """Write times (T,) [s] and joint positions (T, J) [rad], whole or not at all."""
    head = ",".join(["time", *(f"command.{name}" for name in robot.joint_names)])
    rows = [f"{t:.9g}," + ",".join(f"{x:.15g}" for x in row) for t, row in zip(time, command, strict=True)]
    atomic_write_text(path, "\n".join([head, *rows]) + "\n")


def read_csv(path: str | Path, robot: RobotDescription) -> tuple[np.ndarray, np.ndarray]:
    """Times (T,) in [s], from 0, and joint positions (T, J) in [rad] in the robot's order.

    Raises:
        BadInputError: A column is missing, a number is, time does not rise evenly, too few rows, or degrees.
    """
    columns = read_table(Path(path)).columns
    wanted = ["time", *(f"command.{name}" for name in robot.joint_names)]
    if missing := [name for name in wanted if name not in columns or columns[name].ndim != 1]:
        raise BadInputError(f"{path}: no column of numbers {', '.join(missing)}; expected {', '.join(wanted)}, it has "
                            f"{', '.join(columns) or 'none'}")
    time, command = columns["time"], np.column_stack([columns[name] for name in wanted[1:]])
    if len(time) < _FEWEST:
        raise BadInputError(f"{path}: expected at least {_FEWEST} rows, got {len(time)}")
    finite = np.isfinite(time) & np.isfinite(command).all(axis=1)
    if not finite.all():
        raise BadInputError(f"{path}: row {int(np.argmin(finite)) + 2} has no finite number in a column; fill it in")
    _check_time(path, time)
    _check_unit(path, robot, command)
    return time - time[0], command


def _check_time(path: str | Path, time: np.ndarray) -> None:
    step = np.diff(time)
    if not (step > 0.0).all():
        row = int(np.argmin(step > 0.0))
        raise BadInputError(f"{path}: time goes from {time[row]:g} to {time[row + 1]:g} s at row {row + 3}; it has to "
                            "rise")
    period = float(np.median(step))
    off = np.abs(step - period) > _JITTER * period
    if off.any():
        row = int(np.argmax(off))
        raise BadInputError(f"{path}: expected one row every {period:g} s, got {step[row]:g} s at row {row + 3}; "
                            "resample it")


def _check_unit(path: str | Path, robot: RobotDescription, command: np.ndarray) -> None:
    """Refuse degrees: numbers that make sense as such and none as radians."""
    low, high, turned = robot.position_low, robot.position_high, command * _DEGREE
    inside = ((turned >= low) & (turned <= high)).all()
    wild = (np.abs(command) > 2.0 * np.maximum(np.abs(low), np.abs(high))).any()
    at_home = (np.abs(turned[0] - robot.home) < 0.1).all() and (np.abs(command[0] - robot.home) > _FAR).any()
    if inside and (wild or at_home):
        raise BadInputError(f"{path}: the positions look like degrees, they reach {np.abs(command).max():.4g}; give "
                            "radians")
