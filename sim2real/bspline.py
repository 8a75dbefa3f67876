"""The uniform cubic B-spline that deployed commands follow between set points (de Boor 1978, "A Practical Guide to
Splines"): one piece per control period, from the last four set points."""

from __future__ import annotations

import numpy as np

# the last piece from its four control points, the oldest first: rows of powers 0..3 of the piece's own time in [0, 1]
BASIS = np.array([[1.0, 4.0, 1.0, 0.0], [-3.0, 0.0, 3.0, 0.0], [3.0, -6.0, 3.0, 0.0], [-1.0, 3.0, -3.0, 1.0]]) / 6.0
MEAN = np.array([1.0, 1 / 2, 1 / 3, 1 / 4]) @ BASIS  # weights of the mean over a piece: (1, 11, 11, 1) / 24


def weights(time: np.ndarray) -> np.ndarray:
    """Of the four control points at the piece's own ``time`` in [0, 1], shape (..., 4)."""
    return np.asarray(time)[..., None] ** np.arange(4) @ BASIS
