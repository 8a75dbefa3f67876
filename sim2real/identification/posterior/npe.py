"""Neural posterior estimation: a network learns P(p | summary) from simulations, with the package ``sbi``.

As BayesSim (Ramos, Possas and Fox 2019): a mixture density network on summaries of trajectories. Before it, rounds of
truncated proposals (Deistler, Goncalves and Macke 2022): each narrows the box in which the prior is sampled to where
the posterior lies, so simulations are spent there, summaries fit better there, and no correction is needed, because
inside the box the prior keeps its shape. Where the posterior lies these rounds tell by a regression of parameters on
summaries and the errors that it made: wide where it fits badly, so nothing is cut off that the network should see.
"""

from __future__ import annotations

import contextlib
import io

import numpy as np

from sim2real import rng
from sim2real.errors import BadInputError
from sim2real.identification.posterior.inference import Clock, Posterior, Progress, need_stable
from sim2real.identification.posterior.likelihood import Likelihood, sum_of_squares
from sim2real.identification.posterior.summaries import Summary

ROUNDS = 4
SAMPLES = 4000
_LEAST = 20  # simulations for each parameter in each round
_COMPONENTS, _HIDDEN = 4, 32  # of the mixture and of its network
_NOISES = 4  # draws of the log's noise for each simulation
_NARROW = 0.17  # of the box: errors of the regression under which nothing reaches the box's sides
_WIDER = 2.0  # of the next box, over the errors of the regression: at its sides the posterior is cut off, and a network
# that does not tell them well from the middle would be too sure there


def estimate(likelihood: Likelihood, seed: int, clock: Clock, progress: Progress) -> Posterior:
    """Samples of the posterior; see ``posterior.infer``.

    Raises:
        BadInputError: A budget from which a network learns nothing.
    """
    prior, size = likelihood.prior, len(likelihood.prior)
    n = clock.budget.evaluations // ROUNDS
    if n < _LEAST * size:
        raise BadInputError(f"npe of {size} parameters needs at least {ROUNDS * _LEAST * size} evaluations, got "
                            f"{clock.budget.evaluations}; raise the budget, or use epopt")
    low, high = np.zeros(size), np.ones(size)
    unit, residual = np.zeros((0, size)), np.zeros((0, len(likelihood.problem.measured)), np.float32)
    for turn in range(ROUNDS):
        new = low + rng.uniform(seed, np.arange(n), turn + 2, "inference", size) * (high - low)
        found = likelihood.residuals(new)
        need_stable(likelihood)
        stable = np.isfinite(sum_of_squares(found))
        unit = np.concatenate([unit, new[stable]])
        residual = np.concatenate([residual, found[stable].astype(np.float32)])
        progress(clock.share, f"box of {np.exp(np.mean(np.log(high - low))):.2g} of the prior a side")
        if turn == ROUNDS - 1 or not clock.allows(n):
            break
        low, high = next_box(low, high, Ensemble(low, high, unit, residual, likelihood.inflation, seed))
        inside = ((unit > low) & (unit < high)).all(axis=1)  # they are draws of the prior in the new box, too
        unit, residual = unit[inside], residual[inside]
    samples, log_density = learn(low, high, Ensemble(low, high, unit, residual, likelihood.inflation, seed), seed)
    return Posterior(prior, prior.from_unit(samples), np.full(len(samples), 1.0 / len(samples)), log_density, "npe",
                     1.0, likelihood.inflation, likelihood.evaluations, clock.seconds)


class Ensemble:
    """Places in a box, and what logs from there would tell, noise included; the log itself tells zeros.

    Args:
        low, high: Sides of the box in unit coordinates, (K,).
        unit: Draws of the prior in it, (n, K).
        residual: What they gave, (n, N).
        inflation: Variance of the noise that the log is taken to have, see ``likelihood``.
        seed: Of noise.

    Attributes:
        place: In the box, in (0, 1), (m, K).
        told: Their summaries, (m, d).
    """

    def __init__(self, low: np.ndarray, high: np.ndarray, unit: np.ndarray, residual: np.ndarray, inflation: float,
                 seed: int):
        place = np.clip((unit - low) / (high - low), 1e-6, 1.0 - 1e-6)
        summary = Summary.of(place, residual, inflation)(residual)
        told = np.repeat(summary, _NOISES, axis=0)
        noise = rng.normal(seed, np.arange(len(told)), len(unit), "inference", told.shape[1])
        self.place, self.told = np.repeat(place, _NOISES, axis=0), told + np.sqrt(inflation) * noise


