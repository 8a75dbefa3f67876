"""Least squares on whole simulated logs, many problems at once, and what their data determine.

A problem is a set of unknowns and a residual that a simulation gives; folds of a cross-validation, or the joints of an
arm, are problems that one batched simulation serves together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Simulate = Callable[[np.ndarray], np.ndarray]  # unknowns (F, B, P) -> residuals (F, B, N)

_DAMPINGS = np.array([0.1, 1.0, 10.0, 100.0])  # tried at each step, times the last one that helped
_STEP = 0.01  # of an unknown's range: a simulation with dry friction is rough, a tiny difference would measure that
_CLOSE = 1e-3  # relative gain below which a fit has arrived
_SHARE, _SMALL = 1.0 / 3.0, 0.03  # of the value, of the range: the widest 95 % interval, either way, that tells it
_INFLATED = 25.0  # variance over that of an unknown alone: a correlation of 0.98 with the others
_PARTNER = 0.2  # of a direction's length
_AT_END = 1e-4  # of the range
_ARGUED = 1e-6  # of the largest sensitivity: below it an unknown has no influence


@dataclass(frozen=True)
class Unknown:
    """What is sought: its start and range, in SI; the range is what is plausible before any data are seen."""

    name: str
    unit: str
    start: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """What a log says about one unknown.

    Attributes:
        value: Best value; None where the data do not determine it.
        low, high: 95 % interval in ``unit``; the whole range where nothing is known.
        why: Of an unknown that is not identifiable: what it trades off with, or why nothing is seen of it.
    """

    name: str
    unit: str
    value: float | None
    low: float
    high: float
    identifiable: bool
    why: str = ""


@dataclass(frozen=True)
class Solution:
    """``values`` (F, P), ``cost`` (F,), and the sensitivities ``jacobian`` (F, P, N) of the residuals there."""

    values: np.ndarray
    cost: np.ndarray
    jacobian: np.ndarray


def levenberg_marquardt(simulate: Simulate, unknowns: Sequence[Unknown], problems: int,
                        iterations: int = 25) -> Solution:
    """Minimise the sum of squares of each problem within the ranges (Marquardt 1963), by differences of simulations.

    Each iteration takes two batches: the point with its differences, then steps at four dampings, of which the best
    counts where it is better.

    Args:
        simulate: Unknowns (F, B, P) -> residuals (F, B, N).
        unknowns: The P unknowns.
        problems: F.
        iterations: At most.
    """
    low, high = (np.array([getattr(u, end) for u in unknowns]) for end in ("low", "high"))
    scale = high - low
    x = np.tile([u.start for u in unknowns], (problems, 1))
    damping, each = np.full(problems, 1e-2), np.arange(problems)
    for _ in range(iterations):
        residual, jacobian = _differences(simulate, x, scale, high)
        cost = (residual**2).sum(axis=1)
        trials = damping[:, None] * _DAMPINGS
        steps = _steps(jacobian * scale[:, None], residual, trials) * scale
        proposed = np.clip(x[:, None] + steps, low, high)
        costs = (simulate(proposed) ** 2).sum(axis=2)
        best = costs.argmin(axis=1)
        better = costs[each, best] < cost
        x = np.where(better[:, None], proposed[each, best], x)
        damping = np.clip(np.where(better, trials[each, best], 100.0 * damping), 1e-7, 1e5)
        gain = np.where(better, 1.0 - costs[each, best] / np.maximum(cost, 1e-300), 0.0)
        if (gain < _CLOSE).all() and (better | (damping >= 1e3)).all():
            break
    return Solution(x, (simulate(x[:, None])[:, 0] ** 2).sum(axis=1), _central(simulate, x, low, high))


def _differences(simulate: Simulate, x: np.ndarray, scale: np.ndarray,
                 high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Residuals (F, N) at ``x`` and their one-sided differences (F, P, N), inwards at the upper end."""
    step = np.where(x + _STEP * scale > high, -_STEP, _STEP) * scale
    moved = x[:, None] + np.concatenate([np.zeros((1, x.shape[1])), np.eye(x.shape[1])]) * step[:, None]
    residual = simulate(moved)
    return residual[:, 0], (residual[:, 1:] - residual[:, :1]) / step[:, :, None]


