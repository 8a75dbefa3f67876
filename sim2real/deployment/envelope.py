"""The envelope: where a robot may be, judged before a command is sent and again when it is measured.

An arm keeps its tool in a box, its joints off their limits, and its links off each other and the ground; a drone keeps
inside a geofence, between two altitudes and nearly upright. A judgement is a sentence, "" if there is nothing to say.
It shares no code with the filter (safety.py), which bounds how a command changes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from sim2real.deployment.braking import bound_factors, stopping_extent
from sim2real.deployment.capsule_motion import surely
from sim2real.deployment.capsules import GROUND, CapsuleModel
from sim2real.deployment.envelope_limits import AXES, EnvelopeLimits, margin_limits
from sim2real.deployment.limits import CommandLimits
from sim2real.errors import BadInputError
from sim2real.robots import RobotDescription

__all__ = ["Envelope", "EnvelopeLimits", "margin_limits"]

DRONE_BRAKING = 3.0  # [m/s2]: what a tilt of 17 degrees gives
# when the way to rest is looked at, as parts of its time: at 0, 1/4, 1/2, 3/4 and all of its length
_WHEN = 1.0 - np.sqrt(1.0 - np.array([0.0, 0.25, 0.5, 0.75, 1.0]))[:, None]
_NOT_FINITE = "the joint positions are not finite"
_SLACK = 1e-9  # [m], [rad]: what is on a bound is inside it
_MUCH = 1e300  # [m], [rad]: what is left of a bound that is not there; less than what an infinite departure counts as
_RETREAT = 1e-3, 1e-2  # [m], [rad] by which noise may take back what a robot that drives out has gained


class Envelope:
    """Judges one robot's commands and measured states.

    A robot that stands outside already must be able to drive out: ``start`` loosens every bound that is broken where
    the robot stands, each by itself, to what it has there. Nothing may then get worse than it was, anything may get
    better, and as ``observe`` sees it get better the bound follows, until it is the ordinary one again.

    Distances are worked out only where they may matter: while neither the robot nor its way to rest can have used up
    what the posture looked at last had left of every bound (capsule_motion.py), all is well.

    Args:
        robot: An arm or a drone.
        limits: Default: ``EnvelopeLimits.from_robot``.
        command_limits: With which an arm brakes; default: the robot's own.
        period: Of the command stream in [s]; default: the control period.
    """

    def __init__(self, robot: RobotDescription, limits: EnvelopeLimits | None = None, *,
                 command_limits: CommandLimits | None = None, period: float | None = None):
        self.robot, self.limits = robot, limits or EnvelopeLimits.from_robot(robot)
        if robot.kind != "arm":
            return
        self.period = robot.control_period if period is None else float(period)
        command = command_limits or CommandLimits.from_robot(robot)
        if len(command) != robot.num_joints or not 0.0 < self.period < np.inf:
            raise BadInputError(f"envelope: expected limits of {robot.num_joints} joints and a period over 0 s, "
                                f"got {len(command)} and {period}")
        self.capsules = CapsuleModel.from_robot(robot, padding=self.limits.padding, ground=self.limits.ground)
        velocity = np.minimum(command.velocity * self.period, command.high - command.low)  # in units of one period
        self._braking = np.minimum(command.acceleration * self.period**2, 2.0 * velocity)
        self._jerk = np.minimum(command.jerk * self.period**3, 2.0 * self._braking)
        self._stopping = np.stack(bound_factors(self._braking, self._jerk))
        margin = margin_limits(CommandLimits.from_robot(robot), self.limits.joint_margin)
        # capsules are thicker than shapes: what is nearer than the clearance at home is only held to half of that gap
        home, kept = self.capsules.at_home, self.limits.clearance
        self._ordinary = _Bounds(margin.low, margin.high, self.limits.low, self.limits.high,
                                 np.where(home < kept, 0.5 * home, kept))
        # the servo follows a command at a distance: what is measured may be nearer by half of what is kept
        self._lag = 0.5 * self.limits.clearance, 0.5 * (margin.low - robot.position_low)
        motion = self.capsules.motion
        self._motion = np.concatenate([motion[:-1], *[motion[-1:]] * 6, np.eye(robot.num_joints)])
        self._hold_to(self._ordinary)

    # ------------------------------------------------------------------ arms
    @property
    def kept_gap(self) -> np.ndarray:
        """Of each of ``capsules.pairs`` the gap in [m] that an arm keeps which does not start outside, (C + G,)."""
        return self._ordinary.gap.copy()

    def start(self, q: np.ndarray) -> str:
        """Say what is broken at the measured joint positions ``q`` (J,), and loosen it."""
        rows = self._rows(q)
        self._hold_to(self._ordinary)
        if not np.isfinite(rows).all():
            return _NOT_FINITE
        gaps, tool = self.capsules.look(rows)
        said = self._judge(rows, gaps, tool, self._ordinary)
        if said:
            self._hold_to(self._ordinary.loosened(rows[0], tool[0], gaps[0]))
        return said

    def arm(self, q: np.ndarray, velocity: np.ndarray | None = None, acceleration: np.ndarray | None = None) -> str:
        """Judge joint positions ``q`` (J,) in [rad] that are about to be commanded.

        With a ``velocity`` (J,) in [rad/s] (and ``acceleration`` in [rad/s2]) of the command also the place where
        braking now would end, and three on the way there. Each step looks anew, so that the end of braking does not
        jump over anything thicker than it moves in a step: there is room left to stop.
        """
        rows = self._rows(q)
        if velocity is not None:
            velocity = self._row(velocity, "velocity")
            acceleration = np.zeros_like(velocity) if acceleration is None else self._row(acceleration, "acceleration")
        if self._surely(rows[0], self._left, velocity, acceleration):
            return ""
        if velocity is not None:
            if not (np.isfinite(velocity).all() and np.isfinite(acceleration).all()):
                return "the velocity or acceleration of the command is not finite"
            up, down = stopping_extent(velocity * self.period, acceleration * self.period**2, self._braking, self._jerk)
            way = np.where(up > -down, up, down)
            rows = rows + self._braking_way(way)
        if not np.isfinite(rows).all():
            return _NOT_FINITE
        return self._judge(rows, *self._look(rows), self._bounds)

    def _braking_way(self, way: np.ndarray) -> np.ndarray:
        """Displacements on the way to rest, whose whole is ``way`` (J,): shape (5, J).

        Joints do not stop together: each slows down evenly, for sqrt(2 way / acceleration).
        """
        time = np.sqrt(np.abs(way) / self._braking)
        longest = time.max()
        if longest == 0.0:
            return np.zeros((1, len(way)))
        left = 1.0 - np.minimum(_WHEN * (longest / np.maximum(time, 1e-9 * longest)), 1.0)
        return way * (1.0 - left * left)

    def observe(self, q: np.ndarray) -> str:
        """Judge measured joint positions ``q`` (J,), less strictly by half of what is kept, and take back what
        ``start`` loosened as far as the robot has come out."""
        rows = self._rows(q)
        if self._bounds is self._ordinary and self._surely(rows[0], self._left_measured):
            return ""
        if not np.isfinite(rows).all():
            return f"measured: {_NOT_FINITE}"
        gaps, tool = self._look(rows)
        said = self._judge(rows, gaps, tool, self._slackened)
        if self._bounds is not self._ordinary:
            here = self._ordinary.loosened(rows[0], tool[0], gaps[0], *_RETREAT)
            self._hold_to(self._bounds.narrowest(here))
        return f"measured: {said}" if said else ""

    def _hold_to(self, bounds: _Bounds) -> None:
        self._bounds = self._ordinary if bounds.equals(self._ordinary) else bounds
        self._slackened = self._bounds.slackened(*self._lag)
        self._known, nothing = np.full(self.robot.num_joints, np.nan), np.zeros(len(self._motion))
        self._left, self._left_measured = nothing, nothing

    def _look(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gaps and places of the tool, and from now on what the first of ``rows`` has left of every bound."""
        gaps, tool = self.capsules.look(rows)
        self._known = rows[0].copy()
        self._left, self._left_measured = (
            np.minimum(bounds.left(rows[0], tool[0], gaps[0]) + _SLACK, _MUCH) for bounds in (self._bounds,
                                                                                             self._slackened))
        return gaps, tool

    def _surely(self, q: np.ndarray, left: np.ndarray, velocity: np.ndarray | None = None,
                acceleration: np.ndarray | None = None) -> bool:
        """Whether the joints at ``q`` (J,), and braking from there, use up nothing of what is ``left``."""
        return surely(self._motion, left, q, self._known, velocity, acceleration, self.period, self._stopping)

    def _rows(self, q: np.ndarray) -> np.ndarray:
        if self.robot.kind != "arm":
            raise BadInputError(f"envelope: {self.robot.name} is no arm; use drone(position, quaternion)")
        return self._row(q, "joint positions")[None]

    def _row(self, values: np.ndarray, name: str) -> np.ndarray:
        values = np.ascontiguousarray(values, float)
        if values.shape != self._known.shape:
            raise BadInputError(f"envelope: expected {name} of shape ({self.robot.num_joints},), got {values.shape}")
        return values

    def _judge(self, rows: np.ndarray, gaps: np.ndarray, tool: np.ndarray, bounds: _Bounds) -> str:
        """What is wrong at the first of ``rows`` (n, J) where anything is."""
        inside = (rows >= bounds.joint_low - _SLACK) & (rows <= bounds.joint_high + _SLACK)
        apart = gaps >= bounds.gap - _SLACK
        boxed = (tool >= bounds.low - _SLACK) & (tool <= bounds.high + _SLACK)
        if inside.all() and apart.all() and boxed.all():
            return ""
        for i in range(len(rows)):
            where = "" if i == 0 else ("on the way to rest when braking now, " if i < len(rows) - 1
                                       else "where braking now would end, ")
            if not apart[i].all():
                return where + self._nearest(gaps[i], bounds.gap)
            if not boxed[i].all():
                return where + _outside("the tool is", tool[i], bounds.low, bounds.high, "workspace")
            if not inside[i].all():
                return where + self._beyond(rows[i], bounds)
        return ""

    def _nearest(self, gaps: np.ndarray, kept: np.ndarray) -> str:
        i = int(np.argmin(gaps - kept))
        first, second = self.capsules.pairs[i]
        if second != GROUND:
            first, second = second, first  # the link farther out is what moved
        gap, above = 1e3 * gaps[i], second == GROUND
        place = ("above" if above else "from") if gap >= 0.0 else ("below" if above else "inside")
        return f"{first} is {abs(gap):.1f} mm {place} {second}; {1e3 * kept[i]:.1f} mm are kept"

    def _beyond(self, q: np.ndarray, bounds: _Bounds) -> str:
        excess = np.maximum(bounds.joint_low - q, q - bounds.joint_high)
        i = int(np.argmax(excess))
        bound = bounds.joint_low[i] if q[i] < bounds.joint_low[i] else bounds.joint_high[i]
        joint = self.robot.joints[i]
        return (f"{joint.name} is at {q[i]:.3f}; it stays off its limits [{joint.position[0]:.3f}, "
                f"{joint.position[1]:.3f}], here at {bound:.3f}")

    # ------------------------------------------------------------------ drones
    def drone(self, position: np.ndarray, quaternion: np.ndarray, velocity: np.ndarray | None = None) -> str:
        """Judge a drone's measured position (3,) in [m] and attitude (w, x, y, z).

        With a ``velocity`` (3,) in [m/s] also the place where braking with ``DRONE_BRAKING`` would end.
        """
        if self.robot.kind != "drone":
            raise BadInputError(f"envelope: {self.robot.name} is no drone; use arm(q)")
        place, turn = np.asarray(position, float), np.asarray(quaternion, float)
        speed = np.zeros(3) if velocity is None else np.asarray(velocity, float)
        if place.shape != (3,) or turn.shape != (4,) or speed.shape != (3,):
            raise BadInputError(f"envelope: expected a position (3,), a quaternion (4,) and a velocity (3,), got "
                                f"{place.shape}, {turn.shape} and {speed.shape}")
        square = float(turn @ turn)
        if not (np.isfinite(place).all() and np.isfinite(speed).all() and 0.0 < square < np.inf):
            return "the position, attitude or velocity is not finite"
        upright = 1.0 - 2.0 * (turn[1]**2 + turn[2]**2) / square
        tilt = float(np.arccos(np.clip(upright, -1.0, 1.0)))
        if tilt > self.limits.tilt + _SLACK:
            return f"the tilt is {np.rad2deg(tilt):.0f} deg; the most is {np.rad2deg(self.limits.tilt):.0f} deg"
        end = place + speed * (np.linalg.norm(speed) / (2.0 * DRONE_BRAKING))
        for point, said in ((place, "the drone is"), (end, "braking now would end")):
            if not ((point >= self.limits.low - _SLACK) & (point <= self.limits.high + _SLACK)).all():
                return _outside(said, point, self.limits.low, self.limits.high, "geofence")
        return ""


