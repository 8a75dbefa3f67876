"""Stretches of recordings cut into pieces of one length, which a batch engine can replay side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2real import rotations
from sim2real.errors import BadInputError
from sim2real.identification.offline.replay import LONGEST_CYCLE, Pieces, step_of
from sim2real.recordings.preparation import Stretch, on_period, white_noise
from sim2real.robots import RobotDescription
from sim2real.types import RobotState

_RATE = 100.0  # [Hz] of comparison; faster rows are averaged
_LEAST_SHARE = 0.25  # of a piece that has to be there
_AROUND = 0.02  # [s] before and after a start over which its state is smoothed
_LEAST_NOISE = 1e-5  # [rad], [rad/s], [m], ...: no sensor is better, and a log without noise has a finite weight
_MOST_ROWS = 0.9  # share of rows with a measurement, from which on rows may be averaged
_HISTORY = 0.25  # [s] of commands before a start: more than any dead time and lag


@dataclass(frozen=True)
class Cut:
    """Pieces of recordings and what was measured in them; S pieces of R rows after their start, D channels.

    Attributes:
        pieces: What is replayed.
        per_row: Steps of simulation in a row of the recordings.
        period: Of the rows in [s].
        measured: Rows (S, R + 1, D), NaN where there is none; the first is the start.
        warm_up: Rows after a start that are not compared.
        every: Rows that are averaged to one measurement.
        sigma: Standard deviation of a row's white noise, (D,).
        recordings: Names.
        recording: Index into ``recordings``, (S,).
        begin: Start in [s] of the recording's time, (S,).
        stretches: What was cut.
    """

    pieces: Pieces
    per_row: int
    period: float
    measured: np.ndarray
    warm_up: int
    every: int
    sigma: np.ndarray
    recordings: tuple[str, ...]
    recording: np.ndarray
    begin: np.ndarray
    stretches: tuple[Stretch, ...]


def cut(stretches: Sequence[Stretch], robot: RobotDescription, horizon: float, warm_up: float, *,
        every: int | None = None, apart: float = 0.0) -> Cut:
    """Pieces whose compared parts, ``horizon`` [s] each, lie end to end over the stretches.

    Args:
        stretches: Of recordings of one robot.
        robot: Its description.
        horizon: Length of what is compared in [s].
        warm_up: Time before that in [s], in which a simulation forgets a wrong start.
        every: Rows that are averaged to one measurement; default: to 100 Hz.
        apart: Least time between two starts in [s].

    Raises:
        BadInputError: No stretch is as long as a piece.
    """
    period = float(np.median([stretch.period for stretch in stretches]))
    stretches = [on_period(stretch, period) for stretch in stretches]
    step, per_row = step_of(period, robot.kind)
    if every is None:
        every = max(1, round(1.0 / (_RATE * period))) if _is_dense(stretches) else 1
    # at least one measurement; whole ones, so that none is lost at a piece's end
    compared, ahead = max(1, round(horizon / period / every)) * every, round(warm_up / period)
    past, rows = math.ceil(_HISTORY / step), ahead + compared
    stride, delay = max(compared, round(apart / period)), robot.sensors.delay
    commands, measured, starts, recording, begin = [], [], [], [], []
    names = tuple(dict.fromkeys(stretch.recording for stretch in stretches))
    for stretch in stretches:
        fine = np.repeat(np.concatenate([stretch.earlier, stretch.command]), per_row, axis=0)
        for first in range(0, len(stretch) - ahead - math.ceil(_LEAST_SHARE * compared), stride):
            start = _start(stretch, first, delay, robot)
            if start is None:
                continue
            starts.append(start)
            span = len(stretch.earlier) * per_row + np.arange(first * per_row - past, (first + rows) * per_row)
            commands.append(fine[np.clip(span, 0, len(fine) - 1)])
            state = np.full((rows + 1, stretch.state.shape[1]), np.nan)
            there = stretch.state[first:first + rows + 1]
            state[:len(there)] = there
            measured.append(state)
            recording.append(names.index(stretch.recording))
            begin.append(stretch.begin + first * period)
    if not starts:
        longest = max(stretch.duration for stretch in stretches)
        needed = warm_up + _LEAST_SHARE * horizon
        why = "give a shorter --horizon or a longer log" if longest < needed else "no measured states to begin from"
        raise BadInputError(f"the longest stretch without a gap has {longest:.2f} s, a piece needs {needed:.2f} s: "
                            f"{why}")
    state = RobotState.zeros(len(starts), robot.num_joints)
    for k, start in enumerate(starts):
        state[k:k + 1] = start
    pieces = Pieces(np.stack(commands), state, past, step, min(period, LONGEST_CYCLE))
    return Cut(pieces, per_row, period, np.stack(measured), ahead, every, _noise(stretches, robot), names,
               np.array(recording), np.array(begin), tuple(stretches))


def _is_dense(stretches: Sequence[Stretch]) -> bool:
    """Whether rows have what was measured; not where commands come more often than states."""
    return bool(np.mean(np.concatenate([np.isfinite(stretch.state[:, 0]) for stretch in stretches])) > _MOST_ROWS)


def _noise(stretches: Sequence[Stretch], robot: RobotDescription) -> np.ndarray:
    """Of a row, (D,); from all stretches together, and the description's where rows are too sparse to tell."""
    sensors, each = robot.sensors, np.array([white_noise(stretch.state) for stretch in stretches])
    if robot.kind == "arm":
        nominal = np.repeat([sensors.position_noise, sensors.velocity_noise], robot.num_joints)
    else:
        nominal = np.repeat([sensors.position_noise, sensors.velocity_noise, sensors.attitude_noise / 2,
                             sensors.gyro_noise], (3, 3, 4, 3))
    told = np.median(each, axis=0)
    return np.maximum(np.where(told > 0.0, told, nominal), _LEAST_NOISE)


