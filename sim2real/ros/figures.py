"""What a deployment run measures of itself, in bounded memory."""

from __future__ import annotations

from collections import deque

import numpy as np

from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.deployment.runner import Decision
from sim2real.ros.timing import Deadlines

_BLOCK = 4096
_OVERLAP = 3  # commands before a block that its third differences need
_KEPT = 100_000  # latencies and latenesses


class Figures:
    """Counts commands and violations, and keeps ages, latencies and latenesses.

    Args:
        limits: Bounds of the commands.
        period: Time between two of them in [s].

    Attributes:
        commands: Commands published.
        worst_age: Largest age of a state that a decision was made from in [s].
        saturated, clipped: Decisions of actions outside [-1, 1], and those changed by the safety filter.
        deadlines: Of the running loop, for its skipped ticks.
    """

    def __init__(self, limits: CommandLimits, period: float):
        self._limits, self._period = limits, period
        self._block: list[np.ndarray] = []
        self._violations = 0
        self._overlapping = 0
        self._latencies: deque[float] = deque(maxlen=_KEPT)
        self._late: deque[float] = deque(maxlen=_KEPT)
        self.deadlines: Deadlines | None = None
        self.commands = 0
        self.worst_age = 0.0
        self.saturated = 0
        self.clipped = 0

    def command(self, command: np.ndarray) -> None:
        """Take in a published command (C,)."""
        self.commands += 1
        self._block.append(command)
        if len(self._block) >= _BLOCK:
            self._violations += self._count() - self._overlapping
            self._block = self._block[-_OVERLAP:]
            self._overlapping = self._count()

    def decision(self, decision: Decision, latency: float) -> None:
        """Take in a decision of one robot and the time in [s] from looking at its state to its set point."""
        self.worst_age = max(self.worst_age, float(decision.age[0]))
        self._latencies.append(latency)
        self.saturated += int(decision.saturated[0])
        self.clipped += int(decision.clipped[0])

    def late(self, seconds: float) -> None:
        """Take in how late a tick was in [s]."""
        self._late.append(seconds)

    @property
    def violations(self) -> int:
        """Commands outside position, velocity, acceleration or jerk bounds, by finite differences of the stream."""
        return self._violations + self._count() - self._overlapping

    @property
    def skipped(self) -> int:
        """Ticks left out because the work before them took too long."""
        return 0 if self.deadlines is None else self.deadlines.skipped

    def latency_us(self, quantile: float) -> float:
        """A quantile of the time from reading a state to its set point, in [us]."""
        return _quantile(self._latencies, quantile)

    def late_us(self, quantile: float) -> float:
        """A quantile of how late ticks were, in [us]."""
        return _quantile(self._late, quantile)

    def _count(self) -> int:
        return count_violations(np.array(self._block)[:, None], self._limits, self._period) if self._block else 0


def _quantile(seconds: deque[float], quantile: float) -> float:
    """In [us]; a copy is looked at, as the loop goes on."""
    return 1e6 * float(np.quantile(list(seconds), quantile)) if seconds else float("nan")
