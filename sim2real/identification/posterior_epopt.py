"""Adaptation of a source distribution by weighted particles: EPOpt's (Rajeswaran et al. 2017, section 3.2).

    P(p | tau) is proportional to prod_t P(s_{t+1} | s_t, a_t, p) x P(p)
    p_i from a sampling distribution q,  w_i proportional to P(tau | p_i) P(p_i) / q(p_i),  refit q, repeat

Three things keep the weights from collapsing onto one particle, where logs have thousands of samples: the likelihood is
raised to a power under 1 until the effective sample size holds (tempering); every round's particles stay and are
weighted by the mixture of all rounds (adaptive multiple importance sampling: Cornuet et al. 2012); q is refitted with
its covariance, from the particles' regression, and has heavy tails. Weights are exact whatever q is.
"""

from __future__ import annotations

import numpy as np

from sim2real.identification.likelihood import Likelihood, sum_of_squares
from sim2real.identification.posterior import Clock, Posterior, Progress, need_stable
from sim2real.identification.proposal import Cube, HeavyNormal, regression_update

ROUND = 128  # particles, at least
ENOUGH = 200.0  # effective particles, at which adaptation ends
_NEAR = 0.5  # share of a round's particles, by effective size, that the next distribution is fitted to
_LEAST = 40.0  # effective particles below which the likelihood is tempered
_LIGHT = 1e-9  # share of the largest weight below which a particle is left out


def estimate(likelihood: Likelihood, seed: int, clock: Clock, progress: Progress) -> Posterior:
    """Weighted particles of the posterior; see ``posterior.infer``."""
    prior, size = likelihood.prior, len(likelihood.prior)
    n = min(max(ROUND, 10 * size), clock.budget.evaluations)
    pool = Pool(size)
    proposal: Cube | HeavyNormal = Cube(size)
    while True:
        unit = proposal.draw(n, seed, pool.rounds + 2)
        residual = likelihood.residuals(unit)
        squares = sum_of_squares(residual)
        pool.add(proposal, unit, squares)
        need_stable(likelihood)
        weights = pool.weights(likelihood.inflation)  # of all particles so far
        effective = 1.0 / (weights**2).sum()
        progress(clock.share, f"{effective:.0f} effective particles")
        if effective >= ENOUGH or not clock.allows(n):
            break
        proposal = refit(unit, residual, squares, likelihood.inflation, seed)
    temper = temper_until(lambda power: pool.weights(likelihood.inflation / power), _LEAST)
    weights = pool.weights(likelihood.inflation / temper)
    kept = weights > _LIGHT * weights.max()
    weights = weights[kept] / weights[kept].sum()
    return Posterior(prior, prior.from_unit(pool.unit[kept]), weights,
                     -0.5 * temper * pool.squares[kept] / likelihood.inflation, "epopt", temper, likelihood.inflation,
                     likelihood.evaluations, clock.seconds)


class Pool:
    """The particles of all rounds, and the mixture from which they came.

    Args:
        size: Parameters, K.
    """

    def __init__(self, size: int):
        self.unit, self.squares = np.zeros((0, size)), np.zeros(0)
        self._proposals: list[Cube | HeavyNormal] = []
        self._counts: list[int] = []

    @property
    def rounds(self) -> int:
        """So far."""
        return len(self._counts)

    def add(self, proposal: Cube | HeavyNormal, unit: np.ndarray, squares: np.ndarray) -> None:
        """Take in a round's particles (n, K) and their sums of squares (n,)."""
        self.unit, self.squares = np.concatenate([self.unit, unit]), np.concatenate([self.squares, squares])
        self._proposals.append(proposal)
        self._counts.append(len(unit))

    def weights(self, inflation: float) -> np.ndarray:
        """w_i proportional to P(tau | p_i) P(p_i) / sum_r (n_r / n) q_r(p_i), sum 1; P(p) is 1 in the unit cube."""
        density = [np.log(count / len(self.unit)) + proposal.log_density(self.unit)
                   for proposal, count in zip(self._proposals, self._counts, strict=True)]
        log = -0.5 * self.squares / inflation - np.logaddexp.reduce(density, axis=0)
        return normalised(log)


def refit(unit: np.ndarray, residual: np.ndarray, squares: np.ndarray, inflation: float, seed: int) -> HeavyNormal:
    """The next sampling distribution, from a round's particles (n, K) and their residuals (n, N)."""
    stable = np.isfinite(squares)
    log = -0.5 * squares[stable] / inflation
    power = temper_until(lambda power: normalised(power * log), _NEAR * stable.sum())
    return regression_update(unit[stable], residual[stable], normalised(power * log), inflation, seed)


def temper_until(weights, least: float) -> float:
    """Largest power in (0, 1] of the likelihood at which ``weights(power)`` has ``least`` effective particles."""
    def effective(power: float) -> float:
        return 1.0 / (weights(power) ** 2).sum()

    if effective(1.0) >= least:
        return 1.0
    low, high = -60.0, 0.0  # of the power's natural logarithm
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(np.exp(middle)) >= least else (low, middle)
    return float(np.exp(low))


def normalised(log: np.ndarray) -> np.ndarray:
    """Weights of sum 1 of their logarithms."""
    weights = np.exp(log - log.max())
    return weights / weights.sum()
