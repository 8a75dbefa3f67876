"""Whether an arm's joints follow their commands, and how far a command may run ahead of them.

A joint that works is where its command was within the last moments: dead time, lag and losses only choose the moment,
gravity and friction add a constant error. So it is between the smallest and the largest command of a window, give or
take that error, at every speed; a blocked joint is not, and neither is one that was moved while nobody looked.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from sim2real.errors import BadInputError
from sim2real.robots import RobotDescription

_LONGEST = 10.0  # [s]: no arm that can be driven by positions lags more
_PERIODS = 10.0  # of the control: the worst twin's dead time 4.5, the stream to the driver's rate 1.5, losses 2
_ERROR = 0.05  # [rad], [m]: friction, backlash, an encoder's bias
_PROGRESS = 0.02  # of the velocity limit: a joint that comes nearer so slowly still follows (a turned down slider)


def delays(robot: RobotDescription) -> tuple[float, float]:
    """An arm's dead time, from a command to its measured effect, and the longest lag of its servos, in [s]."""
    actuator = robot.actuator
    return (actuator.delay + actuator.time_constant + robot.sensors.delay,
            float(np.max((robot.damping + robot.damping_gain) / robot.stiffness)))


@dataclass(frozen=True)
class TrackingLimits:
    """What an arm's own tracking explains.

    Attributes:
        time: How long a joint may take to where it is told to be in [s].
        error: How far off it may stay in [rad] or [m], shape (J,).
        lead: How far a command may run ahead of the measured joint in [rad] or [m], shape (J,).
    """

    time: float
    error: np.ndarray
    lead: np.ndarray

    def __post_init__(self) -> None:
        if not 0.0 < self.time <= _LONGEST:
            raise BadInputError(f"tracking: expected a time over 0 s and up to {_LONGEST:g} s, got {self.time:g} s; "
                                "correct damping_gain and stiffness, or give safety.tracking_time")
        if not (np.isfinite(self.error).all() and (self.error > 0.0).all() and (self.lead >= self.error).all()):
            raise BadInputError(f"tracking: expected errors over zero and leads of at least as much, got "
                                f"{np.asarray(self.error).tolist()} and {np.asarray(self.lead).tolist()}")

    @classmethod
    def from_robot(cls, robot: RobotDescription) -> TrackingLimits:
        """What the description's ``safety`` section says (``tracking_time``, ``tracking_error``), and for the rest:

        - time: dead times, twice the servo's lag (damping over stiffness), and ten control periods;
        - error: where the servo's effort is at its limit, and 0.05 rad;
        - lead: what the velocity limit covers in half that time, and the error.
        """
        given = robot.safety
        dead_time, lag = delays(robot)
        time = (dead_time + 2.0 * lag + _PERIODS * robot.control_period if given.tracking_time is None
                else given.tracking_time)
        error = (robot.effort_limit / robot.stiffness + _ERROR if given.tracking_error is None
                 else np.full(robot.num_joints, given.tracking_error))
        return cls(time, error, 0.5 * time * robot.velocity_limit + error)


class Tracking:
    """Follows one arm's commands and measured positions, in plain numbers: numpy's overhead is many times the work.

    Args:
        robot: An arm.
        limits: Default: ``TrackingLimits.from_robot``.
        patience: How long a joint may be elsewhere without coming nearer in [s].
        period: Between commands in [s].
    """

    def __init__(self, robot: RobotDescription, limits: TrackingLimits | None = None, *, patience: float,
                 period: float):
        self.limits = limits or TrackingLimits.from_robot(robot)
        if self.limits.error.shape != (robot.num_joints,):
            raise BadInputError(f"tracking: expected limits of {robot.num_joints} joints, got "
                                f"{self.limits.error.shape}")
        self._names, self._patience = robot.joint_names, patience
        self._error, self._lead = self.limits.error.tolist(), self.limits.lead.tolist()
        self._progress = (_PROGRESS * patience * robot.velocity_limit).tolist()
        self._window: deque[list[float]] = deque(maxlen=int(np.ceil(self.limits.time / period)) + 1)
        self._astray: dict[int, tuple[float, float]] = {}  # joints that are: since when, and where they were then
        self._held = 0.0

    def start(self, command: list[float]) -> None:
        """A stream begins at rest at ``command``."""
        self._window.clear()
        self._window.append(command)
        self._astray, self._held = {}, 0.0

    def sent(self, command: list[float]) -> None:
        """``command`` is the last one that was sent."""
        self._window.append(command)

    def astray(self, q: list[float]) -> list[tuple[int, float]]:
        """Joints of the positions ``q`` that their commands do not explain, and how far each would have to move."""
        out = []
        for i, (position, command, error) in enumerate(zip(q, self._window[-1], self._error, strict=True)):
            if abs(command - position) > error:
                column = [row[i] for row in self._window]
                short, beyond = min(column) - position, position - max(column)
                if max(short, beyond) > error:
                    out.append((i, short if short > beyond else -beyond))
        return out

    def name(self, astray: list[tuple[int, float]]) -> str:
        """Words for the joint that is furthest off."""
        i, way = max(astray, key=lambda joint: abs(joint[1]))
        return f"{self._names[i]} is {abs(way):.3f}"

    @property
    def led_astray(self) -> bool:
        """Whether a joint was astray when ``follow`` last looked."""
        return bool(self._astray)

    def follow(self, astray: list[tuple[int, float]], q: list[float], now: float, held: float = 0.0) -> str:
        """Why to stop, "" if there is nothing: a joint that is astray has not come nearer for the whole patience.

        ``held``: for how long since the last look something outside has kept the joints from following in [s].
        Patience does not run out meanwhile, and after a while of it begins anew.
        """
        self._held = self._held + held if held else 0.0
        if not astray:
            self._astray = {}
            return ""
        known = {} if self._held > self._patience else self._astray
        self._astray = {i: (known[i][0] + held, known[i][1]) if i in known else (now, q[i]) for i, _ in astray}
        if held:
            return ""
        for i, way in astray:
            since, start = self._astray[i]
            if now - since < self._patience:
                continue
            if (q[i] - start if way > 0.0 else start - q[i]) < self._progress[i]:
                return (f"{self._names[i]} does not follow: for {1e3 * (now - since):.0f} ms it has been "
                        f"{abs(way):.3f} off where it was told to be; {self._error[i]:.3f} is usual")
            self._astray[i] = now, q[i]
        return ""

    def bounded(self, desired: np.ndarray, q: list[float]) -> np.ndarray:
        """``desired`` (1, J) no further from the positions ``q`` than the lead; beyond it the last command stays.

        A joint that is astray gets no further at all.
        """
        wishes = desired[0].tolist()
        for wish, position, lead in zip(wishes, q, self._lead, strict=True):
            if not -lead <= wish - position <= lead:
                break
        else:
            if not self._astray:
                return desired
        out = []
        for i, (wish, position, command, lead) in enumerate(zip(wishes, q, self._window[-1], self._lead, strict=True)):
            room = self._error[i] if i in self._astray else lead
            out.append(min(max(wish, min(position - room, command)), max(position + room, command)))
        return np.array([out])
