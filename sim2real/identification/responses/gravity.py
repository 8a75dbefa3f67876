"""Torque of gravity at the joints of an arm, from its links' masses: what a servo without integral gain sags under."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sim2real import rotations
from sim2real.errors import BadInputError, unknown
from sim2real.robots import RobotDescription

_G = np.array([0.0, 0.0, -9.81])


class GravityLoad:
    """Gravity's torques at some joints of an arm on a level table.

    Args:
        robot: The arm.
        joints: Its joint's name of each column of the positions that ``torque`` is asked for.

    Attributes:
        robot: The arm's name.
        joints: As given.

    Raises:
        BadInputError: A joint that the robot does not have.
    """

    def __init__(self, robot: RobotDescription, joints: tuple[str, ...]):
        for name in joints:
            if name not in robot.joint_names:
                raise BadInputError(f"robot {robot.name}: {unknown('joint', name, robot.joint_names)}")
        self.robot, self.joints = robot.name, joints
        self._model = robot.model
        self._home: Mapping[str, float] = dict(zip(robot.joint_names, robot.home, strict=True))

    def torque(self, positions: np.ndarray) -> np.ndarray:
        """Torques in [N m], (n, J), at joint ``positions`` (n, J) in [rad]; the other joints are at home.

        tau_j = axis_j . sum over the links beyond j of (com - origin_j) x m g
        """
        n, model = len(positions), self._model
        frames = {model.root: (np.tile(np.eye(3), (n, 1, 1)), np.zeros((n, 3)))}
        axes, torque = {}, np.zeros((n, len(self.joints)))
        beyond: dict[str, list[str]] = {model.root: []}  # joints between the base and a link
        for joint in model.joints:
            rotation, origin = frames[joint.parent]
            origin = origin + rotation @ joint.xyz
            rotation = rotation @ joint.rotation
            axes[joint.name] = rotation @ joint.axis, origin
            angle = self._angle(joint.name, positions)
            turn = rotations.matrix(rotations.from_axis_angle(np.multiply.outer(angle, joint.axis)))
            frames[joint.child] = rotation @ turn, origin
            beyond[joint.child] = [*beyond[joint.parent], joint.name]
        for link in model.links:
            rotation, origin = frames[link.name]
            com = origin + rotation @ link.com
            for name in beyond[link.name]:
                if name in self.joints:
                    axis, pivot = axes[name]
                    torque[:, self.joints.index(name)] += (axis * np.cross(com - pivot, link.mass * _G)).sum(axis=1)
        return torque

    def _angle(self, joint: str, positions: np.ndarray) -> np.ndarray:
        if joint in self.joints:
            return positions[:, self.joints.index(joint)]
        return np.full(len(positions), self._home.get(joint, 0.0))
