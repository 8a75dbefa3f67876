"""A distribution of parameters instead of a point: what a log tells, and what it leaves open.

    posterior = infer(problem, method="epopt", seed=1)
    posterior.interval(0.9)                      # (K, 2): where each parameter lies
    plan = posterior.as_plan(space)              # what the next policy is trained on
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sim2real import rng
from sim2real.errors import BadInputError, SimulationError, unknown
from sim2real.identification.posterior.likelihood import Likelihood
from sim2real.identification.posterior.prior import Predictor, Prior
from sim2real.parameters import ParameterSpace
from sim2real.randomization import Quantiles, RandomizationPlan, Term, TruncatedNormal
from sim2real.randomization.quantile import normal_quantile

METHODS = ("epopt", "npe", "laplace")
KEEP = 0.1  # share of the prior in a plan: what neither the log nor the simulator knows of
_GRID = 41  # quantiles of a plan's term
_SHRINK = 0.01  # of correlations towards 0, so that rounded ones never contradict each other
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Budget:
    """How much an inference may cost.

    Attributes:
        evaluations: Simulations of the log, at most.
        seconds: Wall time; no further round is begun that would pass it.
    """

    evaluations: int = 2000
    seconds: float = 120.0

    def __post_init__(self) -> None:
        if self.evaluations < 1 or not self.seconds > 0.0:
            raise BadInputError(f"budget: expected at least one evaluation and more than 0 s, got {self.evaluations} "
                                f"and {self.seconds:g}")


class Clock:
    """Whether there is budget left for another round.

    Args:
        budget: What may be spent.
        likelihood: What counts the simulations.
    """

    def __init__(self, budget: Budget, likelihood: Likelihood):
        self.budget, self._likelihood = budget, likelihood
        self._start = self._round = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._start

    def allows(self, simulations: int) -> bool:
        """Whether ``simulations`` more fit in, and as much time as since the last question."""
        now = time.monotonic()
        took, self._round = now - self._round, now
        return (self._likelihood.evaluations + simulations <= self.budget.evaluations
                and now + took - self._start <= self.budget.seconds)

    @property
    def share(self) -> float:
        """Of the budget that is used, in [0, 1]."""
        return min(1.0, max(self._likelihood.evaluations / self.budget.evaluations, self.seconds / self.budget.seconds))


@dataclass(frozen=True)
class Posterior:
    """Weighted samples of K parameters.

    Attributes:
        prior: What was believed before, with the parameters' names.
        samples: In the vocabulary's units, (m, K).
        weights: Non-negative, sum 1, (m,).
        log_density: Of the samples in unit coordinates up to a constant, (m,); None where a method has none.
        method: "epopt", "npe" or "laplace".
        temper: Power of the likelihood that the weights could bear, 1 where they bore all of it; less is a posterior
            that is wider than the log asks for, because the budget ended.
        inflation: What the log-likelihood was divided by, see ``likelihood``; 1 where simulation explains the log.
        evaluations, seconds: What it cost.
    """

    prior: Prior
    samples: np.ndarray
    weights: np.ndarray
    log_density: np.ndarray | None
    method: str
    temper: float = 1.0
    inflation: float = 1.0
    evaluations: int = 0
    seconds: float = 0.0

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters, (K,)."""
        return self.prior.names

    @property
    def effective_size(self) -> float:
        """Equally weighted samples that tell as much: 1 / sum w^2 (Kish 1965)."""
        return float(1.0 / (self.weights**2).sum())

    @cached_property
    def mean(self) -> np.ndarray:
        """(K,)."""
        return self.weights @ self.samples

    @cached_property
    def covariance(self) -> np.ndarray:
        """(K, K)."""
        return weighted_covariance(self.samples, self.weights)

    @property
    def std(self) -> np.ndarray:
        """(K,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def shrinkage(self) -> np.ndarray:
        """Standard deviation over the prior's, in unit coordinates, (K,): near 1 where the log tells nothing."""
        return np.sqrt(12.0 * np.diag(weighted_covariance(self.prior.to_unit(self.samples), self.weights)))

    @cached_property
    def correlation(self) -> np.ndarray:
        """Of the parameters' normal scores, (K, K): what a Gaussian copula takes."""
        rank = np.empty_like(self.samples)
        for k in range(len(self.names)):
            order = np.argsort(self.samples[:, k], kind="stable")
            upper = np.cumsum(self.weights[order])
            rank[order, k] = np.clip(upper - 0.5 * self.weights[order], 1e-9, 1.0 - 1e-9)
        cov = weighted_covariance(normal_quantile(rank), self.weights)
        std = np.sqrt(np.diag(cov))
        return cov / np.outer(std, std)

    def quantile(self, share: float | np.ndarray) -> np.ndarray:
        """Quantiles of each parameter by itself, shape (K,) or (K, len(share))."""
        rows = []
        for column in self.samples.T:
            order = np.argsort(column, kind="stable")
            upper = np.cumsum(self.weights[order]) - 0.5 * self.weights[order]
            rows.append(np.interp(share, upper, column[order]))
        return np.array(rows)

    def interval(self, share: float = 0.9) -> np.ndarray:
        """Central intervals that hold ``share`` of each parameter's probability, (K, 2)."""
        return self.quantile(np.array([0.5 - 0.5 * share, 0.5 + 0.5 * share]))

    def rows(self, space: ParameterSpace) -> list[dict]:
        """Each parameter as verbs print it: name, unit, prior, mean, 90 % interval, shrinkage."""
        interval = self.interval(0.9)
        return [{"name": name, "unit": space[name].unit, "mean": float(self.mean[k]), "low90": float(interval[k, 0]),
                 "high90": float(interval[k, 1]), "shrinkage": float(self.shrinkage[k]),
                 "prior": [float(self.prior.low[k]), float(self.prior.high[k])]} for k, name in enumerate(self.names)]

    def draw(self, n: int, seed: int) -> np.ndarray:
        """Equally weighted values (n, K), by systematic resampling (Carpenter et al. 1999) in random order."""
        u = rng.uniform(seed, np.arange(n), 1, "inference", 2)
        index = np.searchsorted(np.cumsum(self.weights), (np.arange(n) + u[0, 0]) / n)
        return self.samples[np.minimum(index, len(self.samples) - 1)][np.argsort(u[:, 1])]

    def as_plan(self, space: ParameterSpace, *, keep: float = KEEP, shape: str = "quantiles", correlated: bool = True,
                base: RandomizationPlan | None = None) -> RandomizationPlan:
        """What to train on: each parameter as the log tells it, together with those that it trades off with.

        Args:
            space: The vocabulary of the robot; values outside its physical ranges are cut off.
            keep: Share of the prior that is mixed in, so that training never forgets it (as SimOpt bounds each step by
                a KL divergence: Chebotar et al. 2019).
            shape: "quantiles" (as measured) or "normal" (EPOpt's truncated normal; ``keep`` widens its deviation).
            correlated: Whether correlations go along; EPOpt's source distribution has none.
            base: Everything else varies as it does there; default: it stays nominal.

        Raises:
            BadInputError: A share outside [0, 1], or an unknown shape.
        """
        if not 0.0 <= keep <= 1.0:
            raise BadInputError(f"keep: expected a share of the prior in [0, 1], got {keep!r}")
        if shape not in ("quantiles", "normal"):
            raise BadInputError(unknown("shape", shape, ("quantiles", "normal")))
        terms = [self._term(k, space, keep, shape) for k in range(len(self.names))]
        pairs = {}
        if correlated:
            pairs = {(a, b): round(float((1.0 - _SHRINK) * self.correlation[i, j]), 4)
                     for i, a in enumerate(self.names) for j, b in enumerate(self.names[:i])}
        return (base or RandomizationPlan()).extended(*terms, correlations=pairs)

    def _term(self, k: int, space: ParameterSpace, keep: float, shape: str) -> Term:
        p, x = space[self.names[k]], self.samples[:, k]
        low, high = max(self.prior.low[k], p.physical_low), min(self.prior.high[k], p.physical_high)
        # the mixture (1 - keep) posterior + keep prior, as weighted samples
        grid = self.prior.from_unit(np.tile((np.arange(400) + 0.5)[:, None] / 400, len(self.names)))[:, k]
        values = np.clip(np.concatenate([x, grid]), low, high)
        weights = np.concatenate([(1.0 - keep) * self.weights, np.full(400, keep / 400)])
        values, weights = values[weights > 0.0], weights[weights > 0.0]
        if shape == "normal":
            mean = float(weights @ values)
            std = float(np.sqrt(weights @ (values - mean) ** 2))
            return Term(p.name, TruncatedNormal(mean, max(std, 1e-6 * (high - low)), float(low), float(high)))
        order = np.argsort(values, kind="stable")
        upper = np.cumsum(weights[order]) - 0.5 * weights[order]
        points = np.interp(np.linspace(0.0, 1.0, _GRID), upper, values[order])
        return Term(p.name, Quantiles(tuple(float(v) for v in np.maximum.accumulate(points))))


