"""Intervals against values worked by hand."""

import numpy as np
import pytest

from sim2real.evaluation.statistics import smoothness, wilson_interval


def test_wilson_half():
    # p = 0.5, n = 100: centre 0.5, half = z sqrt(p q / n + z^2 / 4 n^2) / (1 + z^2 / n)
    z = 1.959964
    half = z * np.sqrt(0.25 / 100 + z * z / 40_000) / (1 + z * z / 100)
    assert wilson_interval(50, 100) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-12)


def test_wilson_ends_contain_the_rate():
    low, high = wilson_interval(200, 200)
    assert high == 1.0 and 0.97 < low < 0.99  # n / (n + z^2) = 0.98115
    assert low == pytest.approx(200 / (200 + 1.959964**2))
    assert wilson_interval(0, 200)[0] == 0.0


@pytest.mark.parametrize("pair", [(1, 0), (3, 2), (-1, 5)])
def test_wilson_refuses_nonsense(pair):
    with pytest.raises(ValueError, match="successes"):
        wilson_interval(*pair)


def test_smoothness_of_a_parabola_is_its_second_derivative():
    t = np.arange(50) * 0.04
    commands = (1.5 * t**2)[:, None, None]
    assert smoothness(commands, 0.04) == pytest.approx(3.0)
    assert smoothness(commands[:2], 0.04) == 0.0
