"""Whether posteriors can be believed: simulation-based calibration and coverage of intervals.

    found = calibrate(make_problem, method="npe", trials=100)
    found.verdict, found.coverage(0.9)

Truths are drawn from the prior, each makes a log, each log is inferred. If inference is right, the share of the
posterior below the truth (its rank statistic) is uniform, for every parameter and every problem (Talts et al. 2018,
"Validating Bayesian inference algorithms with simulation-based calibration"). A hump in the middle is a posterior that
is too wide, two at the ends one that is too narrow, a slope one that is biased.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from sim2real.errors import BadInputError
from sim2real.evaluation.statistics import wilson_interval
from sim2real.identification.posterior.inference import Budget, Posterior, infer
from sim2real.identification.posterior.prior import Predictor

LEVELS = (0.5, 0.8, 0.9, 0.95)
BINS = 10
_LEAST_TRIALS = 20
_SIGNIFICANT = 0.01  # of all tests of one calibration together
_TELLING = 3.0  # standard deviations of mean or spread that name what is wrong
MakeProblem = Callable[[int], tuple[Predictor, np.ndarray]]


@dataclass(frozen=True)
class Calibration:
    """Rank statistics of n inferences of K parameters.

    Attributes:
        names: Of the parameters, (K,).
        rank: Share of each posterior below the truth, (n, K).
        shrinkage: Posterior over prior standard deviation, (n, K): what the logs told.
    """

    names: tuple[str, ...]
    rank: np.ndarray
    shrinkage: np.ndarray

    def coverage(self, level: float) -> np.ndarray:
        """Share of central intervals of ``level`` that hold the truth, (K,)."""
        return (np.abs(self.rank - 0.5) <= 0.5 * level).mean(axis=0)

    def coverage_of_all(self, level: float) -> float:
        """The same over all parameters."""
        return float(self.coverage(level).mean())

    @property
    def tests(self) -> dict[str, np.ndarray]:
        """p values (K,) of three tests of uniformity: the whole shape (chi square), the mean, the spread."""
        n = len(self.rank)
        counts = np.array([np.histogram(column, BINS, (0.0, 1.0))[0] for column in self.rank.T])
        return {"shape": stats.chisquare(counts, axis=1).pvalue, "mean": 2.0 * stats.norm.sf(np.abs(self._bias)),
                "spread": 2.0 * stats.norm.sf(np.abs(self._excess))} if n else {}

    @property
    def _bias(self) -> np.ndarray:
        """Mean of the ranks in its standard deviations, (K,): sqrt(1 / 12 n) of a uniform number's."""
        return (self.rank.mean(axis=0) - 0.5) * np.sqrt(12.0 * len(self.rank))

    @property
    def _excess(self) -> np.ndarray:
        """Excess of 12 (rank - 1/2)^2 over 1 in its standard deviations, (K,): its variance is 4/5."""
        return (12.0 * ((self.rank - 0.5) ** 2).mean(axis=0) - 1.0) * np.sqrt(len(self.rank) / 0.8)

    @property
    def verdicts(self) -> dict[str, str]:
        """"calibrated", "too narrow", "too wide", "biased" or "misshapen", by parameter."""
        tests = self.tests
        worst = np.min(list(tests.values()), axis=0) * len(tests) * len(self.names)
        out = {}
        for k, name in enumerate(self.names):
            if worst[k] >= _SIGNIFICANT:
                out[name] = "calibrated"
                continue
            if max(abs(self._bias[k]), abs(self._excess[k])) < _TELLING:
                out[name] = "misshapen"
            elif abs(self._bias[k]) > abs(self._excess[k]):
                out[name] = "biased"
            else:
                out[name] = "too narrow" if self._excess[k] > 0.0 else "too wide"
        return out

    @property
    def verdict(self) -> str:
        """The gravest of the verdicts."""
        found = set(self.verdicts.values())
        return next((v for v in ("too narrow", "biased", "misshapen", "too wide") if v in found), "calibrated")

    def as_dict(self) -> dict:
        """Plain data for ``--json``: coverage with its 95 % interval by level, tests and verdicts by parameter."""
        n = len(self.rank)
        levels = {}
        for level in LEVELS:
            inside = int((np.abs(self.rank - 0.5) <= 0.5 * level).sum())
            # parameters of one trial go together: the interval counts trials, not all their parameters
            low, high = wilson_interval(round(inside / len(self.names)), n)
            levels[f"{level:g}"] = {"coverage": self.coverage_of_all(level), "low": low, "high": high}
        tests = self.tests
        rows = [{"name": name, "verdict": self.verdicts[name], "coverage90": float(self.coverage(0.9)[k]),
                 "shrinkage": float(np.median(self.shrinkage[:, k])),
                 **{f"p_{test}": float(p[k]) for test, p in tests.items()}} for k, name in enumerate(self.names)]
        return {"trials": n, "verdict": self.verdict, "levels": levels, "parameters": rows}


def calibrate(make: MakeProblem, method: str = "epopt", trials: int = 100, seed: int = 0, budget: Budget | None = None,
              *, inference: Callable[..., Posterior] = infer, progress: Callable[[int, int], None] | None = None
              ) -> Calibration:
    """Infer ``trials`` problems whose truth is known.

    Args:
        make: A problem and its true values (K,) of a seed; truths are draws of the problem's prior.
        method: See ``posterior.infer``.
        trials: At least 20.
        seed: Of the first problem; the others follow.
        budget: Of one inference.
        inference: What is judged, called as ``infer``.
        progress: Called with (done, trials).

    Raises:
        BadInputError: Too few trials.
    """
    if trials < _LEAST_TRIALS:
        raise BadInputError(f"calibration: expected at least {_LEAST_TRIALS} trials, got {trials}; fewer tell nothing")
    ranks, shrinkage, names = [], [], ()
    for trial in range(trials):
        problem, truth = make(seed + trial)
        posterior = inference(problem, method=method, seed=seed + trial, budget=budget)
        ranks.append(rank_of(posterior, truth))
        shrinkage.append(posterior.shrinkage)
        names = posterior.names
        if progress is not None:
            progress(trial + 1, trials)
    return Calibration(names, np.array(ranks), np.array(shrinkage))


def rank_of(posterior: Posterior, truth: np.ndarray) -> np.ndarray:
    """Share of the posterior's probability below the true values (K,), shape (K,)."""
    below = (posterior.samples < truth) + 0.5 * (posterior.samples == truth)
    return np.clip(posterior.weights @ below, 0.0, 1.0)
