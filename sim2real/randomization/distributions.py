"""Distributions as data; each maps uniform numbers in (0, 1) to values by its inverse cumulative distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import ClassVar

import numpy as np

from sim2real.errors import RandomizationError
from sim2real.randomization.quantile import normal_quantile


class Distribution:
    """Base class. Frozen dataclasses derive from it; ``kind`` is the name in YAML."""

    kind: ClassVar[str] = ""

    @property
    def support(self) -> tuple[float, float]:
        """Least and greatest value."""
        raise NotImplementedError

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """Values of uniform numbers in (0, 1), any shape."""
        raise NotImplementedError

    def validate(self) -> None:
        """Raise RandomizationError where the numbers make no distribution."""
        raise NotImplementedError

    def scaled(self, center: float, factor: float) -> Distribution:
        """The same shape, its spread about ``center`` times ``factor`` in [0, 1]."""
        raise NotImplementedError


@dataclass(frozen=True)
class Uniform(Distribution):
    """Every value in [low, high] alike."""

    kind = "uniform"
    low: float
    high: float

    @property
    def support(self) -> tuple[float, float]:
        return self.low, self.high

    def quantile(self, u: np.ndarray) -> np.ndarray:
        return self.low + np.asarray(u) * (self.high - self.low)

    def validate(self) -> None:
        _ordered(self, self.low, self.high)

    def scaled(self, center: float, factor: float) -> Uniform:
        return Uniform(center + factor * (self.low - center), center + factor * (self.high - center))


@dataclass(frozen=True)
class LogUniform(Distribution):
    """Every ratio alike: the logarithm is uniform in [log low, log high]."""

    kind = "log_uniform"
    low: float
    high: float

    @property
    def support(self) -> tuple[float, float]:
        return self.low, self.high

    def quantile(self, u: np.ndarray) -> np.ndarray:
        return np.exp(math.log(self.low) + np.asarray(u) * math.log(self.high / self.low))

    def validate(self) -> None:
        _ordered(self, self.low, self.high)
        if self.low <= 0.0:
            raise RandomizationError(f"log_uniform needs low > 0, got [{self.low:g}, {self.high:g}]; raise low, "
                                     "or use uniform")

    def scaled(self, center: float, factor: float) -> LogUniform:
        if center <= 0.0:
            raise RandomizationError(f"log_uniform [{self.low:g}, {self.high:g}] cannot shrink towards {center:g}; "
                                     "use uniform for a parameter whose nominal is not positive")
        return LogUniform(center * (self.low / center) ** factor, center * (self.high / center) ** factor)


@dataclass(frozen=True)
class TruncatedNormal(Distribution):
    """A normal distribution cut off outside [low, high]; the cut-off mass is spread inside."""

    kind = "normal"
    mean: float
    std: float
    low: float
    high: float

    @property
    def support(self) -> tuple[float, float]:
        return self.low, self.high

    def _tails(self) -> tuple[float, float, bool]:
        """Mass below low and below high; mirrored when low lies right of the mean, where 1 - tail loses digits."""
        a, b = (self.low - self.mean) / self.std, (self.high - self.mean) / self.std
        mirrored = a > 0.0
        if mirrored:
            a, b = -b, -a
        return NormalDist().cdf(a), NormalDist().cdf(b), mirrored

    def quantile(self, u: np.ndarray) -> np.ndarray:
        a, b, mirrored = self._tails()
        u = np.asarray(u)
        # F(x) = (Phi(z) - Phi(a)) / (Phi(b) - Phi(a)), solved for z
        z = -normal_quantile(b - u * (b - a)) if mirrored else normal_quantile(a + u * (b - a))
        return np.clip(self.mean + self.std * z, self.low, self.high)

    def validate(self) -> None:
        _finite(self, self.mean, self.std, self.low, self.high)
        _ordered(self, self.low, self.high)
        if self.std <= 0.0:
            raise RandomizationError(f"normal needs std > 0, got {self.std:g}; use constant for no spread")
        below_low, below_high, _ = self._tails()
        if below_high - below_low < 1e-12:
            raise RandomizationError(f"normal with mean {self.mean:g} and std {self.std:g} has nothing inside "
                                     f"[{self.low:g}, {self.high:g}]; move the mean or the bounds")

    def scaled(self, center: float, factor: float) -> Distribution:
        def shrink(x: float) -> float:
            return center + factor * (x - center)
        if factor == 0.0:
            return Constant(center)
        return TruncatedNormal(shrink(self.mean), self.std * factor, shrink(self.low), shrink(self.high))


@dataclass(frozen=True)
class Quantiles(Distribution):
    """A measured distribution: its quantiles at evenly spaced probabilities, least to greatest, straight in between."""

    kind = "quantiles"
    values: tuple[float, ...]

    @property
    def support(self) -> tuple[float, float]:
        return self.values[0], self.values[-1]

    def quantile(self, u: np.ndarray) -> np.ndarray:
        return np.interp(u, np.linspace(0.0, 1.0, len(self.values)), self.values)

    def validate(self) -> None:
        _finite(self, *self.values)
        if len(self.values) < 2 or any(a > b for a, b in zip(self.values, self.values[1:], strict=False)):
            raise RandomizationError(f"quantiles needs at least two values, none below the one before it, got "
                                     f"{len(self.values)} values; sort them")

    def scaled(self, center: float, factor: float) -> Quantiles:
        return Quantiles(tuple(center + factor * (v - center) for v in self.values))


@dataclass(frozen=True)
class Choice(Distribution):
    """One of ``values``, with ``weights`` (all alike without)."""

    kind = "choice"
    values: tuple[float, ...]
    weights: tuple[float, ...] | None = None

    @property
    def support(self) -> tuple[float, float]:
        return min(self.values), max(self.values)

    def quantile(self, u: np.ndarray) -> np.ndarray:
        weights = np.ones(len(self.values)) if self.weights is None else np.asarray(self.weights, float)
        upper = np.cumsum(weights / weights.sum())
        index = np.searchsorted(upper, u, side="right")
        return np.asarray(self.values, float)[np.minimum(index, len(self.values) - 1)]

    def validate(self) -> None:
        if not self.values:
            raise RandomizationError("choice needs at least one value, got none")
        _finite(self, *self.values)
        if self.weights is not None:
            _finite(self, *self.weights)
            if len(self.weights) != len(self.values) or min(self.weights) < 0.0 or sum(self.weights) <= 0.0:
                raise RandomizationError(f"choice needs one weight >= 0 per value and a positive sum, got "
                                         f"{len(self.values)} values and weights {list(self.weights)}")

    def scaled(self, center: float, factor: float) -> Choice:
        return replace(self, values=tuple(center + factor * (v - center) for v in self.values))


@dataclass(frozen=True)
class Constant(Distribution):
    """Always ``value``."""

    kind = "constant"
    value: float

    @property
    def support(self) -> tuple[float, float]:
        return self.value, self.value

    def quantile(self, u: np.ndarray) -> np.ndarray:
        return np.full(np.shape(u), self.value)

    def validate(self) -> None:
        _finite(self, self.value)

    def scaled(self, center: float, factor: float) -> Constant:
        return self


KINDS: dict[str, type[Distribution]] = {
    c.kind: c for c in (Uniform, LogUniform, TruncatedNormal, Quantiles, Choice, Constant)}


def _finite(distribution: Distribution, *numbers: float) -> None:
    if not all(math.isfinite(x) for x in numbers):
        raise RandomizationError(f"{distribution.kind} needs finite numbers, got {list(numbers)}")


def _ordered(distribution: Distribution, low: float, high: float) -> None:
    _finite(distribution, low, high)
    if low > high:
        raise RandomizationError(f"{distribution.kind} needs low <= high, got [{low:g}, {high:g}]; swap them")


class Bank:
    """Distributions side by side: uniform numbers (k, m) to values (k, m), the common kinds in one operation.

    Args:
        distributions: One per column.
    """

    def __init__(self, distributions: Sequence[Distribution]):
        # value = a + b u, its exponential in the logarithmic columns; every other kind is done by itself
        self._offset, self._slope = np.zeros(len(distributions)), np.zeros(len(distributions))
        log, self._others = [], []
        for i, d in enumerate(distributions):
            if isinstance(d, LogUniform):
                log.append(i)
                self._offset[i], self._slope[i] = math.log(d.low), math.log(d.high / d.low)
            elif isinstance(d, Uniform):
                self._offset[i], self._slope[i] = d.low, d.high - d.low
            elif isinstance(d, Constant):
                self._offset[i] = d.value
            else:
                self._others.append((i, d))
        self._log = np.array(log, int)
        self._low, self._high = np.array([d.support for d in distributions]).reshape(-1, 2).T

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """Values of ``u`` (k, m) in (0, 1), inside each distribution's support to the last bit."""
        out = self._offset + u * self._slope
        if len(self._log):
            out[:, self._log] = np.exp(out[:, self._log])
        for i, d in self._others:
            out[:, i] = d.quantile(u[:, i])
        return np.minimum(np.maximum(out, self._low, out=out), self._high, out=out)
