"""Clocks of commands and of measurements: how far one lags behind the other, and what no robot can explain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim2real.recordings.preparation import Stretch
from sim2real.robots import RobotDescription

_LONGEST = 1.0  # [s] of lag that is looked for
_SLACK = 0.05  # [s] that a lag may be beyond what the description explains: it is no exact value
_LEAST_CORRELATION = 0.5


def lag(given: np.ndarray, measured: np.ndarray, period: float, longest: float = _LONGEST) -> float:
    """By how much ``measured`` (n, k) follows ``given`` (n, k), in [s]; nan where they do not resemble each other.

    The maximum of the cross-correlation of their rates over all columns, between rows by a parabola through the
    maximum and its neighbours.
    """
    rates = [np.nan_to_num(np.diff(values, axis=0)) for values in (given, measured)]
    rates = [rate - rate.mean(axis=0) for rate in rates]
    count, most = len(rates[0]), min(round(longest / period), len(rates[0]) // 3)
    size = 2 * count
    spectrum = np.conj(np.fft.rfft(rates[0], size, axis=0)) * np.fft.rfft(rates[1], size, axis=0)
    scale = np.sqrt((rates[0] ** 2).sum(axis=0) * (rates[1] ** 2).sum(axis=0))
    moving = scale > 0.0
    if not moving.any() or most < 1:
        return float("nan")
    correlation = np.fft.irfft((spectrum[:, moving] / scale[moving]).mean(axis=1), size)
    lags = np.arange(-most, most + 1)
    around = correlation[lags]
    peak = int(np.argmax(around))
    if around[peak] < _LEAST_CORRELATION or peak in (0, 2 * most):
        return float("nan")
    before, top, after = around[peak - 1:peak + 2]
    return float(period * (lags[peak] + 0.5 * (before - after) / (before - 2.0 * top + after)))


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
