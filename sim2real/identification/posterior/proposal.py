"""From where particles are drawn: normal-like distributions with heavy tails inside the unit cube."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from sim2real import rng

_FREEDOM = 5.0  # of Student's t: tails wide enough that no weight explodes
_TRIES = 4096  # draws that tell how much of a proposal lies inside the cube
# Of a refitted covariance C. A round's particles act as a prior of the next: with the log's information L (and once
# more for their weights) C = W (1 / C + (1 to 2) L)^-1 settles at (W - 1) / (1 to 2) L^-1, wider than the posterior.
_WIDER = 3.0
_KERNEL = 0.25  # of the particles' covariance: that of a kernel around each


@dataclass(frozen=True)
class Cube:
    """Uniform in the unit cube: the prior."""

    size: int

    def draw(self, n: int, seed: int, turn: int) -> np.ndarray:
        """Points (n, K)."""
        return rng.uniform(seed, np.arange(n), turn, "inference", self.size)

    def log_density(self, unit: np.ndarray) -> np.ndarray:
        """Of points (n, K) inside the cube, (n,)."""
        return np.zeros(len(unit))


class HeavyTailed:
    """A mixture of multivariate Student's t distributions of one shape, cut off outside the unit cube.

    Args:
        centres: (m, K).
        weights: Of the centres, sum 1, (m,).
        covariance: Of the normal distributions they resemble, (K, K).
    """

    def __init__(self, centres: np.ndarray, weights: np.ndarray, covariance: np.ndarray):
        self._centres, self._weights = centres, weights
        self._lower = np.linalg.cholesky(covariance + 1e-12 * np.eye(centres.shape[1]))
        self._log_inside = 0.0

    def draw(self, n: int, seed: int, turn: int) -> np.ndarray:
        """Points (n, K) inside the cube."""
        size, freedom, kept, inside, tries = self._centres.shape[1], int(_FREEDOM), [], 0, 0
        upper = np.cumsum(self._weights)
        while inside < n and tries < 64:
            sims = np.arange(_TRIES) + tries * _TRIES
            z = rng.normal(seed, sims, turn, "inference", size + freedom)
            which = np.searchsorted(upper, rng.uniform(seed, sims, turn, "interval", 1)[:, 0] * upper[-1])
            scale = np.sqrt((z[:, size:] ** 2).mean(axis=1))  # of chi square over its degrees of freedom
            x = self._centres[which] + (z[:, :size] / scale[:, None]) @ self._lower.T
            x = x[((x > 0.0) & (x < 1.0)).all(axis=1)]
            kept.append(x)
            inside, tries = inside + len(x), tries + 1
        self._log_inside = np.log(max(inside, 1) / (tries * _TRIES))
        return np.concatenate(kept)[:n]

    def log_density(self, unit: np.ndarray) -> np.ndarray:
        """Of points (n, K) inside the cube, (n,); after ``draw``, which finds how much lies inside."""
        size = self._centres.shape[1]
        inverse = np.linalg.inv(self._lower).T
        away = (unit @ inverse)[:, None] - (self._centres @ inverse)[None]
        constant = (gammaln(0.5 * (_FREEDOM + size)) - gammaln(0.5 * _FREEDOM)
                    - 0.5 * size * np.log(_FREEDOM * np.pi) - np.log(np.diag(self._lower)).sum())
        each = -0.5 * (_FREEDOM + size) * np.log1p((away**2).sum(axis=2) / _FREEDOM) + np.log(self._weights + 1e-300)
        return np.logaddexp.reduce(each, axis=1) + constant - self._log_inside


def around(centre: np.ndarray, covariance: np.ndarray) -> HeavyTailed:
    """One distribution about a centre (K,), with the covariance (K, K)."""
    return HeavyTailed(np.clip(centre, 0.0, 1.0)[None], np.ones(1), covariance)


def kernels(unit: np.ndarray, weights: np.ndarray) -> HeavyTailed:
    """Around particles (n, K) with weights (n,): follows a ridge that bends (population Monte Carlo: Cappe et al.
    2004)."""
    centred = unit - weights @ unit
    covariance = (weights[:, None] * centred).T @ centred
    return HeavyTailed(unit, weights, _KERNEL * covariance)


def regression_update(unit: np.ndarray, residual: np.ndarray, weights: np.ndarray, inflation: float, seed: int
                      ) -> HeavyTailed:
    """Where the posterior lies, by what a regression of parameters on summaries of their logs says, and its errors.

    Summaries are projections of residuals on the directions in which the parameters move them; each gets noise as the
    log has it. The regression's errors hold that noise and whatever is not linear, so the normal distribution is wide
    where the ensemble is, and tight where it has drawn together (regression adjustment: Beaumont et al. 2002).

    Args:
        unit: Particles, (n, K).
        residual: In the noise's standard deviations, finite, (n, N).
        weights: Of sum 1, (n,).
        inflation: See ``likelihood``.
        seed: Of the noise.
    """
    n, size = unit.shape
    root = np.sqrt(weights)[:, None]
    centre, level = weights @ unit, weights @ residual
    x, y = root * (unit - centre), root * (residual - level)
    slope = np.linalg.lstsq(x, y, rcond=1e-6)[0]  # (K, N)
    unexplained = ((y - x @ slope) ** 2).sum(axis=0)
    basis = np.linalg.qr((slope / (inflation + unexplained)).T)[0]
    told = residual @ basis + np.sqrt(inflation) * rng.normal(seed, np.arange(n), n, "inference", size)
    features = np.column_stack([np.ones(n), told])
    fit = np.linalg.lstsq(root * features, root * unit, rcond=1e-9)[0]
    error = unit - features @ fit  # the log's own summaries are zero, so its estimate is the constant
    effective = 1.0 / (weights**2).sum()
    covariance = (weights[:, None] * error).T @ error * effective / max(effective - size - 1.0, 1.0)
    return around(fit[0], _WIDER * covariance)
