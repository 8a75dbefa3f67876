"""How well predictions fit: a robust likelihood whose noise is learned for each channel, and the vocabulary's prior.

Residuals of a channel are Student's t with ``FREEDOM`` degrees of freedom and a scale of its own: a channel in which
the simulation is wrong counts for less, and single wrong samples do not pull (Lange, Little & Taylor 1989, "Robust
statistical modeling using the t distribution"). Parameters are shares u in [0, 1] of their range; the prior is normal
with the mean and the variance of a uniform one, 1/2 and 1/12.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2real.identification.offline.problem import Problem

FREEDOM = 5.0
PRIOR_PRECISION = 12.0
_PASSES = 5  # of scale and weights, each given the other


@dataclass(frozen=True)
class Fit:
    """Residuals of one prediction.

    Attributes:
        residual: Measured minus predicted, (N,).
        scale: Standard deviation of each channel's residuals, (D,); never under its sensor's noise.
        precision: Weight over scale squared of each sample, (N,).
    """

    residual: np.ndarray
    scale: np.ndarray
    precision: np.ndarray


def fit_noise(problem: Problem, predicted: np.ndarray) -> Fit:
    """Scales and weights that are most likely for a prediction (N,)."""
    residual, channel, count = problem.measured - predicted, problem.labels.channel, len(problem.channels)
    number = np.maximum(np.bincount(channel, minlength=count), 1)
    floor = np.bincount(channel, problem.sigma, minlength=count) / number
    scale = np.maximum(np.sqrt(np.bincount(channel, residual**2, minlength=count) / number), floor)
    for _ in range(_PASSES):
        weight = (FREEDOM + 1.0) / (FREEDOM + (residual / scale[channel]) ** 2)
        scale = np.maximum(np.sqrt(np.bincount(channel, weight * residual**2, minlength=count) / number), floor)
    weight = (FREEDOM + 1.0) / (FREEDOM + (residual / scale[channel]) ** 2)
    return Fit(residual, scale, weight / scale[channel] ** 2)


def misfit(problem: Problem, fit: Fit) -> float:
    """Scale of the residuals over the sensors' noise, the median of all channels."""
    channel = problem.labels.channel
    number = np.bincount(channel, minlength=len(problem.channels))
    noise = np.bincount(channel, problem.sigma, minlength=len(problem.channels)) / np.maximum(number, 1)
    return float(np.median(fit.scale[number > 0] / noise[number > 0]))


def mean_slope(fit: Fit, channel: np.ndarray) -> np.ndarray:
    """E[psi'] of each sample's channel, (N,).

    psi' = d(w r) / dr = (nu + 1) (nu - z^2) / (nu + z^2)^2 / scale^2 with z = r / scale.
    """
    z = (fit.residual / fit.scale[channel]) ** 2
    slope = (FREEDOM + 1.0) * (FREEDOM - z) / (FREEDOM + z) ** 2
    mean = np.bincount(channel, slope) / np.maximum(np.bincount(channel), 1)
    return mean[channel] / fit.scale[channel] ** 2


def loss(problem: Problem, predicted: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Minus the logarithm of the posterior density up to a constant, each prediction (n, N) with its own noise: (n,).

    infinite where a simulation went unstable.
    """
    out = np.full(len(predicted), np.inf)
    for k in np.flatnonzero(np.isfinite(predicted).all(axis=1)):
        fit = fit_noise(problem, predicted[k])
        scale = fit.scale[problem.labels.channel]
        out[k] = (np.log(scale) + 0.5 * (FREEDOM + 1.0) * np.log1p((fit.residual / scale) ** 2 / FREEDOM)).sum()
    return out + 0.5 * PRIOR_PRECISION * ((shares - 0.5) ** 2).sum(axis=1)
