"""Maximum a posteriori by damped Gauss-Newton steps: all columns of the Jacobian in one batch, and all trial steps too.

Levenberg (1944) and Marquardt (1963) with the weights of an iteratively reweighted robust loss. Where the surface is
rough, the search begins from the best of a spread of candidates on a few pieces of the recordings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim2real.identification.likelihood import PRIOR_PRECISION, Fit, fit_noise, loss
from sim2real.identification.problem import Problem
from sim2real.identification.spread import spread_points

DIFFERENCE = 0.01  # of the range of a parameter
_DAMPINGS = np.array([0.0, 1e-3, 1e-2, 0.1, 1.0, 10.0])  # over the diagonal of the information matrix
_SETTLED = 0.1  # standard deviations: a step that is smaller is the last
_LONGEST = 0.4  # of the range of a parameter in one step
_CANDIDATES, _FEW_PIECES = 64, 4
_EARLY, _LATE = 10, 12  # iterations on few pieces, and on all
_REFINEMENTS = 6


@dataclass(frozen=True)
class Linear:
    """The problem about one point.

    Attributes:
        shares: The point u, (K,).
        predicted: Measurements there, (N,).
        jacobian: d predicted / d u, (N, K).
        fit: Residuals and their weights.
        information: J^T W J plus the prior's, (K, K).
        gradient: J^T W r minus the prior's pull, (K,).
    """

    shares: np.ndarray
    predicted: np.ndarray
    jacobian: np.ndarray
    fit: Fit
    information: np.ndarray
    gradient: np.ndarray


def gauss_newton(problem: Problem, progress: Callable[[float, str], None], *, seed: int = 0) -> np.ndarray:
    """The shares (K,) of the most likely parameters."""
    count = len(problem.cut.pieces)
    few = problem.part(np.unique(np.linspace(0, count - 1, min(_FEW_PIECES, count)).round().astype(int)))
    candidates = spread_points(_CANDIDATES, len(problem.names), seed)
    candidates[0] = np.clip(problem.to_unit(problem.nominal), 0.0, 1.0)
    losses = loss(few, few.predict(few.from_unit(candidates)), candidates)
    progress(0.1, "candidates")
    best = candidates[int(np.argmin(losses))]
    shares = _descend(few, best, _EARLY, lambda done: progress(0.1 + 0.2 * done, "coarse"))
    few.close()
    return _descend(problem, shares, _LATE, lambda done: progress(0.3 + 0.6 * done, "fine"))


def _descend(problem: Problem, shares: np.ndarray, iterations: int, progress: Callable[[float], None]) -> np.ndarray:
    predicted = problem.predict(problem.from_unit(shares))[0]
    best = float(loss(problem, predicted[None], shares[None])[0])
    for k in range(iterations):
        about = linearize(problem, shares, predicted)
        trials = _trials(about)
        predictions = problem.predict(problem.from_unit(trials))
        losses = loss(problem, predictions, trials)
        choice = int(np.argmin(losses))
        if not losses[choice] < best:
            break
        # a step in standard deviations of the posterior: what is not known need not settle
        change = trials[choice] - shares
        length = float(np.sqrt(change @ about.information @ change))
        gained, best = best - float(losses[choice]), float(losses[choice])
        shares, predicted = trials[choice], predictions[choice]
        progress((k + 1) / iterations)
        if length < _SETTLED or gained < 1e-3:
            break
    return shares


def refine(problem: Problem, about: Linear, fine: Problem) -> Linear:
    """The same point for a finer problem, by the coarse one's Jacobian (defect correction, Stetter 1978).

    What a shorter integration step changes is in the residuals, of one candidate; it hardly changes the Jacobian.
    """
    for _ in range(_REFINEMENTS):
        about = about_point(problem, about.shares, fine.predict(fine.from_unit(about.shares))[0], about.jacobian)
        step = np.clip(about.shares + _bounded_step(about, about.information), 0.0, 1.0) - about.shares
        if float(np.sqrt(step @ about.information @ step)) < _SETTLED:
            break
        about = about_point(problem, about.shares + step, about.predicted + about.jacobian @ step, about.jacobian)
    return about


def about_point(problem: Problem, shares: np.ndarray, predicted: np.ndarray, jacobian: np.ndarray) -> Linear:
    """Residuals, weights and normal equations at a point."""
    fit = fit_noise(problem, predicted)
    information = jacobian.T @ (fit.precision[:, None] * jacobian) + PRIOR_PRECISION * np.eye(len(shares))
    gradient = jacobian.T @ (fit.precision * fit.residual) - PRIOR_PRECISION * (shares - 0.5)
    return Linear(shares, predicted, jacobian, fit, information, gradient)


def linearize(problem: Problem, shares: np.ndarray, predicted: np.ndarray | None = None, *,
              central: bool = False) -> Linear:
    """The Jacobian by finite differences, one batch for all columns; towards the middle, or to both sides."""
    width = DIFFERENCE * np.where(shares > 0.5, -1.0, 1.0)
    moved = shares + np.diag(width)
    points = np.vstack([moved, shares - np.diag(width), shares]) if central else moved
    if predicted is None and not central:
        points = np.vstack([points, shares])
    low, high = _reachable(problem)
    points = np.clip(points, low, high)
    predictions = problem.predict(problem.from_unit(points))
    predicted = predictions[-1] if predicted is None else predicted
    count = len(shares)
    behind = predictions[count:2 * count] if central else np.broadcast_to(predicted, predictions[:count].shape)
    start = np.diagonal(points[count:2 * count]) if central else shares
    jacobian = ((predictions[:count] - behind) / (np.diagonal(points[:count]) - start)[:, None]).T
    jacobian[~np.isfinite(jacobian)] = 0.0  # a column that cannot be had moves nothing
    return about_point(problem, shares, predicted, jacobian)


def _trials(about: Linear) -> np.ndarray:
    """Steps of every damping, kept inside the bounds, (n, K)."""
    diagonal = np.diag(np.diag(about.information))
    steps = np.array([_bounded_step(about, about.information + damping * diagonal) for damping in _DAMPINGS])
    longest = np.abs(steps).max(axis=1, keepdims=True)
    return np.clip(about.shares + steps * np.minimum(1.0, _LONGEST / np.maximum(longest, 1e-12)), 0.0, 1.0)


def _bounded_step(about: Linear, matrix: np.ndarray) -> np.ndarray:
    """The step that solves the normal equations; parameters at a bound that would leave it are held there."""
    free = np.ones(len(about.shares), bool)
    step = np.zeros(len(free))
    for _ in range(len(free)):
        step[:] = 0.0
        step[free] = np.linalg.solve(matrix[np.ix_(free, free)], about.gradient[free])
        leaves = free & (((about.shares <= 0.0) & (step < 0.0)) | ((about.shares >= 1.0) & (step > 0.0)))
        if not leaves.any():
            break
        free &= ~leaves
    return step


def _reachable(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Shares of what is physically possible: differences may be taken a little outside the range."""
    chosen = [problem.space.parameters[column] for column in problem.columns]
    low = problem.to_unit(np.array([p.physical_low for p in chosen]))
    high = problem.to_unit(np.array([p.physical_high for p in chosen]))
    return np.minimum(low, 0.0), np.maximum(high, 1.0)
