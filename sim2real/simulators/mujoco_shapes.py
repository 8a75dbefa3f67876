"""Primitive shapes as MuJoCo has them."""

from __future__ import annotations

import mujoco
import numpy as np

SHAPES = {"box": mujoco.mjtGeom.mjGEOM_BOX, "sphere": mujoco.mjtGeom.mjGEOM_SPHERE,
          "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER, "capsule": mujoco.mjtGeom.mjGEOM_CAPSULE}


def half_sizes(kind: str, size: np.ndarray) -> np.ndarray:
    """MuJoCo's sizes (..., 3) of shapes: half lengths of a box, else radius and half length.

    Args:
        kind: A key of ``SHAPES``.
        size: In [m], (..., k): box (x, y, z) full lengths; sphere (radius,); cylinder and capsule (radius, length).
    """
    size = np.asarray(size, float)
    if kind == "box":
        return 0.5 * size
    out = np.zeros((*size.shape[:-1], 3))
    out[..., 0] = size[..., 0]
    if kind != "sphere":
        out[..., 1] = 0.5 * size[..., 1]
    return out
