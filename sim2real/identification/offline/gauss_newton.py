"""Maximum a posteriori by damped Gauss-Newton steps: all columns of the Jacobian in one batch, and all trial steps too.

Levenberg (1944) and Marquardt (1963) with the weights of an iteratively reweighted robust loss. It begins from nominal
on a few pieces of the recordings; where the fit there is poor, also from the best of a spread of candidates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim2real.errors import SimulationError
from sim2real.identification.offline.problem import Problem
from sim2real.identification.offline.robust_fit import PRIOR_PRECISION, Fit, fit_noise, loss, misfit
from sim2real.identification.offline.spread import spread_points
from sim2real.identification.offline.starts import start_columns, without_starts

DIFFERENCE = 1e-3  # of the range of a parameter
_DAMPINGS = np.array([0.0, 1e-2, 1.0, 30.0])  # over the diagonal of the information matrix
_NEAR, _SETTLED = 1.0, 0.1  # standard deviations: a step that is smaller is the last, before and in the corrections
_LONGEST = 0.4  # of the range of a parameter in one step
_CANDIDATES, _FEW_PIECES = 64, 4
_ROUGHLY = 0.02  # of the range of a parameter: where all pieces take over
_MOST = 15  # iterations
_REFINEMENTS = 6
_POOR = 10.0  # times the sensors' noise: a fit as poor as this may be a wrong valley


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
    shares, least = _descend(few, np.clip(problem.to_unit(problem.nominal), 0.0, 1.0), lambda done: progress(
        0.2 * done, "a few pieces"), _ROUGHLY)
    if _is_poor(few, shares):
        candidates = spread_points(_CANDIDATES, len(problem.names), seed)
        losses = loss(few, few.predict(few.from_unit(candidates)), candidates)
        other, value = _descend(few, candidates[int(np.argmin(losses))], lambda done: progress(
            0.2 + 0.2 * done, "other candidates"), _ROUGHLY)
        shares = other if value < least else shares
    few.close()
    return _descend(problem, shares, lambda done: progress(0.4 + 0.4 * done, "all pieces"))[0]


def _is_poor(problem: Problem, shares: np.ndarray) -> bool:
    return misfit(problem, fit_noise(problem, problem.predict(problem.from_unit(shares))[0])) > _POOR


def _descend(problem: Problem, shares: np.ndarray, progress: Callable[[float], None],
             enough: float = 0.0) -> tuple[np.ndarray, float]:
    """Where Gauss-Newton steps lead from ``shares`` (K,), and the loss there; until no share changes by ``enough``."""
    predicted = problem.predict(problem.from_unit(shares))[0]
    if not np.isfinite(predicted).all():
        raise SimulationError("the simulation goes unstable at the start of the search; try --method cma, or check the "
                              "robot's description against the log")
    best = float(loss(problem, predicted[None], shares[None])[0])
    for k in range(_MOST):
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
        progress((k + 1) / _MOST)
        if length < _NEAR or gained < 1e-3 or np.abs(change).max() < enough:
            break
    return shares, best


def refine(problem: Problem, about: Linear, fine: Problem) -> Linear:
    """The optimum of a finer problem by the coarse one's Jacobian (defect correction, Stetter 1978).

    What a shorter integration step changes is in the residuals, of one candidate; it hardly changes the Jacobian. Here
    a drone's measured starts are also integrated out.
    """
    starts = start_columns(problem, about.shares) if problem.robot.kind == "drone" else None
    jacobian = about.jacobian
    for _ in range(_REFINEMENTS):
        predicted = fine.predict(fine.from_unit(about.shares))[0]
        about = about_point(problem, about.shares, predicted, jacobian, starts)
        step = np.clip(about.shares + bounded_step(about, about.information), 0.0, 1.0) - about.shares
        if float(np.sqrt(step @ about.information @ step)) < _SETTLED:
            break
        about = about_point(problem, about.shares + step, predicted + jacobian @ step, jacobian, starts)
    return about


def about_point(problem: Problem, shares: np.ndarray, predicted: np.ndarray, jacobian: np.ndarray,
                starts: np.ndarray | None = None) -> Linear:
    """Residuals, weights and normal equations at a point; with ``starts`` less what errors of starts explain."""
    fit, own = fit_noise(problem, predicted), jacobian
    if starts is not None:
        for _ in range(2):  # weights need the residuals without the starts, and these need the weights
            rest = without_starts(problem, starts, fit.precision, (problem.measured - predicted)[:, None])[:, 0]
            fit = fit_noise(problem, problem.measured - rest)
        own = without_starts(problem, starts, fit.precision, jacobian)
    information = own.T @ (fit.precision[:, None] * jacobian) + PRIOR_PRECISION * np.eye(len(shares))
    gradient = own.T @ (fit.precision * (problem.measured - predicted)) - PRIOR_PRECISION * (shares - 0.5)
    return Linear(shares, predicted, own, fit, information, gradient)


def linearize(problem: Problem, shares: np.ndarray, predicted: np.ndarray | None = None) -> Linear:
    """Residuals and their Jacobian, by differences towards the middle of the range; one batch for all columns."""
    width = DIFFERENCE * np.where(shares > 0.5, -1.0, 1.0)
    points = np.vstack([shares, shares + np.diag(width)])
    predictions = problem.predict(problem.from_unit(points if predicted is None else points[1:]))
    predicted, moved = (predictions[0], predictions[1:]) if predicted is None else (predicted, predictions)
    jacobian = (moved - predicted).T / width
    jacobian[:, ~np.isfinite(jacobian).all(axis=0)] = 0.0  # a column that cannot be had tells nothing
    return about_point(problem, shares, predicted, jacobian)


def _trials(about: Linear) -> np.ndarray:
    """Steps of every damping, kept inside the bounds, (n, K)."""
    diagonal = np.diag(np.diag(about.information))
    steps = np.array([bounded_step(about, about.information + damping * diagonal) for damping in _DAMPINGS])
    longest = np.abs(steps).max(axis=1, keepdims=True)
    return np.clip(about.shares + steps * np.minimum(1.0, _LONGEST / np.maximum(longest, 1e-12)), 0.0, 1.0)


def bounded_step(about: Linear, matrix: np.ndarray) -> np.ndarray:
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
