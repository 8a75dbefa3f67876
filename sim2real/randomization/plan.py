"""What varies, how and when: a ``RandomizationPlan`` is data, written in Python or YAML.

    intervals:
      push: {gap: [2, 5], duration: [0.1, 0.3]}                     # seconds between onsets, and how long
    terms:
      payload_mass: {uniform: [0, 3]}                               # once per episode
      joint_damping_scale.*: {log_uniform: [0.5, 2], group: wear}   # every joint, the same draw
      external_force_x: {uniform: [-10, 10], when: push}
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from sim2real.errors import ParameterError, RandomizationError, unknown
from sim2real.parameters import CORRELATED, Parameter, ParameterSpace
from sim2real.randomization import document
from sim2real.randomization.correlations import Copula, Pairs, check_pairs
from sim2real.randomization.distributions import Constant, LogUniform, Uniform
from sim2real.randomization.terms import Interval, Term, check_interval

LEVELS = document.LEVELS
PUSH, GUST = "push", "gust"


@dataclass(frozen=True)
class Column:
    """One term for one parameter of one robot: what ``RandomizationPlan.resolve`` yields."""

    parameter: Parameter
    index: int
    term: Term


@dataclass(frozen=True)
class RandomizationPlan:
    """All terms, the intervals that they name, and correlations between parameters that are drawn per episode."""

    terms: tuple[Term, ...] = ()
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    correlations: Pairs = field(default_factory=dict)

    # ------------------------------------------------------------------ making one
    @classmethod
    def default(cls, space: ParameterSpace, level: str = "training",
                defects: Sequence[str] | None = None) -> RandomizationPlan:
        """Everything that may vary, over the vocabulary's ranges.

        Args:
            space: The vocabulary of a robot.
            level: "training" (never a defect) or "twin" (wider ranges, and defects).
            defects: Names of the defects a twin may have; None is all of them, () none.
        """
        if level not in LEVELS:
            raise RandomizationError(unknown("level", level, LEVELS))
        known = [p.name for p in space.parameters if p.role == "defect"]
        for name in defects or ():
            if name not in known:
                raise RandomizationError(unknown("defect", name, known))
        chosen = () if level == "training" else known if defects is None else defects
        groups = {name: group for group, names in CORRELATED.items() if all(n in space for n in names)
                  for name in names}
        terms = []
        for p in space.parameters:
            low, high = (p.low, p.high) if level == "training" else (p.twin_low, p.twin_high)
            if low == high == p.nominal or (p.role == "defect" and p.name not in chosen):
                continue
            kind = LogUniform if p.distribution == "log_uniform" else Uniform
            distribution = Constant(low) if low == high else kind(low, high)
            when = "episode" if p.role != "disturbance" else GUST if p.name.startswith("wind") else PUSH
            terms.append(Term(p.name, distribution, when, group=groups.get(p.name)))
        used = {t.when for t in terms}
        # pushes: a nudge by a hand or a cable; gusts: seconds, as the short end of the Dryden model's time scales
        standard = {PUSH: Interval((2.0, 5.0), (0.1, 0.3)), GUST: Interval((2.0, 4.0), (0.5, 2.0))}
        return cls(tuple(terms), {name: i for name, i in standard.items() if name in used})

    @classmethod
    def from_dict(cls, data: object, space: ParameterSpace | None = None) -> RandomizationPlan:
        """The plan of ``as_dict``'s mapping; ``base: training`` or ``base: twin`` starts from a default of ``space``.

        Raises:
            RandomizationError: What is wrong, with the term and the fix.
        """
        parts = document.parse(data)
        plan = cls(parts.terms, parts.intervals, parts.correlations)
        if parts.base is None:
            return plan.without(*parts.without) if parts.without else plan
        if space is None:
            raise RandomizationError(f"base: {parts.base} needs the robot's parameters; give from_dict the space")
        base = cls.default(space, parts.base).without(*parts.without)
        return base.extended(*plan.terms, intervals=plan.intervals, correlations=plan.correlations)

    @classmethod
    def from_yaml(cls, text: str, space: ParameterSpace | None = None) -> RandomizationPlan:
        """The plan written in YAML text."""
        return cls.from_dict(document.read_yaml(text), space)

    @classmethod
    def load(cls, path: str | Path, space: ParameterSpace | None = None) -> RandomizationPlan:
        """The plan in a YAML file; messages begin with its path."""
        try:
            return cls.from_yaml(Path(path).read_text(encoding="utf-8"), space)
        except OSError as error:
            raise RandomizationError(f"cannot read the plan {path}: {error.strerror or error}") from error
        except (RandomizationError, UnicodeDecodeError) as error:
            raise RandomizationError(f"{path}: {error}") from error

    def as_dict(self) -> dict:
        """Plain data from which ``from_dict`` makes an equal plan."""
        return document.dump(self.terms, self.intervals, self.correlations)

    def to_yaml(self) -> str:
        """YAML text from which ``from_yaml`` makes an equal plan."""
        return document.write_yaml(self.as_dict())

    # ------------------------------------------------------------------ changing one
    def without(self, *patterns: str) -> RandomizationPlan:
        """The plan less the terms that these names or patterns name; those parameters stay nominal."""
        self._must_match(patterns)
        return self._keep(t for t in self.terms if not _matches(t.parameter, patterns))

    def restricted(self, patterns: Iterable[str]) -> RandomizationPlan:
        """Only the terms that these names or patterns name; everything else stays nominal."""
        patterns = tuple(patterns)
        self._must_match(patterns)
        return self._keep(t for t in self.terms if _matches(t.parameter, patterns))

    def fixed(self, values: Mapping[str, float]) -> RandomizationPlan:
        """The plan with these parameters, by exact name, always at these values."""
        return self.extended(*(Term(name, Constant(float(v))) for name, v in values.items()))

    def extended(self, *terms: Term, intervals: Mapping[str, Interval] | None = None,
                 correlations: Pairs | None = None) -> RandomizationPlan:
        """The plan with ``terms`` and ``correlations`` instead of what it had under the same names."""
        names = {t.parameter for t in terms}
        rest = self._keep(t for t in self.terms if t.parameter not in names)
        return dataclasses.replace(rest, terms=(*rest.terms, *terms), intervals={**self.intervals, **(intervals or {})},
                                   correlations={**rest.correlations, **(correlations or {})})

    def expanded(self, space: ParameterSpace) -> RandomizationPlan:
        """The same plan with every pattern replaced by the names it stands for."""
        return self._keep(dataclasses.replace(c.term, parameter=c.parameter.name) for c in self.resolve(space))

    def scaled(self, factor: float, space: ParameterSpace) -> RandomizationPlan:
        """Every range shrunk to ``factor`` in [0, 1] of itself about nominal (0: all nominal, 1: as it is)."""
        if not 0.0 <= factor <= 1.0:
            raise RandomizationError(f"expected a factor in [0, 1] for the ranges, got {factor!r}")
        if factor == 1.0:
            return self
        terms = []
        for column in self.resolve(space):
            name, distribution = column.parameter.name, column.term.distribution
            try:
                shrunk = distribution.scaled(column.parameter.nominal, factor)
            except RandomizationError as error:
                raise RandomizationError(f"term {name}: {error}") from None
            terms.append(dataclasses.replace(column.term, parameter=name, distribution=shrunk))
        return self._keep(terms)

    def _keep(self, terms: Iterable[Term]) -> RandomizationPlan:
        terms = tuple(terms)
        names = [t.parameter for t in terms]
        left = {pair: r for pair, r in self.correlations.items() if all(_matches(name, names) for name in pair)}
        return dataclasses.replace(self, terms=terms, correlations=left)

    def _must_match(self, patterns: Iterable[str]) -> None:
        names = list(dict.fromkeys(t.parameter for t in self.terms))
        for pattern in patterns:
            if any(_matches(name, (pattern,)) for name in names):
                continue
            if cover := [t.parameter for t in self.terms if t.is_pattern and fnmatchcase(pattern, t.parameter)]:
                raise RandomizationError(f"{pattern!r} is part of the term {cover[0]!r}; call expanded(space) first")
            raise RandomizationError(unknown("term of the plan", pattern, names))

    # ------------------------------------------------------------------ using one
    def resolve(self, space: ParameterSpace) -> tuple[Column, ...]:
        """Every term for every parameter it names in ``space``, in the order of the columns.

        Raises:
            RandomizationError: A term that cannot be carried out, with its name and the fix.
        """
        named = {t.parameter for t in self.terms if t.parameter in space}
        columns: dict[tuple[int, str], Column] = {}
        for term in self.terms:
            for p in self._parameters(term, space):
                if p.name in named and p.name != term.parameter:
                    continue
                key = (space.column(p.name), term.when)
                if key in columns:
                    raise RandomizationError(f"term {term.parameter}: {p.name} already varies per {term.when} by term "
                                             f"{columns[key].term.parameter}; name it once, or by its exact name")
                within = [c.term.when for c in columns.values() if c.index == key[0] and c.term.when != "episode"]
                if within and term.when != "episode":
                    raise RandomizationError(f"term {term.parameter}: {p.name} already changes within an episode "
                                             f"(when: {within[0]}); keep one of the two")
                self._check(term, p, space)
                columns[key] = Column(p, key[0], term)
        found = tuple(columns[key] for key in sorted(columns))
        if self.correlations:
            drawn = [c for c in found if c.term.when == "episode"]
            names = [c.parameter.name for c in drawn]
            check_pairs(self.correlations, names, [c.parameter.name for c in drawn if c.term.group])
            Copula(self.correlations, names)
        return found

    def ranges(self, space: ParameterSpace) -> dict[str, dict]:
        """Range of every parameter that varies: name -> low, high, distribution, when (the bundle's manifest)."""
        out: dict[str, dict] = {}
        for c in self.resolve(space):
            low, high = c.term.distribution.support
            row = out.setdefault(c.parameter.name, {"low": low, "high": high, "unit": c.parameter.unit,
                                                    "distribution": c.term.distribution.kind, "when": c.term.when})
            row["low"], row["high"] = min(row["low"], low), max(row["high"], high)
        return out

    def _parameters(self, term: Term, space: ParameterSpace) -> list[Parameter]:
        """What a term's name or pattern stands for."""
        if term.parameter in space:
            return [space[term.parameter]]
        hits = [p for p in space.parameters if term.is_pattern and fnmatchcase(p.name, term.parameter)]
        if not hits:
            kind = "parameter that the pattern matches:" if term.is_pattern else "parameter"
            raise RandomizationError(f"term {term.parameter}: {unknown(kind, term.parameter, space.names)}")
        return hits

    def _check(self, term: Term, p: Parameter, space: ParameterSpace) -> None:
        where = f"term {term.parameter}" + (f" ({p.name})" if term.is_pattern else "")
        try:
            term.distribution.validate()
            for bound in term.distribution.support:
                space.check(p.name, bound)
        except (RandomizationError, ParameterError) as error:
            raise RandomizationError(f"{where}: {error}") from None
        if term.when == "episode":
            return
        if not p.live:
            live = ", ".join(dict.fromkeys(re.sub(r"\..*", ".*", q.name) for q in space.parameters if q.live))
            raise RandomizationError(f"{where}: {p.name} cannot change within an episode (when: {term.when}); "
                                     f"use when: episode, or one of: {live}")
        if term.when != "step":
            if term.when not in self.intervals:
                raise RandomizationError(f"{where}: {unknown('when', term.when, ['episode', 'step', *self.intervals])}")
            check_interval(term.when, self.intervals[term.when])


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(name == p or fnmatchcase(name, p) for p in patterns)
