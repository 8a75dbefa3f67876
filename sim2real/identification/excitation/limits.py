"""How near a stream of joint positions comes to everything that bounds an arm, and where it first breaks a bound.

The bounds are those of the policy node: the description's joint limits with the envelope's margin, its box, its
capsules off each other and off the ground, now and on the way to rest; and besides the drives' efforts, of the nominal
arm and of one that carries the largest payload of the vocabulary's range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim2real.deployment.braking import stopping_extent
from sim2real.deployment.envelope import Envelope
from sim2real.deployment.envelope_limits import AXES, EnvelopeLimits, margin_limits
from sim2real.deployment.limits import CommandLimits
from sim2real.errors import BadInputError
from sim2real.identification.excitation.rigid_body import Motion, RigidBody
from sim2real.kinematics import Chain
from sim2real.parameters import ParameterSpace
from sim2real.robots import RobotDescription
from sim2real.simulators.arm_values import GRAVITY

_SLACK = 1e-6  # of a bound: a command that rests on it is inside
_REST = 3  # rows at rest that are thought before and after a stream: it may not jump off
_LOOK = 0.01  # [s] between two looks at distances and efforts


@dataclass(frozen=True)
class Margin:
    """How near one bound came.

    Attributes:
        quantity: "position", "velocity", "acceleration", "jerk", "effort", "workspace" or "clearance".
        element: The joint, axis of the tool, or pair of links.
        unit: Of value and limit.
        value: The one nearest to its limit, or the first beyond.
        limit: The bound on that side.
        left: What is left of the bound, negative where it is broken, in ``unit``.
        time: When, in [s].
    """

    quantity: str
    element: str
    unit: str
    value: float
    limit: float
    left: float
    time: float

    @property
    def broken(self) -> bool:
        """Whether the bound does not hold."""
        return self.left < -_SLACK * max(1.0, abs(self.limit))

    def __str__(self) -> str:
        """Names the violation."""
        return (f"{self.quantity} of {self.element} is {self.value:.4g} {self.unit} at {self.time:.3f} s; the limit is "
                f"{self.limit:.4g} {self.unit}")


class ExcitationLimits:
    """The bounds of one arm.

    Args:
        robot: An arm.
        box: Of the tool in the base frame in [m], low and high (2, 3), within the envelope's own; default: that.
        payload: The largest one carried in [kg]; default: the largest of the vocabulary's range.

    Raises:
        BadInputError: No arm, a joint without an end to its position or rates, a box without home in it, or a pose at
            home that breaks a bound.

    Attributes:
        robot: As given.
        command: Bounds of the joints, with the envelope's margin.
        envelope: As the policy node has it, in the box.
        payloads: For which efforts are looked at, [kg].
        moving: Which joints an excitation moves, (J,): those that carry the tool; a gripper shall not drop its load.
    """

    def __init__(self, robot: RobotDescription, *, box: np.ndarray | None = None, payload: float | None = None):
        if robot.kind != "arm":
            raise BadInputError(f"expected an arm, got {robot.name}, a {robot.kind}; an excitation of {robot.kind}s is "
                                "not built: fly the figures of eight of task track and record those")
        self.robot = robot
        whole, limits = _finite(robot), EnvelopeLimits.from_robot(robot)
        if box is not None:
            limits = _boxed(robot, limits, np.asarray(box, float))
        self.command = margin_limits(whole, limits.joint_margin)
        self.envelope = Envelope(robot, limits)
        p = ParameterSpace.for_robot(robot)["payload_mass"]
        if payload is not None and not 0.0 <= payload <= p.physical_high:
            raise BadInputError(f"payload: expected 0 to {p.physical_high:g} kg, got {payload:g}")
        self.payloads = (0.0, p.high if payload is None else float(payload))
        self.moving = np.isin(np.arange(robot.num_joints), [step.column for step in Chain.from_robot(robot).steps])
        self._body, self._kept = RigidBody(robot), self.envelope.kept_gap
        if said := self.envelope.arm(robot.home):
            raise BadInputError(f"{robot.name} cannot begin at home: {said}; widen the box, or correct home")
        effort = self.efforts(self.motion(robot.home[None], *np.zeros((2, 1, robot.num_joints))))[0]
        if effort.max() > 1.0:
            joint = robot.joint_names[int(effort.argmax())]
            raise BadInputError(f"{joint} of {robot.name} cannot hold {self.payloads[1]:g} kg at home: that needs "
                                f"{effort.max():.1f} times its effort limit")

    @property
    def low(self) -> np.ndarray:
        """Of the tool's box in [m], (3,)."""
        return self.envelope.limits.low

    @property
    def high(self) -> np.ndarray:
        """Of the tool's box in [m], (3,)."""
        return self.envelope.limits.high

    def motion(self, q: np.ndarray, velocity: np.ndarray, acceleration: np.ndarray) -> Motion:
        """Of all links, of joint motions (n, J)."""
        return self._body.motion(self.envelope.capsules.frames(q), q, velocity, acceleration)

    def efforts(self, motion: Motion) -> np.ndarray:
        """Share of the drives' effort limits that a motion needs, the largest over the payloads, (n, J)."""
        robot = self.robot
        free = (self._body.link_torques(motion, GRAVITY).sum(axis=1) + robot.armature * motion.acceleration
                + robot.damping * motion.velocity + robot.friction * np.sign(motion.velocity))
        load = self._body.point_torques(motion, robot.tool_offset, GRAVITY)
        return np.max([np.abs(free + mass * load) for mass in self.payloads], axis=0) / robot.effort_limit

    def room(self, q: np.ndarray, velocity: np.ndarray, acceleration: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What is left of gaps (n, C + G) and box (n, 6) in [m], here or where braking now would end, the less."""
        period, limits = self.robot.control_period, self.command
        up, down = stopping_extent(velocity * period, acceleration * period**2, limits.acceleration * period**2,
                                   limits.jerk * period**3)
        gaps, tool = self.envelope.capsules.look(np.concatenate([q, q + np.where(up > -down, up, down)]))
        left = np.concatenate([tool - self.low, self.high - tool], axis=1)
        n = len(q)
        return np.minimum(gaps[:n], gaps[n:]) - self._kept, np.minimum(left[:n], left[n:])

    # ------------------------------------------------------------------ a whole stream
    def margins(self, q: np.ndarray, period: float) -> list[Margin]:
        """The nearest approach to each bound of a stream ``q`` (T, J) [rad] at ``period`` [s], or where it first broke
        it: by finite differences at its own rate, at rest before and after.

        Raises:
            BadInputError: Another shape, fewer than 8 rows, or numbers that are not finite.
        """
        q = self._checked(q)
        limits, names = self.command, self.robot.joint_names
        rest = np.pad(q, ((_REST, _REST), (0, 0)), mode="edge")
        velocity, acceleration, jerk = (np.diff(rest, n=order, axis=0) / period**order for order in (1, 2, 3))
        out = _worst("position", names, "rad", q, limits.low, limits.high, period)
        for order, (name, unit, rate, bound) in enumerate((
                ("velocity", "rad/s", velocity, limits.velocity),
                ("acceleration", "rad/s^2", acceleration, limits.acceleration),
                ("jerk", "rad/s^3", jerk, limits.jerk)), start=1):
            out += _worst(name, names, unit, rate, -bound, bound, period, late=_REST - order)  # the row that brings it
        stride = max(1, round(_LOOK / period))
        rows = np.unique([*range(0, len(q), stride), len(q) - 1])
        at = (q[rows], 0.5 * (velocity[_REST - 1:] + np.roll(velocity, -1, axis=0)[_REST - 1:])[rows],
              acceleration[_REST - 1:][rows])
        return out + self._room_margins(*at, stride * period) + self._effort_margins(*at, stride * period)

    def _room_margins(self, q: np.ndarray, velocity: np.ndarray, acceleration: np.ndarray, step: float) -> list[Margin]:
        """Of the tool's box, and of the pair of links that comes nearest to what it keeps."""
        gaps, left = self.room(q, velocity, acceleration)
        low, high = self.low, self.high
        tool = np.where(left[:, :3] < left[:, 3:], low + left[:, :3], high - left[:, 3:])
        out = _worst("workspace", [f"the tool along {axis}" for axis in AXES], "m", tool, low, high, step)
        if gaps.shape[1]:
            near = gaps.min(axis=1)
            row = int(np.argmax(near < -_SLACK) if (near < -_SLACK).any() else near.argmin())
            i = int(gaps[row].argmin())
            pair = " and ".join(self.envelope.capsules.pairs[i])
            out += _worst("clearance", [pair], "m", gaps[:, [i]] + self._kept[i], self._kept[[i]], np.array([np.inf]),
                          step)
        return out

    def _effort_margins(self, q: np.ndarray, velocity: np.ndarray, acceleration: np.ndarray, step: float
                        ) -> list[Margin]:
        effort = self.robot.effort_limit
        needed = self.efforts(self.motion(q, velocity, acceleration)) * effort
        return _worst("effort", self.robot.joint_names, "N m", needed, -effort, effort, step)

    def _checked(self, q: np.ndarray) -> np.ndarray:
        q, joints = np.asarray(q, float), self.robot.num_joints
        if q.ndim != 2 or q.shape[1] != joints or len(q) < 8:
            raise BadInputError(f"expected positions of {joints} joints at 8 or more times, got shape {q.shape}")
        if not np.isfinite(q).all():
            row = int(np.argmin(np.isfinite(q).all(axis=1)))
            raise BadInputError(f"expected finite joint positions, row {row} has {q[row].tolist()}")
        return q


def first_violation(margins: list[Margin]) -> Margin | None:
    """The broken bound of the smallest time, None if all hold."""
    return min((margin for margin in margins if margin.broken), key=lambda margin: margin.time, default=None)


def _finite(robot: RobotDescription) -> CommandLimits:
    """The limits of the joints, if they all have an end."""
    limits = CommandLimits.from_robot(robot)
    for name in ("low", "high", "velocity", "acceleration", "jerk"):
        finite = np.isfinite(getattr(limits, name))
        if not finite.all():
            raise BadInputError(f"joint {robot.joint_names[int(np.argmin(finite))]} has no {name} limit; give one in "
                                "robot.yaml: an excitation goes up to it")
    return limits


def _boxed(robot: RobotDescription, limits: EnvelopeLimits, box: np.ndarray) -> EnvelopeLimits:
    """What of a robot's workspace is in a box (2, 3) [m]."""
    if box.shape != (2, 3) or not (box[0] < box[1]).all():
        raise BadInputError(f"box: expected low and high of x, y and z in m, low under high, got {box.tolist()}")
    low, high = np.maximum(limits.low, box[0]), np.minimum(limits.high, box[1])
    if not (low < high).all():
        own = ", ".join(f"{axis} [{a:.2f}, {b:.2f}]" for axis, a, b in zip(AXES, limits.low, limits.high, strict=True))
        raise BadInputError(f"box: it lies outside the workspace of {robot.name}, {own} m; give one inside, or widen "
                            "safety.workspace in robot.yaml")
    return replace(limits, low=low, high=high)


def _worst(quantity: str, names: Sequence[str], unit: str, value: np.ndarray, low: np.ndarray, high: np.ndarray,
           step: float, late: int = 0) -> list[Margin]:
    """Of each column of ``value`` (n, k): where it is nearest to a bound, or where it first broke one; the row ``late``
    is the one at time 0."""
    left = np.minimum(value - low, high - value)
    broken = left < -_SLACK * np.maximum(1.0, np.minimum(np.abs(low), np.abs(high)))
    rows = np.where(broken.any(axis=0), np.argmax(broken, axis=0), np.argmin(left, axis=0))
    out = []
    for i, (name, row) in enumerate(zip(names, rows, strict=True)):
        below = value[row, i] - low[i] < high[i] - value[row, i]
        out.append(Margin(quantity, name, unit, float(value[row, i]), float(low[i] if below else high[i]),
                          float(left[row, i]), max(0.0, float((row - late) * step))))
    return out
