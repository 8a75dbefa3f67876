"""White balance, saturation, hue, gamma and contrast: expected pixels by hand."""

import numpy as np
import pytest

from sim2real.randomization.image_colour import mixing
from tests.randomization.image_cases import apply, pixels, scene


def luma(image):
    return image @ [0.299, 0.587, 0.114]


@pytest.mark.parametrize(("name", "channel"), [("white_balance_red", 0), ("white_balance_blue", 2)])
def test_white_balance_is_light_of_one_colour(name, channel):
    image = scene()[0]
    out = apply(image, **{name: 0.25})  # a quarter of the light, half of the value
    others = [c for c in range(3) if c != channel]
    np.testing.assert_array_equal(out[..., others], image[..., others])
    assert np.abs(out[..., channel] - image[..., channel] / 2.0).max() <= 0.5


def test_saturation():
    # luma of (120, 100, 100): 0.299 * 20 + 100 = 105.98; twice as far: 134.02, 94.02
    np.testing.assert_array_equal(apply(pixels((120, 100, 100)), saturation=2.0), pixels((134, 94, 94)))
    # luma of red: 76.2, of green: 149.7, of blue: 29.1
    np.testing.assert_array_equal(apply(pixels((255, 0, 0), (0, 255, 0), (0, 0, 255)), saturation=0.0),
                                  pixels(76, 150, 29))


def test_hue_of_half_a_turn_is_the_complement():
    # 2 * 105.98 - (120, 100, 100)
    np.testing.assert_array_equal(apply(pixels((120, 100, 100)), hue=np.pi), pixels((92, 112, 112)))


def test_hue_turns_red_towards_yellow_and_back():
    assert apply(pixels((150, 60, 60)), hue=0.3)[0, 0, 1] != apply(pixels((150, 60, 60)), hue=-0.3)[0, 0, 1]
    there = mixing(np.ones(1), np.array([0.7]))[0]
    back = mixing(np.ones(1), np.array([-0.7]))[0]
    np.testing.assert_allclose(there @ back, np.eye(3), atol=1e-12)


@pytest.mark.parametrize("effect", [{"hue": 0.5}, {"saturation": 0.5}, {"saturation": 1.3, "hue": -0.4}])
def test_hue_and_saturation_keep_greys_luma_and_its_order(effect):
    greys = pixels(*range(0, 256, 5))
    np.testing.assert_array_equal(apply(greys, **effect), greys)
    colors = np.random.default_rng(0).integers(100, 156, (1, 200, 3)).astype(np.uint8)  # far from the clipping
    before, after = luma(colors)[0], luma(apply(colors, **effect))[0]
    assert np.abs(after - before).max() < 0.8
    pairs = before[:, None] > before + 1.6
    assert (after[:, None] > after)[pairs].all()


def test_gamma_and_contrast_by_hand():
    # 255 (128 / 255)^2 = 64.25, 255 (64 / 255)^2 = 16.06
    np.testing.assert_array_equal(apply(pixels(0, 64, 128, 255), gamma=2.0), pixels(0, 16, 64, 255))
    # 127.5 + 1.5 (v - 127.5) at 20, 100, 200: -33.75, 86.25, 236.25
    np.testing.assert_array_equal(apply(pixels(20, 100, 200, 255), contrast=1.5), pixels(0, 86, 236, 255))
    np.testing.assert_array_equal(apply(pixels(20, 200), contrast=0.0), pixels(128, 128))


def test_gamma_comes_before_contrast_and_after_colours():
    # gamma of 128: 64.25; then 127.5 + 0.5 (64.25 - 127.5) = 95.9
    np.testing.assert_array_equal(apply(pixels(128), gamma=2.0, contrast=0.5), pixels(96))
    # white balance first: 128 -> 64 -> 255 (64 / 255)^2 = 16
    np.testing.assert_array_equal(apply(pixels(128), white_balance_red=0.25, gamma=2.0), pixels((16, 64, 64)))


def test_tone_keeps_order():
    greys = pixels(*range(256))
    for effect in ({"gamma": 0.3}, {"gamma": 3.0}, {"contrast": 1.9}, {"gamma": 0.7, "contrast": 0.7}):
        out = apply(greys, **effect)[0, :, 0].astype(int)
        assert (np.diff(out) >= 0).all() and (apply(greys, **effect)[..., 0] == apply(greys, **effect)[..., 2]).all()
