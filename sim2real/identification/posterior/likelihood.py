"""How well parameters explain a log: P(tau | p) of normal noise, and how far simulation and log differ beside it.

A simulator is never the robot. Where even the best parameters leave residuals larger than the noise, or residuals that
go on from one sample to the next, N samples tell less than N. The log-likelihood is divided by the variance of the best
residual over the noise's, times its autocorrelation time (a coarsened posterior: Miller and Dunson 2019): a posterior
that is honest about the simulator. With a right model both are 1, and this is Bayes' rule.
"""

from __future__ import annotations

import numpy as np

from sim2real.errors import BadInputError
from sim2real.identification.posterior.prior import Predictor, Prior

_SIGNIFICANT = 3.0  # standard deviations by which variance and correlations must stand out of chance


class Likelihood:
    """Residuals of a problem in its noise's standard deviations, and how many simulations they took.

    Args:
        problem: The problem.
        prior: What its parameters are, in the same order.

    Attributes:
        evaluations: Simulations so far.
        best: Residual of the best simulation so far, (N,), None before the first one that is stable.
        best_unit: Its parameters in unit coordinates, (K,).
    """

    def __init__(self, problem: Predictor, prior: Prior):
        if tuple(problem.names) != prior.names:
            raise BadInputError(f"prior and problem must name the same parameters, got {', '.join(prior.names)} and "
                                f"{', '.join(problem.names)}")
        self.problem, self.prior = problem, prior
        self.evaluations = 0
        self.best: np.ndarray | None = None
        self.best_unit: np.ndarray | None = None
        self._least = np.inf
        labels = getattr(problem, "labels", None)  # without them all samples are one series
        self._series = None if labels is None else labels.piece * (labels.channel.max() + 1) + labels.channel

    def residuals(self, unit: np.ndarray) -> np.ndarray:
        """(prediction - measurement) / sigma of unit coordinates (n, K), shape (n, N); NaN where unstable."""
        residual = self.problem.predict(self.prior.from_unit(unit))
        residual = (residual - self.problem.measured) / self.problem.sigma
        self.evaluations += len(unit)
        squares = sum_of_squares(residual)
        best = int(np.argmin(squares))
        if squares[best] < self._least:
            self._least, self.best, self.best_unit = squares[best], residual[best], unit[best].copy()
        return residual

    @property
    def inflation(self) -> float:
        """What the log-likelihood is divided by: 1 for a model that explains the log up to its noise."""
        return 1.0 if self.best is None else inflation(self.best, self._series, len(self.prior))


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
