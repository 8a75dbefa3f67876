"""How to train with domain confusion, as data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from sim2real.adaptation.confusion import OBJECTIVES, parse_method
from sim2real.adaptation.networks import ENCODERS
from sim2real.errors import BadInputError, unknown

Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Progress = Callable[[int, int, str], None]
WEIGHTS = MappingProxyType({"dann": 1.0, "confusion": 1.0, "mmd": 3.0, "pairwise": 1.0, "coral": 1000.0, "cdan": 1.0})
BESIDE_MMD = 0.3  # times this, so that adversaries refine what MMD has brought together, not tear at it
_ADVERSARIAL = ("dann", "confusion", "cdan")


@dataclass(frozen=True)
class AlignConfig:
    """How to train.

    Attributes:
        method: Objectives joined by ``+`` (confusion.py), or ``source`` for none.
        encoder: A key of ``networks.ENCODERS``, or ``auto``.
        epochs: Passes over the source.
        batch_size: Images of each domain in a step.
        learning_rate: Adam's highest; it falls to 0 along a cosine.
        weight_decay: Decoupled (AdamW).
        weights: Of objectives by name, beside the task's loss; missing ones as in ``WEIGHTS``, adversarial ones times
            0.3 where mmd is another.
        memory: Share that the moving average of weights keeps at each step.
        held_out: Share of each domain that is not trained on, for the choice of the epoch and the probe; with 0 the
            last epoch is taken.
        seed: Everything random follows from it.

    Raises:
        BadInputError: A value that cannot be.
    """

    method: str = "dann+mmd"
    encoder: str = "auto"
    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    weights: Mapping[str, float] = field(default_factory=dict)
    memory: float = 0.99
    held_out: float = 0.1
    seed: int = 0

    def __post_init__(self):
        parse_method(self.method)
        if self.encoder not in (*ENCODERS, "auto"):
            raise BadInputError(unknown("encoder", self.encoder, [*ENCODERS, "auto"]))
        for name, weight in self.weights.items():
            if name not in OBJECTIVES:
                raise BadInputError(unknown("objective", name, OBJECTIVES))
            if name not in self.objectives:
                raise BadInputError(f"a weight for {name} is given, but the method is {self.method}")
            if not 0.0 < weight < math.inf:
                raise BadInputError(f"expected the weight of {name} above 0, got {weight}")
        if not (self.epochs >= 1 and self.batch_size >= 2):
            raise BadInputError(f"expected at least 1 epoch and 2 images a step, got {self.epochs} and "
                                f"{self.batch_size}")
        if not (0.0 < self.learning_rate <= 1.0 and 0.0 <= self.memory < 1.0 and 0.0 <= self.held_out <= 0.5):
            raise BadInputError("expected learning_rate in (0, 1], memory in [0, 1) and held_out in [0, 0.5], got "
                                f"{self.learning_rate}, {self.memory} and {self.held_out}")

    @property
    def objectives(self) -> tuple[str, ...]:
        """Names of the objectives."""
        return parse_method(self.method)

    def weight(self, name: str) -> float:
        """Of one objective."""
        beside = name in _ADVERSARIAL and "mmd" in self.objectives
        return self.weights.get(name, WEIGHTS[name] * (BESIDE_MMD if beside else 1.0))
