"""An arm's driver that takes velocities, in the simplest form: it keeps each up until the next one comes."""

from __future__ import annotations

from collections import deque

import numpy as np

from sim2real.types import RobotState


class VelocityDriver:
    """Joints that go as they are told, give or take an error of scale, drift, and a dead time.

    Args:
        q: Where the joints (J,) begin in [rad].
        scale: Of every velocity.
        drift: [rad/s] of every joint (or (J,)), always.
        delay: Dead time of what is measured in [s].
        blocked: Joint that does not move, or None.
    """

    def __init__(self, q: np.ndarray, *, scale: float = 1.0, drift: float | np.ndarray = 0.0, delay: float = 0.0,
                 blocked: int | None = None):
        self.q, self._velocity, self._at = np.array(q, float), np.zeros(len(q)), None
        self._scale, self._drift, self._delay, self._blocked = scale, drift, delay, blocked
        self._past: deque[tuple[float, np.ndarray, np.ndarray]] = deque()

    def advance(self, now: float) -> None:
        """Go on as told until ``now`` [s]."""
        if self._at is not None:
            velocity = self._scale * self._velocity + self._drift
            if self._blocked is not None:
                velocity[self._blocked] = 0.0
            self.q = self.q + velocity * (now - self._at)
            self._past.append((now, self.q, velocity))
            while len(self._past) > 1 and self._past[1][0] <= now - self._delay:
                self._past.popleft()
        self._at = now

    def take(self, velocity: np.ndarray, now: float) -> None:
        """A message comes at ``now`` [s]."""
        self.advance(now)
        self._velocity = np.array(velocity, float)

    def measured(self, now: float) -> RobotState:
        """What it says at ``now`` [s]."""
        self.advance(now)
        state = RobotState.zeros(1, len(self.q))
        state.time[:] = now
        _, state.joint_position[0], state.joint_velocity[0] = self._past[0] if self._past else (0, self.q, 0.0)
        return state
