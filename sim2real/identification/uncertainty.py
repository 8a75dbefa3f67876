"""How sure an estimate is, where residuals are not white: a simulation is wrong in ways that last longer than a sample.

With J the Jacobian, W the weights and r the residuals, an estimate's error is H^-1 J^T W r with H = J^T W J + prior.
Its covariance is the sandwich H^-1 (M + prior) H^-1 (Huber 1967; White 1980). In M the weighted residuals of a channel
are taken as stationary with the autocovariance that they show, tapered (Bartlett 1950; Newey & West 1987): with white
residuals M is J^T W J and nothing changes, with slow ones intervals grow as there are fewer independent samples.
What no recording tells keeps the prior's variance.
"""

from __future__ import annotations

import numpy as np

from sim2real.identification.gauss_newton import Linear
from sim2real.identification.problem import Problem
from sim2real.identification.robust_fit import PRIOR_PRECISION

MEMORY = 1.0  # [s] beyond which residuals count as independent


def covariance(problem: Problem, about: Linear) -> np.ndarray:
    """Of the shares u, (K, K)."""
    inverse = np.linalg.inv(about.information)
    meat = scores(problem, about) + PRIOR_PRECISION * np.eye(len(about.shares))
    return inverse @ meat @ inverse


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
