"""Small named functions from which rewards and observations are made; all over n robots, all numpy."""

from __future__ import annotations

import numpy as np

from sim2real.parameters import ParameterSpace


def norm(vector: np.ndarray) -> np.ndarray:
    """Length of each row, (n, k) -> (n,)."""
    return np.sqrt(np.einsum("ij,ij->i", vector, vector))


def square(vector: np.ndarray) -> np.ndarray:
    """Squared length of each row, (n, k) -> (n,)."""
    return np.einsum("ij,ij->i", vector, vector)


def mean_square(vector: np.ndarray) -> np.ndarray:
    """Mean of the squares of each row, (n, k) -> (n,)."""
    return square(vector) / vector.shape[1]


def near(distance: np.ndarray, width: float) -> np.ndarray:
    """1 at the goal, 1/2 at ``width`` [m], with a long tail that still has a slope far away, (n,) -> (n,)."""
    return width**2 / (width**2 + distance * distance)


def inside(distance: np.ndarray, width: float) -> np.ndarray:
    """1 at the goal and flat outside ``width`` [m]: rewards precision, (n,) -> (n,)."""
    return np.exp(distance * distance * (-1.0 / width**2))


def action_rate(action: np.ndarray, last_action: np.ndarray) -> np.ndarray:
    """Mean squared change of the action from one period to the next, (n,)."""
    return mean_square(action - last_action)


def beyond(position: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """How far joints are below ``low`` or above ``high`` [rad], summed, (n, J) -> (n,)."""
    depth = np.maximum(low - position, position - high)
    return np.einsum("ij->i", np.maximum(depth, 0.0, out=depth))


def unit_parameters(space: ParameterSpace, values: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Parameter values over their training ranges, -1 at the low and 1 at the high end, (n, P) -> (n, columns)."""
    low, high = space.low[columns], space.high[columns]
    return np.clip(2.0 * (values[:, columns] - low) / (high - low) - 1.0, -3.0, 3.0)


def varying_columns(space: ParameterSpace) -> np.ndarray:
    """Columns that say something to a critic: global ones (not of one joint or rotor) with a range."""
    return np.array([i for i, p in enumerate(space.parameters) if p.high > p.low and "." not in p.name], dtype=int)