def next_box(low: np.ndarray, high: np.ndarray, ensemble: Ensemble) -> tuple[np.ndarray, np.ndarray]:
    """Sides (K,), (K,) of a box around what a regression says of the log, as wide as its largest errors."""
    estimate, error = regression(ensemble.place, ensemble.told)
    a, b = estimate + _WIDER * error.min(axis=0), estimate + _WIDER * error.max(axis=0)
    a, b = np.clip(a, 0.0, 0.99), np.clip(b, 0.01, 1.0)
    return low + a * (high - low), low + b * (high - low)


def regression(target: np.ndarray, told: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a linear regression of ``target`` (m, K) on summaries says of the log, (K,), and its errors (m, K)."""
    features = np.column_stack([np.ones(len(told)), told])
    weights = np.linalg.lstsq(features, target, rcond=1e-9)[0]
    return weights[0], target - features @ weights  # the log's own summaries are zero: what is left is the constant


def learn(low: np.ndarray, high: np.ndarray, ensemble: Ensemble, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples (n, K) in unit coordinates of what the network learned for the log, and log densities (n,)."""
    import torch
    from sbi.inference import NPE
    from sbi.neural_nets import posterior_nn

    torch.set_num_threads(1)
    # where the log tells little the box cuts the posterior off: there the logit of the place, which has no bounds
    wide = regression(ensemble.place, ensemble.told)[1].std(axis=0) > _NARROW
    # the network learns what the regression leaves, brought to unit covariance
    centre, error = regression(np.where(wide, _logit(ensemble.place), ensemble.place), ensemble.told)
    scale = np.linalg.cholesky(np.cov(error.T).reshape(len(low), len(low)) + 1e-9 * np.eye(len(low)))
    left = torch.as_tensor(np.linalg.solve(scale, error.T).T, dtype=torch.float32)
    told = torch.as_tensor(ensemble.told, dtype=torch.float32)
    observed = torch.zeros(1, told.shape[1])
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(io.StringIO()):  # sbi prints
        torch.manual_seed(seed)
        network = posterior_nn("mdn", hidden_features=_HIDDEN, num_components=_COMPONENTS)
        trainer = NPE(prior=None, density_estimator=network, tracker=_NoTracker(), show_progress_bars=False)
        trainer.append_simulations(left, told)
        estimator = trainer.train(training_batch_size=200, learning_rate=1e-3, stop_after_epochs=15,
                                  max_num_epochs=200)
        with torch.no_grad():
            drawn = estimator.sample(torch.Size([SAMPLES]), observed)[:, 0]
            log = estimator.log_prob(drawn[:, None], observed)[:, 0].numpy().astype(float)
    free = centre + drawn.numpy().astype(float) @ scale.T
    place = np.where(wide, 1.0 / (1.0 + np.exp(-free)), free)
    inside = ((place > 0.0) & (place < 1.0)).all(axis=1)
    # the density of a place is that of its logit over the derivative, place (1 - place)
    log -= np.log(np.where(wide, np.clip(place * (1.0 - place), 1e-300, 1.0), 1.0)).sum(axis=1)
    return low + (high - low) * place[inside], log[inside]


def _logit(place: np.ndarray) -> np.ndarray:
    return np.log(place / (1.0 - place))


class _NoTracker:
    """sbi would write a TensorBoard log into the working directory."""

    log_dir = None

    def log_metric(self, *args, **named) -> None:
        """Nothing."""

    log_metrics = log_params = add_figure = log_metric

    def flush(self) -> None:
        """Nothing."""
