"""From a recording as it came to stretches that can be replayed: what can be used is used, the rest is said.

Time that goes back, gaps and rows without a command end a stretch; values that are wrong by themselves (spikes) and
missing ones are left out as NaN. Each stretch is on an even grid: what was sent holds, what was measured is
interpolated where rows came unevenly, and that is said too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim2real import rotations
from sim2real.errors import BadInputError
from sim2real.recordings.flaws import LEAST_SECONDS
from sim2real.recordings.layout import command_channels, needed_channels, state_channels
from sim2real.recordings.plausible_units import check_units
from sim2real.recordings.recording import Recording
from sim2real.robots import RobotDescription

_GAP = 5.0  # median steps without a row that end a stretch
_UNEVEN = 0.05  # of a step: what rows may be off an even grid without being resampled
_EXTREME = 4.0  # standard deviations
_SPIKE = 12.0  # standard deviations beyond the range of its neighbours
_STILL_JOINT, _STILL_PLACE = 0.02, 0.1  # [rad], [m]: a robot that moved less has shown nothing


@dataclass(frozen=True)
class Stretch:
    """A part of a recording without gaps, on an even grid.

    Attributes:
        recording: Name of the recording.
        begin: Its first row in [s] of the recording's time.
        period: Between rows in [s].
        command: What was sent, in the order of ``command_channels``, (n, C).
        state: What was measured, in the order of ``state_channels``, (n, D); NaN where the log has none.
        earlier: What was sent before the first row, (m, C), as far as it is known.
    """

    recording: str
    begin: float
    period: float
    command: np.ndarray
    state: np.ndarray
    earlier: np.ndarray

    def __len__(self) -> int:
        return len(self.command)

    @property
    def duration(self) -> float:
        """In [s]."""
        return (len(self) - 1) * self.period


def prepare(recording: Recording, robot: RobotDescription) -> tuple[list[Stretch], list[str]]:
    """The usable stretches of a recording, and a sentence for each thing that was left out or changed.

    Raises:
        BadInputError: A needed channel is missing, units are wrong, too little is usable, or the robot did not move.
    """
    recording = _with_quaternion(recording)
    missing = [name for name in needed_channels(robot) if name not in recording.channels]
    if missing:
        raise BadInputError(f"{recording.name}: expected channels {', '.join(missing)}; the log has "
                            f"{', '.join(recording.channels) or 'none'}; name its columns by a map (--channels)")
    check_units(recording, robot)
    notes: list[str] = []
    period = _period(recording)
    names = (*command_channels(robot), *state_channels(robot))
    absent = np.full(len(recording), np.nan)
    values = np.column_stack([recording.channels.get(name, absent) for name in names])
    rows = _rows(recording, values[:, :len(command_channels(robot))], period, notes)
    stretches = [_stretch(recording, values, part, period, len(command_channels(robot)), notes) for part in rows]
    stretches = [_without_spikes(stretch, names[len(command_channels(robot)):], notes) for stretch in stretches]
    _check_length(recording, stretches, notes)
    _check_motion(recording, stretches, robot)
    return stretches, [f"{recording.name}: {note}" for note in notes]


def _with_quaternion(recording: Recording) -> Recording:
    """Roll, pitch and yaw as a quaternion; its sign is made to go on from row to row."""
    channels = dict(recording.channels)
    if "quaternion.w" not in channels and all(f"attitude.{angle}" in channels for angle in ("roll", "pitch", "yaw")):
        rpy = np.column_stack([channels[f"attitude.{angle}"] for angle in ("roll", "pitch", "yaw")])
        channels.update(zip([f"quaternion.{part}" for part in "wxyz"], rotations.from_rpy(rpy).T, strict=True))
    if all(f"quaternion.{part}" in channels for part in "wxyz"):
        q = rotations.continuous(np.column_stack([channels[f"quaternion.{part}"] for part in "wxyz"]))
        channels.update(zip([f"quaternion.{part}" for part in "wxyz"], q.T, strict=True))
    return Recording(recording.name, recording.time, channels, recording.frames, recording.constants)


def _period(recording: Recording) -> float:
    steps = np.diff(recording.time[np.isfinite(recording.time)])
    steps = steps[steps > 0.0]
    if not len(steps):
        raise BadInputError(f"{recording.name}: its time never goes on; expected a time in [s] for each row")
    return float(np.median(steps))


def _rows(recording: Recording, command: np.ndarray, period: float, notes: list[str]) -> list[np.ndarray]:
    """Indices of the rows of each stretch: time goes on by steps without gaps, and every row has a command."""
    sound = np.isfinite(recording.time) & np.isfinite(command).all(axis=1)
    if dropped := int(len(sound) - sound.sum()):
        notes.append(f"{dropped} of {len(sound)} rows have no time or no command and were left out")
    rows = np.flatnonzero(sound)
    steps = np.diff(recording.time[rows])
    if back := int((steps < 0.0).sum()):
        notes.append(f"time goes back {back} times, the log was cut there")
    if same := int((steps == 0.0).sum()):
        notes.append(f"{same} rows have the time of the one before and were left out")
    rows, steps = rows[np.r_[True, steps != 0.0]], steps[steps != 0.0]
    wide = steps > _GAP * period
    if gaps := int(wide.sum()):
        notes.append(f"{gaps} gaps of up to {steps.max():.3g} s, the log was cut there")
    return [part for part in np.split(rows, np.flatnonzero(wide | (steps < 0.0)) + 1) if len(part) > 1]


def _stretch(recording: Recording, values: np.ndarray, rows: np.ndarray, period: float, commands: int,
             notes: list[str]) -> Stretch:
    """Rows on an even grid."""
    time, command, state = recording.time[rows], values[rows, :commands], values[rows, commands:]
    grid = _grid(time, period)
    if len(grid) != len(time) or np.abs(grid - time).max() > _UNEVEN * period:
        notes.append(f"rows from {time[0]:.2f} s to {time[-1]:.2f} s came unevenly and were brought to steps of "
                     f"{1e3 * period:.3g} ms")
        command, state = _resampled(time, command, state, grid)
    return Stretch(recording.name, float(time[0]), period, command, state, command[:0])


def on_period(stretch: Stretch, period: float) -> Stretch:
    """The stretch with rows each ``period`` [s]; as it is where they come so."""
    if abs(stretch.period - period) * len(stretch) < _UNEVEN * period:
        return stretch
    time = stretch.period * np.arange(len(stretch))
    command, state = _resampled(time, stretch.command, stretch.state, _grid(time, period))
    before = stretch.period * np.arange(len(stretch.earlier))
    grid = _grid(before, period) if len(before) else before
    earlier, _ = _resampled(before, stretch.earlier, stretch.earlier, grid)
    return replace(stretch, period=period, command=command, state=state, earlier=earlier)


def _grid(time: np.ndarray, period: float) -> np.ndarray:
    return time[0] + period * np.arange(int((time[-1] - time[0]) / period + 1e-6) + 1)


def _resampled(time: np.ndarray, command: np.ndarray, state: np.ndarray,
               grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows at other times: what was sent holds, what was measured is interpolated."""
    held = np.searchsorted(time, grid + 1e-9, side="right") - 1
    after = np.minimum(held + 1, len(time) - 1)
    share = np.where(after > held, (grid - time[held]) / np.maximum(time[after] - time[held], 1e-12), 0.0)[:, None]
    between = state[held] * (1.0 - share) + state[after] * share
    nearest = np.where(share < 0.5, state[held], state[after])  # where its neighbour was not measured
    return command[held], np.where(np.isfinite(between), between, nearest)


