"""Forward kinematics and Jacobian of a robot's tool, batched, in numpy alone.

Each joint frame is turned once so that its axis is z; a step along the chain is then one small matrix product and one
plane rotation over the whole batch. Frames are arrays (4, 3, n): the x, y and z axis and the origin, in the base frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import cos, sin

import numpy as np

from sim2real.errors import RobotDescriptionError
from sim2real.robot_model import RobotModel
from sim2real.urdf import z_to

_BASE = np.eye(4, 3)  # axes and origin of the base


@dataclass(frozen=True)
class _Step:
    column: int  # of q
    prismatic: bool
    fixed: np.ndarray  # (4, 4): the joint's frame as combinations of the frame before


@dataclass(frozen=True)
class Chain:
    """The joints from the base to the tool; joints off that path (a gripper's jaw) have no influence."""

    steps: tuple[_Step, ...]
    tool: np.ndarray
    num_joints: int

    @classmethod
    def from_robot(cls, robot) -> Chain:
        """The chain of a RobotDescription, with ``q`` in its joint order."""
        return cls.from_model(robot.model, robot.joint_names, robot.tool_link, robot.tool_offset, robot.tool_rotation)

    @classmethod
    def from_model(cls, model: RobotModel, joint_names: tuple[str, ...], tool_link: str,
                   tool_offset: np.ndarray | None = None, tool_rotation: np.ndarray | None = None) -> Chain:
        """The chain to a frame on ``tool_link``; ``joint_names`` give the order of ``q``; others stay at zero."""
        if not model.has_link(tool_link):
            raise RobotDescriptionError(f"link {tool_link!r} is not in the model; it has "
                                        f"{', '.join(link.name for link in model.links)}")
        rotation, offset, steps = np.eye(3), np.zeros(3), []
        for joint in model.path(tool_link):
            offset = offset + rotation @ joint.xyz
            rotation = rotation @ joint.rotation
            if joint.name in joint_names:
                align = z_to(joint.axis)
                steps.append(_Step(joint_names.index(joint.name), joint.type == "prismatic",
                                   _combination(rotation @ align, offset)))
                rotation, offset = align.T, np.zeros(3)
        end = offset + rotation @ (np.zeros(3) if tool_offset is None else np.asarray(tool_offset, float))
        turn = np.eye(3) if tool_rotation is None else np.asarray(tool_rotation, float)
        return cls(tuple(steps), _combination(rotation @ turn, end), len(joint_names))

    def astype(self, dtype: type) -> Chain:
        """The same chain that computes in ``dtype``: np.float32 takes half the time, exact to 1e-6 m."""
        steps = tuple(replace(step, fixed=step.fixed.astype(dtype)) for step in self.steps)
        return Chain(steps, self.tool.astype(dtype), self.num_joints)

    def forward(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tool position (n, 3) in [m] and rotation ``base_from_tool`` (n, 3, 3) at joint positions ``q`` (n, J)."""
        return _pose(self._walk(self._checked(q))[-1])

    def jacobian(self, q: np.ndarray) -> np.ndarray:
        """Jacobian of the tool in the base frame, shape (n, 6, J): linear rows [m/rad], then angular [rad/rad]."""
        return self.forward_jacobian(q)[2]

    def forward_jacobian(self, q: np.ndarray, first: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``forward`` and ``jacobian`` in one walk along the chain: position, rotation and Jacobian.

        With ``first`` the Jacobian is that of the first so many rows of ``q`` alone. It is a view on an array
        (6, J, n): ``jacobian.transpose(1, 2, 0)`` has rows over all robots.
        """
        q = self._checked(q)
        n = len(q) if first is None else first
        frames = self._walk(q)
        out = np.zeros((6, self.num_joints, n), q.dtype)
        # joint by joint the axis and the way from its origin to the tool, each (3, steps, n)
        axis = frames[:-1, 2, :, :n].transpose(1, 0, 2)
        way = frames[-1, 3, :, None, :n] - frames[:-1, 3, :, :n].transpose(1, 0, 2)
        (ax, ay, az), (x, y, z), columns = axis, way, self._columns
        # linear part: axis x way, all joints at once; np.cross is many times slower here
        out[0, columns] = ay * z - az * y
        out[1, columns] = az * x - ax * z
        out[2, columns] = ax * y - ay * x
        out[3:, columns] = axis
        for step in self.steps:
            if step.prismatic:
                out[:3, step.column], out[3:, step.column] = out[3:, step.column], 0.0
        return *_pose(frames[-1]), out.transpose(2, 0, 1)

    def lines_of_one(self, q: np.ndarray) -> tuple[list[list[float]], list[list[float]]]:
        """Of one robot at ``q`` (J,): the unit axis of each joint on the way, and points: of each axis, then the tool.

        All in the base frame, as plain floats: one robot is too little for arrays over robots.
        """
        angles, axes, points = q.tolist(), [], []
        x, y, z, p = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]
        for column, prismatic, *fixed in self.table[0].tolist():
            x, y, z, p = _turned(fixed, x, y, z, p)
            angle = angles[int(column)]
            if prismatic:  # the origin moves along z
                p = [a + angle * b for a, b in zip(p, z, strict=True)]
            else:
                c, s = cos(angle), sin(angle)
                x, y = ([c * a + s * b for a, b in zip(x, y, strict=True)],
                        [c * b - s * a for a, b in zip(x, y, strict=True)])
            axes.append(z)
            points.append(p)
        points.append(_turned(self.table[1].tolist(), x, y, z, p)[3])
        return axes, points

    def solve_position(self, target: np.ndarray, start: np.ndarray, low: np.ndarray, high: np.ndarray, *,
                       iterations: int = 100, damping: float = 0.03) -> tuple[np.ndarray, np.ndarray]:
        """Joint positions (n, J) inside [low, high] that bring the tool near ``target`` (n, 3); and the errors (n,).

        Damped least squares, dq = J^T (J J^T + d^2 I)^-1 e (Nakamura and Hanafusa 1986), clipped to the limits.
        """
        target = np.asarray(target, float)
        q = np.broadcast_to(np.asarray(start, float), (len(target), self.num_joints)).copy()
        for _ in range(iterations):
            error = target - self.forward(q)[0]
            error *= np.minimum(1.0, 0.1 / np.maximum(np.linalg.norm(error, axis=1), 1e-12))[:, None]
            jacobian = np.ascontiguousarray(self.jacobian(q)[:, :3])
            square = jacobian @ jacobian.transpose(0, 2, 1) + damping**2 * np.eye(3)
            step = jacobian.transpose(0, 2, 1) @ np.linalg.solve(square, error[..., None])
            q = np.clip(q + step[..., 0], low, high)
        return q, np.linalg.norm(target - self.forward(q)[0], axis=1)

    @cached_property
    def _columns(self) -> slice | list[int]:
        """Columns of ``q`` in the order of the steps; a slice where they follow one another: written many times
        faster."""
        columns = [step.column for step in self.steps]
        run = range(columns[0], columns[0] + len(columns)) if columns else range(0)
        return slice(run.start, run.stop) if columns == list(run) else columns

    @cached_property
    def table(self) -> tuple[np.ndarray, np.ndarray]:
        """The chain as numbers: of each step its column of ``q``, whether it is prismatic, and its frame (4, 3) as
        combinations of the axes before it, shape (steps, 14); the tool's frame, likewise, (12,)."""
        return (np.array([[step.column, step.prismatic, *step.fixed[:, :3].reshape(-1)] for step in self.steps],
                         float).reshape(-1, 14), np.ascontiguousarray(self.tool[:, :3], float).reshape(-1))

    def _checked(self, q: np.ndarray) -> np.ndarray:
        q = np.asarray(q, self.tool.dtype)
        if q.ndim != 2 or q.shape[1] != self.num_joints:
            raise ValueError(f"expected joint positions of shape (n, {self.num_joints}), got {q.shape}")
        return q

    def _walk(self, q: np.ndarray) -> np.ndarray:
        """The frame of each joint on the way, moved, and last the tool's: (steps + 1, 4, 3, n)."""
        n, count = len(q), len(self.steps)
        angle = q.T[self._columns]
        cosine, sine = np.cos(angle), np.empty((count, 2, 1, n), q.dtype)
        np.sin(angle, out=sine[:, 0, 0])
        np.negative(sine[:, 0], out=sine[:, 1])
        frames = np.empty((count + 1, 4, 3, n), q.dtype)
        flat, plane = frames.reshape(count + 1, 4, 3 * n), frames[:, :2]
        frame = _BASE.astype(q.dtype).repeat(n, axis=1)
        # views of all steps at once: to make them one by one takes as long as the arithmetic
        for step, out, xy, yx, c, s in zip(self.steps, flat, plane, plane[:, ::-1], cosine, sine, strict=False):
            frame = np.dot(step.fixed, frame, out=out)
            if step.prismatic:
                out[3] += (out[2].reshape(3, n) * q[:, step.column]).reshape(-1)
            else:  # x' = c x + s y, y' = c y - s x
                across = yx * s
                xy *= c
                xy += across
        np.dot(self.tool, frame, out=flat[-1])
        return frames


def _turned(fixed: list[float], x: list[float], y: list[float], z: list[float], p: list[float]) -> list[list[float]]:
    """Axes and origin of the frame that ``fixed`` (4, 3) makes of another one's."""
    xx, xy, xz, yx, yy, yz, zx, zy, zz, px, py, pz = fixed
    across = list(zip(x, y, z, strict=True))
    return [[xx * a + xy * b + xz * c for a, b, c in across], [yx * a + yy * b + yz * c for a, b, c in across],
            [zx * a + zy * b + zz * c for a, b, c in across],
            [o + (px * a + py * b + pz * c) for o, (a, b, c) in zip(p, across, strict=True)]]


def _pose(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Origin (n, 3) and rotation (n, 3, 3) of frames (4, 3, n)."""
    return np.ascontiguousarray(frame[3].T), frame[:3].transpose(2, 1, 0)


def _combination(rotation: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """How axes and origin of a frame at ``offset`` with ``rotation`` are made of those before it, (4, 4)."""
    out = np.eye(4)
    out[:3, :3], out[3, :3] = rotation.T, offset
    return out
