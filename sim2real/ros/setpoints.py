"""What a driver's controller makes of messages: which set point is in force at a time.

The hidden transport of a twin acts here, on whole messages: lost ones, dead time, and jitter that never reorders.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from sim2real import rng

Points = list[tuple[float, np.ndarray]]  # time from the start in [s], set point (C,)


class Setpoints:
    """Set points of one robot over time.

    A single point at time zero holds from then on, as in forward_command_controller; a trajectory is followed
    linearly from where the set point was, as in joint_trajectory_controller without velocities.

    Args:
        rest: Set point before any message, shape (C,).
        seed: Seed of losses and jitter.

    Attributes:
        since: When the message that is in force began to act in [s]; -inf before any.
    """

    def __init__(self, rest: np.ndarray, *, delay: float = 0.0, jitter: float = 0.0, loss: float = 0.0, seed: int = 0):
        self._delay, self._jitter, self._loss, self._seed = delay, jitter, loss, seed
        self._pending: deque[tuple[float, Points]] = deque()
        self._start, self._points = -np.inf, [(0.0, np.array(rest, float))]
        self._before = np.array(rest, float)
        self._last = -np.inf
        self._received = 0
        self.since = -np.inf

    def receive(self, points: Points, now: float) -> None:
        """Take in a message's points at ``now`` [s]; they act ``delay`` and up to ``jitter`` later."""
        counter, sim = np.array([self._received]), np.zeros(1, int)
        self._received += 1
        if self._loss and rng.uniform(self._seed, sim, counter, "drop", 1)[0, 0] < self._loss:
            return
        due = now + self._delay
        if self._jitter:
            due += self._jitter * float(rng.uniform(self._seed, sim, counter, "jitter", 1)[0, 0])
        if self._pending:
            due = max(due, self._pending[-1][0])
        self._pending.append((due, points))

    def replace(self, points: Points, now: float) -> None:
        """Forget everything, messages under way too, and follow ``points`` from ``now`` [s] on."""
        self._pending.clear()
        self._start, self._points, self._before = now, points, points[0][1]
        self.since = now

    def at(self, now: float, speed: float = 1.0) -> np.ndarray:
        """The set point in force at ``now`` [s], which must not run backwards, shape (C,).

        Time in a trajectory has run at ``speed`` (0 to 1) since the last call: scaled_joint_trajectory_controller.
        """
        if speed != 1.0 and now > self._start:
            self._start += (1.0 - speed) * (now - max(self._last, self._start))
        self._last = now
        while self._pending and self._pending[0][0] <= now:
            start, points = self._pending.popleft()
            self.since = start
            self._before = self._sample(start)
            self._start, self._points = start, points
        return self._sample(now)

    def _sample(self, now: float) -> np.ndarray:
        t = max(now - self._start, 0.0)  # replaced points may begin after the simulator's own time
        before_t, before = 0.0, self._before
        for point_t, point in self._points:
            if t < point_t:
                return before + (point - before) * ((t - before_t) / (point_t - before_t))
            before_t, before = point_t, point
        return before
