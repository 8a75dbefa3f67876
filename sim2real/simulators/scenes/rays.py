"""Rays and upright boxes: how far it is free, and how near things are; labels without a physics engine."""

from __future__ import annotations

import numpy as np

from sim2real.simulators.scenes.corridors import Corridors

_INSIDE = 0.9  # of a box's distance that it is blown up by at most, so that nobody who is outside stands within it
_CHUNK = 1 << 22  # ray and box pairs at once


def free_distance(corridors: Corridors, position: np.ndarray, headings: np.ndarray, radius: float = 0.0,
                  most: float = np.inf) -> np.ndarray:
    """How far a ball can fly straight ahead before it touches something, in [m], (n, K).

    Boxes are blown up by ``radius`` (their corners stay sharp, which errs to the safe side) and rays cast by slabs
    (Kay and Kajiya 1986): a ray is inside a box between the last entry and the first exit.

    Args:
        corridors: As many as positions.
        position: Centres of the ball in [m], (n, 3).
        headings: In the world in [rad], (n, K): flights are level.
        radius: Of the ball in [m].
        most: What farther distances are cut down to in [m].
    """
    n, (k, b) = len(position), (headings.shape[1], corridors.yaw.shape[1])
    out = np.empty((n, k))
    step = max(1, _CHUNK // (k * b))
    for i in range(0, n, step):
        part = slice(i, i + step)
        out[part] = _cast(corridors[part], position[part], headings[part], radius)
    return np.minimum(out, most)


def _cast(corridors: Corridors, position: np.ndarray, headings: np.ndarray, radius: float) -> np.ndarray:
    centre, half = _local(corridors, position), 0.5 * corridors.size
    gap = _gap(centre, half)
    grown = half + np.minimum(radius, _INSIDE * gap)[..., None]
    angle = headings[:, :, None] - corridors.yaw[:, None]  # (n, K, B)
    way = np.stack([np.cos(angle), np.sin(angle)], axis=3)
    way = np.where(np.abs(way) < 1e-12, 1e-12, way)
    # centre - t way is in [-half, half]: the ball at the origin, in the box's axes
    one, two = ((centre[:, None, :, :2] + sign * grown[:, None, :, :2]) / way for sign in (-1.0, 1.0))
    entry, leave = np.minimum(one, two).max(axis=3), np.maximum(one, two).min(axis=3)
    hit = (entry <= leave) & (leave > 0.0) & (np.abs(centre[..., 2]) <= grown[..., 2])[:, None]
    return np.where(hit, np.maximum(entry, 0.0), np.inf).min(axis=2)


def clearance(corridors: Corridors, position: np.ndarray) -> np.ndarray:
    """Distance to the nearest box in [m], (n,), 0 inside one; positions (n, 3)."""
    return _gap(_local(corridors, position), 0.5 * corridors.size).min(axis=1)


def _local(corridors: Corridors, position: np.ndarray) -> np.ndarray:
    """Centres of the boxes from the positions, in each box's axes, (n, B, 3)."""
    off = corridors.centre - position[:, None]
    c, s = np.cos(corridors.yaw), np.sin(corridors.yaw)
    return np.stack([c * off[..., 0] + s * off[..., 1], c * off[..., 1] - s * off[..., 0], off[..., 2]], axis=2)


def _gap(centre: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Distance from the origin to boxes."""
    return np.linalg.norm(np.maximum(np.abs(centre) - half, 0.0), axis=-1)
