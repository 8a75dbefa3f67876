"""Wider ranges for what an identifier does not estimate, lest it be too sure of itself on a robot outside them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection

from sim2real.parameters import Parameter, ParameterSpace
from sim2real.randomization import RandomizationPlan
from sim2real.randomization.distributions import Distribution, LogUniform, Uniform
from sim2real.randomization.terms import Term

# in training: 15 % further at each end. When intervals are calibrated: 50 %, because a robot is further from all
# simulations than these are from each other
FACTOR, CALIBRATION_FACTOR = 1.3, 2.0
# Any loop on a computer is uneven, which a plan does not say: up to a twin's worst at a factor of 1.6. Without it an
# identifier takes the dead time for a number that it can tell to the millisecond.
_JITTER, _JITTERY = "control_jitter", 0.6


def widened(plan: RandomizationPlan, space: ParameterSpace, keep: Collection[str], factor: float = FACTOR
            ) -> RandomizationPlan:
    """The plan with the ranges that hold for a whole episode ``factor`` times as wide, as far as is physical.

    Commands that come unevenly are added where the plan has none. Ranges in ``keep`` stay: unit coordinates are told by
    their ends.
    """
    terms: list[Term] = []
    for column in plan.resolve(space):
        term, p = dataclasses.replace(column.term, parameter=column.parameter.name), column.parameter
        if p.name not in keep and term.when == "episode":
            term = dataclasses.replace(term, distribution=_wider(term.distribution, p, factor))
        terms.append(term)
    if all(term.parameter != _JITTER for term in terms):
        terms.append(Term(_JITTER, Uniform(0.0, (factor - 1.0) / _JITTERY * space[_JITTER].twin_high)))
    return dataclasses.replace(plan, terms=tuple(terms))


def _wider(distribution: Distribution, p: Parameter, factor: float) -> Distribution:
    if not isinstance(distribution, (Uniform, LogUniform)):
        return distribution
    low, high = distribution.support
    middle = math.sqrt(low * high) if isinstance(distribution, LogUniform) else (low + high) / 2
    low, high = distribution.scaled(middle, factor).support
    return type(distribution)(max(low, p.physical_low), min(high, p.physical_high))