def _start(stretch: Stretch, row: int, delay: float, robot: RobotDescription) -> RobotState | None:
    """The state at a row, smoothed over its neighbours; None where nothing is measured there.

    What is reported now was so ``delay`` [s] ago, so the smooth curve is read that much later.
    """
    spacing = stretch.period / max(float(np.isfinite(stretch.state[:, 0]).mean()), 0.01)
    reach = max(round(2.5 * spacing / stretch.period), round(_AROUND / stretch.period))
    rows = np.arange(max(row - reach, 0), min(row + reach + 1, len(stretch)))
    time = (rows - row) * stretch.period - delay
    value, slope = _smooth(time, stretch.state[rows])
    state = RobotState.zeros(1, robot.num_joints)
    if robot.kind == "arm":
        joints = robot.num_joints
        position, velocity = value[:joints], np.where(np.isfinite(value[joints:]), value[joints:], slope[:joints])
        state.joint_position[0], state.joint_velocity[0] = position, velocity
    else:
        velocity = np.where(np.isfinite(value[3:6]), value[3:6], slope[:3])
        quaternion = rotations.normalize(value[6:10])
        turning = 2.0 * rotations.multiply(rotations.conjugate(quaternion), slope[6:10])[1:]
        state.position[0], state.linear_velocity[0], state.quaternion[0] = value[:3], velocity, quaternion
        state.angular_velocity[0] = np.where(np.isfinite(value[10:]), value[10:], turning)
    return state if state.is_finite()[0] else None


def _smooth(time: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value and slope at time 0 of a parabola through each column of rows (n, D); NaN where fewer than 3 are known."""
    value, slope = np.full(rows.shape[1], np.nan), np.full(rows.shape[1], np.nan)
    basis = np.vander(time, 3, increasing=True)
    for column in range(rows.shape[1]):
        known = np.isfinite(rows[:, column])
        if known.sum() >= 3:
            value[column], slope[column] = np.linalg.lstsq(basis[known], rows[known, column], rcond=None)[0][:2]
    return value, slope
