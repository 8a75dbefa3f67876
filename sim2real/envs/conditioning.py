"""True parameters as a part of the policy's observation: what a universal policy is conditioned on in training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2real.deployment.identifier_manifest import EstimateSection
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
        estimates: What an identifier of these parameters says of each.
        columns: Of each in the vocabulary.

    Raises:
        ParameterError: An unknown name, one twice, or one that does not vary in the plan.
    """

    def __init__(self, space: ParameterSpace, plan: RandomizationPlan | None, names: Sequence[str]):
        self.columns = np.array([space.column(name) for name in names], int)
        if len(set(names)) != len(names):
            raise ParameterError(f"identify: expected each parameter once, got {', '.join(names)}")
        ranges = {} if plan is None else plan.ranges(space)
        for name in names:
            if name not in ranges or ranges[name]["low"] == ranges[name]["high"]:
                raise ParameterError(f"identify: {name} does not vary in the randomization plan, so nothing can be "
                                     "learned of it; give it a range there, or leave it out")
        self.estimates = tuple(
            EstimateSection(name=name, unit=space[name].unit, low=ranges[name]["low"], high=ranges[name]["high"],
                            log=ranges[name]["distribution"] == "log_uniform") for name in names)

    def __len__(self) -> int:
        return len(self.estimates)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters, in the order of the columns."""
        return tuple(estimate.name for estimate in self.estimates)

    def unit(self, values: np.ndarray) -> np.ndarray:
        """Unit coordinates (n, K) float32 of all parameter values (n, P)."""
        out = np.empty((len(values), len(self)), np.float32)
        for k, (estimate, column) in enumerate(zip(self.estimates, self.columns, strict=True)):
            out[:, k] = estimate.to_unit(values[:, column])
        return out
