"""Resolution and JPEG."""

import numpy as np
import pytest

from sim2real.randomization.contact_sheet import sample_picture
from tests.randomization.image_cases import apply, flat, scene


def test_half_the_resolution_averages_two_by_two():
    image = flat(8, 8, 0)
    image[::2, ::2] = image[1::2, 1::2] = 200
    out = apply(image, resolution=0.5)
    np.testing.assert_array_equal(out, flat(8, 8, 100))


@pytest.mark.parametrize("share", [0.2, 0.4, 0.5, 0.75, 0.9])
def test_resolution_keeps_the_mean_and_loses_detail(share):
    image = np.random.default_rng(0).integers(0, 256, (60, 60, 3)).astype(np.uint8)
    out = apply(image, resolution=share)
    assert out.mean() == pytest.approx(image.mean(), abs=2.0)
    assert out.std() < (0.75 if share < 0.9 else 0.95) * image.std()
    np.testing.assert_array_equal(apply(flat(17, 9, 40, 90, 200), resolution=share), flat(17, 9, 40, 90, 200))


def test_jpeg_gets_better_with_quality():
    image = sample_picture(64, 64)
    errors = [np.abs(apply(image, jpeg_quality=q).astype(int) - image).mean() for q in (5, 20, 50, 80, 95)]
    assert errors == sorted(errors, reverse=True) and errors[0] > 3 * errors[-1] > 0


def test_jpeg_takes_no_colour_for_another():
    for color in ((250, 20, 20), (20, 250, 20), (20, 20, 250)):
        out = apply(flat(16, 16, *color), jpeg_quality=90)
        assert np.abs(out.astype(int) - color).max() <= 6
    # with the channels swapped the luma of red would be coded as blue's, and come back otherwise
    red = flat(16, 16, 0)
    red[:, ::2, 0] = 255
    blue = red[..., ::-1].copy()
    assert not np.array_equal(apply(red, jpeg_quality=20), apply(blue, jpeg_quality=20)[..., ::-1])


@pytest.mark.parametrize("effect", [{"jpeg_quality": 100}, {"jpeg_quality": 400}, {"resolution": 1.0},
                                    {"resolution": 3.0}])
def test_the_idle_side_does_nothing(effect):
    image = scene()[0]
    np.testing.assert_array_equal(apply(image, **effect), image)
