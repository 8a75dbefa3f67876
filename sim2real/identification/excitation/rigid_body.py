"""Torques of an arm's motion, batched in numpy: Newton and Euler's equations of each body, seen from each joint.

They are linear in the masses, so the torque of each body is worked out alone, once for all values of the parameters.
Luh, Walker, Paul 1980, "On-line computational scheme for mechanical manipulators"; arrays are (3, n), components first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2real.robots import RobotDescription


@dataclass(frozen=True)
class Motion:
    """How the links of an arm move at n instants.

    Attributes:
        frames: ``base_from_link`` of all links, the base first, shape (n, L, 4, 4), as ``CapsuleModel.frames`` gives.
        position, velocity, acceleration: Of the joints, shape (n, J).
        spin, spin_rate: Angular velocity [rad/s] and acceleration [rad/s2] of each link, shape (L, 3, n).
        origin_acceleration: Of each link's frame in [m/s2], without gravity, shape (L, 3, n).
    """

    frames: np.ndarray
    position: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    spin: np.ndarray
    spin_rate: np.ndarray
    origin_acceleration: np.ndarray


class RigidBody:
    """The inverse dynamics of an arm's bodies.

    Args:
        robot: An arm.
    """

    def __init__(self, robot: RobotDescription):
        self.robot, model = robot, robot.model
        self._links = {name: i for i, name in enumerate([model.root, *(joint.child for joint in model.joints)])}
        self._parents = [self._links[joint.parent] for joint in model.joints]
        self._columns = [robot.joint_names.index(joint.name) for joint in model.joints]
        self._above: list[list[int]] = [[]]  # the joints between the base and each link
        for i, parent in enumerate(self._parents):
            self._above.append([*self._above[parent], i])

    def motion(self, frames: np.ndarray, q: np.ndarray, qd: np.ndarray, qdd: np.ndarray) -> Motion:
        """Velocities and accelerations of all links, from the base outwards, of joint motions (n, J)."""
        spin, rate, origin = (np.zeros((len(self._links), 3, len(q))) for _ in range(3))
        for i, (joint, parent, column) in enumerate(zip(self.robot.model.joints, self._parents, self._columns,
                                                        strict=True), start=1):
            axis, way = self._axis(frames, i), (frames[:, i, :3, 3] - frames[:, parent, :3, 3]).T
            turning, turned = axis * qd[:, column], axis * qdd[:, column]
            w = spin[parent]
            spin[i], rate[i] = w, rate[parent]
            origin[i] = origin[parent] + cross(rate[parent], way) + cross(w, cross(w, way))
            if joint.type == "prismatic":
                origin[i] += turned + 2.0 * cross(w, turning)
            else:
                spin[i] = w + turning
                rate[i] = rate[parent] + turned + cross(w, turning)
        return Motion(frames, q, qd, qdd, spin, rate, origin)

    def link_torques(self, motion: Motion, gravity: np.ndarray) -> np.ndarray:
        """Torques [N m] that each moving link costs its joints, ``gravity`` (3,) in [m/s2]: shape (n, links, J)."""
        parts = []
        for link in self.robot.moving_links:
            turn = motion.frames[:, self._links[link.name], :3, :3]
            parts.append(self._torques(motion, link.name, link.mass, link.com, turn @ link.inertia @ turn.transpose(
                0, 2, 1), gravity))
        return np.stack(parts, axis=1)

    def point_torques(self, motion: Motion, place: np.ndarray, gravity: np.ndarray) -> np.ndarray:
        """The same of a point of 1 kg at ``place`` (3,) [m] in the tool's link: shape (n, J)."""
        return self._torques(motion, self.robot.tool_link, 1.0, place, None, gravity)

    def _torques(self, motion: Motion, link: str, mass: float, com: np.ndarray, inertia: np.ndarray | None,
                 gravity: np.ndarray) -> np.ndarray:
        i = self._links[link]
        frames, w, wd = motion.frames, motion.spin[i], motion.spin_rate[i]
        arm = np.einsum("nij,j->in", frames[:, i, :3, :3], com)
        # F = m (a - g),  N = I wd + w x I w
        force = mass * (motion.origin_acceleration[i] + cross(wd, arm) + cross(w, cross(w, arm)) - gravity[:, None])
        moment = np.zeros_like(force)
        if inertia is not None:
            moment = (np.einsum("nij,jn->in", inertia, wd) + cross(w, np.einsum("nij,jn->in", inertia, w)))
        centre = frames[:, i, :3, 3].T + arm
        out = np.zeros((len(frames), self.robot.num_joints))
        for j in self._above[i]:
            axis = self._axis(frames, j + 1)
            wrench = force if self.robot.model.joints[j].type == "prismatic" else \
                moment + cross(centre - frames[:, j + 1, :3, 3].T, force)
            out[:, self._columns[j]] = (axis * wrench).sum(axis=0)
        return out

    def _axis(self, frames: np.ndarray, link: int) -> np.ndarray:
        """The axis of the joint that moves a link, in the base frame, (3, n)."""
        return np.einsum("nij,j->in", frames[:, link, :3, :3], self.robot.model.joints[link - 1].axis)


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a x b of arrays (3, n); np.cross is many times slower."""
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
