"""How the ranges grow as training goes on."""

from __future__ import annotations

from dataclasses import dataclass

from sim2real.errors import RandomizationError


@dataclass(frozen=True)
class RangeCurriculum:
    """Share of the full ranges over training's progress: constant, then linear, then full.

    Attributes:
        start: Share of the ranges at first, in [0, 1].
        begin, end: Progress, in [0, 1], at which they begin to grow and at which they are full.
    """

    start: float = 0.0
    begin: float = 0.0
    end: float = 0.5

    def __post_init__(self) -> None:
        if not (0.0 <= self.start <= 1.0 and 0.0 <= self.begin <= self.end <= 1.0):
            raise RandomizationError(f"a curriculum needs 0 <= start <= 1 and 0 <= begin <= end <= 1, got start "
                                     f"{self.start:g}, begin {self.begin:g}, end {self.end:g}")

    def factor(self, progress: float) -> float:
        """Share of the ranges at ``progress`` in [0, 1] of training, for ``Sampler.set_scale``."""
        if progress >= self.end:
            return 1.0
        if progress <= self.begin:
            return self.start
        return self.start + (1.0 - self.start) * (progress - self.begin) / (self.end - self.begin)
