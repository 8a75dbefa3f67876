"""Losses and calibration against numbers worked out by hand."""

import math

import pytest
import torch

from sim2real.identification.online.losses import average, beta_nll, coverage, square, temperature


def test_beta_nll_by_hand():
    """mean 1, deviation 2, target 4: variance^0.5 (ln(4)/2 + 9/8) = 2 (0.6931 + 1.125)."""
    one = torch.ones(1, 1, 1)
    loss = beta_nll(one, 2 * one, 4 * one, torch.ones(1, 1, dtype=torch.bool))
    assert loss.item() == pytest.approx(2 * (math.log(4) / 2 + 9 / 8))


def test_the_weight_of_beta_nll_has_no_gradient():
    """d/dmean is sigma (mean - target) / sigma^2; where the weight had a gradient, d/dsigma would differ."""
    mean, deviation = torch.tensor([[[1.0]]], requires_grad=True), torch.tensor([[[2.0]]], requires_grad=True)
    beta_nll(mean, deviation, torch.tensor([[[4.0]]]), torch.ones(1, 1, dtype=torch.bool)).backward()
    assert mean.grad.item() == pytest.approx(2.0 * (1.0 - 4.0) / 4.0)
    assert deviation.grad.item() == pytest.approx(2.0 * (1 / 2.0 - 9.0 / 8.0))


def test_failed_episodes_do_not_count():
    loss = torch.tensor([[[1.0], [100.0]], [[3.0], [100.0]]])
    running = torch.tensor([[True, False], [True, False]])
    assert average(loss, running).item() == 2.0
    assert average(loss, torch.zeros(2, 2, dtype=torch.bool)).item() == 0.0
    assert square(loss, torch.zeros(2, 2, 1), running).item() == (1 + 9) / 2


def test_temperature_makes_90_percent_intervals_cover():
    """Deviations that are stated at a third of what they are come out three times as wide, of each parameter alone."""
    random = torch.Generator().manual_seed(0)
    target = torch.randn(100, 200, 2, generator=random) * torch.tensor([0.3, 1.0])
    deviation, running = torch.full_like(target, 0.1), torch.ones(100, 200, dtype=torch.bool)
    mean = torch.zeros_like(target)
    factor = temperature(mean, deviation, target, running)
    assert factor.tolist() == pytest.approx([3.0, 10.0], rel=0.03)
    assert coverage(mean, deviation * factor, target).tolist() == pytest.approx([0.9, 0.9], abs=1e-3)
    assert coverage(mean, deviation, target)[1] < 0.15
