"""The normal distribution around the best fit (Laplace's approximation), cut off where the prior ends.

Best fit and covariance are those of ``offline.identify``: damped Gauss-Newton, and a covariance that knows of
residuals that go on from sample to sample. It costs tens of simulations instead of hundreds, and knows one mode only.
"""

from __future__ import annotations

import numpy as np

from sim2real import rng
from sim2real.errors import BadInputError
from sim2real.identification.posterior.inference import Clock, Posterior, Progress
from sim2real.identification.posterior.likelihood import Likelihood

SAMPLES = 2000
_BATCH, _MOST = 4096, 64  # draws at a time, and how often: what lies outside the prior is drawn again


def estimate(likelihood: Likelihood, seed: int, clock: Clock, progress: Progress) -> Posterior:
    """Samples of the posterior; see ``posterior.infer``. The fit ends by itself, whatever the budget.

    Raises:
        BadInputError: The problem is none of recordings, or its bounds are not the prior's.
    """
    from sim2real.identification.offline.estimation import identify
    from sim2real.identification.offline.problem import Problem

    problem, prior = likelihood.problem, likelihood.prior
    if not isinstance(problem, Problem):
        raise BadInputError("laplace needs a problem of recordings (make_problem); use epopt or npe for others")
    if not (np.allclose(problem.low, prior.low) and np.allclose(problem.high, prior.high)):
        raise BadInputError("laplace fits between the problem's bounds, and the prior has others; give it the "
                            "problem's")
    before = problem.num_rollouts
    found = identify(problem, seed=seed, progress=progress)
    evaluations = (problem.num_rollouts - before) // len(problem.cut.pieces)
    mean = prior.to_unit(found.value)
    covariance = found.correlation * np.outer(found.std_shares, found.std_shares)
    samples = normal_inside(mean, covariance, SAMPLES, seed)
    away = samples - mean
    log = -0.5 * np.einsum("ij,ij->i", away, np.linalg.solve(covariance, away.T).T)
    return Posterior(prior, prior.from_unit(samples), np.full(len(samples), 1.0 / len(samples)), log, "laplace",
                     evaluations=evaluations, seconds=clock.seconds)


def normal_inside(mean: np.ndarray, covariance: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Normal draws inside the unit cube, at most (n, K); fewer where hardly any lie there."""
    lower, kept, count = np.linalg.cholesky(covariance), [], 0
    for turn in range(_MOST):
        x = mean + rng.normal(seed, np.arange(_BATCH), turn + 2, "inference", len(mean)) @ lower.T
        kept.append(x[((x >= 0.0) & (x <= 1.0)).all(axis=1)])
        count += len(kept[-1])
        if count >= n:
            break
    if count == 0:  # the best fit lies in a corner, far wider than the prior: the fit alone is what is known
        return np.clip(mean, 0.0, 1.0)[None]
    return np.concatenate(kept)[:n]
