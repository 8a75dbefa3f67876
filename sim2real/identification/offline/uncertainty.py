"""How sure an estimate is, where residuals are not white: a simulation is wrong in ways that last longer than a sample.

The estimate solves J^T psi(r) = prior's pull, psi(r) = W r with the weights W of Student's t. Its covariance is the
sandwich A^-1 (M + prior) A^-1 with A = J^T E[psi'] J + prior (Huber 1967; White 1980): psi' is what the weights leave
of a residual's change, less than W itself. In M the psi of a channel are taken as stationary with the autocovariance
that they show, tapered (Bartlett 1950; Newey & West 1987): with slow ones intervals grow as there are fewer independent
samples. What no recording tells keeps the prior's variance.

Two things that residuals do not show are added. A driver takes up a command at its next cycle, so a dead time is known
to within a cycle: uniform, cycle^2 / 12. And a robot, or another engine, integrates otherwise than we do: a tenth of
what halving our step changed counts as one more standard deviation.
"""

from __future__ import annotations

import numpy as np

from sim2real.identification.offline.gauss_newton import Linear
from sim2real.identification.offline.problem import Problem
from sim2real.identification.offline.robust_fit import PRIOR_PRECISION, mean_slope

_INTEGRATION = 0.1  # chosen on twins that no figure is of
MEMORY = 1.0  # [s] beyond which residuals count as independent


def covariance(problem: Problem, about: Linear, coarse: np.ndarray) -> np.ndarray:
    """Of the shares u, (K, K); ``coarse`` (K,) are the most likely ones for steps twice as long."""
    prior, moved = PRIOR_PRECISION * np.eye(len(about.shares)), _INTEGRATION * (about.shares - coarse)
    slope = mean_slope(about.fit, problem.labels.channel)
    inverse = np.linalg.inv(about.jacobian.T @ (slope[:, None] * about.jacobian) + prior)
    return inverse @ (scores(problem, about) + prior) @ inverse + np.outer(moved, moved) + np.diag(_rounding(problem))


def _rounding(problem: Problem) -> np.ndarray:
    """Variance of what a driver's cycle hides of each share, (K,)."""
    delays = np.array([name == "actuator_delay" for name in problem.names])
    width = np.where(delays, problem.high - problem.low, 1.0)
    return np.where(delays, (problem.cut.pieces.cycle / width) ** 2 / 12.0, 0.0)


def standard_deviation_of_prior() -> float:
    """Of a share u before anything is measured."""
    return PRIOR_PRECISION ** -0.5


def scores(problem: Problem, about: Linear) -> np.ndarray:
    """Covariance M of J^T W r, (K, K): over each channel, sum over lags of taper * autocovariance * J^T J shifted."""
    meat = np.zeros_like(about.information)
    weighted = about.fit.precision * about.fit.residual
    for channel in np.unique(problem.labels.channel):
        rows = np.flatnonzero(problem.labels.channel == channel)
        place, count = _places(problem, rows)
        series, slopes = np.zeros(count), np.zeros((count, meat.shape[0]))
        there = np.zeros(count)
        series[place], slopes[place], there[place] = weighted[rows], about.jacobian[rows], 1.0
        meat += _with_autocovariance(series, there, slopes, _lags(problem, rows))
    return meat * _freedom(about)


def _freedom(about: Linear) -> float:
    """Residuals are smaller than errors by as much as the fit followed them."""
    count = len(about.fit.residual)
    return count / max(count - len(about.shares), 1)


def _lags(problem: Problem, rows: np.ndarray) -> int:
    step = problem.cut.every * problem.cut.period
    return max(1, min(round(MEMORY / step), len(rows) // 4))


def _places(problem: Problem, rows: np.ndarray) -> tuple[np.ndarray, int]:
    """Where each sample of a channel lies on a grid of time on which recordings follow one another, and its length."""
    labels, step = problem.labels, problem.cut.every * problem.cut.period
    time, recording = labels.time[rows], labels.recording[rows]
    place, end = np.zeros(len(rows), int), 0
    for k in np.unique(recording):
        own = recording == k
        place[own] = np.rint((time[own] - time[own].min()) / step).astype(int) + end
        end = int(place[own].max()) + round(MEMORY / step) + 2  # nothing carries over to the next recording
    return place, end


def _with_autocovariance(series: np.ndarray, there: np.ndarray, slopes: np.ndarray, lags: int) -> np.ndarray:
    """Sum over lags l of (1 - l / L) c(l) sum_t J_t J_{t+l}^T, c the autocovariance of ``series``; by transforms."""
    size = 2 * len(series)
    power = np.abs(np.fft.rfft(series, size)) ** 2
    pairs = np.abs(np.fft.rfft(there, size)) ** 2
    autocovariance = np.fft.irfft(power, size)[:lags] / np.maximum(np.rint(np.fft.irfft(pairs, size)[:lags]), 1.0)
    tapered = np.zeros(size)
    tapered[:lags] = autocovariance * (1.0 - np.arange(lags) / lags)
    tapered[size - lags + 1:] = tapered[1:lags][::-1]
    density = np.maximum(np.fft.fft(tapered).real, 0.0)
    spectrum = np.fft.fft(slopes, size, axis=0)
    return (spectrum.conj().T @ (density[:, None] * spectrum)).real / size
