"""What else may differ between simulation and robot: parameters that are not asked for, integrated out.

A robot is not nominal in what nobody asks for: its links' masses, the spread of its joints, age of its samples, play,
stiction. Their effect on a log goes on from sample to sample and looks like that of the parameters asked for (all
masses heavier by a tenth look like all gains weaker by a tenth), so it cannot be read off residuals. With v of them,
drawn from their own ranges, residuals are to first order

    r(p, v) = r(p) + G v + e,   v ~ N(0, 1),   e ~ N(0, c 1)   =>   r(p) ~ N(0, c 1 + G G^T)

the errors-in-variables form of model discrepancy (Kennedy and O'Hagan 2001; Brynjarsdottir and O'Hagan 2014: a
discrepancy without knowledge of its shape leaves estimates biased and too sure; here the vocabulary knows its shape).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_LEAST = 1e-9  # of the largest variance: a direction below it is rounding


@dataclass(frozen=True)
class Discrepancy:
    """The directions G in which residuals may differ, as singular vectors.

    Attributes:
        basis: Orthonormal, (N, M).
        variance: Along each, in the noise's variances, (M,).
    """

    basis: np.ndarray
    variance: np.ndarray

    @classmethod
    def none(cls, samples: int) -> Discrepancy:
        """Of a simulation that differs in nothing else, N = ``samples``."""
        return cls(np.zeros((samples, 0)), np.zeros(0))

    @classmethod
    def of(cls, columns: np.ndarray) -> Discrepancy:
        """Of what one standard deviation of each of M parameters does to residuals, (M, N)."""
        values, vectors = np.linalg.eigh(columns @ columns.T)
        kept = values > _LEAST * max(float(values[-1]), 1e-300)
        return cls((columns.T @ vectors[:, kept]) / np.sqrt(values[kept]), values[kept])

    def project(self, residual: np.ndarray) -> np.ndarray:
        """Of residuals (n, N) along the directions, (n, M)."""
        return residual @ self.basis

    def explained(self, projected: np.ndarray, noise: float) -> np.ndarray:
        """By how much the sum of squares of residuals is less once whitened, of ``project``'s (n, M), (n,)."""
        return projected**2 @ (self.variance / (noise + self.variance))

    def whitened(self, residual: np.ndarray, noise: float) -> np.ndarray:
        """Residuals (..., N) of covariance ``noise`` 1 + G G^T, brought to covariance ``noise`` 1."""
        shrink = 1.0 - np.sqrt(noise / (noise + self.variance))
        return residual - (self.project(residual) * shrink) @ self.basis.T
