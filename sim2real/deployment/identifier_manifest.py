"""What an identifier says of itself: what it sees, what the policy gets of it, and which parameters it estimates."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field, field_validator, model_validator

from sim2real.deployment.sealed import Finite, Section
from sim2real.deployment.terms_manifest import ObservationSection
from sim2real.tasks.dynamics import EFFORT

PRIOR_DEVIATION = 3.0**-0.5  # in unit coordinates, of what was drawn from the whole range
LEVEL, QUANTILE = 0.9, 1.6449  # of intervals, and their half width in standard deviations of a normal distribution
MAX_MEMORY, MAX_CONTEXT, MAX_PARAMETERS = 65_536, 256, 64


class EstimateSection(Section):
    """One estimated parameter, in *unit coordinates*: -1 and 1 are the ends of the range that training drew it from.

    Attributes:
        name, unit: Of the vocabulary.
        low, high: Ends of training's range.
        log: Whether the coordinate is linear in the logarithm, as it is where training drew log-uniformly.
    """

    name: str = Field(max_length=200)
    unit: str = Field(max_length=40)
    low: Finite
    high: Finite
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self):
        if not self.low < self.high or self.log and self.low <= 0.0:
            raise ValueError(f"{self.name}: expected low below high{', both over 0' if self.log else ''}, got "
                             f"{self.low:g} and {self.high:g}")
        return self

    def to_unit(self, value: np.ndarray) -> np.ndarray:
        """Values [unit] of any shape as coordinates."""
        low, high, value = (np.log(x) if self.log else np.asarray(x, float) for x in (self.low, self.high, value))
        return (2.0 * value - low - high) / (high - low)

    def from_unit(self, coordinate: np.ndarray) -> np.ndarray:
        """Coordinates of any shape as values [unit]."""
        low, high = (np.log(x) if self.log else x for x in (self.low, self.high))
        value = 0.5 * (low + high + np.asarray(coordinate, float) * (high - low))
        return np.exp(value) if self.log else value


class IdentifierSection(Section):
    """One identifier.

    Attributes:
        inputs: Its features: the terms of ``Task.dynamics_terms``.
        memory: Numbers that it keeps from one step to the next.
        context: Columns that the policy gets of it, after its observation; 0: the policy does not listen.
        parameters: What it estimates, in its order; none where the context is a latent.
        training: What is worth knowing of where it comes from: method, data, errors.
    """

    inputs: ObservationSection
    memory: Annotated[int, Field(ge=1, le=MAX_MEMORY)]
    context: Annotated[int, Field(ge=0, le=MAX_CONTEXT)]
    parameters: list[EstimateSection] = Field(default=[], max_length=MAX_PARAMETERS)
    training: dict[str, Any] = {}

    @field_validator("parameters")
    @classmethod
    def _each_once(cls, parameters: list[EstimateSection]) -> list[EstimateSection]:
        names = [p.name for p in parameters]
        if len(set(names)) < len(names):
            raise ValueError(f"each parameter once, got {', '.join(names)}")
        return parameters

    @model_validator(mode="after")
    def _of_use(self):
        if not self.context and not self.parameters:
            raise ValueError("expected a context for the policy, parameters that are estimated, or both; got neither")
        return self

    @property
    def sees_effort(self) -> bool:
        """Whether it looks at the efforts of joints, and so needs a driver that reports them."""
        return any(term.name == EFFORT for term in self.inputs.terms)

    @property
    def names(self) -> list[str]:
        return [p.name for p in self.parameters]
