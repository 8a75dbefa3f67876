"""The safety filter: a command stream that keeps position, velocity, acceleration and jerk bounds, whatever comes in.

Each step first aims at the desired value by a velocity that leaves room to stop there, then asks whether the robot
could still brake to rest inside the position bounds from where that leads. If not, the aim is weakened towards
braking, which is always possible: it was so one step before, and braking itself keeps it so (see braking.py).
"""

from __future__ import annotations

from math import isfinite

import numpy as np

from sim2real.deployment.braking import (
    FEW,
    bound_factors,
    cube_root,
    stopping_bound,
    stopping_extent,
    velocity_step,
)
from sim2real.deployment.few_channels import advance
from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.errors import BadInputError

__all__ = ["CommandFilter", "CommandLimits", "count_violations"]

_NEVER = 1e150  # stands for an absent bound where an infinity would make inf - inf
# the aim plans with this part of the jerk bound, so that following its plan leaves some for corrections
_PLANNED_JERK = 0.7
_FRACTIONS = np.arange(1, 9)[:, None] / 8.0


class CommandFilter:
    """Keeps the command streams of ``num_robots`` robots inside ``limits`` at every step, by construction.

    Robots and channels are independent: a batch gives bit for bit what single filters give.

    Args:
        limits: Bounds of the C channels.
        num_robots: Number of streams n.
        period: Time of one step in [s].

    Attributes:
        rejected: Whether the last desired command was not finite, so that the robot brakes, shape (n,).
    """

    def __init__(self, limits: CommandLimits, num_robots: int, period: float):
        if num_robots < 1 or not 0.0 < period < np.inf:
            raise BadInputError(f"expected num_robots >= 1 and a period > 0 s, got {num_robots} and {period}")
        self.limits = limits
        self.num_robots = num_robots
        self.period = float(period)
        self._shape = (num_robots, len(limits))
        (self._low, self._high, self._v_max, self._a_max, self._j_max, self._aim_a, self._aim_j23, self._aim_half_j,
         self._aim_offset, self._aim_per_j, *self._stopping, self._slack,
         self._rest) = constants = np.tile(_constants(limits, self.period), (1, num_robots))
        self._v_min = -self._v_max
        size = num_robots * len(limits)
        self._few = constants[:14] if size <= FEW else None
        start = np.clip(np.where(np.isnan(self._rest), 0.0, self._rest), self._low, self._high)
        self._q, self._v, self._a = start, np.zeros(size), np.zeros(size)
        self._wanted, self._wanted_rate = start.copy(), np.zeros(size)
        self._asked, self._braking = start.copy(), None  # by the last step: desired values, and which were not followed
        self.rejected = self._nobody = np.zeros(num_robots, bool)

    @property
    def clipped(self) -> np.ndarray:
        """Whether the last command differs from the desired one, shape (n,)."""
        off = np.abs(self._q - self._asked) > self._slack
        if self._braking is not None:
            off |= self._braking
        return off.reshape(self._shape).any(axis=1)

    @property
    def command(self) -> np.ndarray:
        """The last command, shape (n, C)."""
        return self._q.reshape(self._shape).copy()

    @property
    def velocity(self) -> np.ndarray:
        """Its rate of change per second, shape (n, C)."""
        return self._v.reshape(self._shape) / self.period

    @property
    def acceleration(self) -> np.ndarray:
        """Its second rate of change, shape (n, C)."""
        return self._a.reshape(self._shape) / self.period**2

    @property
    def at_rest(self) -> np.ndarray:
        """Whether all of a robot's channels stand still, shape (n,)."""
        return ~((self._v != 0.0) | (self._a != 0.0)).reshape(self._shape).any(axis=1)

    def reset(self, ids: np.ndarray | None, command: np.ndarray) -> None:
        """Start the streams ``ids`` (None: all) at rest at ``command`` (k, C), put inside the position bounds."""
        ids = slice(None) if ids is None else np.asarray(ids)
        command = np.asarray(command, float)
        expected = self._q.reshape(self._shape)[ids].shape
        if command.shape != expected or not np.isfinite(command).all():
            raise BadInputError(f"filter reset: expected a finite command of shape {expected}, got {command.shape}")
        inside = np.clip(command, self.limits.low, self.limits.high)
        for array, value in ((self._q, inside), (self._wanted, inside), (self._v, 0.0), (self._a, 0.0),
                             (self._wanted_rate, 0.0)):
            array.reshape(self._shape)[ids] = value
        self._asked.reshape(self._shape)[ids] = command
        if self._braking is not None:
            self._braking.reshape(self._shape)[ids] = False
        self.rejected = self.rejected.copy()
        self.rejected[ids] = False

    def snapshot(self) -> tuple:
        """Where the streams are, for ``restore``."""
        return (self._q, self._v, self._a, self._wanted, self._wanted_rate, self._asked, self._braking, self.rejected)

    def restore(self, snapshot: tuple) -> None:
        """Go back to a ``snapshot`` of this filter, which no ``reset`` has followed."""
        (self._q, self._v, self._a, self._wanted, self._wanted_rate, self._asked, self._braking,
         self.rejected) = snapshot

    def shift(self, offset: np.ndarray, along: np.ndarray) -> np.ndarray:
        """Move the streams by ``offset`` (n, C), as something else than they led there; rates of change stay the same.

        No further than where ``along`` (k, n, C), which moves with them, and the way to rest are inside the position
        bounds.

        Returns:
            What they were moved by, shape (n, C).
        """
        offset, along = np.asarray(offset, float), np.asarray(along, float)
        if offset.shape != self._shape or along.shape[1:] != self._shape or not np.isfinite(offset).all():
            raise BadInputError(f"filter shift: expected a finite offset of shape {self._shape} and points of the same "
                                f"shape along, got {offset.tolist()} and points of shape {along.shape[1:]}")
        offset, along = offset.reshape(-1), along.reshape(len(along), -1)
        up = stopping_bound(self._v, self._a, self._stopping)
        down = -up
        if (np.minimum(self._high - self._q, self._q - self._low) < up + np.abs(offset)).any():  # a closer look
            up, down = stopping_extent(self._v, self._a, self._a_max, self._j_max)
        most = self._high - self._slack - np.maximum(self._q + up, along.max(axis=0))
        least = self._low + self._slack - np.minimum(self._q + down, along.min(axis=0))
        moved = np.minimum(np.maximum(offset, np.minimum(least, 0.0)), np.maximum(most, 0.0))
        self._q, self._wanted, self._asked = self._q + moved, self._wanted + moved, self._asked + moved
        return moved.reshape(self._shape)

    def step(self, desired: np.ndarray, hold: np.ndarray | None = None) -> np.ndarray:
        """The next command (n, C): as near to ``desired`` (n, C) as the bounds allow.

        A robot whose ``desired`` is not finite, or that is in the mask ``hold`` (n,), brakes to rest (channels with a
        ``rest`` value go there).
        """
        desired = np.array(desired, float)  # a copy: ``clipped`` looks at it later
        if desired.shape != self._shape:
            raise BadInputError(f"filter step: expected a desired command of shape {self._shape}, got {desired.shape}")
        wanted = desired.reshape(-1)
        braking = None
        finite = np.isfinite(wanted).all() if self._few is None else isfinite(sum(wanted.tolist()))
        if hold is not None or not finite:
            self.rejected = ~np.isfinite(desired).all(axis=1)
            stopped = self.rejected if hold is None else self.rejected | hold
            braking = np.repeat(stopped, self._shape[1])
            wanted = np.where(braking, np.where(np.isnan(self._rest), self._q, self._rest), wanted)
        else:
            self.rejected = self._nobody
        still = None if braking is None else braking & np.isnan(self._rest)
        target, a, v, q, tight = (self._advance if self._few is None else self._advance_few)(wanted, still)
        if tight:
            self._keep_inside(np.flatnonzero(self._near_end(a, v, q)), target, a, v, q)
            q = np.minimum(np.maximum(q, self._low), self._high)  # rounding
        self._a, self._v, self._q = a, v, q
        self._asked, self._braking = wanted, braking
        return self._q.reshape(self._shape).copy()

    def _advance(self, wanted: np.ndarray, still: np.ndarray | None) -> tuple:
        """The aimed velocity, what follows from it, and whether a position bound may be too near for that."""
        target = self._aim(np.minimum(np.maximum(wanted, self._low), self._high))
        if still is not None:
            target[still] = 0.0
        a = velocity_step(self._v, self._a, target, self._a_max, self._j_max)
        v = self._v + a
        q = self._q + v
        return target, a, v, q, self._near_end(a, v, q).any()

    def _advance_few(self, wanted: np.ndarray, still: np.ndarray | None) -> tuple:
        """The same, of one or a few robots."""
        rows, tight = advance(self._few, wanted, still, self._q, self._v, self._a, self._wanted, self._wanted_rate)
        target, a, v, q, self._wanted, self._wanted_rate = rows
        return target, a, v, q, tight

    def _near_end(self, a: np.ndarray, v: np.ndarray, q: np.ndarray) -> np.ndarray:
        """Which channels have not got enough room for a generous stopping distance: a closer look is needed."""
        return np.minimum(self._high - q, q - self._low) < stopping_bound(v, a, self._stopping)

    def _aim(self, wanted: np.ndarray) -> np.ndarray:
        """Velocity from which the way to ``wanted`` just suffices to stop; on top of its own steady motion."""
        rate = wanted - self._wanted
        # of the last two differences the smaller, 0 if they differ in sign: a ramp is followed without lag, while a
        # jump or an alternation is not taken for motion
        last = self._wanted_rate
        drift = np.minimum(np.maximum(rate, np.minimum(last, 0.0)), np.maximum(last, 0.0))
        drift = np.minimum(np.maximum(drift, self._v_min), self._v_max)
        self._wanted, self._wanted_rate = wanted, rate
        error = wanted - self._q - drift
        # a rising acceleration carries on for x steps: what it covers until it is ramped down is not left to stop in
        rising = np.copysign(self._a, self._a * error)  # positive towards the target
        x = np.maximum(rising * self._aim_per_j, 0.0)
        carried = x * (np.copysign(1.0, error) * (self._v - drift) + 0.5 * rising * x)
        distance = np.maximum(np.abs(error) - np.maximum(carried, 0.0), 0.0)
        # a shorter way is done with less acceleration; 1e-300: no division of zero by zero
        a = np.minimum(self._aim_a, cube_root(distance) * self._aim_j23) + 1e-300
        b = a * self._aim_half_j + self._aim_offset
        twice = 2.0 * distance
        speed = np.minimum(twice / (b + np.sqrt(b * b + twice / a)), distance)
        target = drift + np.copysign(speed, error)
        return np.minimum(np.maximum(target, self._v_min), self._v_max)

    def _keep_inside(self, i: np.ndarray, target: np.ndarray, a: np.ndarray, v: np.ndarray, q: np.ndarray) -> None:
        """Weaken ``target[i]`` until the robot can brake inside the position bounds; writes a, v and q."""
        i = i[~self._can_stop(i, q[i], v[i], a[i])]
        if not len(i):
            return
        everyone = np.arange(len(i))
        base, width = np.zeros(len(i)), 1.0
        for _ in range(2):  # eighths, then eighths of those
            fraction = base + _FRACTIONS * width
            trial_a = velocity_step(self._v[i], self._a[i], fraction * target[i], self._a_max[i], self._j_max[i])
            trial_v = self._v[i] + trial_a
            good = self._can_stop(i, self._q[i] + trial_v, trial_v, trial_a)
            best = np.where(good.any(axis=0), len(_FRACTIONS) - 1 - np.argmax(good[::-1], axis=0), -1)
            base = np.where(best >= 0, fraction[best, everyone], base)
            width /= 8.0
        a[i] = velocity_step(self._v[i], self._a[i], base * target[i], self._a_max[i], self._j_max[i])
        v[i] = self._v[i] + a[i]
        q[i] = self._q[i] + v[i]

    def _can_stop(self, i: np.ndarray, q: np.ndarray, v: np.ndarray, a: np.ndarray) -> np.ndarray:
        """Whether braking from (q, v, a) of the elements ``i`` stays inside the position bounds."""
        up, down = stopping_extent(v, a, self._a_max[i], self._j_max[i])
        return (q + up <= self._high[i]) & (q + down >= self._low[i])


