"""Random convolution and cutout."""

import numpy as np
import pytest

from tests.randomization.image_cases import apply, flat, scene


# ---------------------------------------------------------------------- random convolution
def test_a_convolution_is_one_matrix_for_flat_colours():
    """Flat areas stay flat, and their new colours are affine in the old ones: found from four, right for a fifth."""
    colors = np.array([[127, 127, 127], [157, 127, 127], [127, 157, 127], [127, 127, 157], [147, 107, 137]])
    images = np.stack([flat(5, 5, *c) for c in colors])
    out = apply(images, random_convolution=0.5, identities=np.zeros(5, int))
    assert (out == out[:, :1, :1]).all() and (out > 0).all() and (out < 255).all()
    answers = out[:, 0, 0].astype(float)
    columns = (answers[1:4] - answers[0]) / 30.0
    expected = answers[0] + (colors[4] - 127.0) @ columns
    assert answers[4] == pytest.approx(expected, abs=2.5)


def test_mid_grey_stays_and_the_share_mixes():
    assert np.abs(apply(np.stack([flat(7, 7, 127)] * 20), random_convolution=1.0).astype(int) - 127).max() <= 2
    image = (scene(height=20, width=20)[0] // 4 + 96).astype(np.uint8)  # far from the clipping
    small, large = (apply(image, random_convolution=a).astype(float) - image for a in (0.2, 0.4))
    assert np.abs(large - 2.0 * small).max() <= 2.0 and np.abs(large).max() > 5.0


def test_contrast_is_kept_on_average_and_colours_change():
    n = 300
    images = np.stack([flat(3, 3, 157)] * n)
    spread = apply(images, random_convolution=1.0)[:, 1, 1, 0].astype(float) - 127.5
    # the sum of 27 weights of variance 1/27 times 29.5
    assert spread.std() == pytest.approx(29.5, rel=0.15) and abs(spread.mean()) < 6.0


def test_it_is_local():
    image = scene(height=15, width=15)[0]
    other = image.copy()
    other[7, 7] = 255 - other[7, 7]
    changed = (apply(image, random_convolution=1.0) != apply(other, random_convolution=1.0)).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert changed[7, 7] and rows.min() >= 6 and rows.max() <= 8 and columns.min() >= 6 and columns.max() <= 8


# ---------------------------------------------------------------------- cutout
def boxes(image: np.ndarray, out: np.ndarray) -> list[np.ndarray]:
    """Covered pixels by colour."""
    changed = (out != image).any(axis=2)
    return [changed & (out == color).all(axis=2) for color in np.unique(out[changed], axis=0)]


def test_one_rectangle_of_the_area_asked_for():
    image = np.stack([flat(100, 100, 3, 5, 7)] * 30)
    out = apply(image, cutout_count=1, cutout_size=0.04)
    tops, lefts = [], []
    for before, after in zip(image, out, strict=True):
        (box,) = boxes(before, after)
        rows, columns = np.flatnonzero(box.any(axis=1)), np.flatnonzero(box.any(axis=0))
        assert box[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1].all(), "no rectangle"
        assert box.sum() == pytest.approx(400, rel=0.03)
        assert 0.48 < len(rows) / len(columns) < 2.1
        tops.append(rows[0])
        lefts.append(columns[0])
    assert np.std(tops) > 15 and np.std(lefts) > 15


@pytest.mark.parametrize(("value", "most"), [(0.2, 1), (1.0, 1), (1.1, 2), (3.0, 3)])
def test_the_count_is_rounded_up(value, most):
    image = np.stack([flat(60, 60, 3, 5, 7)] * 20)
    counts = [len(boxes(a, b)) for a, b in zip(image, apply(image, cutout_count=value), strict=True)]
    assert max(counts) == most and min(counts) >= 1


def test_nothing_is_covered_on_the_idle_side():
    image = scene()[0]
    for effect in ({"cutout_count": 0}, {"cutout_count": -3}, {"cutout_count": 2, "cutout_size": 0}):
        np.testing.assert_array_equal(apply(image, **effect), image)


def test_a_rectangle_as_large_as_the_image_covers_it():
    out = apply(flat(6, 10, 9), cutout_count=1, cutout_size=1.0)
    assert (out != 9).any(axis=2).mean() > 0.5
