"""Whether what a robot's sensors say, what its joints do and what its policy wants can be, judged for one robot.

A sample that cannot follow the one before is rejected, and that one is used on until it is too old. Samples that repeat
bit for bit while the robot should move are frozen: the robot holds. A joint that does not follow, a robot that is
elsewhere after a pause, and actions far beyond any that training makes stop it for good.
"""

from __future__ import annotations

import math

import numpy as np

from sim2real.deployment.senses import Row, senses_of
from sim2real.deployment.tracking import Tracking, TrackingLimits
from sim2real.robots import RobotDescription
from sim2real.types import RobotState

WILD = 10.0  # actions are clipped to [-1, 1]; a network that is not clipped inside gives some more for a moment
_FORGIVEN = 0.1  # share of samples that may be rejected for ever
_DOUBTED = 1.5  # times the time to a stop: samples rejected in all, where they never lasted for that time


class Plausibility:
    """Judges one robot, step by step: ``look`` at the state first, then ``act`` on the action.

    It depends on nothing but what it is given, so a replay judges alike.

    Args:
        robot: An arm or a drone.
        period: Between steps in [s].
        hold_age, stop_age: From when on something doubtful holds the robot, and stops it for good, in [s].
        tracking: An arm's; default: ``TrackingLimits.from_robot``.

    Attributes:
        rejected: Why the last sample is not to be used, "" if it is.
        hold: Why the robot should brake, "" if nothing is in the way.
        stop: Why it should stop for good, "" if it should not.
    """

    def __init__(self, robot: RobotDescription, period: float, *, hold_age: float, stop_age: float,
                 tracking: TrackingLimits | None = None):
        self._hold_age, self._stop_age = hold_age, stop_age
        self._tracking: Tracking | None = None
        self._senses = senses_of(robot, period)
        if robot.kind == "arm":
            self._tracking = Tracking(robot, tracking, patience=stop_age, period=period)
        self.rejected = self.hold = self.stop = ""
        self._good = np.nan
        self._row: Row = ()

    def start(self, state: RobotState, command: np.ndarray) -> None:
        """Begin with a ``state`` of one robot that is believed, and the command (C,) that the stream starts from.

        With the state that was believed last, what is known of the samples since then stays.
        """
        if self._tracking is not None:
            self._tracking.start(command.tolist())
        time, row = float(state.time[0]), self._senses.take(state)
        if time == self._good and row == self._row:
            return
        self.rejected = self.hold = self.stop = ""
        self._row = row
        self._time = self._good = self._changed = time  # of the last sample, the last good one, the last new one
        self._rejecting, self._paused = np.inf, False  # since when samples are rejected, whether from a pause on
        self._doubt = 0.0  # [s] of rejected samples, less what was forgiven
        self._wild: float | None = None  # since when actions are

    def look(self, state: RobotState, command: np.ndarray, held: bool = False) -> None:
        """Judge a ``state``, finite or not, while ``command`` (C,) is the last one that was sent.

        ``held``: something outside keeps the robot, so its joints need not follow.
        """
        if self._tracking is not None:
            self._tracking.sent(command.tolist())
        time = float(state.time[0])
        pause = time - self._time
        if pause == 0.0:
            return  # nothing new was heard, so there is nothing new to say
        before, self.rejected, self.hold, self.stop = self.rejected, "", "", ""
        row = self._senses.take(state)
        # while samples are rejected the next good one is no further away than soon after the last: a robot that was
        # moved, or a slipped encoder, does not come to be believed just by waiting
        within = max(min(time, self._rejecting + self._hold_age) - self._good, 0.0)
        why, astray = self._senses.excess(row, self._row, within), []
        if why and not all(math.isfinite(number) for part in row for number in part):
            return  # that is unusable, not doubtful, and for the runner to say
        if why and self._tracking is not None and self._tracking.led_astray and not self._tracking.astray(row[0]):
            why = ""  # the commands explain this one and not the last: that one was wrong
        self._time = time
        if row != self._row:
            self._changed = time
        if self._tracking is not None and not why:
            astray = self._tracking.astray(row[0])
            if astray and not self._tracking.led_astray:
                if self._rejecting < np.inf:
                    why = before
                    if self._paused and not held:  # a second sample says so too
                        self.stop = why
                elif pause > self._hold_age:
                    why = (f"after {1e3 * pause:.0f} ms without states {self._tracking.name(astray)} off where it was "
                           "told to be: it was moved; arm again from where it is")
        self._count(why, min(max(pause, 0.0), self._hold_age))
        if why:
            self._paused = pause > self._hold_age if self._rejecting == np.inf else self._paused
            self.rejected, self._rejecting = why, min(self._rejecting, time)
            return
        self._row, self._good, self._rejecting = row, time, np.inf
        if self._tracking is not None:
            stop = self._tracking.follow(astray, row[0], time, max(pause, 0.0) if held else 0.0)
            self.stop = self.stop or stop
        frozen = time - self._changed
        if frozen > self._hold_age and (who := self._senses.moving(row) or ("it" if astray else "")):
            self.hold = f"the states have repeated bit for bit for {1e3 * frozen:.0f} ms, while {who} should move"

    def act(self, action: np.ndarray, now: float) -> str:
        """Why to stop for good at ``now`` [s] because of a policy's ``action`` (A,), "" if it is none of it."""
        size = max(map(abs, action.tolist()))
        if size <= WILD:
            self._wild = None
        elif self._wild is None:
            self._wild = now
        elif now - self._wild > self._stop_age:
            return (f"the policy has asked for actions far out of range for {1e3 * (now - self._wild):.0f} ms "
                    f"({size:.3g}, where [-1, 1] is all there is)")
        return ""

    def bounded(self, desired: np.ndarray) -> np.ndarray:
        """``desired`` commands (1, C), an arm's no further from its last good sample than it can be followed."""
        return desired if self._tracking is None else self._tracking.bounded(desired, self._row[0])

    def _count(self, why: str, seconds: float) -> None:
        """Stop where more samples are rejected than can be forgiven."""
        self._doubt = max(self._doubt + (seconds if why else -_FORGIVEN * seconds), 0.0)
        if self._doubt > _DOUBTED * self._stop_age:
            self.stop = f"samples are rejected again and again, the last one because {why}"
