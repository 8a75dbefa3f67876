"""Adaptation of a source distribution by weighted particles: EPOpt's (Rajeswaran et al. 2017, section 3.2).

    P(p | tau) is proportional to prod_t P(s_{t+1} | s_t, a_t, p) x P(p)
    p_i from a sampling distribution q,  w_i proportional to P(tau | p_i) P(p_i) / q(p_i),  refit q, repeat

Three things keep the weights from collapsing onto one particle, where logs have thousands of samples: the likelihood is
raised to a power under 1 until the effective sample size holds (tempering); every round's particles stay and are
weighted by the mixture of all rounds (adaptive multiple importance sampling: Cornuet et al. 2012); q is refitted with
its covariance, from the particles' regression, and has heavy tails. Weights are right whatever q is, but for the few
largest, which are cut.
"""

from __future__ import annotations

import numpy as np

from sim2real.identification.posterior.inference import Clock, Posterior, Progress, need_stable
from sim2real.identification.posterior.likelihood import Likelihood, sum_of_squares
from sim2real.identification.posterior.proposal import Cube, HeavyTailed, kernels, regression_update

ROUND = 128  # particles, at least
ENOUGH = 150.0  # effective particles, at which adaptation ends
_NEAR = 0.5  # share of a round's particles, by effective size, that the next distribution is fitted to
_LEAST = 40.0  # effective particles below which the likelihood is tempered
_LIGHT = 1e-9  # share of the largest weight below which a particle is left out


def estimate(likelihood: Likelihood, seed: int, clock: Clock, progress: Progress) -> Posterior:
    """Weighted particles of the posterior; see ``posterior.infer``."""
    prior, size = likelihood.prior, len(likelihood.prior)
    n = min(max(ROUND, 10 * size), clock.budget.evaluations)
    pool = Pool(size)
    proposals: tuple[Cube | HeavyTailed, ...] = (Cube(size),)
    while True:
        for proposal in proposals:
            unit = proposal.draw(n // len(proposals), seed, pool.rounds + 2)
            if len(unit):  # none where a proposal hardly meets the prior
                pool.add(proposal, unit, likelihood.residuals(unit))
        need_stable(likelihood)
        weights = pool.weights(likelihood.inflation)  # of all particles so far
        effective = 1.0 / (weights**2).sum()
        progress(clock.share, f"{effective:.0f} effective particles")
        if effective >= ENOUGH or not clock.allows(n):
            break
        proposals = pool.refit(likelihood.inflation, n, seed)
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
        self._residual: list[np.ndarray] = []  # in single precision
        self._proposals: list[Cube | HeavyTailed] = []
        self._densities: list[np.ndarray] = []  # of each proposal at all particles, logarithms
        self._counts: list[int] = []

    @property
    def rounds(self) -> int:
        """So far."""
        return len(self._counts)

    def add(self, proposal: Cube | HeavyTailed, unit: np.ndarray, residual: np.ndarray) -> None:
        """Take in the particles (n, K) that a proposal gave, and their residuals (n, N)."""
        self._residual.extend(residual.astype(np.float32))
        self.unit = np.concatenate([self.unit, unit])
        self.squares = np.concatenate([self.squares, sum_of_squares(residual)])
        self._densities = [np.concatenate([known, of.log_density(unit)])
                           for known, of in zip(self._densities, self._proposals, strict=True)]
        self._proposals.append(proposal)
        self._densities.append(proposal.log_density(self.unit))
        self._counts.append(len(unit))
        shares = np.log(np.array(self._counts) / len(self.unit))
        self._log_mixture = np.logaddexp.reduce(shares[:, None] + self._densities, axis=0)

    def weights(self, inflation: float) -> np.ndarray:
        """w_i proportional to P(tau | p_i) P(p_i) / sum_r (n_r / n) q_r(p_i), sum 1; P(p) is 1 in the unit cube."""
        weights = normalised(-0.5 * self.squares / inflation - self._log_mixture)
        weights = np.minimum(weights, 1.0 / np.sqrt(len(weights)))  # truncated importance sampling (Ionides 2008)
        return weights / weights.sum()

    def refit(self, inflation: float, n: int, seed: int) -> tuple[HeavyTailed, HeavyTailed]:
        """The next sampling distributions, from the particles of all rounds nearest to the log, about ``n``: one that
        jumps to where a regression points, one that stays where particles are good."""
        near = np.argsort(self.squares)[:2 * n]
        near = near[np.isfinite(self.squares[near])]
        log = -0.5 * self.squares[near] / inflation
        power = temper_until(lambda power: normalised(power * log), _NEAR * min(n, len(near)))
        residual = np.array([self._residual[i] for i in near], float)
        weights = normalised(power * log)
        return (regression_update(self.unit[near], residual, weights, inflation, seed),
                kernels(self.unit[near], weights))


def temper_until(weights, least: float) -> float:
    """Largest power of the likelihood, of powers from 1 down, at which ``weights(power)`` has ``least`` effective
    particles; if none has, the one at which they have most."""
    powers = np.geomspace(1.0, 1e-12, 240)
    effective = np.array([1.0 / (weights(power) ** 2).sum() for power in powers])
    enough = np.flatnonzero(effective >= least)
    return float(powers[enough[0] if len(enough) else effective.argmax()])


def normalised(log: np.ndarray) -> np.ndarray:
    """Weights of sum 1 of their logarithms."""
    weights = np.exp(log - log.max())
    return weights / weights.sum()
