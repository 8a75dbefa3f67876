"""Intervals and quantiles of what was measured."""

from __future__ import annotations

import math

import numpy as np


def wilson_interval(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a success rate (Wilson 1927): right near 0 and 1, where the normal one is not.

    Raises:
        ValueError: No trials, or more successes than trials.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"expected 0 <= successes <= trials and trials >= 1, got {successes} of {trials}")
    p = successes / trials
    centre = (p + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    # exact at the ends: rounding must not exclude the measured rate
    return min(max(0.0, centre - half), p), max(min(1.0, centre + half), p)


def smoothness(commands: np.ndarray, period: float) -> float:
    """Root mean square of the commands' second difference over time, in command units per s^2; lower is smoother.

    Args:
        commands: Command stream of n robots, shape (T, n, C).
        period: Time between commands in [s].
    """
    if len(commands) < 3:
        return 0.0
    return float(np.sqrt(np.mean((np.diff(commands, n=2, axis=0) / period**2) ** 2)))