def _constants(limits: CommandLimits, period: float) -> np.ndarray:
    """What a step needs of each channel, in units of one period; absent bounds become the largest that can matter."""
    velocity = np.minimum(limits.velocity * period, limits.high - limits.low)
    acceleration = np.minimum(limits.acceleration * period**2, 2.0 * velocity)
    jerk = np.minimum(limits.jerk * period**3, 2.0 * acceleration)
    # the aim: v^2 / (2 A) + v (A / (2 J) + c) = distance, where a bound that cannot bind drops out; c makes up for
    # whole steps: 1/2 where acceleration alone binds (a sum instead of an integral), 1 in general
    free_a, free_j = acceleration >= 2.0 * velocity, jerk >= 2.0 * acceleration
    aim_a = np.where(free_a, _NEVER, acceleration)
    planned = _PLANNED_JERK * jerk
    return np.stack([
        limits.low, limits.high, velocity, acceleration, jerk,
        aim_a, np.where(free_j, _NEVER, planned ** (2.0 / 3.0)), np.where(free_j, 0.0, 0.5 / planned),
        np.where(free_j & ~free_a, 0.5, 1.0), np.where(free_j & free_a, 0.0, 1.0 / jerk),
        *bound_factors(acceleration, jerk), 1e-9 * np.maximum(velocity, 1e-9), limits.rest])