def infer(problem: Predictor, prior: Prior | None = None, method: str = "epopt", seed: int = 0,
          budget: Budget | None = None, progress: Progress | None = None, others: Prior | None = None) -> Posterior:
    """The posterior of a problem's parameters.

    Args:
        problem: Recordings of one robot, replayed in simulation.
        prior: Default: flat between the problem's bounds.
        method: "epopt": importance-weighted particles; "npe": neural posterior estimation; "laplace": the normal
            distribution around the best fit.
        seed: Everything random follows from it.
        budget: What it may cost.
        progress: Called with (share done, text).
        others: Parameters that are not asked for and may differ from nominal, too, named by the problem after those
            of ``prior``: epopt integrates them out, see ``discrepancy``. Default: there are none.
            Where the budget ends before it was looked what they do, that look comes on top of it.

    Raises:
        BadInputError: An unknown method, a prior of other parameters, or ``others`` for a method that has none.
        SimulationError: No simulation of the prior was stable.
    """
    if method not in METHODS:
        raise BadInputError(unknown("method", method, METHODS))
    if others is not None and method != "epopt":
        raise BadInputError(f"others are integrated out by epopt only, got method {method}; leave them out of the "
                            "problem, or use epopt")
    prior = prior or Prior.of(problem)
    likelihood = Likelihood(problem, prior, others)
    clock = Clock(budget or Budget(), likelihood)
    if method == "npe":
        from sim2real.identification.posterior.npe import estimate
    elif method == "laplace":
        from sim2real.identification.posterior.laplace import estimate
    else:
        from sim2real.identification.posterior.epopt import estimate
    return estimate(likelihood, seed, clock, progress or (lambda share, text: None))


def need_stable(likelihood: Likelihood) -> None:
    """Raise SimulationError where no simulation so far was stable."""
    if likelihood.best is None:
        raise SimulationError(f"none of {likelihood.evaluations} simulations of the prior was stable; narrow its "
                              "ranges, or give a log that begins at rest")


def weighted_covariance(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of rows (m, K) with weights (m,) of sum 1, shape (K, K)."""
    centred = x - weights @ x
    return (weights[:, None] * centred).T @ centred
