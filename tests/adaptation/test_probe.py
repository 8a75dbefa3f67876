"""The fresh probe: chance on identical distributions, certain on separable ones."""

import math

import numpy as np
import pytest
import torch

from sim2real.adaptation.probe import Probe, domain_probe, logistic_regression


def test_half_on_identical_distributions():
    random = np.random.default_rng(0)
    accuracies = [domain_probe(*random.normal(size=(2, 300, 5)), seed).accuracy for seed in range(10)]
    assert np.mean(accuracies) == pytest.approx(0.5, abs=0.03)


def test_all_on_separable_ones():
    random = np.random.default_rng(0)
    probe = domain_probe(random.normal(size=(200, 5)), random.normal(size=(120, 5)) + 20.0)
    assert probe.accuracy == 1.0 and probe.a_distance == 2.0 and probe.images == 120


def test_a_difference_of_one_feature_is_found():
    # two unit Gaussians 2 apart: the best line is right with probability Phi(1) = 0.841
    random = np.random.default_rng(0)
    source, target = random.normal(size=(2, 4000, 3))
    target[:, 1] += 2.0
    assert domain_probe(source, target).accuracy == pytest.approx(0.841, abs=0.015)


def test_proxy_a_distance_by_hand():
    # error 0.25: 2 (1 - 0.5); worse than chance counts as aligned
    assert Probe(0.75, 10).a_distance == 1.0 and Probe(0.5, 10).a_distance == 0.0 and Probe(0.4, 10).a_distance == 0.0


def test_it_is_the_same_for_the_same_seed_whatever_the_global_one():
    random = np.random.default_rng(0)
    source, target = random.normal(size=(2, 100, 4))
    torch.manual_seed(1)
    first = domain_probe(source, target, 3)
    torch.manual_seed(2)
    assert domain_probe(source, target, 3) == first


def test_logistic_regression_by_hand():
    # one point of each label at -1 and +1: 2 sigma(-w) = w at the minimum, so w = 0.6752...
    weight, bias = logistic_regression(torch.tensor([[-1.0], [1.0]], dtype=torch.float64),
                                       torch.tensor([0.0, 1.0], dtype=torch.float64))
    w = weight.item()
    assert 2.0 / (1.0 + math.exp(w)) == pytest.approx(w, abs=1e-4) and bias.item() == pytest.approx(0.0, abs=1e-5)
