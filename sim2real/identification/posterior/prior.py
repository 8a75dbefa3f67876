"""What is believed of parameters before a log is seen: uniform, or log-uniform, between two bounds.

Inference works in *unit coordinates*: the uniform number in [0, 1] whose quantile a value is. There the prior is flat,
ratios are differences where the vocabulary says log-uniform, and no parameter is larger than another for its unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sim2real import rng
from sim2real.errors import ParameterError
from sim2real.parameters import ParameterSpace


class Predictor(Protocol):
    """What inference asks of a problem (``sim2real.identification.offline.problem.Problem``).

    Attributes:
        names: Parameters, (K,).
        low, high: Their bounds, in the vocabulary's units, (K,).
        log: Whether each is log-uniform between them, (K,) bool.
        measured: What was measured, (N,).
        sigma: Standard deviation of its noise, (N,).
    """

    names: Sequence[str]
    low: np.ndarray
    high: np.ndarray
    log: np.ndarray
    measured: np.ndarray
    sigma: np.ndarray

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Predicted measurements (n, N) of parameter values (n, K); NaN where the simulation is unstable."""


@dataclass(frozen=True)
class Prior:
    """Independent uniform and log-uniform parameters.

    Attributes:
        names: (K,).
        low, high: Bounds in the vocabulary's units, (K,).
        log: Which are log-uniform, (K,) bool.
    """

    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    log: np.ndarray

    def __post_init__(self) -> None:
        for name, low, high, log in zip(self.names, self.low, self.high, self.log, strict=True):
            if not (np.isfinite([low, high]).all() and low < high):
                raise ParameterError(f"prior of {name}: expected low < high, got [{low:g}, {high:g}]; widen it, or "
                                     "leave the parameter out")
            if log and low <= 0.0:
                raise ParameterError(f"prior of {name}: log-uniform needs low > 0, got {low:g}; raise it")

    @classmethod
    def of(cls, problem: Predictor) -> Prior:
        """The prior between a problem's bounds."""
        return cls(tuple(problem.names), np.array(problem.low, float), np.array(problem.high, float),
                   np.array(problem.log, bool))

    @classmethod
    def of_space(cls, space: ParameterSpace, names: Sequence[str]) -> Prior:
        """The vocabulary's twin ranges: wider than training's, so that a robot may lie outside of those."""
        rows = [space[name] for name in names]
        return cls(tuple(names), np.array([p.twin_low for p in rows]), np.array([p.twin_high for p in rows]),
                   np.array([p.distribution == "log_uniform" for p in rows]))

    def __len__(self) -> int:
        return len(self.names)

    def to_unit(self, values: np.ndarray) -> np.ndarray:
        """Unit coordinates of values (..., K)."""
        low, high = self._ends
        return (np.where(self.log, np.log(np.where(self.log, values, 1.0)), values) - low) / (high - low)

    def from_unit(self, unit: np.ndarray) -> np.ndarray:
        """Values of unit coordinates (..., K), inside the bounds to the last bit."""
        low, high = self._ends
        x = low + np.asarray(unit) * (high - low)
        return np.clip(np.where(self.log, np.exp(np.where(self.log, x, 0.0)), x), self.low, self.high)

    def sample(self, n: int, seed: int) -> np.ndarray:
        """Values (n, K)."""
        return self.from_unit(rng.uniform(seed, np.arange(n), 0, "inference", len(self)))

    @property
    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        safe = np.where(self.log, self.low, 1.0), np.where(self.log, self.high, 1.0)
        return np.where(self.log, np.log(safe[0]), self.low), np.where(self.log, np.log(safe[1]), self.high)
