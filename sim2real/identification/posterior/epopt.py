"""Adaptation of a source distribution by weighted particles: EPOpt's (Rajeswaran et al. 2017, section 3.2).

    P(p | tau) is proportional to prod_t P(s_{t+1} | s_t, a_t, p) x P(p)
    p_i from a sampling distribution q,  w_i proportional to P(tau | p_i) P(p_i) / q(p_i),  refit q, repeat

Three things keep the weights from collapsing onto one particle, where logs have thousands of samples: the likelihood is
raised to a power under 1 until the effective sample size holds (tempering); every round's particles stay and are
weighted by the mixture of all rounds (adaptive multiple importance sampling: Cornuet et al. 2012); q is refitted with
its covariance, from the particles' regression, and has heavy tails. Weights are right whatever q is, but for the few
largest, which are cut.

Where ``others`` may differ too, the likelihood looks around its best particle after some rounds (see ``discrepancy``):
all particles get their weights anew, and a third distribution is drawn from, along the slopes that were found.
"""

from __future__ import annotations

import numpy as np

from sim2real.identification.posterior.inference import Clock, Posterior, Progress, need_stable
from sim2real.identification.posterior.likelihood import Likelihood, sum_of_squares
from sim2real.identification.posterior.proposal import Cube, HeavyTailed, around, kernels, regression_update

ROUND = 128  # particles, at least
ENOUGH = 150.0  # effective particles, at which adaptation ends
_NEAR = 0.5  # share of a round's particles, by effective size, that the next distribution is fitted to
_LEAST = 40.0  # effective particles below which the likelihood is tempered
_LOOKS = (4, 7)  # rounds after which it is found anew what else may differ
_WIDER = 1.5  # of a proposal along slopes, over the posterior's covariance there
_COLDEST = 1e-12  # power of the likelihood, at most that far from 1
_COOLEST = 0.05  # the same with slopes: below it particles of the first rounds, wide apart, would count again
_RIVALS = 16  # particles that may be the likeliest then
_LIGHT = 1e-9  # share of the largest weight below which a particle is left out


