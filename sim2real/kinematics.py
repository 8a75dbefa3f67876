"""Forward kinematics and Jacobian of a robot's tool, batched, in numpy alone.

Each joint frame is turned once so that its axis is z; a step along the chain is then one small matrix product and one
plane rotation over the whole batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2real.errors import RobotDescriptionError
from sim2real.robot_model import RobotModel
from sim2real.urdf import z_to


@dataclass(frozen=True)
class _Step:
    column: int  # of q
    prismatic: bool
    fixed: np.ndarray  # (4, 3): rotation to the joint frame transposed, and its offset as fourth row


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
                                   _rows(rotation @ align, offset)))
                rotation, offset = align.T, np.zeros(3)
        end = offset + rotation @ (np.zeros(3) if tool_offset is None else np.asarray(tool_offset, float))
        turn = np.eye(3) if tool_rotation is None else np.asarray(tool_rotation, float)
        return cls(tuple(steps), _rows(rotation @ turn, end), len(joint_names))

    def forward(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tool position (n, 3) in [m] and rotation ``base_from_tool`` (n, 3, 3) at joint positions ``q`` (n, J)."""
        return _pose(*self._walk(self._checked(q), None), len(q))

    def jacobian(self, q: np.ndarray) -> np.ndarray:
        """Jacobian of the tool in the base frame, shape (n, 6, J): linear rows [m/rad], then angular [rad/rad]."""
        return self.forward_jacobian(q)[2]

    def forward_jacobian(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``forward`` and ``jacobian`` in one walk along the chain: position, rotation and Jacobian."""
        q = self._checked(q)
        n = len(q)
        frames: list[tuple[np.ndarray, np.ndarray]] = []
        position, axes = self._walk(q, frames)
        out = np.zeros((6, self.num_joints, n))
        for step, (origin, axis) in zip(self.steps, frames, strict=True):
            if step.prismatic:
                out[:3, step.column] = axis
                continue
            # axis x (tool - origin), component by component: np.cross is many times slower here
            arm, linear = position.reshape(3, n) - origin, out[:3, step.column]
            for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
                np.multiply(axis[j], arm[k], out=linear[i])
                linear[i] -= axis[k] * arm[j]
            out[3:, step.column] = axis
        return *_pose(position, axes, n), np.ascontiguousarray(out.transpose(2, 0, 1))

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
            jacobian = self.jacobian(q)[:, :3]
            square = jacobian @ jacobian.transpose(0, 2, 1) + damping**2 * np.eye(3)
            step = jacobian.transpose(0, 2, 1) @ np.linalg.solve(square, error[..., None])
            q = np.clip(q + step[..., 0], low, high)
        return q, np.linalg.norm(target - self.forward(q)[0], axis=1)

    def _checked(self, q: np.ndarray) -> np.ndarray:
        q = np.asarray(q, float)
        if q.ndim != 2 or q.shape[1] != self.num_joints:
            raise ValueError(f"expected joint positions of shape (n, {self.num_joints}), got {q.shape}")
        return q

    def _walk(self, q: np.ndarray, frames: list | None) -> tuple[np.ndarray, np.ndarray]:
        """Tool position (3 n,) and axes (3 columns, 3 n); appends each joint's origin and axis (3, n) to frames."""
        n = len(q)
        cosine, sine = np.cos(q.T), np.sin(q.T)
        axes = position = None
        for step in self.steps:
            axes, position = _advance(step.fixed, axes, position, n)
            x, y, z = axes[0].reshape(3, n), axes[1].reshape(3, n), axes[2]
            if frames is not None:
                frames.append((position.reshape(3, n).copy(), z.reshape(3, n).copy()))
            if step.prismatic:
                position = position + (z.reshape(3, n) * q[:, step.column]).ravel()
            else:
                c, s = cosine[step.column], sine[step.column]
                turned = c * x + s * y
                y *= c
                y -= s * x
                x[...] = turned
        axes, position = _advance(self.tool, axes, position, n)
        return position, axes


def _pose(position: np.ndarray, axes: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """What ``_walk`` returns as (n, 3) and (n, 3, 3)."""
    return position.reshape(3, n).T.copy(), np.ascontiguousarray(axes.reshape(3, 3, n).transpose(2, 1, 0))


def _rows(rotation: np.ndarray, offset: np.ndarray) -> np.ndarray:
    return np.vstack([rotation.T, offset])


def _advance(fixed: np.ndarray, axes: np.ndarray | None, position: np.ndarray | None, n: int
             ) -> tuple[np.ndarray, np.ndarray]:
    """Follows a fixed transform: new axes are combinations of the old ones, all robots in one product."""
    if axes is None:
        moved = np.repeat(fixed, n, axis=1)
        return moved[:3], moved[3]
    moved = fixed @ axes
    return moved[:3], position + moved[3]
