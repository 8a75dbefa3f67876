"""Problems whose posteriors are known: linear ones in closed form, and ones that are not linear on a grid."""

from __future__ import annotations

import numpy as np

from sim2real.identification.posterior.prior import Prior


class Linear:
    """y = A u + noise in unit coordinates u; without bounds the posterior is normal.

    Args:
        truth: Unit coordinates of the truth, (K,).
        sigma: Of the noise.
        seed: Of A and of the noise.
        samples: N.
        log: Which parameters are log-uniform; default none.
    """

    def __init__(self, truth, sigma=0.5, seed=0, samples=60, log=None):
        truth = np.asarray(truth, float)
        size = len(truth)
        self.names = tuple(f"p{k}" for k in range(size))
        self.log = np.zeros(size, bool) if log is None else np.asarray(log, bool)
        self.low, self.high = np.where(self.log, 0.5, -1.0), np.where(self.log, 2.0, 3.0)
        self.prior = Prior.of(self)
        random = np.random.default_rng(seed)
        self.matrix = random.normal(size=(samples, size))
        self.sigma = np.full(samples, sigma)
        self.measured = self.matrix @ truth + sigma * random.normal(size=samples)

    def predict(self, values):
        return self.shape(self.prior.to_unit(values)) @ self.matrix.T

    def shape(self, unit):
        return unit

    def exact(self):
        """Mean and covariance of the posterior in unit coordinates, bounds and prior left out."""
        precision = self.matrix.T @ self.matrix / self.sigma[0] ** 2
        return np.linalg.solve(precision, self.matrix.T @ self.measured / self.sigma[0] ** 2), np.linalg.inv(precision)


class Curved(Linear):
    """Only the product of the first two parameters acts, beside a cubic third: a ridge, not an ellipse."""

    def shape(self, unit):
        out = unit.copy()
        out[:, 0] = out[:, 1] = unit[:, 0] * unit[:, 1]
        out[:, 2] = 4.0 * (unit[:, 2] - 0.5) ** 3 + 0.5 * unit[:, 2]
        return out
