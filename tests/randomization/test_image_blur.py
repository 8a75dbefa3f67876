"""Kernels of motion and the runs of a rolling shutter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.randomization.image_blur import line_kernels, move_rows, row_shifts


def test_kernels_by_hand():
    still, two, one, slanted = line_kernels(np.array([0.0, 2.0, 1.0, 2.0]), np.pi * np.array([0.3, 0, 0.5, 0.25]))
    np.testing.assert_array_equal(still, [[1]])
    # spread linearly, a way of [-1, 1] lies half on the middle, one of [-1/2, 1/2] three quarters
    np.testing.assert_allclose(two, [[0, 0, 0], [0.25, 0.5, 0.25], [0, 0, 0]], atol=0.002)
    np.testing.assert_allclose(one, [[0, 0.125, 0], [0, 0.75, 0], [0, 0.125, 0]], atol=0.002)
    # the corner has the integral of s^2 from 0 to sqrt(1/2), times sqrt(1/2): 1/12
    np.testing.assert_allclose(slanted[[0, 0, 2, 2], [0, 2, 0, 2]], [1 / 12, 0, 0, 1 / 12], atol=0.002)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 30), st.floats(-3.2, 3.2)), min_size=1, max_size=6))
def test_kernels_sum_to_one_are_symmetric_and_alone_what_they_are_in_a_batch(ways):
    length, angle = np.array(ways).T
    kernels = line_kernels(length, angle)
    for i, kernel in enumerate(kernels):
        assert kernel.sum() == pytest.approx(1.0, abs=1e-5) and (kernel >= 0).all() and kernel.dtype == np.float32
        np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-5)
        assert kernel.shape[0] == kernel.shape[1] == 2 * np.ceil(length[i] / 2) + 1
        np.testing.assert_array_equal(line_kernels(length[i:i + 1], angle[i:i + 1])[0], kernel)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-40, 40), min_size=1, max_size=4), st.integers(1, 20), st.integers(1, 12))
def test_rows_move_as_one_by_one(ways, height, width):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    for way, runs in zip(ways, row_shifts(np.array(ways), height, width), strict=True):
        moved = image.copy()
        move_rows(moved, runs)
        for k in range(height):
            shift = round(np.rint(way * ((k - (height - 1) / 2) / max(height - 1, 1))))
            column = np.clip(np.arange(width) - np.clip(shift, 1 - width, width - 1), 0, width - 1)
            np.testing.assert_array_equal(moved[k], image[k, column])
