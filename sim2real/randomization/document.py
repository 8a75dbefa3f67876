"""Plans as plain data and YAML: reading says what is wrong in one line with the term's name, writing loses nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import yaml

from sim2real.errors import RandomizationError, unknown
from sim2real.randomization.correlations import Pairs
from sim2real.randomization.distributions import KINDS, Choice, Constant, Distribution, Quantiles
from sim2real.randomization.terms import Interval, Term, check_interval
from sim2real.yaml_text import load_yaml

LEVELS = ("training", "twin")
_OPTIONS = ("when", "group", "anticorrelated")


class Parts(NamedTuple):
    """What stands in a document."""

    terms: tuple[Term, ...]
    intervals: dict[str, Interval]
    base: str | None
    without: tuple[str, ...]
    correlations: dict[tuple[str, str], float]


def read_yaml(text: str) -> object:
    """The data in ``text``."""
    try:
        return load_yaml(text)
    except yaml.YAMLError as error:
        raise RandomizationError(f"not valid YAML: {' '.join(str(error).split())}") from error


def write_yaml(data: dict) -> str:
    """YAML text of ``dump``'s mapping, one term a line."""
    lines = []
    for section, entries in data.items():
        lines.append(f"{section}:" if entries else f"{section}: {{}}")
        for name, entry in entries.items():
            value = yaml.safe_dump(entry, default_flow_style=True, width=float("inf"), sort_keys=False).strip()
            lines.append(f"  {yaml.safe_dump(name).splitlines()[0]}: {value}")
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------------- writing
def dump(terms: Iterable[Term], intervals: Mapping[str, Interval], correlations: Pairs | None = None) -> dict:
    """Plain mappings and lists of a plan."""
    data: dict[str, dict] = {"intervals": {}, "terms": {}}
    for name, interval in intervals.items():
        data["intervals"][name] = {"gap": list(interval.gap), "duration": list(interval.duration)}
    for term in terms:
        entry = _dump_term(term)
        if term.parameter not in data["terms"]:
            data["terms"][term.parameter] = entry
            continue
        first = data["terms"][term.parameter]
        data["terms"][term.parameter] = [*(first if isinstance(first, list) else [first]), entry]
    for (a, b), value in (correlations or {}).items():
        data.setdefault("correlations", {}).setdefault(a, {})[b] = value
    return data


def _dump_term(term: Term) -> dict:
    distribution = term.distribution
    numbers = dataclasses.asdict(distribution)
    if isinstance(distribution, Constant):
        content: object = distribution.value
    elif isinstance(distribution, Quantiles):
        content = list(distribution.values)
    elif isinstance(distribution, Choice):
        content = list(distribution.values)
        if distribution.weights is not None:
            content = {"values": content, "weights": list(distribution.weights)}
    else:
        content = list(numbers.values()) if len(numbers) == 2 else numbers
    entry: dict = {distribution.kind: content}
    if term.when != "episode":
        entry["when"] = term.when
    if term.group is not None:
        entry["group"] = term.group
    if term.anticorrelated:
        entry["anticorrelated"] = True
    return entry


# ---------------------------------------------------------------------- reading
def parse(data: object) -> Parts:
    """Terms and intervals of plain data.

    Raises:
        RandomizationError: One line with the term, what was expected and what came.
    """
    if data is None:
        data = {}
    data = _mapping("the plan", data, "with terms, and if need be intervals, correlations, base and without")
    _known("the plan", "key", data, ("terms", "intervals", "correlations", "base", "without"))
    base = data.get("base")
    if base is not None and base not in LEVELS:
        raise RandomizationError(f"base: {unknown('level', base, LEVELS)}")
    without = data.get("without") or []
    if not isinstance(without, list) or not all(isinstance(name, str) for name in without):
        raise RandomizationError(f"without: expected a list of parameter names, got {without!r}")
    intervals = {}
    for name, entry in _mapping("intervals", data.get("intervals") or {}, "of name: {gap, duration}").items():
        intervals[str(name)] = _interval(str(name), entry)
    terms = []
    for name, entry in _mapping("terms", data.get("terms") or {}, "of parameter: {distribution: numbers}").items():
        for one in entry if isinstance(entry, list) and entry else [entry]:
            terms.append(_term(str(name), one))
    correlations = {}
    for a, row in _mapping("correlations", data.get("correlations") or {}, "of parameter: {parameter: number}").items():
        for b, value in _mapping(f"correlations of {a}", row, "such as {payload_mass: -0.5}").items():
            correlations[str(a), str(b)] = _number(f"correlation of {a} and {b}", value, "a number")
    return Parts(tuple(terms), intervals, base, tuple(without), correlations)


