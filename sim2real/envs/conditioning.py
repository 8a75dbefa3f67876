"""True parameters as a part of the policy's observation: what a universal policy is conditioned on in training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2real.errors import ParameterError
from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan


class Conditioning:
    """Chosen parameters in *unit coordinates*: -1 and 1 are the ends of the training range, of the logarithm where the
    plan draws so.

    Args:
        space: The vocabulary.
        plan: What training draws from.
        names: Parameters, in the order of the columns.

    Attributes:
        names, columns, low, high, log: One entry per parameter.

    Raises:
        ParameterError: An unknown name, one twice, or one that does not vary in the plan.
    """

    def __init__(self, space: ParameterSpace, plan: RandomizationPlan | None, names: Sequence[str]):
        ranges = {} if plan is None else plan.ranges(space)
        self.names = tuple(names)
        self.columns = np.array([space.column(name) for name in names], int)
        if len(set(names)) != len(names):
            raise ParameterError(f"identify: expected each parameter once, got {', '.join(names)}")
        for name in names:
            if name not in ranges or ranges[name]["low"] == ranges[name]["high"]:
                raise ParameterError(f"identify: {name} does not vary in the randomization plan, so nothing can be "
                                     "learned of it; give it a range there, or leave it out")
        rows = [ranges[name] for name in names]
        self.low, self.high = (np.array([row[end] for row in rows]) for end in ("low", "high"))
        self.log = np.array([row["distribution"] == "log_uniform" for row in rows], bool)
        low, high = self._straight(self.low), self._straight(self.high)
        self._middle, self._half = (low + high) / 2, (high - low) / 2

    def __len__(self) -> int:
        return len(self.names)

    def unit(self, values: np.ndarray) -> np.ndarray:
        """Unit coordinates (n, K) float32 of parameter values (n, P)."""
        return ((self._straight(values[:, self.columns]) - self._middle) / self._half).astype(np.float32)

    def values(self, unit: np.ndarray) -> np.ndarray:
        """Values (..., K) in SI units of unit coordinates (..., K)."""
        straight = self._middle + np.asarray(unit, float) * self._half
        return np.where(self.log, np.exp(np.where(self.log, straight, 0.0)), straight)

    def _straight(self, values: np.ndarray) -> np.ndarray:
        return np.where(self.log, np.log(np.where(self.log, values, 1.0)), values)
