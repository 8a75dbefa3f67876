"""Postures of an arm in images: about home, and where it is while it reaches over the table."""

from __future__ import annotations

import numpy as np

from sim2real import rng
from sim2real.kinematics import Chain
from sim2real.robots import RobotDescription

_HEIGHT = 0.08, 0.35  # [m] of a tool that reaches, over the table
_OVER_THING = 0.5  # share of reaching arms that are at the thing, not anywhere
_ASIDE = 0.03  # [m] that they are off it at most
_SHAKE = 0.5  # of the spread: joints about a posture that reaches
_NEAR = 0.02  # [m]: a tool that does not come so near its place reaches for nothing


def draw_postures(robot: RobotDescription, places: np.ndarray, region: tuple[float, float, float, float],
                  spread: float, reaching: float, seed: int) -> np.ndarray:
    """Joint positions (n, J) in [rad] of frames in which something lies at ``places`` (n, 2) [m] in the base frame.

    A policy that goes where it sees the thing changes what it sees: an encoder that knows the arm at home alone is off
    by centimetres as soon as the arm comes near.

    Args:
        robot: An arm.
        places: Of the thing.
        region: x from, to, y from, to in [m], where arms reach.
        spread: How far joints are at most from home in [rad].
        reaching: Share of frames whose tool is over the region: half of those at the thing, half anywhere.
        seed: Frame k is the same for the same seed.
    """
    n, joints = len(places), robot.num_joints
    u = rng.uniform(seed, np.arange(n), 0, "initial", joints + 6)
    off = spread * (2.0 * u[:, :joints] - 1.0)
    out = robot.home + off
    rows = np.flatnonzero(u[:, joints] < reaching)
    if len(rows):
        u, low, high = u[rows, joints + 1:], np.array(region[::2]), np.array(region[1::2])
        at = np.where(u[:, :1] < _OVER_THING, places[rows] + _ASIDE * (2.0 * u[:, 1:3] - 1.0),
                      low + u[:, 1:3] * (high - low))
        tool = np.column_stack([at, _HEIGHT[0] + u[:, 3] * (_HEIGHT[1] - _HEIGHT[0])])
        posture, error = Chain.from_robot(robot).solve_position(tool, robot.home, robot.position_low,
                                                                robot.position_high, iterations=40)
        found = error < _NEAR
        out[rows[found]] = posture[found] + _SHAKE * off[rows[found]]
    return np.clip(out, robot.position_low, robot.position_high)
