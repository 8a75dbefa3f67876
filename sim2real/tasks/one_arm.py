"""Reach's view of one robot, in plain floats: what ``reach`` computes with arrays over robots, in a fifth of the time,
and in C in a hundredth (compiled/arithmetic.h, the same bits).

Arrays and floats are compared in a test, to single precision, which is what observations have.
"""

from __future__ import annotations

from math import atan2, sqrt

import numpy as np

from sim2real.compiled import one_robot
from sim2real.kinematics import Chain


def way_and_step(chain: Chain, q: np.ndarray, goal: np.ndarray, full_step: np.ndarray, damping: float) -> np.ndarray:
    """The way of the tool to ``goal`` (3,) in [m], and the joint step along the arc there, side by side, (3 + J,).

    Args:
        chain: In double precision.
        q: Joint positions (J,).
        goal: In the base frame in [m].
        full_step: Of each joint: what its velocity limit allows in a period, (J,).
        damping: Of the least squares.
    """
    if one_robot is None:
        return _way_and_step(chain, q, goal, full_step.tolist(), damping)
    out = np.empty(3 + chain.num_joints)
    one_robot.way_and_step(*chain.table, np.ascontiguousarray(q, float), np.ascontiguousarray(goal, float), full_step,
                           damping, out)
    return out


def _way_and_step(chain: Chain, q: np.ndarray, goal: np.ndarray, full_step: list[float], damping: float) -> np.ndarray:
    """The same in Python."""
    axes, points = chain.lines_of_one(q)
    x, y, z = points.pop()
    goal_x, goal_y, goal_z = goal.tolist()
    way_x, way_y, way_z = goal_x - x, goal_y - y, goal_z - z
    # around the base's z axis instead of straight through it
    radius = sqrt(x * x + y * y) + 1e-9
    turn = atan2(x * goal_y - y * goal_x, x * goal_x + y * goal_y)
    outwards = (sqrt(goal_x * goal_x + goal_y * goal_y) - radius) / radius
    arc_x, arc_y, arc_z = outwards * x - turn * y, outwards * y + turn * x, way_z
    # rows of the Jacobian: axis x (tool - point)
    rows, xx, xy, xz, yy, yz, zz = [], damping**2, 0.0, 0.0, damping**2, 0.0, damping**2
    for step, (ax, ay, az), (px, py, pz) in zip(chain.steps, axes, points, strict=True):
        if step.prismatic:
            jx, jy, jz = ax, ay, az
        else:
            dx, dy, dz = x - px, y - py, z - pz
            jx, jy, jz = ay * dz - az * dy, az * dx - ax * dz, ax * dy - ay * dx
        rows.append((step.column, jx, jy, jz))
        xx += jx * jx
        xy += jx * jy
        xz += jx * jz
        yy += jy * jy
        yz += jy * jz
        zz += jz * jz
    # (J J^T + d^2 I) u = arc by L D L^T; the step is J^T u (Nakamura and Hanafusa 1986)
    l10, l20 = xy / xx, xz / xx
    d1, e = yy - xy * l10, yz - xz * l10
    l21 = e / d1
    uz = (arc_z - l20 * arc_x - l21 * (arc_y - l10 * arc_x)) / (zz - xz * l20 - e * l21)
    uy = (arc_y - l10 * arc_x) / d1 - l21 * uz
    ux = arc_x / xx - l10 * uy - l20 * uz
    found, largest = [0.0] * chain.num_joints, 1.0
    for column, jx, jy, jz in rows:
        found[column] = part = (jx * ux + jy * uy + jz * uz) / full_step[column]
        largest = max(largest, 0.5 * abs(part))
    return np.array([way_x, way_y, way_z, *(part / largest for part in found)])
