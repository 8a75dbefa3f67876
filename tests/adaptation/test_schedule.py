"""The learning rate's course and the running mean of weights."""

import numpy as np
import pytest
import torch

from sim2real.adaptation.schedule import remember, rise_and_fall


def test_the_rate_rises_and_falls():
    rates = np.array([rise_and_fall(step, 1000, 50) for step in range(1000)])
    assert rates[0] == pytest.approx(1 / 50) and rates.max() > 0.99 and rates[-1] < 1e-5
    assert (np.diff(rates[:49]) > 0.0).all() and (np.diff(rates[50:]) < 0.0).all()
    assert rates[500] == pytest.approx(0.5)


def test_what_is_kept_of_the_average():
    average, network = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    with torch.no_grad():
        average.weight.fill_(1.0)
        network.weight.fill_(3.0)
    remember(average, network, 0.75)
    assert average.weight.item() == pytest.approx(1.5) and network.weight.item() == 3.0
    remember(average, network, 0.0)
    assert average.weight.item() == 3.0