def _interval(name: str, entry: object) -> Interval:
    where = f"interval {name}"
    if name in ("episode", "step"):
        raise RandomizationError(f"{where}: the name is taken by when: {name}; choose another")
    entry = _mapping(where, entry, "such as {gap: [2, 5], duration: [0.1, 0.3]}")
    _known(where, "key", entry, ("gap", "duration"))
    times = {}
    for what in ("gap", "duration"):
        if what not in entry:
            raise RandomizationError(f"{where}: {what} is missing; give [low, high] in seconds")
        times[what] = _numbers(f"{where}, {what}", entry[what], 2)
    interval = Interval(**times)
    check_interval(name, interval)
    return interval


def _term(name: str, entry: object) -> Term:
    where = f"term {name}"
    if not isinstance(entry, dict):
        return Term(name, Constant(_number(where, entry, "a distribution such as {uniform: [0, 1]}, or a number")))
    kinds = [key for key in entry if key in KINDS]
    _known(where, "distribution or key", entry, (*KINDS, *_OPTIONS))
    if len(kinds) != 1:
        raise RandomizationError(f"{where}: expected one distribution of {', '.join(KINDS)}; got "
                                 f"{' and '.join(kinds) or 'none'}")
    when, group, anti = entry.get("when", "episode"), entry.get("group"), entry.get("anticorrelated", False)
    if not isinstance(when, str) or not isinstance(group, str | None) or not isinstance(anti, bool):
        raise RandomizationError(f"{where}: when and group are names and anticorrelated is true or false, got "
                                 f"when: {when!r}, group: {group!r}, anticorrelated: {anti!r}")
    if anti and group is None:
        raise RandomizationError(f"{where}: anticorrelated needs a group; name the group it belongs to")
    distribution = _distribution(where, kinds[0], entry[kinds[0]])
    try:
        distribution.validate()
    except RandomizationError as error:
        raise RandomizationError(f"{where}: {error}") from None
    return Term(name, distribution, when, group, anti)


def _distribution(where: str, kind: str, content: object) -> Distribution:
    if kind == "constant":
        return Constant(_number(where, content, "a number"))
    if kind == "quantiles":
        return Quantiles(_numbers(f"{where}, quantiles", content))
    if kind == "choice":
        if not isinstance(content, dict):
            return Choice(_numbers(f"{where}, choice", content))
        _known(where, "key of choice", content, ("values", "weights"))
        weights = content.get("weights")
        return Choice(_numbers(f"{where}, values", content.get("values")),
                      None if weights is None else _numbers(f"{where}, weights", weights))
    fields = [f.name for f in dataclasses.fields(KINDS[kind])]
    if isinstance(content, dict):
        _known(where, f"key of {kind}", content, fields)
        if missing := [name for name in fields if name not in content]:
            raise RandomizationError(f"{where}: {kind} needs {', '.join(fields)}; add {', '.join(missing)}")
        return KINDS[kind](*(_number(f"{where}, {name}", content[name], "a number") for name in fields))
    return KINDS[kind](*_numbers(f"{where}, {kind} [{', '.join(fields)}]", content, len(fields)))


def _mapping(where: str, data: object, shape: str) -> dict:
    if not isinstance(data, dict):
        raise RandomizationError(f"{where}: expected a mapping {shape}, got {data!r}")
    return data


def _known(where: str, kind: str, data: Mapping, known: Iterable[str]) -> None:
    known = tuple(known)
    for key in data:
        if key not in known:
            raise RandomizationError(f"{where}: {unknown(kind, key, known)}")


def _numbers(where: str, content: object, count: int | None = None) -> tuple[float, ...]:
    if not isinstance(content, list | tuple) or (count is not None and len(content) != count):
        expected = "a list of numbers" if count is None else f"a list of {count} numbers"
        raise RandomizationError(f"{where}: expected {expected}, got {content!r}")
    return tuple(_number(where, x, "numbers") for x in content)


def _number(where: str, content: object, expected: str) -> float:
    # YAML 1.1 reads 1e-3 (without a point) as text
    if isinstance(content, str):
        try:
            return float(content)
        except ValueError:
            raise RandomizationError(f"{where}: expected {expected} in SI units, got {content!r}") from None
    if isinstance(content, bool) or not isinstance(content, int | float):
        raise RandomizationError(f"{where}: expected {expected}, got {content!r}")
    try:
        return float(content)
    except OverflowError:
        raise RandomizationError(f"{where}: expected {expected}, got one of {len(str(content))} digits") from None
