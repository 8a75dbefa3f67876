"""The pieces of a plan: one thing that varies, and when events happen."""

from __future__ import annotations

from dataclasses import dataclass

from sim2real.errors import RandomizationError
from sim2real.randomization.distributions import Distribution


@dataclass(frozen=True)
class Interval:
    """When events happen: pushes, gusts, bursts of latency.

    Attributes:
        gap: Least and greatest time from one onset to the next in [s].
        duration: Least and greatest time that an event lasts in [s].
    """

    gap: tuple[float, float]
    duration: tuple[float, float]


@dataclass(frozen=True)
class Term:
    """One thing that varies.

    Attributes:
        parameter: A parameter's name, or a pattern such as ``joint_damping_scale.*`` or ``wind_[xy]``; a name beats
            a pattern.
        distribution: Where its values come from.
        when: "episode" (drawn at reset), "step" (drawn anew at each control step) or the name of an interval (its
            terms begin and end together, in between they keep the episode's value).
        group: Terms of one group share one uniform number, so their values are ranked alike.
        anticorrelated: Whether this member uses one minus the group's number.
    """

    parameter: str
    distribution: Distribution
    when: str = "episode"
    group: str | None = None
    anticorrelated: bool = False

    @property
    def is_pattern(self) -> bool:
        """Whether ``parameter`` may stand for several."""
        return any(c in self.parameter for c in "*?[")


def check_interval(name: str, interval: Interval) -> None:
    """Raise RandomizationError where the times make no sequence of events."""
    for what in ("gap", "duration"):
        low, high = getattr(interval, what)
        if not 0.0 < low <= high < float("inf"):
            raise RandomizationError(f"interval {name}: {what} needs 0 < low <= high in seconds, got "
                                     f"[{low:g}, {high:g}]")
    if interval.duration[1] > interval.gap[0]:
        raise RandomizationError(f"interval {name}: an event of up to {interval.duration[1]:g} s would meet the next "
                                 f"one, {interval.gap[0]:g} s after it began; raise gap or shorten duration")
