"""Offline identification: from recordings to parameter values, how sure they are, and which the data cannot tell.

    problem, judge, notes = make_problem(recordings, robot, names, held_out=0.2)
    estimate = identify(problem)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim2real.errors import BadInputError, unknown
from sim2real.identification.offline import cma_search, sysid_peer
from sim2real.identification.offline.gauss_newton import Linear, bounded_step, gauss_newton, linearize, refine
from sim2real.identification.offline.problem import Problem
from sim2real.identification.offline.robust_fit import misfit
from sim2real.identification.offline.uncertainty import covariance, standard_deviation_of_prior

METHODS = ("auto", "gauss-newton", "cma", "sysid")
# how much shorter the steps are from which the last corrections come; a drone's firmware has steps of its own
_FINER = {"arm": 2, "drone": 1}
_NARROWER = 0.7  # times the prior's standard deviation: a posterior that is not even that narrow has learned nothing
_SHARP = 0.1  # times the prior's: what is known that well trades nothing that matters
_TRADING = 0.8  # correlation beyond which two parameters are said to trade off
NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Estimate:
    """What was found about K parameters.

    Attributes:
        names: The parameters.
        value: Most likely values in SI, (K,).
        low, high: 95 % interval, (K,), inside the vocabulary's range.
        std_shares: Standard deviation as a share of the range, (K,); by ratios where the vocabulary is so.
        identifiable: Whether the recordings tell the parameter: its interval is narrower than the prior's, (K,).
        at_bound: Whether the most likely value is at an end of the range, (K,).
        correlation: Of the estimate's errors, (K, K).
        trades: Pairs of names, with their correlation, of which the recordings tell a combination better than each.
        misfit: Residuals over the sensors' noise, the median of all channels; 1 where the fit is as good as it can be.
        about: Residuals and Jacobian there.
        method: How it was found.
    """

    names: tuple[str, ...]
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    std_shares: np.ndarray
    identifiable: np.ndarray
    at_bound: np.ndarray
    correlation: np.ndarray
    trades: tuple[tuple[str, str, float], ...]
    misfit: float
    about: Linear
    method: str


def identify(problem: Problem, method: str = "auto", *, seed: int = 0,
             progress: Callable[[float, str], None] = lambda done, text: None) -> Estimate:
    """The most likely parameters of a problem with 95 % intervals.

    Args:
        problem: What is compared.
        method: "gauss-newton", "cma" (slower, needs no derivatives), "sysid" (MuJoCo's own, to compare with), or
            "auto": CMA-ES where the engine is PyBullet, Gauss-Newton elsewhere.
        seed: Of the candidates from which a search begins.
        progress: Is told the share that is done, and at what it is.

    Raises:
        BadInputError: An unknown method.
        SimulationError: No candidate could be simulated.
    """
    if method not in METHODS:
        raise BadInputError(unknown("method", method, METHODS))
    if method == "auto":
        method = "cma" if problem.engine == "pybullet" else "gauss-newton"
    search = {"gauss-newton": gauss_newton, "cma": cma_search.cma_search, "sysid": sysid_peer.sysid_search}[method]
    shares = search(problem, progress, seed=seed)
    progress(0.9, "intervals")
    about = linearize(problem, shares)
    coarse, factor = np.clip(shares + bounded_step(about, about.information), 0.0, 1.0), _FINER[problem.robot.kind]
    if method == "gauss-newton":
        fine = problem.finer(factor)
        about = refine(problem, about, fine)
        fine.close()
    compared = method == "gauss-newton" and factor > 1  # else no step was halved
    return _judge(problem, about, coarse if compared else about.shares, method)


def _judge(problem: Problem, about: Linear, coarse: np.ndarray, method: str) -> Estimate:
    """Values, intervals and what they are worth."""
    cov = covariance(problem, about, coarse)
    std, prior = np.sqrt(np.diag(cov)), standard_deviation_of_prior()
    low, high = (np.clip(about.shares + side * NORMAL_95 * std, 0.0, 1.0) for side in (-1.0, 1.0))
    value, low, high = (problem.from_unit(shares) for shares in (about.shares, low, high))
    correlation = cov / np.outer(std, std)
    return Estimate(problem.names, value, low, high, std, std < _NARROWER * prior,
                    (about.shares <= 1e-6) | (about.shares >= 1.0 - 1e-6), correlation,
                    _trades(problem.names, correlation, std > _SHARP * prior), misfit(problem, about.fit), about,
                    method)


def _trades(names: tuple[str, ...], correlation: np.ndarray, vague: np.ndarray) -> tuple[tuple[str, str, float], ...]:
    """Pairs of vague parameters whose errors go together, the closest first."""
    pairs = [(names[j], names[i], float(correlation[i, j])) for i in range(len(names)) for j in range(i)
             if vague[i] and vague[j] and abs(correlation[i, j]) > _TRADING]
    return tuple(sorted(pairs, key=lambda pair: -abs(pair[2])))


def trading_groups(estimate: Estimate) -> list[list[str]]:
    """Parameters that trade off with one another, each in one group, in the estimate's order."""
    groups: list[set[str]] = []
    for one, other, _ in estimate.trades:
        touched = [group for group in groups if one in group or other in group]
        groups = [group for group in groups if group not in touched] + [{one, other}.union(*touched)]
    return [[name for name in estimate.names if name in group] for group in groups]
