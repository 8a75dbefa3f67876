"""Joint series: values by hand, derivatives beside finite differences, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.tasks.joint_series import JointSeries, from_rows, rest_basis

HOME = np.array([0.5, -1.0])
# sum k s = 2 - 2 * 1 = 0;  sum k^2 c = 0.4 - 4 * 0.1 = 0
SERIES = JointSeries(HOME, [[2.0, -1.0], [0.0, 0.0]], [[0.0, 0.0], [0.4, -0.1]], period=4.0, periods=3)


def test_values_by_hand():
    # a quarter of a period: sin = 1, 0; cos - 1 = -1, -2.  half: sin = 0, 0; cos - 1 = -2, 0
    at = SERIES.position(np.array([0.0, 1.0, 2.0, 4.0, 5.0, 12.0]))
    np.testing.assert_allclose(at - HOME, [[0, 0], [2, -0.4 + 0.2], [0, -0.8], [0, 0], [2, -0.2], [0, 0]], atol=1e-12)
    w = 2 * np.pi / 4.0
    velocity, acceleration, jerk = SERIES.derivatives(np.array([0.0, 2.0]))
    np.testing.assert_allclose(velocity, [[0.0, 0.0], [-4 * w, 0.0]], atol=1e-12)  # w (2 cos pi - 2 cos 2 pi)
    np.testing.assert_allclose(acceleration, [[0.0, 0.0], [0.0, 0.8 * w**2]], atol=1e-12)  # w^2 (0.4 + 0.4)
    np.testing.assert_allclose(jerk[0], [-(2 - 8) * w**3, 0.0], atol=1e-12)


def test_home_before_and_after():
    np.testing.assert_array_equal(SERIES.position(np.array([-5.0, 12.0, 13.7, 1e6])), np.tile(HOME, (4, 1)))
    assert SERIES.duration == 12.0


def test_derivatives_are_those_of_the_positions():
    time, h = np.linspace(0.3, 11.0, 50), 1e-4
    position = [SERIES.position(time + k * h) for k in (-2, -1, 0, 1, 2)]
    velocity, acceleration, jerk = SERIES.derivatives(time)
    np.testing.assert_allclose(velocity, (position[3] - position[1]) / (2 * h), atol=1e-6)
    np.testing.assert_allclose(acceleration, (position[3] - 2 * position[2] + position[1]) / h**2, atol=1e-5)
    third = (position[4] - 2 * position[3] + 2 * position[1] - position[0]) / (2 * h**3)
    np.testing.assert_allclose(jerk, third, atol=1e-2)


@pytest.mark.parametrize("harmonics", [2, 3, 7])
def test_every_direction_of_the_basis_is_at_rest(harmonics):
    sine, cosine = rest_basis(harmonics)
    assert sine.shape == cosine.shape == (harmonics, harmonics - 1)
    assert np.linalg.matrix_rank(sine) == np.linalg.matrix_rank(cosine) == harmonics - 1
    series = JointSeries(np.zeros(harmonics - 1), sine.T, cosine.T, 1.0)
    assert series.at_rest
    velocity, acceleration, _ = series.derivatives(np.zeros(1))
    assert np.abs(velocity).max() < 1e-12 and np.abs(acceleration).max() < 1e-11


def test_scaling_moves_every_point_towards_home_and_keeps_rest():
    half, other = SERIES.scaled(0.5), SERIES.scaled(np.array([1.0, 0.0]))
    time = np.linspace(0.0, 12.0, 31)
    np.testing.assert_allclose(half.position(time) - HOME, 0.5 * (SERIES.position(time) - HOME), atol=1e-12)
    np.testing.assert_array_equal(other.position(time)[:, 1], HOME[1])
    assert half.at_rest and not JointSeries(HOME, [[1.0], [0.0]], [[0.0], [0.0]], 1.0).at_rest


def test_no_harmonics_is_rest():
    series = from_rows(HOME, [], [], 2.0, 1)
    np.testing.assert_array_equal(series.position(np.linspace(0, 2, 5)), np.tile(HOME, (5, 1)))
    assert series.at_rest


@pytest.mark.parametrize(("arguments", "words"), [
    ((HOME, [[1.0]], [[1.0]], 1.0, 1), "expected sine of shape \\(2, harmonics\\)"),
    ((HOME, np.zeros((2, 2)), np.zeros((2, 3)), 1.0, 1), "expected cosine"),
    ((HOME, [[np.nan], [0.0]], np.zeros((2, 1)), 1.0, 1), "finite sine"),
    ((HOME, np.zeros((2, 1)), np.zeros((2, 1)), 0.0, 1), "period over 0 s"),
    ((HOME, np.zeros((2, 1)), np.zeros((2, 1)), 1.0, 0), "periods"),
    ((HOME, np.zeros((2, 1)), np.zeros((2, 1)), 1.0, 1.5), "periods"),
])
def test_what_is_refused(arguments, words):
    with pytest.raises(BadInputError, match=words):
        JointSeries(*arguments)


@pytest.mark.parametrize("rows", ["ab", [[1.0, 2.0], [1.0]], [[1.0], ["x"]], [1.0, 2.0, 3.0], None])
def test_rows_that_are_none(rows):
    with pytest.raises(BadInputError, match="2 rows of numbers|shape"):
        from_rows(HOME, rows, [[0.0], [0.0]], 1.0, 1)


def test_one_harmonic_cannot_rest():
    with pytest.raises(BadInputError, match="at least 2 harmonics"):
        rest_basis(1)
