"""From a policy's set points to the driver's rate: position, velocity, acceleration and jerk bounds hold there too.

A bound that holds from one set point to the next says nothing about what a driver does between them: a step of one
period's motion every 40 ms is inside a velocity bound at 25 Hz and far outside at 500 Hz. The stream that leaves is the
uniform cubic B-spline with the set points as its control points (de Boor 1978, "A Practical Guide to Splines"). Its
value and its first three derivatives are averages of the set points and of their first three differences over the
period, so whatever bounds the safety filter keeps from set point to set point, the stream keeps at every rate. The
price is a fixed delay: it passes each set point about 1.5 periods after one that is held would.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from sim2real import bspline
from sim2real.errors import BadInputError
from sim2real.tasks.observations import Context


class CommandStream:
    """One robot's commands at the driver's rate.

    Call ``reset`` once; then, for every set point, ``push`` once and ``tick`` ``ticks`` times. Time counts in ticks:
    where some are left out because a machine was busy, the stream waits, and nothing is made up for in a burst.

    Args:
        period: Time between set points in [s].
        rate: What the driver takes, per second. The nearest rate that divides the policy's is used, at least once per
            set point; then set points pass unchanged.

    Attributes:
        ticks: Commands per set point.
        tick_period: Time between commands in [s].
    """

    def __init__(self, period: float, rate: float):
        if not (0.0 < period < np.inf and 0.0 < rate < np.inf):
            raise BadInputError(f"expected a period and a rate over zero, got {period:g} s and {rate:g} per second")
        self.ticks = max(1, round(period * rate))
        self.tick_period = period / self.ticks
        self._period = period
        time = np.arange(1, self.ticks + 1) / self.ticks  # of each tick in the piece
        self._weights = bspline.weights(time) if self.ticks > 1 else np.array([[0.0, 0.0, 0.0, 1.0]])
        self._points = np.zeros((4, 0))
        self._count = self.ticks
        self._command = self._before = self._earlier = np.zeros(0)

    @property
    def due(self) -> bool:
        """Whether the next ``tick`` needs a new set point first."""
        return self._count >= self.ticks

    @property
    def command(self) -> np.ndarray:
        """The last command, shape (C,)."""
        return self._command.copy()

    @property
    def points(self) -> np.ndarray:
        """The set points that the next command depends on, but for one that is due, shape (4, C)."""
        return self._points.copy()

    @property
    def velocity(self) -> np.ndarray:
        """Its rate of change per second, shape (C,)."""
        return (self._command - self._before) / self.tick_period

    @property
    def acceleration(self) -> np.ndarray:
        """Its second rate of change, shape (C,)."""
        return (self._command - 2.0 * self._before + self._earlier) / self.tick_period**2

    @property
    def at_rest(self) -> bool:
        """Whether the stream stands still and will as long as the set points do."""
        return bool((self._points == self._points[-1]).all() and (self._command == self._before).all())

    def reset(self, command: np.ndarray) -> None:
        """Start at rest at ``command`` (C,)."""
        self._points = np.tile(np.asarray(command, float), (4, 1))
        self._count = self.ticks
        self._command = self._before = self._earlier = self._points[0].copy()

    def shift(self, offset: np.ndarray) -> None:
        """Move the whole stream by ``offset`` (C,); its rates of change stay the same."""
        self._points = self._points + offset
        self._command, self._before, self._earlier = (each + offset for each in (self._command, self._before,
                                                                                 self._earlier))

    def push(self, set_point: np.ndarray) -> None:
        """The set point (C,) of the period that begins now.

        Raises:
            BadInputError: It is not finite, or the ticks of the last one are not over.
        """
        set_point = np.asarray(set_point, float)
        if not self.due or not math.isfinite(set_point.sum()):
            raise BadInputError(f"expected a finite set point after {self.ticks} ticks, got {set_point.tolist()} "
                                f"after {self._count}")
        self._points = np.concatenate([self._points[1:], set_point[None]])
        self._count = 0

    def tick(self) -> np.ndarray:
        """The command of the driver's next period, (C,).

        Raises:
            BadInputError: A new set point is due.
        """
        if self.due:
            raise BadInputError("the stream needs a new set point; push one")
        # differences from the newest: at rest they are zero, and the command is the set point to the last bit
        newest = self._points[-1]
        self._earlier, self._before = self._before, self._command
        self._command = newest + self._weights[self._count] @ (self._points - newest)
        self._count += 1
        return self._command.copy()


class PeriodMeans:
    """What streams send over a period on average, in the place of the set points that they follow.

    An identifier that was told set points would take the stream's 1.5 periods for the robot's own dead time. A robot
    answers what is sent nearly as it answers its mean over the period, held.

    Args:
        period: Time between set points in [s].
    """

    def __init__(self, period: float):
        self._period = period
        self._points: np.ndarray | None = None
        self._fresh: list[np.ndarray] = []

    def begin(self, ids: np.ndarray) -> None:
        """At the next look the streams ``ids`` stand at their set points."""
        self._fresh.append(ids)

    def of(self, context: Context) -> Context:
        """``context`` with the mean (n, C) over the period that ends now, and its rate of change; once per period."""
        if self._points is None:
            self._points = np.tile(context.command, (5, 1, 1))
        for ids in self._fresh:
            self._points[:, ids] = context.command[ids]
        self._fresh = []
        self._points = np.concatenate([self._points[1:], context.command[None]])
        before, now = (np.tensordot(bspline.MEAN, each, 1) for each in (self._points[:-1], self._points[1:]))
        return replace(context, command=now, command_velocity=(now - before) / self._period)

    def shift(self, offset: np.ndarray) -> None:
        """Move all streams by ``offset`` (n, C)."""
        if self._points is not None:
            self._points = self._points + offset
