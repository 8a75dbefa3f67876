"""Capsules that enclose the shapes of a robot's links.

A capsule is all points within a radius of a segment: two of them are apart by the distance of their segments less both
radii, which is why a robot's own computer can afford them at every control step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2real.robot_model import Geom
from sim2real.robots import RobotDescription

BARE_RADIUS = 0.03  # [m] of the capsules of a link that has no shape at all
_SHORTEST = 0.02  # [m]: a link without shape that is shorter gets none
_TRIALS = np.linspace(0.0, 1.0, 51)  # parts of a shape's half length by which its capsule's segment is shorter
_STRIPS = 3  # a flat box is laid out with at most so many capsules side by side


@dataclass(frozen=True)
class Capsule:
    """A capsule in its link's frame.

    Attributes:
        link: The link's name.
        shape: Number of the shape that it encloses among all of the robot's; several may share one.
        start, end: Ends of its segment in [m], each shape (3,).
        radius: In [m].
    """

    link: str
    shape: int
    start: np.ndarray
    end: np.ndarray
    radius: float


def robot_capsules(robot: RobotDescription, padding: float = 0.0) -> tuple[Capsule, ...]:
    """Capsules around all collision shapes of an arm, thicker by ``padding`` [m].

    A link without collision shapes is taken as it is drawn; a moving one that has no shape at all gets capsules of
    ``BARE_RADIUS`` from its origin to the joints it carries, and to the tool if it carries that.
    """
    found: list[Capsule] = []
    shape = 0
    for link in robot.model.links:
        solid = [geom for geom in link.geoms if geom.collision] or list(link.geoms)
        parts = [enclose(geom) for geom in solid]
        if not solid and link.name != robot.model.root:
            parts = [[(np.zeros(3), end, BARE_RADIUS)] for end in _ends(robot, link.name)]
        for part in parts:
            found += [Capsule(link.name, shape, start, end, radius + padding) for start, end, radius in part]
            shape += 1
    return tuple(found)


def enclose(geom: Geom) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Segments (start, end) in the link's frame and radii in [m] whose capsules together hold all of ``geom``.

    Spheres and capsules are met exactly; a cylinder gets the enclosing capsule of least volume, a box one around each
    of the strips that its middle side is cut into where it is flat.
    """
    if geom.kind == "sphere":
        return [(geom.xyz, geom.xyz, geom.size[0])]
    if geom.kind == "capsule":
        return [_placed(geom, np.array([0.0, 0.0, 1.0]), 0.5 * geom.size[1], np.zeros(3), geom.size[0])]
    if geom.kind == "cylinder":
        half, radius = _tightest(0.5 * geom.size[1], geom.size[0])
        return [_placed(geom, np.array([0.0, 0.0, 1.0]), half, np.zeros(3), radius)]
    thin, wide, long = np.argsort(geom.size, kind="stable")
    axes, size = np.eye(3), 0.5 * np.array(geom.size)
    strips = int(np.clip(np.round(size[wide] / size[thin]), 1, _STRIPS))
    width = size[wide] / strips  # half of a strip's
    half, radius = _tightest(size[long], float(np.hypot(width, size[thin])))
    return [_placed(geom, axes[long], half, axes[wide] * (2 * i + 1 - strips) * width, radius) for i in range(strips)]


def _tightest(half: float, across: float) -> tuple[float, float]:
    """Half length of the segment and radius of the smallest capsule around a cylinder (half length, radius)."""
    shorter = _TRIALS * half
    segment, radius = half - shorter, np.hypot(across, shorter)  # it passes through the rims of both ends
    best = int(np.argmin(radius**2 * (2.0 * segment + 4.0 / 3.0 * radius)))
    return float(segment[best]), float(radius[best])


def _placed(geom: Geom, axis: np.ndarray, half: float, offset: np.ndarray, radius: float
            ) -> tuple[np.ndarray, np.ndarray, float]:
    ends = (geom.xyz + geom.rotation @ (offset + sign * half * axis) for sign in (-1.0, 1.0))
    return *ends, radius


def _ends(robot: RobotDescription, link: str) -> list[np.ndarray]:
    ends = [joint.xyz for joint in robot.model.children(link)]
    if link == robot.tool_link:
        ends.append(robot.tool_offset)
    return [end for end in ends if np.linalg.norm(end) > _SHORTEST]
