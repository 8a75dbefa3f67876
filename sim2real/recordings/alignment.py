"""Clocks of commands and of measurements: how far one lags behind the other, and what no robot can explain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim2real.recordings.preparation import Stretch
from sim2real.robots import RobotDescription

_LONGEST = 1.0  # [s] of lag that is looked for
_SLACK = 0.05  # [s] that a lag may be beyond what the description explains: it is no exact value
_LEAST_CORRELATION = 0.5
_NEAR = 10  # rows about the correlation's maximum, which where they overlap little is not the best


def lag(given: np.ndarray, measured: np.ndarray, period: float, longest: float = _LONGEST) -> float:
    """By how much ``measured`` (n, k) follows ``given`` (n, k), in [s]; nan where they do not resemble each other.

    The maximum of the cross-correlation of their rates over all columns; about it, the lag at which they differ least
    where they overlap, between rows by a parabola.
    """
    rates = [np.nan_to_num(np.diff(values, axis=0)) for values in (given, measured)]
    count, most = len(rates[0]), min(round(longest / period), len(rates[0]) // 3)
    centred = [rate - rate.mean(axis=0) for rate in rates]
    scale = np.sqrt((centred[0] ** 2).sum(axis=0) * (centred[1] ** 2).sum(axis=0))
    moving = scale > 0.0
    if not moving.any() or most < 1:
        return float("nan")
    size = 2 * count
    spectrum = np.conj(np.fft.rfft(centred[0], size, axis=0)) * np.fft.rfft(centred[1], size, axis=0)
    lags = np.arange(-most, most + 1)
    correlation = np.fft.irfft((spectrum[:, moving] / scale[moving]).mean(axis=1), size)[lags]
    correlation *= count / (count - np.abs(lags))  # as many rows as overlap
    peak = int(lags[np.argmax(correlation)])
    if correlation.max() < _LEAST_CORRELATION or abs(peak) == most:
        return float("nan")
    weight = 1.0 / np.maximum((centred[0] ** 2).sum(axis=0), 1e-12)
    near = np.arange(peak - _NEAR, peak + _NEAR + 1)
    misfit = np.array([_difference(*rates, int(shift)) @ weight for shift in near])
    best = int(np.clip(np.argmin(misfit), 1, len(near) - 2))
    before, least, after = misfit[best - 1:best + 2]
    return float(period * (near[best] + 0.5 * (before - after) / (before - 2.0 * least + after)))


def _difference(given: np.ndarray, measured: np.ndarray, shift: int) -> np.ndarray:
    """Mean square of measured[t + shift] - given[t] over all rows that there are, (k,)."""
    count = len(given)
    first, last = max(0, -shift), min(count, count - shift)
    return ((measured[first + shift:last + shift] - given[first:last]) ** 2).mean(axis=0)


def explained_lag(robot: RobotDescription) -> float:
    """What an arm's description explains of the lag besides dead time: age, filter, and (kd + D) / kp of the servos."""
    servo = float(np.mean((robot.damping_gain + robot.damping) / robot.stiffness))
    return robot.sensors.delay + robot.actuator.time_constant + servo


def align(stretch: Stretch, robot: RobotDescription, longest_delay: float) -> tuple[Stretch, str]:
    """The stretch with its commands moved by whole rows, where no dead time in [0, ``longest_delay`` [s]] explains
    their lag; and a sentence of it, "" where nothing was done. Of a drone nothing is known that well."""
    if robot.kind != "arm":
        return stretch, ""
    found = lag(stretch.command, stretch.state[:, :robot.num_joints], stretch.period)
    dead = found - explained_lag(robot)
    if not (dead < -_SLACK or dead > longest_delay + _SLACK):  # nan: no answer, no change
        return stretch, ""
    rows = round((dead - robot.actuator.delay) / stretch.period)
    moved, state, earlier = stretch.command, stretch.state, stretch.earlier
    if rows > 0:  # commands count that much later
        moved, state = moved[:-rows], state[rows:]
    else:
        earlier, moved, state = np.concatenate([earlier, moved[:-rows]]), moved[-rows:], state[:rows]
    begin = stretch.begin + max(rows, 0) * stretch.period
    return replace(stretch, begin=begin, command=moved, state=state, earlier=earlier), (
        f"{stretch.recording}: measurements follow commands by {1e3 * found:.1f} ms, which no dead time in range "
        f"explains; the clocks were taken to be {1e3 * rows * stretch.period:.1f} ms apart")
