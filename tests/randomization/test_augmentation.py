"""Random shifts and crops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.errors import BadInputError
from sim2real.randomization.augmentation import center_crop, random_crop, random_shift
from tests.randomization.image_cases import scene


def numbered(n: int, h: int, w: int) -> np.ndarray:
    """Images whose first channel is the row and whose second is the column."""
    y, x = np.mgrid[0:h, 0:w]
    return np.repeat(np.stack([y, x, y * 0], axis=-1)[None], n, axis=0).astype(np.uint8)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5), st.integers(1, 12), st.integers(1, 12), st.integers(0, 15), st.integers(0, 99))
def test_a_shift_is_pad_and_crop(n, h, w, pad, counter):
    images = numbered(n, h, w)
    out = random_shift(images, pad, counter=counter)
    assert out.shape == images.shape
    padded = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="edge")
    for i in range(n):
        windows = [padded[i, y:y + h, x:x + w] for y in range(2 * pad + 1) for x in range(2 * pad + 1)]
        assert any(np.array_equal(out[i], window) for window in windows)


def test_shifts_take_every_value_alike():
    out = random_shift(numbered(4000, 21, 21), 3)
    rows, columns = (out[:, 10, 10, k].astype(int) - 10 for k in (0, 1))
    for moves in (rows, columns):
        values, counts = np.unique(moves, return_counts=True)
        assert values.tolist() == [-3, -2, -1, 0, 1, 2, 3]
        assert counts == pytest.approx(4000 / 7, rel=0.15)
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.05


def test_no_pad_no_shift_and_the_input_stays():
    images = scene(3)
    images.flags.writeable = False
    np.testing.assert_array_equal(random_shift(images, 0), images)
    random_shift(images)


def test_crops_are_windows_anywhere():
    images = numbered(3000, 12, 9)
    out = random_crop(images, 10, 5)
    assert out.shape == (3000, 10, 5, 3)
    top, left = out[:, 0, 0, 0], out[:, 0, 0, 1]
    np.testing.assert_array_equal(out[..., 0], (top[:, None] + np.arange(10))[:, :, None].repeat(5, axis=2))
    np.testing.assert_array_equal(out[..., 1], (left[:, None] + np.arange(5))[:, None].repeat(10, axis=1))
    assert np.unique(top).tolist() == [0, 1, 2] and np.unique(left).tolist() == [0, 1, 2, 3, 4]
    assert np.unique(left, return_counts=True)[1] == pytest.approx(600, rel=0.15)
    assert random_crop(images[:0], 10, 5).shape == (0, 10, 5, 3)


def test_the_center_crop_is_in_the_middle():
    assert center_crop(numbered(1, 12, 9), 10, 5)[0, 0, 0].tolist() == [1, 2, 0]
    np.testing.assert_array_equal(center_crop(scene(2), 31, 47), scene(2))


@pytest.mark.parametrize("augment", [random_shift, lambda images, **key: random_crop(images, 20, 20, **key)])
def test_reproducible_whatever_the_number(augment):
    images = scene(9)
    whole = augment(images, seed=2, counter=5)
    np.testing.assert_array_equal(augment(images[:4], seed=2, counter=5), whole[:4])
    assert not np.array_equal(augment(images, seed=3, counter=5), whole)
    assert not np.array_equal(augment(images, seed=2, counter=6), whole)


def test_refusals():
    with pytest.raises(BadInputError, match="a pad of 0 or more pixels, got -1"):
        random_shift(scene(1), -1)
    for height, width in ((32, 10), (10, 48), (0, 10)):
        with pytest.raises(BadInputError, match=f"a window inside images of 31 x 47, got {height} x {width}"):
            random_crop(scene(1), height, width)
        with pytest.raises(BadInputError, match="a window inside"):
            center_crop(scene(1), height, width)
    with pytest.raises(BadInputError, match="expected images as uint8"):
        random_shift(scene(1) / 255.0)
