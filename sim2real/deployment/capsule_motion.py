"""How far capsules can come nearer to each other when joints move: a bound that saves most looks at them.

A joint that turns by an angle moves whatever it carries by at most the angle times the distance from its axis, in
whatever posture; seen from what it carries, it moves everything else as far. So while the joints are near a posture
whose gaps are known, what is left of a gap is known as well, and distances need not be worked out again (conservative
advancement: Mirtich 1996, "Impulse-based Dynamic Simulation of Rigid Body Systems", 2.3).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2real.compiled import one_robot
from sim2real.deployment.braking import stopping_bound
from sim2real.deployment.enclosing import Capsule
from sim2real.robot_model import RobotModel, UrdfJoint

_FAR = 1e301  # [rad], [m]: more than is left of any bound, where an infinity times zero would be nan
Point = tuple[str, np.ndarray]  # a link, and a place in its frame [m]


def motion_bounds(model: RobotModel, joint_names: Sequence[str], capsules: Sequence[Capsule],
                  pairs: Sequence[tuple[int, int]], grounded: Sequence[int], tool: Point) -> np.ndarray:
    """Bounds on how gaps and the tool change with the joints.

    Args:
        model: Of the robot.
        joint_names: In the order of the columns.
        capsules, pairs, grounded: Whose gaps: of pairs of capsules, and of capsules with the ground.
        tool: A place whose way is bounded, too.

    Returns:
        Rows for the pairs, the capsules over the ground and the tool, columns for the joints, in [m/rad] or [m/m].
    """
    ways = {model.root: ()}  # joints from the base to each link
    for joint in model.joints:
        ways[joint.child] = (*ways[joint.parent], joint)
    out = np.zeros((len(pairs) + len(grounded) + 1, len(joint_names)))

    def fill(row: int, joint: UrdfJoint, bound: float) -> None:
        out[row, joint_names.index(joint.name)] = 1.0 if joint.type == "prismatic" else bound

    for row, (i, k) in enumerate(pairs):
        ends = [[(c.link, c.start), (c.link, c.end)] for c in (capsules[i], capsules[k])]
        for mine, others in (ends, ends[::-1]):
            for joint in ways[mine[0][0]]:
                if joint not in ways[others[0][0]]:
                    fill(row, joint, min(max(_carried(joint, ways, p) for p in mine),
                                         max(_left_behind(joint, ways, p) for p in others)))
    for row, i in enumerate(grounded, len(pairs)):
        for joint in ways[capsules[i].link]:
            upright = joint.parent == model.root and abs((joint.rotation @ joint.axis)[2]) > 1.0 - 1e-12
            if joint.type == "prismatic" or not upright:  # turning about the vertical leaves heights alone
                fill(row, joint, max(_carried(joint, ways, (capsules[i].link, p))
                                     for p in (capsules[i].start, capsules[i].end)))
    for joint in ways[tool[0]]:
        fill(-1, joint, _carried(joint, ways, tool))
    return out


def surely(motion: np.ndarray, left: np.ndarray, q: np.ndarray, known: np.ndarray, velocity: np.ndarray | None,
           acceleration: np.ndarray | None, period: float, factors: np.ndarray) -> bool:
    """Whether a robot breaks none of B bounds for sure, nor does its way to rest.

    Args:
        motion: How far each joint can move what is bounded, (B, J), of ``motion_bounds`` or like it.
        left: What each bound had left at the known posture, (B,).
        q, known: Joint positions, now and there, (J,).
        velocity, acceleration: Of the joints per second, (J,); None: they stand.
        period: In whose units the bounds of braking are, in [s].
        factors: Of braking, ``braking.bound_factors``, (4, J).
    """
    if one_robot is not None:
        return one_robot.surely(motion, left, q, known, velocity, acceleration, period, factors)
    departure = np.abs(q - known)
    if velocity is not None and acceleration is not None:
        departure += stopping_bound(velocity * period, acceleration * period**2, factors)
    return bool((np.dot(motion, np.minimum(departure, _FAR)) <= left).all())  # nan: no


def _carried(joint: UrdfJoint, ways: dict, point: Point) -> float:
    """Largest distance from the axis of ``joint`` of a point that it carries."""
    link, place = point
    later = ways[link][len(ways[joint.child]):]
    first, *rest = [*(each.xyz for each in later), place]
    return _across(first, joint.axis) + sum(map(_length, rest)) + sum(map(_travel, later))


def _left_behind(joint: UrdfJoint, ways: dict, point: Point) -> float:
    """Largest distance from the axis of ``joint`` of a point that it does not carry."""
    link, place = point
    mine, others = ways[joint.child], ways[link]
    shared = 0
    while shared < min(len(mine), len(others)) and mine[shared] is others[shared]:
        shared += 1
    there, way = mine[shared:], others[shared:]  # from the last link that carries both; the first ends with ``joint``
    if not way and len(there) == 1:
        return _across(place - joint.xyz, joint.rotation @ joint.axis)
    first = [_length((way[0].xyz if way else place) - there[0].xyz)]
    rest = [_length(each.xyz) for each in (*there[1:], *way[1:])] + ([_length(place)] if way else [])
    return sum(first + rest) + sum(map(_travel, (*there, *way)))


def _across(way: np.ndarray, axis: np.ndarray) -> float:
    return _length(way - (way @ axis) * axis)


def _length(way: np.ndarray) -> float:
    return float(np.linalg.norm(way))


def _travel(joint: UrdfJoint) -> float:
    return max(abs(joint.lower), abs(joint.upper)) if joint.type == "prismatic" else 0.0