@dataclass(frozen=True)
class _Bounds:
    """What an arm is held to: joints (J,), tool (3,), gaps (C + G,)."""

    joint_low: np.ndarray
    joint_high: np.ndarray
    low: np.ndarray
    high: np.ndarray
    gap: np.ndarray

    def loosened(self, q: np.ndarray, tool: np.ndarray, gaps: np.ndarray, length: float = 0.0, angle: float = 0.0
                 ) -> _Bounds:
        """Wide enough for where the robot is, give or take a length [m] and an angle [rad]."""
        return _Bounds(np.minimum(self.joint_low, q - angle), np.maximum(self.joint_high, q + angle),
                       np.minimum(self.low, tool - length), np.maximum(self.high, tool + length),
                       np.minimum(self.gap, gaps - length))

    def left(self, q: np.ndarray, tool: np.ndarray, gaps: np.ndarray) -> np.ndarray:
        """What is left of each bound: gaps (C + G,), the tool's six [m], the nearer one of each joint's [rad]."""
        return np.concatenate([gaps - self.gap, tool - self.low, self.high - tool,
                               np.minimum(q - self.joint_low, self.joint_high - q)])

    def slackened(self, length: float, angle: np.ndarray) -> _Bounds:
        """Wider by a length [m] and angles (J,) [rad]."""
        return _Bounds(self.joint_low - angle, self.joint_high + angle, self.low - length, self.high + length,
                       self.gap - length)

    def equals(self, other: _Bounds) -> bool:
        """Whether all bounds are the same."""
        return all(np.array_equal(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    def narrowest(self, other: _Bounds) -> _Bounds:
        """The narrower one of each bound."""
        return _Bounds(*((np.minimum if f.name.endswith("high") else np.maximum)(getattr(self, f.name),
                                                                                getattr(other, f.name))
                         for f in fields(self)))


def _outside(said: str, point: np.ndarray, low: np.ndarray, high: np.ndarray, name: str) -> str:
    axis = int(np.argmax(np.maximum(low - point, point - high)))
    return (f"{said} at {AXES[axis]} = {point[axis]:.3f} m; the {name} is [{low[axis]:.3f}, {high[axis]:.3f}] m")