def _without_spikes(stretch: Stretch, names: tuple[str, ...], notes: list[str]) -> Stretch:
    """Values far outside the range of the two rows before and after them are left out."""
    state = stretch.state.copy()
    padded = np.pad(state, ((2, 2), (0, 0)), mode="edge")
    around = np.stack([padded[k:k + len(state)] for k in (0, 1, 3, 4)])
    low, high = around.min(axis=0), around.max(axis=0)
    scale = white_noise(state)
    beyond = np.maximum(low - state, state - high)
    spikes = beyond > _SPIKE * scale + 2.0 * (high - low)
    for column in np.flatnonzero(spikes.any(axis=0)):
        notes.append(f"{int(spikes[:, column].sum())} spikes of {names[column]} were left out")
    state[spikes] = np.nan
    return replace(stretch, state=state)


def split(stretches: Sequence[Stretch], held_out: float) -> tuple[list[Stretch], list[Stretch]]:
    """The beginning of each stretch, and its end, which has a share ``held_out`` of the rows."""
    if held_out == 0.0:
        return list(stretches), []
    first, last = [], []
    for stretch in stretches:
        at = round((1.0 - held_out) * len(stretch))
        first.append(replace(stretch, command=stretch.command[:at], state=stretch.state[:at]))
        last.append(replace(stretch, begin=stretch.begin + at * stretch.period, command=stretch.command[at:],
                            state=stretch.state[at:], earlier=stretch.command[:at]))
    return first, last


def white_noise(values: np.ndarray) -> np.ndarray:
    """Standard deviation of the white noise of each column (n, D), from its third differences.

    A smooth motion has hardly any third difference from row to row, noise of variance s^2 one of variance 20 s^2. The
    root mean square of all but the extreme ones: a median of quantised values is itself a multiple of the quantum.
    """
    third = np.abs(np.diff(values, n=3, axis=0))
    known = np.isfinite(third).any(axis=0) if len(third) else np.zeros(values.shape[1], bool)
    out = np.zeros(values.shape[1])
    middle = 1.4826 * np.nanmedian(third[:, known], axis=0)
    usual = np.where(third[:, known] <= _EXTREME * middle, third[:, known], np.nan)
    out[known] = np.sqrt(np.nanmean(usual**2, axis=0) / 20.0)
    return out


def _check_length(recording: Recording, stretches: list[Stretch], notes: list[str]) -> None:
    total = sum(stretch.duration for stretch in stretches)
    if total < LEAST_SECONDS:
        why = f" ({'; '.join(notes)})" if notes else ""
        raise BadInputError(f"{recording.name}: {total:.2f} s can be used{why}; at least {LEAST_SECONDS:g} s are "
                            "needed")


def _check_motion(recording: Recording, stretches: list[Stretch], robot: RobotDescription) -> None:
    count, least = (robot.num_joints, _STILL_JOINT) if robot.kind == "arm" else (3, _STILL_PLACE)
    measured = [s.state[:, :count] for s in stretches if np.isfinite(s.state[:, :count]).any(axis=0).all()]
    if not measured:
        raise BadInputError(f"{recording.name}: no part of it has both commands and measured values; record both")
    span = max(float(np.ptp(np.nanquantile(each, [0.01, 0.99], axis=0), axis=0).max()) for each in measured)
    if span < least:
        what = f"joint moves more than {span:.3g} rad" if robot.kind == "arm" else f"place lies {span:.3g} m off"
        raise BadInputError(f"{recording.name}: the robot did not move: no {what}, at least {least:g} are needed; "
                            "record it under an excitation (sim2real excite)")
