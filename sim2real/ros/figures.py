"""What a deployment run measures of itself, in bounded memory."""

from __future__ import annotations

from collections import deque

import numpy as np

from sim2real.deployment.limits import CommandLimits, count_violations

_BLOCK = 4096
_OVERLAP = 3  # commands before a block that its third differences need
_LATENCIES = 100_000


class Figures:
    """Counts commands and violations, and keeps ages and latencies.

    Attributes:
        commands: Commands published.
        worst_age: Largest age of a state that a command was made from in [s].
        saturated, clipped: Commands of actions outside [-1, 1], and those changed by the safety filter.
    """

    def __init__(self, limits: CommandLimits, period: float):
        self._limits, self._period = limits, period
        self._block: list[np.ndarray] = []
        self._violations = 0
        self._overlapping = 0
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self.commands = 0
        self.worst_age = 0.0
        self.saturated = 0
        self.clipped = 0

    def add(self, command: np.ndarray, age: float, latency: float) -> None:
        """Take in a published command (n, C), its state's age in [s] and the time it took in [s]."""
        self.commands += 1
        self.worst_age = max(self.worst_age, age)
        self._latencies.append(latency)
        self._block.append(command)
        if len(self._block) >= _BLOCK:
            self._violations += self._count() - self._overlapping
            self._block = self._block[-_OVERLAP:]
            self._overlapping = self._count()

    @property
    def violations(self) -> int:
        """Commands outside position, velocity, acceleration or jerk bounds, by finite differences of the stream."""
        return self._violations + self._count() - self._overlapping

    def latency_us(self, quantile: float) -> float:
        """A quantile of the time from reading a state to the command being published, in [us]."""
        return 1e6 * float(np.quantile(self._latencies, quantile)) if self._latencies else float("nan")

    def _count(self) -> int:
        return count_violations(np.array(self._block), self._limits, self._period) if self._block else 0
