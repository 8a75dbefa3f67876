"""What identifiers are trained on, and how their uncertainty is calibrated."""

from __future__ import annotations

import torch

from sim2real.deployment.identifier_manifest import LEVEL, QUANTILE

BETA = 0.5


def beta_nll(mean: torch.Tensor, deviation: torch.Tensor, target: torch.Tensor, running: torch.Tensor) -> torch.Tensor:
    """Gaussian negative log likelihood, each term weighted by its variance to the power of beta, (T, n, K) -> ().

    Seitzer et al. 2022, "On the Pitfalls of Heteroscedastic Uncertainty Estimation": without the weight a network buys
    likelihood with large variances where it fits badly, and no longer learns to fit there.
    """
    variance = deviation**2
    nll = 0.5 * (torch.log(variance) + (target - mean) ** 2 / variance)  # eq. 1
    return average(nll * variance.detach() ** BETA, running)  # eq. 4


def square(said: torch.Tensor, target: torch.Tensor, running: torch.Tensor) -> torch.Tensor:
    """Mean squared difference (T, n, C) -> ()."""
    return average((said - target) ** 2, running)


def average(loss: torch.Tensor, running: torch.Tensor) -> torch.Tensor:
    """Mean over the columns of (T, n, C) and over the instants (T, n) at which the episode has not failed."""
    return (loss.mean(dim=-1) * running).sum() / running.sum().clamp(min=1)


def temperature(mean: torch.Tensor, deviation: torch.Tensor, target: torch.Tensor, running: torch.Tensor
                ) -> torch.Tensor:
    """Factor on each deviation with which 90 % intervals cover 90 % of held-out instants, (T, n, K) -> (K,).

    Guo et al. 2017, "On Calibration of Modern Neural Networks", scale by one number for the same reason.
    """
    ratio = ((target - mean).abs() / deviation)[running]
    return torch.quantile(ratio, LEVEL, dim=0) / QUANTILE


def coverage(mean: torch.Tensor, deviation: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Share of the targets (..., K) inside the 90 % intervals, (K,)."""
    inside = (target - mean).abs() <= QUANTILE * deviation
    return inside.float().flatten(0, -2).mean(dim=0)