def estimate(likelihood: Likelihood, seed: int, clock: Clock, progress: Progress) -> Posterior:
    """Weighted particles of the posterior; see ``posterior.infer``."""
    prior, size = likelihood.prior, len(likelihood.prior)
    n = min(max(ROUND, 10 * size), clock.budget.evaluations)
    pool, turn = Pool(likelihood), 0
    proposals: tuple[Cube | HeavyTailed, ...] = (Cube(size),)
    while True:
        turn += 1
        for proposal in proposals:
            unit = proposal.draw(n // len(proposals), seed, pool.rounds + 2)
            if len(unit):  # none where a proposal hardly meets the prior
                pool.add(proposal, unit)
        need_stable(likelihood)
        effective = pool.effective_size
        ended = effective >= ENOUGH or not clock.allows(n)
        if likelihood.others is not None and (turn in _LOOKS or (ended and not likelihood.looked)):
            pool.look_around()
            effective = pool.effective_size
            ended = ended and (effective >= ENOUGH or not clock.allows(n))
        progress(clock.share, f"{effective:.0f} effective particles")
        if ended:
            break
        proposals = pool.refit(n, seed)
    temper = temper_until(pool.weights, _LEAST, _COLDEST if likelihood.tangent is None else _COOLEST)
    weights = pool.weights(temper)
    kept = weights > _LIGHT * weights.max()
    weights = weights[kept] / weights[kept].sum()
    return Posterior(prior, prior.from_unit(pool.unit[kept]), weights, temper * pool.log_likelihood()[kept], "epopt",
                     temper, likelihood.inflation, likelihood.evaluations, clock.seconds)


class Pool:
    """The particles of all rounds, and the mixture from which they came.

    Args:
        likelihood: What simulates them.
    """

    def __init__(self, likelihood: Likelihood):
        self._likelihood = likelihood
        self.unit, self._raw = np.zeros((0, len(likelihood.prior))), np.zeros(0)  # sums of squares as simulated
        self._projected = np.zeros((0, 0))  # on the discrepancy's directions
        self._residual: list[np.ndarray] = []  # in single precision
        self._proposals: list[Cube | HeavyTailed] = []
        self._densities: list[np.ndarray] = []  # of each proposal at all particles, logarithms
        self._counts: list[int] = []

    @property
    def rounds(self) -> int:
        """So far."""
        return len(self._counts)

    @property
    def effective_size(self) -> float:
        """Equally weighted particles that tell as much as all so far."""
        return float(1.0 / (self.weights() ** 2).sum())

    def add(self, proposal: Cube | HeavyTailed, unit: np.ndarray) -> None:
        """Simulate particles (n, K) that a proposal gave, and take them in."""
        residual = self._likelihood.residuals(unit)
        self._residual.extend(residual.astype(np.float32))
        self.unit = np.concatenate([self.unit, unit])
        self._raw = np.concatenate([self._raw, sum_of_squares(residual)])
        projected = self._likelihood.discrepancy.project(np.nan_to_num(residual))
        self._projected = np.concatenate([self._projected, projected])
        self._densities = [np.concatenate([known, of.log_density(unit)])
                           for known, of in zip(self._densities, self._proposals, strict=True)]
        self._proposals.append(proposal)
        self._densities.append(proposal.log_density(self.unit))
        self._counts.append(len(unit))
        shares = np.log(np.array(self._counts) / len(self.unit))
        self._log_mixture = np.logaddexp.reduce(shares[:, None] + self._densities, axis=0)

    def look_around(self) -> None:
        """Find anew what else may differ, and judge all particles by that."""
        self._likelihood.look_around()
        discrepancy = self._likelihood.discrepancy
        self._projected = np.array([discrepancy.project(np.nan_to_num(residual)) for residual in self._residual])
        near = np.argsort(self._squares())[:_RIVALS]
        self._likelihood.compare(self.unit[near], np.array([self._residual[i] for i in near], float))

    def log_likelihood(self) -> np.ndarray:
        """Of the particles up to a constant, (n,)."""
        return -0.5 * self._squares() / self._likelihood.inflation

    def weights(self, power: float = 1.0) -> np.ndarray:
        """w_i proportional to P(tau | p_i)^power P(p_i) / sum_r (n_r / n) q_r(p_i), sum 1; P(p) is 1 in the unit
        cube."""
        weights = normalised(power * self.log_likelihood() - self._log_mixture)
        weights = np.minimum(weights, 1.0 / np.sqrt(len(weights)))  # truncated importance sampling (Ionides 2008)
        return weights / weights.sum()

    def refit(self, n: int, seed: int) -> tuple[HeavyTailed, ...]:
        """The next sampling distributions, from the particles of all rounds nearest to the log, about ``n``: one that
        jumps to where a regression points, one that stays where particles are good; and where slopes are known, one
        along them."""
        log = self.log_likelihood()
        near = np.argsort(-log)[:2 * n]
        near = near[np.isfinite(log[near])]
        power = temper_until(lambda power: normalised(power * log[near]), _NEAR * min(n, len(near)))
        residual = self._likelihood.whitened(np.array([self._residual[i] for i in near], float))
        weights = normalised(power * log[near])
        found = (regression_update(self.unit[near], residual, weights, self._likelihood.inflation, seed),
                 kernels(self.unit[near], weights))
        tangent = self._likelihood.tangent
        if tangent is None:
            return found
        centre, covariance = tangent
        return (*found, around(centre, _WIDER * covariance))

    def _squares(self) -> np.ndarray:
        """Sums of squares of the whitened residuals, (n,)."""
        likelihood = self._likelihood
        return self._raw - likelihood.discrepancy.explained(self._projected, likelihood.inflation)


def temper_until(weights, least: float, coolest: float = _COLDEST) -> float:
    """Largest power of the likelihood, of powers from 1 down to ``coolest``, at which ``weights(power)`` has ``least``
    effective particles; if none has, the one at which they have most."""
    powers = np.geomspace(1.0, coolest, 240)
    effective = np.array([1.0 / (weights(power) ** 2).sum() for power in powers])
    enough = np.flatnonzero(effective >= least)
    return float(powers[enough[0] if len(enough) else effective.argmax()])


def normalised(log: np.ndarray) -> np.ndarray:
    """Weights of sum 1 of their logarithms."""
    weights = np.exp(log - log.max())
    return weights / weights.sum()
