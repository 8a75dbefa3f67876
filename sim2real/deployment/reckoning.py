"""Where the velocities that a driver was sent have led: dead reckoning, corrected by what is measured.

Below a velocity interface the positions of the command stream are an estimate of where the joints are led. Two things
make it wrong: ticks that a busy machine skips, while the driver goes on at the last velocity, and whatever makes joints
go otherwise than told (an error of scale, a lost message, drift). The first is known from the times at which commands
left. The second is what remains of measured positions after the stream's own of a dead time before, and the estimate is
drawn towards it slowly. That dead time is at first the description's, and then the one that explains best what of the
remainder changes with the velocity: an offset that stays is an error, one that comes and goes with the speed is none.

A joint that is off by more than tracking explains is not followed, and none faster than a share of its commanded speed
(and a crawl): the stream does not come to a blocked joint, which stops the robot as ever (tracking.py).
"""

from __future__ import annotations

import math

import numpy as np

from sim2real.deployment.decision import HOLD_AGE
from sim2real.deployment.tracking import TrackingLimits, delays
from sim2real.robots import RobotDescription
from sim2real.types import RobotState

_DRAWN = 0.6  # [s]
_LEARNT = 1.0  # [s]: time constant with which the dead time is learnt
_SLOW = 0.1  # [rad/s], [m/s]: velocities that change less say nothing about the dead time
_SHARE = 0.2  # of the commanded speed, at which it is drawn at most: a driver's scale is less wrong than that
_CRAWL = 0.002  # of the velocity limit: the same at rest, where drift and a blocked joint look alike


class Reckoning:
    """By how much the positions of one arm's command stream are wrong; without a clock.

    ``start`` once, ``sent`` after every command; before every set point ``offset``, and ``moved`` when it was done.

    Args:
        robot: An arm.
        tick_period: Of the command stream in [s].
        limits: Default: ``TrackingLimits.from_robot``.
        drawn: Time constant with which the estimate is drawn towards what is measured in [s].

    Attributes:
        delay: Dead time and lag of the joints in [s], as learnt so far.
    """

    def __init__(self, robot: RobotDescription, tick_period: float, limits: TrackingLimits | None = None, *,
                 drawn: float = _DRAWN):
        limits, period = limits or TrackingLimits.from_robot(robot), robot.control_period
        self._tick, self._error, self._longest = tick_period, limits.error, limits.time
        self._drawn, self._learnt = (1.0 - math.exp(-period / time) for time in (drawn, _LEARNT))
        self._crawl = _CRAWL * robot.velocity_limit * period
        self._kept = math.ceil(limits.time / period) + 2
        self._usual = min(sum(delays(robot)), limits.time)

    def start(self, command: np.ndarray) -> None:
        """A stream begins at rest at ``command`` (C,)."""
        self._path = np.tile(np.asarray(command, float), (self._kept, 1))  # its positions at the last decisions,
        self._times = np.full(self._kept, -np.inf)  # and when those were
        self._skipped = self._known = np.zeros(len(command))
        self._way, self._at = np.zeros(len(command)), None
        self._measured, self.delay = -np.inf, self._usual
        self._means = np.zeros((2, len(command)))  # of velocity and remainder, over the time of learning
        self._varies, self._together = 0.0, 0.0

    def sent(self, way: np.ndarray, at: float) -> None:
        """A command left at ``at`` [s] that leads by ``way`` (C,) in a period, and on until the next one."""
        self._skipped = self._ahead(at)
        self._way, self._at = way, at

    def offset(self, state: RobotState, command: np.ndarray, now: float) -> np.ndarray:
        """By how much to move the positions of the stream at ``now`` [s], which is at ``command`` (C,), shape (C,).

        ``state``: what was measured last.
        """
        self._known = self._ahead(now)
        self._skipped = self._skipped - self._known
        self._path[:-1], self._times[:-1] = self._path[1:], self._times[1:]
        self._path[-1], self._times[-1] = command + self._known, now
        time, q = float(state.time[0]), state.joint_position[0]
        if not (self._measured < time and abs(now - time) <= HOLD_AGE and math.isfinite(q.sum())):
            return self._known
        self._measured = time
        position, velocity = self._then(time - self.delay)
        off = q - position
        if (np.abs(off) <= self._error).all():
            self._learn(velocity, off)
        fastest = _SHARE * np.abs(self._path[-1] - self._path[-2]) + self._crawl
        drawn = np.minimum(np.maximum(self._drawn * off, -fastest), fastest)
        return self._known + np.where(np.abs(off) <= self._error, drawn, 0.0)

    def moved(self, way: np.ndarray) -> None:
        """The stream was moved by ``way`` (C,)."""
        # ticks that were skipped led it on from where it had been; by anything else it had been wrong before
        self._path += way - self._known

    def _ahead(self, now: float) -> np.ndarray:
        """How far the driver is at ``now`` [s] beyond the end of the last period that it was told of."""
        if self._at is None:
            return self._skipped
        return self._skipped + self._way * ((now - self._at) / self._tick - 1.0)

    def _then(self, time: float) -> tuple[np.ndarray, np.ndarray]:
        """The stream's position and velocity at a ``time`` [s] before now, (C,) each."""
        i = int(np.searchsorted(self._times[:-1], time))
        if i == 0 or self._times[i - 1] == -np.inf:
            return self._path[i], np.zeros_like(self._path[i])
        velocity = (self._path[i] - self._path[i - 1]) / (self._times[i] - self._times[i - 1])
        return self._path[i] + velocity * (time - self._times[i]), velocity

    def _learn(self, velocity: np.ndarray, off: np.ndarray) -> None:
        """Let the dead time explain what of ``off`` (C,) goes with the ``velocity`` (C,): -velocity times what is
        missing of it."""
        v, rest = now = np.stack([velocity, off]) - self._means
        self._means += self._learnt * now
        self._varies += self._learnt * (float(v @ v) - self._varies)
        self._together += self._learnt * (float(v @ rest) - self._together)
        missing = -self._together / (self._varies + _SLOW**2)
        self.delay = min(max(self.delay + self._learnt * missing, 0.0), self._longest)
