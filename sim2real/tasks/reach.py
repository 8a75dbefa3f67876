"""``reach``: bring an arm's tool to a goal and keep it there.

The action is one joint increment per control period, added to the last command; the observation carries the way to the
goal by the description's own kinematics, both as a vector of the tool and as the joint step that would close it.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from sim2real import rng, rotations
from sim2real.errors import TaskError
from sim2real.kinematics import Chain
from sim2real.tasks import terms
from sim2real.tasks.base import Task
from sim2real.tasks.observations import Context, Term
from sim2real.tasks.one_arm import way_and_step
from sim2real.types import RobotState

ORIENTATIONS = {"free": 3, "axis": 6, "full": 7}
LEVER = 0.1  # [m/rad]: an orientation error counts as the way of a point this far from the tool
DAMPING = 0.05  # of the joint step's least squares
_BANK = 2048


class Reach(Task):
    """Goals are tool positions (x, y, z) in the base frame; with ``orientation`` "axis" also the direction of the
    tool's z axis (3 more), with "full" its quaternion (4 more)."""

    name = "reach"
    kind = "arm"
    defaults = {"episode_seconds": 3.6, "orientation": "free"}
    tolerance = 0.02
    settle_seconds = 0.5
    increment = 0.5  # largest increment per period, over what the velocity limit allows
    lead = 3.0  # largest distance of the command from the measured position, in increments at the velocity limit
    history = 4  # periods of actions and leads seen: as many as the longest dead time spans
    smoothness = 1.0  # weight of the penalty on changing actions
    # weight of the penalty on joints away from home: six joints have three degrees more than a point asks for, in which
    # an arm that goes from goal to goal would drift until it meets the ground or itself
    posture = 0.3

    def __init__(self, robot, options=None):
        super().__init__(robot, options)
        orientation = self.options["orientation"]
        if not isinstance(orientation, str) or orientation not in ORIENTATIONS:
            raise TaskError(f"task reach: option orientation: expected one of {', '.join(ORIENTATIONS)}, "
                            f"got {orientation!r}")
        self.orientation = orientation
        self.goal_size = ORIENTATIONS[orientation]
        self.chain = Chain.from_robot(robot)
        self._fast = self.chain.astype(np.float32)  # for observations, which are single precision anyway, and rewards
        joints = robot.num_joints
        self._full_step = robot.velocity_limit * self.control_period
        self._step = self.increment * self._full_step
        self._lead = self.lead * self._full_step
        self._low, self._high = robot.position_low, robot.position_high
        span = self._high - self._low
        self._margin = np.minimum(0.1, 0.05 * span)
        self._velocity_limit, self._home = robot.velocity_limit, robot.home
        self._rows: tuple = (0, {})  # number of robots, and limits and steps repeated for each
        self._asked: tuple = (None, None, None)  # joint positions, goal, and the answer of _true_way
        self.goal_uniforms = 1 + joints
        self.state_uniforms = 2 + joints
        self._true_size = 2 * self.goal_size + joints if orientation == "free" else 12 + joints

    # ------------------------------------------------------------------ observations
    def terms(self) -> tuple[Term, ...]:
        n, way = self.robot.num_joints, 3 if self.orientation == "free" else 6

        def scaled(value: np.ndarray, name: str) -> np.ndarray:
            return value / self._each(len(value))[name]

        return (
            Term("joint_position", n, lambda c: c.state.joint_position - self._home, scale=0.5),
            Term("joint_velocity", n, lambda c: scaled(c.state.joint_velocity, "velocity"), scale=3.0, history=2),
            Term("lead", n, lambda c: scaled(c.command - c.state.joint_position, "full"), history=self.history),
            Term("command_velocity", n, lambda c: scaled(c.command_velocity, "velocity"), scale=3.0),
            Term("tool_to_goal", way, lambda c: self._way(c), scale=4.0),
            Term("joint_step", n, lambda c: self._joint_step(c), scale=1.0),
            Term("last_action", n, lambda c: c.last_action, history=self.history),
        )

    def look(self, context: Context, true_state: RobotState) -> np.ndarray:
        n, q, goal = len(context), true_state.joint_position, context.goal
        both = np.concatenate([context.state.joint_position, q])
        position, rotation, context.cache["jacobian"] = self._fast.forward_jacobian(both, n)
        context.cache["way"] = self._errors(position[:n], rotation[:n], goal)
        way = self._errors(position[n:], rotation[n:], goal)
        self._asked = (q.copy(), goal.copy(), way)
        return _distance(way)

    def _way(self, context: Context) -> np.ndarray:
        if context.single and "way" not in context.cache and self.orientation == "free":
            both = way_and_step(self.chain, context.state.joint_position[0], context.goal[0], self._full_step, DAMPING)
            context.cache["way"], context.cache["step"] = both[None, :3], both[None, 3:]
        if "way" not in context.cache:
            position, rotation, context.cache["jacobian"] = self._fast.forward_jacobian(context.state.joint_position)
            context.cache["way"] = self._errors(position, rotation, context.goal)
        return context.cache["way"]

    def _joint_step(self, context: Context) -> np.ndarray:
        """Damped least squares step of the joints along the arc to the goal, in increments at the velocity limit,
        the longest at most 2, (n, J)."""
        self._way(context)
        if "step" in context.cache:
            return context.cache["step"]
        way = self._arc(context)
        jacobian = context.cache["jacobian"].transpose(1, 2, 0)[:len(way)]
        if len(way) == 6:
            way[3:] *= LEVER
            jacobian = jacobian * np.repeat(np.float32([1.0, LEVER]), 3)[:, None, None]
        step = _least_squares(jacobian, way, DAMPING)
        step /= self._full_step.astype(np.float32)[:, None]
        step /= np.maximum(1.0, 0.5 * np.abs(step).max(axis=0))
        return step.T

    def _arc(self, context: Context) -> np.ndarray:
        """The way to the goal around the base's z axis instead of straight through it, (3 or 6, n); near the goal both
        agree."""
        way, (goal_x, goal_y) = self._way(context).T.astype(np.float32), context.goal[:, :2].T.astype(np.float32)
        x, y = goal_x - way[0], goal_y - way[1]  # of the tool
        radius = np.hypot(x, y) + np.float32(1e-9)
        turn = np.arctan2(x * goal_y - y * goal_x, x * goal_x + y * goal_y)
        outwards = (np.hypot(goal_x, goal_y) - radius) / radius
        way[0] = outwards * x - turn * y
        way[1] = outwards * y + turn * x
        return way

    def _true_way(self, true_state: RobotState, goal: np.ndarray) -> np.ndarray:
        """``_errors`` of the true state; reward, error and critic ask for the same one in each period."""
        q = true_state.joint_position
        if not (_same(q, self._asked[0]) and _same(goal, self._asked[1])):
            self._asked = (q.copy(), goal.copy(), self._errors(*self.chain.forward(q), goal))
        return self._asked[2]

    def _errors(self, position: np.ndarray, rotation: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Way of the tool to the goal in the base frame: (n, 3) in [m], and a rotation vector in [rad] if asked."""
        way = goal[:, :3] - position
        if self.orientation == "free":
            return way
        if self.orientation == "axis":
            return np.concatenate([way, _between(rotation[:, :, 2], goal[:, 3:6])], axis=1)
        turn = rotations.multiply(goal[:, 3:7], rotations.conjugate(rotations.from_matrix(rotation)))
        return np.concatenate([way, rotations.to_axis_angle(turn)], axis=1)

    def _true_features(self, true_state: RobotState, goal: np.ndarray, time: np.ndarray) -> np.ndarray:
        way = self._true_way(true_state, goal)
        return np.concatenate([4.0 * way, np.tanh(20.0 * way), true_state.joint_velocity / self._velocity_limit * 3.0],
                              axis=1)

    # ------------------------------------------------------------------ episodes
    @cached_property
    def _bank(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Postures whose tool is in the goal region, their cumulated weights, and natural postures for the same tool
        positions: those nearest to home. The same on every machine."""
        joints = self.robot.num_joints
        low, high = self._low + self._margin, self._high - self._margin
        kept, found = [], 0
        for block in range(40):
            u = rng.uniform(0, np.arange(4096), block, "goal", joints)
            q = low + u * (high - low)
            q = q[self._in_region(self.chain.forward(q)[0])]
            kept.append(q)
            found += len(q)
            if found >= _BANK:
                break
        if found < 32:
            raise TaskError(f"robot {self.robot.name}: its tool reaches hardly any of the goal region in robot.yaml "
                            f"({found} of {40 * 4096} random postures); enlarge 'goal' or correct 'tool'")
        q = np.concatenate(kept)[:_BANK]
        point = self.chain.forward(q)[0]
        natural, error = self.chain.solve_position(point, self._home, low, high, iterations=40)
        natural = np.where((error < 0.01)[:, None], natural, q)
        # even over the region: postures are dense where the arm is folded, so weigh by the neighbours in a 10 cm grid
        _, cell, count = np.unique(np.round(point / 0.1).astype(int), axis=0, return_inverse=True, return_counts=True)
        weight = np.cumsum(1.0 / count[cell.ravel()])
        return q, weight / weight[-1], natural

    def _in_region(self, point: np.ndarray) -> np.ndarray:
        region = self.robot.goal
        radius, azimuth = np.hypot(point[:, 0], point[:, 1]), np.arctan2(point[:, 1], point[:, 0])
        turns = np.mod(azimuth - region.azimuth[0], 2 * np.pi) <= region.azimuth[1] - region.azimuth[0]
        return ((region.radius[0] <= radius) & (radius <= region.radius[1]) & turns
                & (region.height[0] <= point[:, 2]) & (point[:, 2] <= region.height[1]))

    def sample_goal(self, u: np.ndarray) -> np.ndarray:
        """A posture of the bank, shaken a little while it stays in the region: reachable by construction.

        Where an orientation is asked for it is a natural posture, shaken more: the tool looks about as it does there.
        """
        bank, weight, natural = self._bank
        postures, shake = (bank, 0.2) if self.orientation == "free" else (natural, 0.6)
        base = postures[np.minimum(np.searchsorted(weight, u[:, 0]), len(bank) - 1)]
        shaken = np.clip(base + shake * (u[:, 1:] - 0.5), self._low + self._margin, self._high - self._margin)
        stays = self._in_region(self.chain.forward(shaken)[0])
        position, rotation = self.chain.forward(np.where(stays[:, None], shaken, base))
        if self.orientation == "free":
            return position
        turn = rotation[:, :, 2] if self.orientation == "axis" else rotations.from_matrix(rotation)
        return np.concatenate([position, turn], axis=1)

    def sample_state(self, u: np.ndarray, goal: np.ndarray) -> RobotState:
        """At rest: half of the time near home, else in the natural posture of another goal."""
        _, weight, natural = self._bank
        state = RobotState.zeros(len(u), self.robot.num_joints)
        other = natural[np.minimum(np.searchsorted(weight, u[:, 1]), len(natural) - 1)]
        base = np.where(u[:, :1] < 0.5, self._home, other)
        state.joint_position = np.clip(base + 0.2 * (u[:, 2:] - 0.5), self._low + self._margin,
                                       self._high - self._margin)
        return state

    # ------------------------------------------------------------------ actions
    def desired(self, action: np.ndarray, context: Context) -> np.ndarray:
        """The last command plus the increment, at most the lead away from the measured position and inside limits."""
        q, each = context.state.joint_position, self._each(len(context))
        target = context.command + action * each["step"]
        target = np.minimum(np.maximum(target, q - each["lead"], out=target), q + each["lead"], out=target)
        return np.minimum(np.maximum(target, each["low"], out=target), each["high"], out=target)

    # ------------------------------------------------------------------ judgement
    def error(self, true_state: RobotState, goal: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Distance of the tool from the goal in [m]; an orientation error counts ``LEVER`` [m/rad] if that is more."""
        return _distance(self._true_way(true_state, goal))

    def reward(self, true_state: RobotState, goal: np.ndarray, time: np.ndarray, action: np.ndarray,
               context: Context, error: np.ndarray, failed: np.ndarray) -> np.ndarray:
        each = self._each(len(true_state))
        speed = terms.mean_square(true_state.joint_velocity / each["velocity"])
        return (terms.near(error, 0.2) + terms.inside(error, 0.02) + terms.inside(error, 0.006)
                - self.smoothness * terms.action_rate(action, context.last_action) - 0.02 * terms.mean_square(action)
                - 2.0 * speed * terms.inside(error, 0.05)
                - self.posture * terms.mean_square(true_state.joint_position - self._home)
                - terms.beyond(true_state.joint_position, each["near low"], each["near high"]))

    def _each(self, n: int) -> dict[str, np.ndarray]:
        """Limits and steps of the joints, (n, J): whole arrays are many times faster than rows that are repeated."""
        if self._rows[0] != n:
            self._rows = (n, {name: np.tile(row, (n, 1)) for name, row in (
                ("step", self._step), ("full", self._full_step), ("lead", self._lead), ("low", self._low),
                ("high", self._high), ("near low", self._low + 0.1), ("near high", self._high - 0.1),
                ("velocity", self._velocity_limit))})
        return self._rows[1]


def _distance(way: np.ndarray) -> np.ndarray:
    distance = terms.norm(way[:, :3])
    return distance if way.shape[1] == 3 else np.maximum(distance, LEVER * terms.norm(way[:, 3:]))


def _same(a: np.ndarray, b: np.ndarray | None) -> bool:
    return b is not None and a.shape == b.shape and bool((a == b).all())


def _between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Rotation vectors that turn unit vectors ``a`` into ``b`` the short way, (n, 3), (n, 3) -> (n, 3)."""
    axis = np.cross(a, b)
    sine, cosine = terms.norm(axis), np.einsum("ij,ij->i", a, b)
    opposite = (cosine < 0.0) & (sine < 1e-9)  # any axis across will do
    across = np.cross(a, np.where(np.abs(a[:, :1]) < 0.9, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]))
    axis = np.where(opposite[:, None], across, axis)
    return axis * (np.arctan2(sine, cosine) / np.maximum(terms.norm(axis), 1e-12))[:, None]


def _least_squares(jacobian: np.ndarray, way: np.ndarray, damping: float) -> np.ndarray:
    """J^T (J J^T + d^2 I)^-1 e (Nakamura and Hanafusa 1986), shapes (m, J, n), (m, n) -> (J, n)."""
    m, damping = len(way), damping**2
    square = {(i, k): np.einsum("jn,jn->n", jacobian[i], jacobian[k]) + (damping if i == k else 0.0)
              for i in range(m) for k in range(i, m)}
    if m == 3:
        solved = _solve3(square, way)
    else:
        matrix = np.stack([[square[min(i, k), max(i, k)] for k in range(m)] for i in range(m)])
        solved = np.linalg.solve(matrix.transpose(2, 0, 1), way.T[..., None])[..., 0].T
    step = solved[0] * jacobian[0]
    for i in range(1, m):
        step += solved[i] * jacobian[i]
    return step


def _solve3(matrix: dict[tuple[int, int], np.ndarray], right: np.ndarray) -> list[np.ndarray]:
    """Solutions of positive definite 3 x 3 systems by L D L^T: LAPACK's overhead is many times the work."""
    a, b, c = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    l10, l20 = b / a, c / a
    d1, e = matrix[1, 1] - b * l10, matrix[1, 2] - c * l10
    l21 = e / d1
    d2 = matrix[2, 2] - c * l20 - e * l21
    y1 = right[1] - l10 * right[0]
    z = (right[2] - l20 * right[0] - l21 * y1) / d2
    y = y1 / d1 - l21 * z
    return [right[0] / a - l10 * y - l20 * z, y, z]
