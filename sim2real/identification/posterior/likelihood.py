"""How well parameters explain a log: P(tau | p) of normal noise, and how far simulation and log differ beside it.

A simulator is never the robot. Where even the best parameters leave residuals larger than the noise, or residuals that
go on from one sample to the next, N samples tell less than N. The log-likelihood is divided by the variance of the best
residual over the noise's, times its autocorrelation time (a coarsened posterior: Miller and Dunson 2019): a posterior
that is honest about the simulator. With a right model both are 1, and this is Bayes' rule.

Where other parameters may differ, too, what they explain is taken out first (``discrepancy``), and the log-likelihood
is also divided by how far pieces of the log contradict each other (``contradiction``).
"""

from __future__ import annotations

import numpy as np

from sim2real.errors import BadInputError
from sim2real.identification.posterior.discrepancy import Discrepancy
from sim2real.identification.posterior.prior import Predictor, Prior

_DEVIATION = 12.0**-0.5  # of what is uniform in [0, 1]
_SLOPE = 0.02  # of the prior's range: step of differences
_BLOCK = 0.5  # [s]
_FIXED_POINT = 8  # iterations
_SIGNIFICANT = 3.0  # standard deviations by which variance and correlations must stand out of chance


class Likelihood:
    """Residuals of a problem in its noise's standard deviations, and how many simulations they took.

    Args:
        problem: The problem; its parameters are those of ``prior`` and then those of ``others``.
        prior: What is asked for.
        others: What may differ, too, and is integrated out; see ``discrepancy``. Default: nothing.

    Attributes:
        evaluations: Simulations so far.
        best: Residual of the likeliest simulation so far, (N,), None before the first one that is stable.
        best_unit: Its parameters in unit coordinates, (K,).
        discrepancy: What the others do to residuals; nothing before ``look_around``.
        inflation: What the log-likelihood is divided by: 1 for a model that explains the log up to its noise.
    """

    def __init__(self, problem: Predictor, prior: Prior, others: Prior | None = None):
        names = prior.names + (others.names if others else ())
        if tuple(problem.names) != names:
            raise BadInputError(f"prior and problem must name the same parameters, got {', '.join(names)} and "
                                f"{', '.join(problem.names)}")
        self.problem, self.prior, self.others = problem, prior, others
        self.evaluations, self.inflation = 0, 1.0
        self.best: np.ndarray | None = None
        self.best_unit: np.ndarray | None = None
        self.discrepancy = Discrepancy.none(len(problem.measured))
        # where was looked around last: unit coordinates, residual, and its slope, (K,), (N,) and (K, N)
        self._looked: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        labels = getattr(problem, "labels", None)  # without them all samples are one series
        self._blocks = None if labels is None else blocks_of(labels.recording, labels.time)
        self._series = None if labels is None else labels.piece * (labels.channel.max() + 1) + labels.channel

    def residuals(self, unit: np.ndarray) -> np.ndarray:
        """(prediction - measurement) / sigma of unit coordinates (n, K), shape (n, N); NaN where unstable."""
        residual = self._simulated(unit, None)
        self.compare(unit, residual)
        return residual

    def compare(self, unit: np.ndarray, residual: np.ndarray) -> None:
        """Keep the likeliest of what is known and of residuals (n, N) of unit coordinates (n, K)."""
        stable = np.isfinite(residual).all(axis=1)
        if self.best is not None:
            unit, residual = np.vstack([unit, self.best_unit]), np.vstack([residual, self.best])
            stable = np.append(stable, True)
        if not stable.any():
            return
        unit, residual = unit[stable], residual[stable]
        squares = sum_of_squares(residual) - self.discrepancy.explained(self.discrepancy.project(residual),
                                                                        self.inflation)
        best = int(np.argmin(squares))
        self.best, self.best_unit = residual[best].copy(), unit[best].copy()
        self.inflation = self._inflation()

    def look_around(self) -> None:
        """Find what the others do at the best so far, by differences of a standard deviation to both sides, and how
        much pieces of the log contradict each other; 2 M + K simulations."""
        size, step = len(self.others), _SLOPE * np.where(self.best_unit > 0.5, -1.0, 1.0)
        slope = (self._simulated(self.best_unit + np.diag(step), None) - self.best) / step[:, None]
        slope[~np.isfinite(slope).all(axis=1)] = 0.0
        self._looked = self.best_unit, self.best, slope
        away = _DEVIATION * np.concatenate([np.eye(size), -np.eye(size)])
        residual = self._simulated(np.tile(self.best_unit, (2 * size, 1)), 0.5 + away)
        columns = 0.5 * (residual[:size] - residual[size:])
        columns[~np.isfinite(columns).all(axis=1)] = 0.0  # what makes it unstable tells nothing
        self.discrepancy = Discrepancy.of(columns)
        self.inflation = self._inflation()

    @property
    def looked(self) -> bool:
        """Whether it is known what the others do, as far as there are any."""
        return self.others is None or self._looked is not None

    @property
    def tangent(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Mean (K,) and covariance (K, K) of the posterior if simulations were linear, from where was looked around
        last; None before."""
        if self._looked is None:
            return None
        unit, residual, slope = self._looked
        slope, residual = self.whitened(slope), self.whitened(residual)
        information = slope @ slope.T / self.inflation + np.eye(len(unit)) / _DEVIATION**2
        return unit - np.linalg.solve(information, slope @ residual) / self.inflation, np.linalg.inv(information)

    def whitened(self, residual: np.ndarray) -> np.ndarray:
        """Residuals (n, N) less what the others explain: independent, each of variance ``inflation``."""
        return self.discrepancy.whitened(residual, self.inflation)

    def _simulated(self, unit: np.ndarray, others: np.ndarray | None) -> np.ndarray:
        """Residuals (n, N) of unit coordinates (n, K) and of the others', (n, M); these default to the middle."""
        values = self.prior.from_unit(unit)
        if self.others is not None:
            middle = np.full((len(unit), len(self.others)), 0.5)
            values = np.concatenate([values, self.others.from_unit(middle if others is None else others)], axis=1)
        self.evaluations += len(unit)
        return (self.problem.predict(values) - self.problem.measured) / self.problem.sigma

    def _inflation(self) -> float:
        """Of the best residual as far as the others do not explain it, which depends on the inflation itself."""
        noise = inflation(self.best, self._series, len(self.prior))
        for _ in range(_FIXED_POINT if len(self.discrepancy.variance) else 0):
            noise = inflation(self.discrepancy.whitened(self.best, noise), self._series, len(self.prior))
        if self._looked is None or self._blocks is None:
            return noise
        _, residual, slope = self._looked
        whitened = self.discrepancy.whitened(np.vstack([slope, residual]), noise) / np.sqrt(noise)
        return noise * contradiction(whitened[:-1], whitened[-1], self._blocks)


def sum_of_squares(residual: np.ndarray) -> np.ndarray:
    """Of residuals (n, N), shape (n,); infinite where one is not a number."""
    squares = np.einsum("ij,ij->i", residual, residual)
    return np.where(np.isfinite(squares), squares, np.inf)


def inflation(residual: np.ndarray, series: np.ndarray | None = None, parameters: int = 0) -> float:
    """Variance of a residual times its autocorrelation time, both over those of white noise of unit variance; >= 1.

    Args:
        residual: In standard deviations of the noise, (N,).
        series: To which time series each sample belongs, its samples in the order of time, integers, (N,); default one.
        parameters: That were fitted to it.
    """
    n = len(residual)
    variance = float(residual @ residual) / max(n - parameters, 1)
    if variance < 1.0 + _SIGNIFICANT * np.sqrt(2.0 / n):
        variance = 1.0
    return variance * autocorrelation_time(residual, np.zeros(n, int) if series is None else series)


def autocorrelation_time(residual: np.ndarray, series: np.ndarray) -> float:
    """1 + 2 sum rho_k over the lags before the correlation drowns in chance; >= 1."""
    order = np.argsort(series, kind="stable")
    x, series = residual[order], series[order]
    total, variance = 1.0, float(np.mean(x * x))
    for lag in range(1, len(x) // 2):
        same = series[lag:] == series[:-lag]
        pairs = int(same.sum())
        if pairs < 2 or variance == 0.0:
            break
        rho = float((x[lag:] * x[:-lag])[same].sum()) / (pairs * variance)
        if rho < _SIGNIFICANT / np.sqrt(pairs):
            break
        total += 2.0 * rho
    return total


def blocks_of(recording: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Pieces of time of recordings, all channels together, as integers, (N,)."""
    return np.unique(np.stack([recording, np.floor(time / _BLOCK)]), axis=1, return_inverse=True)[1].ravel()


def contradiction(slope: np.ndarray, residual: np.ndarray, blocks: np.ndarray) -> float:
    """How many times wider estimates scatter than white residuals of unit variance would have them; >= 1.

    The block jackknife's covariance V (Kuensch 1989) over the inverse information, as the mean of their ratio over what
    the log tells: tr(A V) / tr(1 - P / A). Dividing the log-likelihood by it is the magnitude adjustment of composite
    likelihoods (Pauli, Racugno and Ventura 2011): samples of all channels that go wrong together count as fewer.

    Args:
        slope: Of residuals in unit coordinates, (K, N).
        residual: At the best, (N,).
        blocks: To which block each sample belongs, 0 to B - 1, (N,).
    """
    size, count = len(slope), int(blocks.max()) + 1
    parts = [np.flatnonzero(blocks == k) for k in range(count)]
    told = np.array([slope[:, part] @ slope[:, part].T for part in parts])
    pull = np.array([slope[:, part] @ residual[part] for part in parts])
    prior = np.eye(size) / _DEVIATION**2
    whole = told.sum(axis=0) + prior
    estimates = np.array([np.linalg.solve(whole - a, -(pull.sum(axis=0) - b)) for a, b in zip(told, pull, strict=True)])
    away = estimates - estimates.mean(axis=0)
    known = float(np.trace(np.linalg.solve(whole, whole - prior)))
    ratio = (count - 1) / count * float(np.einsum("bi,ij,bj->", away, whole, away)) / max(known, 1e-9)
    return ratio if ratio > 1.0 + _SIGNIFICANT * np.sqrt(2.0 / (count * max(known, 1.0))) else 1.0
