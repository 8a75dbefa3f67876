"""The commands that bring a robot to rest from where its runner left it: what the guard sends.

It goes on from what the driver is doing, which is not always what the runner did last. Below the velocity interface a
joint keeps its speed through any pause. Below a position interface it stands at the last position within some tens of
milliseconds: after a longer pause, going on at the old speed would set it in motion again, so there it is held.
"""

from __future__ import annotations

import numpy as np

from sim2real.deployment.braking import velocity_step
from sim2real.deployment.fallback import DroneFallback
from sim2real.deployment.heartbeat import Snapshot
from sim2real.deployment.limits import CommandLimits
from sim2real.deployment.safety import CommandFilter
from sim2real.robots import RobotDescription
from sim2real.ros.landing import Ending
from sim2real.types import RobotState

BRIDGE = 0.03  # [s] beyond a command period in which a servo has not yet stopped at its last position
STALE = 1.0  # [s] after which a last position is not gone back to: somebody may have moved the robot since
REPEAT = 1.0  # [s] for which the last command is repeated once the robot is at rest
_FRESH = 0.1  # [s] of a state's age, as for the runner
_FASTEST, _SLOWEST = 0.002, 0.01  # [s] between commands
_UNKNOWN_HEIGHT = 5.0  # [m] of a drone that never told its own


def step_of(snapshot: Snapshot) -> float:
    """Time between the guard's commands in [s]: the runner's own, within 100 to 500 per second."""
    return float(np.clip(snapshot.period, _FASTEST, _SLOWEST))


class ArmTakeOver:
    """Brakes a command stream to rest inside acceleration and jerk bounds, or stands still at once.

    Args:
        robot: An arm.
        quantity: What its interface takes, "position" or "velocity".
        snapshot: What the runner said last.
        pause: Time since then in [s].

    Attributes:
        period: Time between commands in [s].
        at_rest: Whether the commands stand still.
        skipped: Periods without a command of their own, which a busy machine left out.
        repeats: Whether the last command can be said again at any later time: only zero velocities are safe then. A
            position may be an old one, and somebody else may be flying the drone.
    """

    def __init__(self, robot: RobotDescription, quantity: str, snapshot: Snapshot, pause: float):
        self.period = step_of(snapshot)
        limits = CommandLimits.from_robot(robot)
        # what braking takes is in units of one period; an absent bound becomes the largest that can matter
        self._acceleration = np.minimum(limits.acceleration * self.period**2, 2.0 * limits.velocity * self.period)
        self._jerk = np.minimum(limits.jerk * self.period**3, 2.0 * self._acceleration)
        self._bounded = quantity == "position"  # integrated velocities are no positions of the robot
        self._low, self._high = -np.inf, np.inf
        if self._bounded:  # a runner that was outside already is not jerked back in
            self._low, self._high = np.minimum(limits.low, snapshot.command), np.maximum(limits.high, snapshot.command)
        going = pause <= snapshot.period + BRIDGE
        self._usable = bool(np.isfinite(snapshot.command).all()) and (quantity == "velocity" or pause <= STALE)
        self.repeats = quantity == "velocity"
        self._q = snapshot.command.copy()
        moving = going or quantity == "velocity"
        self._v = np.nan_to_num(snapshot.velocity, posinf=0.0, neginf=0.0) * self.period * moving
        self._a = np.nan_to_num(snapshot.acceleration, posinf=0.0, neginf=0.0) * self.period**2 * going
        self.skipped = 0
        self._last: float | None = None
        self._until = np.inf

    @property
    def at_rest(self) -> bool:
        return not (self._v.any() or self._a.any())

    def step(self, state: RobotState | None, now: float) -> tuple[np.ndarray, np.ndarray] | None:
        """The command (C,) for the period that begins at ``now`` [s] and the one before it; None once it is over.

        Braking goes by time: what falls into periods that a busy machine left out is done with, not put off.
        """
        if not self._usable or now > self._until:
            return None
        away = 0.0 if self._last is None else now - self._last
        self._last, before = now, self._q
        if self._bounded and away > self.period + BRIDGE:  # the same again: by now it stands where it was told to be
            self._v, self._a = np.zeros_like(self._v), np.zeros_like(self._a)
        for k in range(max(1, int(away / self.period + 0.25))):
            if self.at_rest:
                break
            self.skipped += k > 0
            self._a = velocity_step(self._v, self._a, np.zeros_like(self._v), self._acceleration, self._jerk)
            self._v = self._v + self._a
            self._q = np.clip(self._q + self._v, self._low, self._high)
        if self.at_rest and self._until == np.inf:
            self._until = now + REPEAT
        return self._q, before if self._bounded else self._q - self._v

    def again(self, now: float) -> None:
        """Say the last command once more from ``now`` on."""
        self._until = now + REPEAT


class DroneTakeOver:
    """Levels a drone, brings it down, and turns its motors off on the ground; the same interface as ``ArmTakeOver``."""

    repeats = False

    def __init__(self, robot: RobotDescription, snapshot: Snapshot):
        self.period = step_of(snapshot)
        self._filter = CommandFilter(CommandLimits.from_robot(robot), 1, self.period)
        self._filter.reset(None, np.nan_to_num(snapshot.command, posinf=0.0, neginf=0.0)[None])
        self._fallback = DroneFallback(robot, 1, self.period)
        self._ending = Ending(robot)
        self._unknown = RobotState.zeros(1, 0)
        self._unknown.position[0, 2], self._unknown.time[0] = _UNKNOWN_HEIGHT, -np.inf
        self.skipped = 0
        self._landed = not snapshot.command[0] > 0.0  # its motors are off
        self._until = np.inf

    @property
    def at_rest(self) -> bool:
        return self._landed

    def step(self, state: RobotState | None, now: float) -> tuple[np.ndarray, np.ndarray] | None:
        """The command (4,) for the period that begins at ``now`` [s] and the one before it; None once it is over."""
        if now > self._until:
            return None
        if not self._landed:
            state = self._unknown if state is None else state
            self._landed = self._ending.over(state, True, now)
        if self._landed:
            self._until = min(self._until, now + REPEAT)
            return np.zeros(4), np.zeros(4)
        before = self._filter.command[0]
        fresh = bool(now - state.time[0] <= _FRESH and state.is_finite()[0])
        if fresh:
            self._fallback.observe(np.arange(1), state)
        else:
            state = self._unknown
        command = self._filter.step(self._fallback.command(state, np.array([True]), np.array([fresh])))
        self._fallback.advance(command)
        return command[0], before


def take_over(robot: RobotDescription, quantity: str, snapshot: Snapshot, pause: float) -> ArmTakeOver | DroneTakeOver:
    """What is sent after a runner that said ``snapshot`` last, ``pause`` [s] ago."""
    if robot.kind == "drone":
        return DroneTakeOver(robot, snapshot)
    return ArmTakeOver(robot, quantity, snapshot, pause)
