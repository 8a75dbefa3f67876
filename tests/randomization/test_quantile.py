import math
from statistics import NormalDist

import numpy as np
import pytest

from sim2real.randomization.quantile import normal_cdf, normal_quantile


def test_known_percentage_points():
    # tables: 97.5 % and 99.5 % of the standard normal distribution
    np.testing.assert_allclose(normal_quantile(np.array([0.5, 0.975, 0.005])),
                               [0.0, 1.959963984540054, -2.575829303548901], rtol=1e-14, atol=1e-16)


def test_agrees_with_the_standard_library_everywhere():
    p = np.concatenate([np.linspace(1e-6, 1 - 1e-6, 2001), 10.0 ** -np.arange(7, 300, 5),
                        1 - 10.0 ** -np.arange(7, 16)])
    expected = np.array([NormalDist().inv_cdf(x) for x in p])
    np.testing.assert_allclose(normal_quantile(p), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3)])
def test_any_shape(shape):
    assert normal_quantile(np.full(shape, 0.3)).shape == shape


def test_the_ends_are_infinite():
    np.testing.assert_array_equal(normal_quantile(np.array([0.0, 1.0])), [-np.inf, np.inf])


def test_the_distribution_function_agrees_with_the_standard_library_everywhere():
    z = np.concatenate([np.linspace(-8.5, 8.5, 3001), [-37.0, -20.0, -7.071, 7.0711, 20.0]])
    expected = np.array([0.5 * math.erfc(-x / math.sqrt(2.0)) for x in z])
    np.testing.assert_allclose(normal_cdf(z), expected, rtol=0.0, atol=2e-15)
    np.testing.assert_allclose(normal_cdf(z), expected, rtol=1e-7)  # the far tail, too
    assert normal_cdf(np.array([-np.inf, np.inf])).tolist() == [0.0, 1.0]
