"""What was identified as a randomization plan: identified parameters near their values, all others as by default."""

from __future__ import annotations

from sim2real.identification.offline.estimation import NORMAL_95, Estimate
from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan
from sim2real.randomization.distributions import Constant, TruncatedNormal
from sim2real.randomization.terms import Term


def narrowed_plan(estimate: Estimate, space: ParameterSpace) -> RandomizationPlan:
    """The default plan with a truncated normal over the 95 % interval for each parameter that the data told.

    What they did not tell keeps its range; so do defects and everything that was not asked for.
    """
    terms = []
    for k, name in enumerate(estimate.names):
        if not estimate.identifiable[k]:
            continue
        value, low, high = (float(array[k]) for array in (estimate.value, estimate.low, estimate.high))
        deviation = max(high - value, value - low) / NORMAL_95
        terms.append(Term(name, TruncatedNormal(value, deviation, low, high) if high > low else Constant(value)))
    return RandomizationPlan.default(space).extended(*terms)
