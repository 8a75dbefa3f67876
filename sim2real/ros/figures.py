"""What a deployment run measures of itself, in bounded memory and without holding up the control loop.

The loop only stores numbers. Who wants to know (another thread, a few times a second) counts violations and sorts.
"""

from __future__ import annotations

import threading
from array import array
from collections import deque
from dataclasses import dataclass

import numpy as np

from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.deployment.runner import Decision
from sim2real.ros.timing import Deadlines

_KEPT = 100_000  # values of each series
_OVERLAP = 3  # commands before a block that its third differences need
_MOST = 20_000  # commands that wait to be counted, if nobody asks


class Series:
    """The last values of something measured; one thread adds, any other reads.

    Attributes:
        count: How many have been added.
        largest: Of all of them, NaN where there is none.
    """

    def __init__(self, kept: int = _KEPT):
        self._ring = array("d", bytes(8 * kept))  # storing into it takes 50 ns, into a numpy array three times that
        self._view = np.frombuffer(self._ring)
        self._kept = kept
        self.count = 0
        self.largest = float("nan")

    def add(self, value: float) -> None:
        """Take in a value."""
        self._ring[self.count % self._kept] = value
        self.count += 1
        if not value <= self.largest:  # the first one too
            self.largest = value

    def quantile(self, share: float, last: int = _KEPT) -> float:
        """The value that a ``share`` of the ``last`` ones is not over, NaN where there is none."""
        count = self.count
        number = min(count, last, self._kept)
        if number == 0:
            return float("nan")
        return float(np.quantile(self._view[np.arange(count - number, count) % self._kept], share))


@dataclass(frozen=True)
class _Moved:
    """All commands were moved by ``way`` (C,)."""

    way: np.ndarray


class Figures:
    """Counts commands and violations, and keeps ages, latencies, latenesses and periods.

    Args:
        limits: Bounds of the commands.
        period: Time between two of them in [s].

    Attributes:
        commands: Commands published.
        latency: From looking at a state to its published command, in [s].
        lateness: Of ticks after they were due, in [s].
        periods: Between two published commands, in [s].
        ages: Of the states that decisions were made from, in [s].
        saturated, clipped: Decisions of actions outside [-1, 1], and those changed by the safety filter.
        deadlines: Of the running loop, for its skipped ticks.
    """

    def __init__(self, limits: CommandLimits, period: float):
        self._limits, self._period = limits, period
        self._fresh: deque[np.ndarray | _Moved] = deque()
        self._before: list[np.ndarray] = []  # the last commands that were counted
        self._counting = threading.Lock()
        self._violations = 0
        self._sent = float("nan")
        self.latency, self.lateness, self.periods, self.ages = (Series() for _ in range(4))
        self.deadlines: Deadlines | None = None
        self.commands = 0
        self.saturated = 0
        self.clipped = 0

    def command(self, command: np.ndarray, sent: float) -> None:
        """Take in a command (C,) that was published at ``sent`` [s]."""
        self.commands += 1
        if self.commands > 1:
            self.periods.add(sent - self._sent)
        self._sent = sent
        self._fresh.append(command)
        if len(self._fresh) > _MOST:
            self._count()

    def rebased(self, way: np.ndarray) -> None:
        """The commands have been moved by ``way`` (C,) as a whole, which is no motion."""
        self._fresh.append(_Moved(way))

    def decision(self, decision: Decision, latency: float) -> None:
        """Take in a decision of one robot and the time in [s] from looking at its state to its command."""
        self.ages.add(float(decision.age[0]))
        self.latency.add(latency)
        self.saturated += int(decision.saturated[0])
        self.clipped += int(decision.clipped[0])

    @property
    def violations(self) -> int:
        """Commands outside position, velocity, acceleration or jerk bounds, by finite differences of the stream."""
        self._count()
        return self._violations

    @property
    def skipped(self) -> int:
        """Ticks left out because the work before them took too long."""
        return 0 if self.deadlines is None else self.deadlines.skipped

    def _count(self) -> None:
        """Count the violations of the commands that came since the last time."""
        with self._counting:
            block = [*self._before]
            for _ in range(len(self._fresh)):
                item = self._fresh.popleft()
                if isinstance(item, _Moved):
                    self._take(block)
                    block = self._before = [command + item.way for command in self._before]
                else:
                    block.append(item)
            self._take(block)

    def _take(self, block: list[np.ndarray]) -> None:
        """Count those of a ``block`` that begins with the commands that were counted."""
        self._violations += self._violations_of(block) - self._violations_of(self._before)
        self._before = block[-_OVERLAP:]

    def _violations_of(self, block: list[np.ndarray]) -> int:
        return count_violations(np.array(block)[:, None], self._limits, self._period) if block else 0
