"""A log in few numbers: what changes with the parameters, and where else simulations differ.

Residuals (simulation minus log, in the noise's standard deviations) are projected on orthonormal directions: first the
slopes of a regression on the parameters, each sample weighted by how well it follows them, then the main directions of
what the regression leaves. BayesSim (Ramos, Possas and Fox 2019) takes cross-correlations of states and actions for the
same purpose. Because the directions are orthonormal, noise of the log is white noise of the summary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Summary:
    """Orthonormal directions.

    Attributes:
        basis: (N, d).
    """

    basis: np.ndarray

    @classmethod
    def of(cls, parameters: np.ndarray, residual: np.ndarray, noise: float) -> Summary:
        """The directions of an ensemble.

        Args:
            parameters: (n, K).
            residual: Finite, (n, N).
            noise: Variance of the noise in ``residual``.
        """
        size = parameters.shape[1]
        x, y = parameters - parameters.mean(axis=0), residual - residual.mean(axis=0)
        slope = np.linalg.lstsq(x, y, rcond=1e-6)[0]
        rest = y - x @ slope
        linear = (slope / (noise + (rest**2).mean(axis=0))).T
        linear /= np.maximum(np.linalg.norm(linear, axis=0), 1e-12)
        # the main directions of (n, N) from those of (n, n)
        size_rest = max(0, min(size, len(x) - size - 1, y.shape[1] - size))
        vectors = np.linalg.eigh(rest @ rest.T)[1][:, ::-1][:, :size_rest]
        basis = np.linalg.qr(np.concatenate([linear, rest.T @ vectors], axis=1))[0]
        return cls(basis)

    def __call__(self, residual: np.ndarray) -> np.ndarray:
        """Summaries (n, d) of residuals (n, N)."""
        return residual @ self.basis
