"""How near an arm is to itself and to the ground, from its own description: no engine, fast enough for a control loop.

Capsules enclose the links' shapes (enclosing.py). Which pairs are worth looking at is worked out once, by random
postures, as MoveIt's setup assistant does; a check is then the frames of all links, one matrix product for the ends of
all capsules, and the distances of all pairs at once. What it says is on the safe side of the shapes: capsules are never
smaller. It is as good as the shapes are: meshes are never loaded (urdf.py puts thin capsules in their place), so a
robot described by meshes needs ``padding``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2real import rng
from sim2real.deployment.capsule_motion import motion_bounds
from sim2real.deployment.enclosing import Capsule, robot_capsules
from sim2real.errors import BadInputError
from sim2real.robot_model import UrdfJoint
from sim2real.robots import RobotDescription

GROUND = "the ground"
_SAMPLES = 2048
_ALWAYS = 0.95  # of random postures: what touches in more of them touches by design (MoveIt's default)
_TINY = 1e-12  # [m2]: squared length of a segment that is a point
_PARALLEL = 1e-9  # squared sine under which segments count as parallel: any pair of nearest points will do


@dataclass(frozen=True)
class Clearance:
    """The smallest gap in [m], negative where capsules overlap, and what it is between: two links, or a link and
    ``GROUND``."""

    distance: float
    pair: tuple[str, str]


class CapsuleModel:
    """An arm as capsules.

    Attributes:
        capsules: All of them.
        at_home: The gap of each pair at home in [m], shape (C + G,).
        left_out: Links some of whose shapes are not looked at because they overlap at home or nearly always.
        pairs: Names of what each distance is between, as in ``Clearance.pair``: C of links, then G with the ground.
        shapes: The numbers of the shapes of each pair (-1 the ground), shape (C + G, 2).
        motion: How far each gap, and last the tool, can move at most when a joint does, in [m/rad], shape (C + G + 1,
            J).
    """

    def __init__(self, robot: RobotDescription, capsules: tuple[Capsule, ...], ground: float):
        self.robot, self.capsules, self.ground = robot, capsules, float(ground)
        model = robot.model
        links = {link: i for i, link in enumerate([model.root, *(joint.child for joint in model.joints)])}
        self._parents = [links[joint.parent] for joint in model.joints]
        self._columns = np.array([robot.joint_names.index(joint.name) for joint in model.joints])
        # a joint's transform is a combination of four matrices with the weights 1, cos q, sin q, q
        self._transforms = np.stack([_transform(joint) for joint in model.joints])
        self._num_links = len(links)
        points = [(capsule.link, capsule.start, capsule.end) for capsule in capsules]
        self._ends = _end_points([*points, (robot.tool_link, robot.tool_offset, robot.tool_offset)], links)
        self._radius = np.array([capsule.radius for capsule in capsules])
        self._choose()

    @classmethod
    def from_robot(cls, robot: RobotDescription, *, padding: float = 0.0, ground: float = 0.0) -> CapsuleModel:
        """The model of an arm.

        Args:
            robot: An arm.
            padding: What every capsule is thicker than its shape needs in [m].
            ground: Height of the ground in the base frame in [m]; -inf: there is none.

        Raises:
            BadInputError: A drone, a padding below zero, or a ground that is no number or that the arm stands in.
        """
        if robot.kind != "arm":
            raise BadInputError(f"capsules: expected an arm, got {robot.name}, a {robot.kind}; drones have a geofence")
        if not 0.0 <= padding < np.inf:
            raise BadInputError(f"capsules: expected a padding of zero or more in m, got {padding}")
        if not ground < np.inf:  # nan too
            raise BadInputError(f"capsules: expected the height of the ground in m, or -inf for none, got {ground}")
        return cls(robot, robot_capsules(robot, padding), ground)

    def clearance(self, q: np.ndarray) -> Clearance:
        """The smallest gap at joint positions ``q`` (J,) in [rad].

        Raises:
            BadInputError: Another shape, or numbers that are not finite.
        """
        q = np.asarray(q, float)
        if q.shape != (self.robot.num_joints,) or not np.isfinite(q).all():
            raise BadInputError(f"clearance: expected {self.robot.num_joints} finite joint positions, "
                                f"got {np.array2string(q, threshold=16)}")
        if not self.pairs:
            return Clearance(np.inf, ("", ""))
        distance = self.distances(q[None])[0]
        i = int(distance.argmin())
        return Clearance(float(distance[i]), self.pairs[i])

    def distances(self, q: np.ndarray) -> np.ndarray:
        """The gap of each of ``pairs`` in [m] at joint positions ``q`` (n, J), shape (n, C + G)."""
        return self.look(q)[0]

    def look(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """``distances``, and where the tool is in the base frame in [m], (n, 3)."""
        ends = self.segments(q)
        first, second = ends.take(self._first, axis=2), ends.take(self._second, axis=2)
        count = len(self._first)
        out = np.empty((len(q), count + len(self._grounded)))
        np.subtract(_segment_distance(first, second, self._first_square, self._second_square, self._determinant_floor),
                    self._both_radii, out=out[:, :count])
        if len(self._grounded):
            height, rise = ends[:, 2].take(self._grounded, axis=1), ends[:, 5].take(self._grounded, axis=1)
            np.subtract(height + np.minimum(rise, 0.0), self._ground_radii, out=out[:, count:])
        return out, ends[:, :3, -1]

    def frames(self, q: np.ndarray) -> np.ndarray:
        """``base_from_link`` of all links, the base first, then in the order of the model's joints: (n, L, 4, 4)."""
        n, count = len(q), self._num_links
        weights = np.ones((count - 1, n, 4))
        weights[:, :, 3] = angle = q.T[self._columns]
        np.cos(angle, out=weights[:, :, 1])
        np.sin(angle, out=weights[:, :, 2])
        moved = (weights @ self._transforms).reshape(count - 1, n, 4, 4)
        out = np.empty((n, count, 4, 4))
        out[:, 0] = np.eye(4)
        if n == 1:  # np.dot on single matrices takes half the time of a stacked product
            rows, frames = moved[:, 0], out[0]
            for i, parent in enumerate(self._parents):
                np.dot(frames[parent], rows[i], out=frames[i + 1])
            return out
        for i, parent in enumerate(self._parents):
            np.matmul(out[:, parent], moved[i], out=out[:, i + 1])
        return out

    def segments(self, q: np.ndarray) -> np.ndarray:
        """Start of each capsule's segment and the way to its end, in the base frame in [m], shape (n, 6, K + 1).

        The last column is the tool, a segment without length.
        """
        frames = self.frames(q)
        return np.dot(frames.reshape(len(q), -1), self._ends).reshape(len(q), 6, -1)

    # ------------------------------------------------------------------ which pairs, once
    def _choose(self) -> None:
        """Keep the pairs that can tell something.

        Left out, shape by shape: what belongs to one link or to links that a joint connects; what overlaps at home (the
        description's own rest pose is taken to be right) or in nearly all postures; and with the ground what is in it
        at home, and what no joint raises or lowers.
        """
        robot, capsules = self.robot, self.capsules
        joined = {frozenset((joint.parent, joint.child)) for joint in robot.model.joints}
        every = [(i, k) for i in range(len(capsules)) for k in range(i + 1, len(capsules))
                 if capsules[i].link != capsules[k].link
                 and frozenset((capsules[i].link, capsules[k].link)) not in joined]
        low, high = robot.position_low, robot.position_high
        postures = low + rng.uniform(0, np.arange(_SAMPLES), 0, "evaluation", robot.num_joints) * (high - low)
        postures[0] = robot.home
        ends = self.segments(postures)[:, :, :-1]
        lowest = ends[:, 2] + np.minimum(ends[:, 5], 0.0) - self._radius
        moved = (np.ptp(lowest, axis=0) > 1e-9) & np.isfinite(self.ground)
        depth = np.where(moved, self.ground - lowest[0] - self._radius, -np.inf)  # of the segments at home
        if (depth > 0.0).any():
            raise BadInputError(f"capsules: at home {capsules[int(depth.argmax())].link} of {robot.name} is in the "
                                f"ground, which is at z = {self.ground:g} m; correct safety.ground (none: no "
                                "ground) or home")
        self._grounded = np.flatnonzero(moved & (lowest[0] >= self.ground))
        self._ground_radii = (self._radius + self.ground)[self._grounded]
        self._set_pairs(every)
        distance = self.distances(postures)[:, :len(every)]
        belong = (distance[0] < 0.0) | ((distance < 0.0).mean(axis=0) > _ALWAYS)
        together = {self._shapes_of(*pair) for pair, out in zip(every, belong, strict=True) if out}
        self._set_pairs([pair for pair in every if self._shapes_of(*pair) not in together])
        self.left_out = tuple(sorted({(capsules[i].link, capsules[k].link) for i, k in every
                                      if self._shapes_of(i, k) in together}))
        self.at_home = self.distances(robot.home[None])[0]
        self.motion = motion_bounds(robot.model, robot.joint_names, capsules,
                                    list(zip(self._first.tolist(), self._second.tolist(), strict=True)),
                                    self._grounded.tolist(), (robot.tool_link, robot.tool_offset))

    def _shapes_of(self, i: int, k: int) -> tuple[int, int]:
        return self.capsules[i].shape, self.capsules[k].shape

    def _set_pairs(self, pairs: list[tuple[int, int]]) -> None:
        index = np.array(pairs, int).reshape(-1, 2)
        self._first, self._second = np.ascontiguousarray(index.T)
        square = np.array([(capsule.end - capsule.start) @ (capsule.end - capsule.start) for capsule in self.capsules])
        self._first_square = np.maximum(square[self._first], _TINY)
        self._second_square = np.maximum(square[self._second], _TINY)
        self._determinant_floor = _PARALLEL * self._first_square * self._second_square
        self._both_radii = self._radius[self._first] + self._radius[self._second]
        names = [capsule.link for capsule in self.capsules]
        self.pairs = ([(names[i], names[k]) for i, k in pairs] + [(names[i], GROUND) for i in self._grounded])
        self.shapes = np.array([self._shapes_of(i, k) for i, k in pairs]
                               + [(self.capsules[i].shape, -1) for i in self._grounded], int).reshape(-1, 2)


