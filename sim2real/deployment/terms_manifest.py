"""How a manifest describes what a network sees: the terms of an observation, in order."""

from __future__ import annotations

from collections.abc import Sequence

from sim2real.deployment.sealed import Count, Finite, Positive, Section
from sim2real.errors import BundleError
from sim2real.tasks.observations import ObservationBuilder, Term


class TermSection(Section):
    """One term of the observation, in order; ``clip`` bounds it after scaling."""

    name: str
    size: Count
    scale: Finite
    history: Count
    noise: Finite = 0.0
    clip: Positive


class ObservationSection(Section):
    """A network's input."""

    size: Count
    terms: list[TermSection]

    @classmethod
    def of(cls, terms: Sequence[Term]) -> ObservationSection:
        """The section of these terms."""
        builder = ObservationBuilder(terms, 1)
        return cls(size=builder.size, terms=[TermSection(**row) for row in builder.describe()])

    def check(self, ours: ObservationSection, what: str = "observation") -> None:
        """Raise BundleError where this version of the package has others (``ours``) than these, of training."""
        for a, b in zip(ours.terms, self.terms, strict=False):
            if a.model_dump(exclude={"noise"}) != b.model_dump(exclude={"noise"}):
                raise BundleError(f"{what} term {b.name!r} was trained as {b.model_dump(exclude={'noise', 'name'})}, "
                                  f"this version of sim2real has {a.name!r} {a.model_dump(exclude={'noise', 'name'})}")
        if ours.size != self.size or len(ours.terms) != len(self.terms):
            raise BundleError(f"{what}: trained with {self.size} numbers in {len(self.terms)} terms, this version "
                              f"of sim2real has {ours.size} in {len(ours.terms)}")
