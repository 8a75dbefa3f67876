"""Points that are spread evenly over a cube: scrambled Sobol numbers."""

from __future__ import annotations

import numpy as np


def spread_points(count: int, size: int, seed: int) -> np.ndarray:
    """``count`` points of ``size`` numbers in (0, 1), (count, size)."""
    from scipy.stats import qmc

    return qmc.Sobol(size, seed=seed).random_base2(int(np.ceil(np.log2(count))))[:count]