def _central(simulate: Simulate, x: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Central differences (F, P, N), one-sided at the ends: one-sided ones hide that unknowns are tied."""
    problems, count = x.shape
    step = _STEP * (high - low) * np.eye(count)
    above, below = np.minimum(x[:, None] + step, high), np.maximum(x[:, None] - step, low)
    residual = simulate(np.concatenate([above, below], axis=1)).reshape(problems, 2, count, -1)
    return (residual[:, 0] - residual[:, 1]) / np.einsum("fpp->fp", above - below)[:, :, None]


def _steps(jacobian: np.ndarray, residual: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """-(J'J + damping diag(J'J))^-1 J'r for each damping, (F, dampings, P)."""
    normal = jacobian @ jacobian.transpose(0, 2, 1)
    gradient = np.einsum("fpn,fn->fp", jacobian, residual)
    diagonal = np.einsum("fpp->fp", normal)
    floor = 1e-9 * diagonal.max(axis=1, keepdims=True) + 1e-300
    ridge = trials[:, :, None] * (diagonal + floor)[:, None]
    matrix = normal[:, None] + ridge[..., None] * np.eye(normal.shape[1])
    return -np.linalg.solve(matrix, np.broadcast_to(gradient[:, None, :, None], (*ridge.shape, 1)))[..., 0]


def judge(unknowns: Sequence[Unknown], values: np.ndarray, jacobian: np.ndarray,
          without: np.ndarray) -> list[Estimate]:
    """What the data determine.

    Intervals are those of the jackknife over groups of logs (Tukey 1958): they hold where the model is wrong in ways
    that differ from log to log, as a covariance from residuals does not. An unknown is identifiable where its interval
    is a third of the value or less to either side (or 3 % of the range: a friction that is known to be small), it is
    off the ends of its range, it has influence, and it is not tied to another one.

    Args:
        unknowns: The P unknowns.
        values: Fitted to all logs, (P,).
        jacobian: There, (P, N).
        without: Fitted to all but one group of logs, (groups, P).
    """
    scale = np.array([u.high - u.low for u in unknowns])
    seen, partners = _tied(jacobian * scale[:, None])
    found = []
    for k, estimate in enumerate(judge_values([(u.name, u.unit, u.low, u.high) for u in unknowns], values, without)):
        why = "" if seen[k] else "nothing in these logs depends on it"
        if partners[k]:
            why = f"only together with {', '.join(unknowns[j].name for j in partners[k])}"
        if why:  # fits that start alike end alike along a direction that costs nothing: their spread tells nothing
            estimate = Estimate(estimate.name, estimate.unit, None, unknowns[k].low, unknowns[k].high, False, why)
        found.append(estimate)
    return found


def judge_values(named: Sequence[tuple[str, str, float, float]], values: np.ndarray,
                 without: np.ndarray) -> list[Estimate]:
    """As ``judge``, of any quantities (name, unit, low, high) by their values alone, (P,) and (groups, P)."""
    from scipy import stats

    groups = len(without)
    spread = np.sqrt((groups - 1) / groups * ((without - without.mean(axis=0)) ** 2).sum(axis=0))
    half = stats.t.ppf(0.975, groups - 1) * spread
    found = []
    for (name, unit, low, high), value, wide in zip(named, map(float, values), map(float, half), strict=True):
        if min(value - low, high - value) < _AT_END * (high - low):
            why, wide = "at the end of its range", high - low  # where a limit holds it, no spread can be seen
        elif wide > max(_SHARE * abs(value), _SMALL * (high - low)):
            why = "it differs too much from log to log"
        else:
            why = ""
        found.append(Estimate(name, unit, None if why else value, max(low, value - wide), min(high, value + wide),
                              not why, why))
    return found


def _tied(jacobian: np.ndarray) -> tuple[np.ndarray, list[list[int]]]:
    """Which unknowns have influence (P,), and of each the others that it is only known together with.

    The variance of an estimate grows by sum_i V_ki^2 / s_i over that of an unknown alone, where J J' of unit diagonal
    is V diag(s) V' (the variance inflation factor, 1 / (1 - R^2) of the multiple correlation R with the others). The
    direction that gives the most of it names the partners.
    """
    length = np.linalg.norm(jacobian, axis=1)
    seen = length > _ARGUED * max(length.max(), 1e-300)
    index, partners = np.flatnonzero(seen), [[] for _ in length]
    if len(index) > 1:
        unit = jacobian[seen] / length[seen, None]
        weak, directions = np.linalg.eigh(unit @ unit.T)
        shares = directions**2 / np.maximum(weak, 1e-12)
        for k, row in zip(index, shares, strict=True):
            if row.sum() > _INFLATED:
                along = np.abs(directions[:, row.argmax()])
                partners[k] = [int(j) for j, size in zip(index, along, strict=True) if size > _PARTNER and j != k]
    return seen, partners