def _segment_distance(first: np.ndarray, second: np.ndarray, a: np.ndarray, e: np.ndarray, floor: np.ndarray
                      ) -> np.ndarray:
    """Distances of segments p + s d with 0 <= s <= 1, rows p and d: (n, 6, P) twice -> (n, P).

    The nearest point of the first to the second's line, then of the second to that, then of the first to that (Ericson
    2005, Real-Time Collision Detection, 5.1.9); ``a`` and ``e`` are the squared lengths.
    """
    d1, d2 = first[:, 3:], second[:, 3:]
    r = first[:, :3] - second[:, :3]
    b, c, f = _dot(d1, d2), _dot(d1, r), _dot(d2, r)
    s = (b * f - c * e) / np.maximum(a * e - b * b, floor)
    s = np.minimum(np.maximum(s, 0.0), 1.0)
    t = (b * s + f) / e
    t = np.minimum(np.maximum(t, 0.0), 1.0)
    s = (b * t - c) / a
    s = np.minimum(np.maximum(s, 0.0), 1.0)
    r += d1 * s[:, None]
    r -= d2 * t[:, None]
    return np.sqrt(_dot(r, r))


def _dot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.add.reduce(x * y, axis=1)


def _transform(joint: UrdfJoint) -> np.ndarray:
    """Matrices M such that ``parent_from_child`` = M0 + M1 cos q + M2 sin q + M3 q, shape (4, 16) (Rodrigues)."""
    out = np.zeros((4, 4, 4))
    out[0, :3, 3], out[0, 3, 3] = joint.xyz, 1.0
    if joint.type == "prismatic":
        out[0, :3, :3] = joint.rotation
        out[3, :3, 3] = joint.rotation @ joint.axis
    else:
        x, y, z = joint.axis
        cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
        square = cross @ cross
        out[0, :3, :3] = joint.rotation @ (np.eye(3) + square)
        out[1, :3, :3] = -joint.rotation @ square
        out[2, :3, :3] = joint.rotation @ cross
    return out.reshape(4, 16)


def _end_points(points: list[tuple[str, np.ndarray, np.ndarray]], links: dict[str, int]) -> np.ndarray:
    """The linear map from all links' frames, flat (16 L), to starts and ways of segments in them, flat (6 K)."""
    out = np.zeros((len(links), 4, 4, 6, len(points)))
    for k, (link, start, end) in enumerate(points):
        for row in range(3):
            out[links[link], row, :, row, k] = [*start, 1.0]
            out[links[link], row, :, 3 + row, k] = [*(end - start), 0.0]
    return out.reshape(16 * len(links), 6 * len(points))
