"""Likelihood: residuals, and how much less than N samples a wrong model's residuals tell."""

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.identification.posterior.likelihood import Likelihood, autocorrelation_time, inflation
from sim2real.identification.posterior.prior import Prior
from tests.identification.posterior.doubles import Linear


def test_residuals_are_counted_and_the_best_is_kept():
    problem = Linear([0.2, 0.7], sigma=0.5)
    likelihood = Likelihood(problem, problem.prior)
    unit = np.array([[0.9, 0.1], [0.2, 0.7], [0.5, 0.5]])
    residual = likelihood.residuals(unit)
    expected = (unit @ problem.matrix.T - problem.measured) / 0.5
    np.testing.assert_allclose(residual, expected, atol=1e-9)
    assert likelihood.evaluations == 3
    np.testing.assert_array_equal(likelihood.best_unit, unit[1])


def test_white_noise_inflates_nothing():
    random = np.random.default_rng(4)
    factors = [inflation(random.normal(size=2000)) for _ in range(50)]
    assert np.mean(np.array(factors) == 1.0) > 0.9 and max(factors) < 1.3


def test_a_slow_wrong_residual_counts_as_few_samples():
    # x_t = 0.9 x_{t-1} + e: variance 1 / (1 - 0.81), autocorrelation time (1 + 0.9) / (1 - 0.9) = 19
    random = np.random.default_rng(1)
    x = np.zeros(40_000)
    for t in range(1, len(x)):
        x[t] = 0.9 * x[t - 1] + random.normal()
    assert autocorrelation_time(x, np.zeros(len(x), int)) == pytest.approx(19.0, rel=0.15)
    assert inflation(x) == pytest.approx(19.0 / 0.19, rel=0.2)


def test_series_are_not_mistaken_for_one_another():
    # two interleaved series, each constant from sample to sample within itself: correlation is seen only with labels
    random = np.random.default_rng(2)
    slow = np.repeat(random.normal(size=(500, 2)), 4, axis=0)  # each value four times: 1 + 2 (3/4 + 2/4 + 1/4) = 4
    series = np.tile([0, 1], 2000)
    assert autocorrelation_time(slow.ravel(), series) == pytest.approx(4.0, rel=0.2)


def test_other_parameters_are_refused():
    problem = Linear([0.2, 0.7])
    other = Prior(("p0", "x"), problem.low, problem.high, problem.log)
    with pytest.raises(BadInputError, match="same parameters, got p0, x and p0, p1"):
        Likelihood(problem, other)
