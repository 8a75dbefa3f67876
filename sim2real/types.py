"""The arrays that pass between layers, with shapes and units."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np


@dataclass
class RobotState:
    """State of ``n`` robots, as sensors report it or as a simulator knows it.

    Arms keep the base at the identity; drones have no joints (``J = 0``).

    Attributes:
        time: Time of the measurement in [s], shape (n,).
        joint_position: Joint positions in [rad] or [m], in the robot description's order, shape (n, J).
        joint_velocity: Joint velocities in [rad/s] or [m/s], shape (n, J).
        position: Base position in the world (ENU) in [m], shape (n, 3).
        quaternion: Base orientation ``world_from_base`` as (w, x, y, z), shape (n, 4).
        linear_velocity: Base velocity in the world in [m/s], shape (n, 3).
        angular_velocity: Base angular velocity in the body frame (FLU) in [rad/s], shape (n, 3).
        joint_effort: Torques of the joints' drives in [N m] or forces in [N], shape (n, J); NaN where nothing measures
            them. Only identifiers look at them, so a state without is finite all the same.
    """

    time: np.ndarray
    joint_position: np.ndarray
    joint_velocity: np.ndarray
    position: np.ndarray
    quaternion: np.ndarray
    linear_velocity: np.ndarray
    angular_velocity: np.ndarray
    joint_effort: np.ndarray

    @classmethod
    def zeros(cls, n: int, num_joints: int) -> RobotState:
        """``n`` robots at rest at the origin, level, joints at zero."""
        quaternion = np.zeros((n, 4))
        quaternion[:, 0] = 1.0
        return cls(
            time=np.zeros(n),
            joint_position=np.zeros((n, num_joints)),
            joint_velocity=np.zeros((n, num_joints)),
            position=np.zeros((n, 3)),
            quaternion=quaternion,
            linear_velocity=np.zeros((n, 3)),
            angular_velocity=np.zeros((n, 3)),
            joint_effort=np.full((n, num_joints), np.nan),
        )

    @classmethod
    def of_joints(cls, time: np.ndarray, position: np.ndarray, velocity: np.ndarray,
                  effort: np.ndarray | None = None) -> RobotState:
        """Arms with ``position``, ``velocity`` and ``effort`` (n, J), by default not measured.

        Their base, at the identity, is shared and read only.
        """
        return cls(time, position, velocity, *_still(len(time)), _unmeasured(*position.shape) if effort is None
                   else effort)

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, ids) -> RobotState:
        """The robots ``ids`` (an index array, a mask or a slice)."""
        return RobotState(*(getattr(self, f.name)[ids] for f in fields(self)))

    def __setitem__(self, ids, other: RobotState) -> None:
        for f in fields(self):
            getattr(self, f.name)[ids] = getattr(other, f.name)

    def copy(self) -> RobotState:
        """A deep copy."""
        return RobotState(self.time.copy(), self.joint_position.copy(), self.joint_velocity.copy(),
                          self.position.copy(), self.quaternion.copy(), self.linear_velocity.copy(),
                          self.angular_velocity.copy(), self.joint_effort.copy())

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of all arrays, in their order."""
        return (self.time.shape, self.joint_position.shape, self.joint_velocity.shape, self.position.shape,
                self.quaternion.shape, self.linear_velocity.shape, self.angular_velocity.shape,
                self.joint_effort.shape)

    def misfit(self, shapes: tuple[tuple[int, ...], ...]) -> str:
        """Which array has another shape than in ``shapes``, "" if none has."""
        if self.shapes == shapes:
            return ""
        return next(f"expected {name} of shape {expected}, got {values.shape}"
                    for (name, values), expected in zip(vars(self).items(), shapes, strict=True)
                    if values.shape != expected)

    def is_finite(self) -> np.ndarray:
        """Which robots have only finite numbers but for efforts, shape (n,)."""
        return np.isfinite(self._everything()).all(axis=1)

    def adds_up(self) -> bool:
        """Whether the sum of all squares is finite, and so all numbers are; one question instead of one a robot."""
        everything = self._everything()
        return math.isfinite(np.vdot(everything, everything))

    def _everything(self) -> np.ndarray:
        return np.concatenate((self.time[:, None], self.joint_position, self.joint_velocity, self.position,
                               self.quaternion, self.linear_velocity, self.angular_velocity), axis=1)


@lru_cache(maxsize=8)
def _still(n: int) -> tuple[np.ndarray, ...]:
    """Position, quaternion and velocities of ``n`` bases that stand at the identity, read only."""
    state = RobotState.zeros(n, 0)
    parts = (state.position, state.quaternion, state.linear_velocity, state.angular_velocity)
    for part in parts:
        part.flags.writeable = False
    return parts


@lru_cache(maxsize=8)
def _unmeasured(n: int, joints: int) -> np.ndarray:
    """Efforts (n, J) that nothing measures, read only."""
    effort = np.full((n, joints), np.nan)
    effort.flags.writeable = False
    return effort
