"""Lens, photons and amplifier: expected numbers by hand, with v = sqrt(L)."""

import numpy as np
import pytest

from tests.randomization.image_cases import apply, flat, light, pixels, scene


# ---------------------------------------------------------------------- exposure and gain
@pytest.mark.parametrize("name", ["exposure", "gain"])
def test_four_times_the_light_doubles_pixel_values(name):
    image = pixels(0, 10, 60, (100, 20, 127), 200)
    np.testing.assert_array_equal(apply(image, **{name: 4.0}), pixels(0, 20, 120, (200, 40, 254), 255))
    np.testing.assert_array_equal(apply(image, **{name: 0.25}), pixels(0, 5, 30, (50, 10, 64), 100))


def test_exposure_is_the_same_with_and_without_noise_or_blur():
    image = scene()[0]
    plain = apply(image, exposure=1.7).astype(int)
    for other in ({"shot_noise": 1e-9}, {"gaussian_noise": 1e-9}, {"defocus": 1e-9}, {"vignetting": 1e-9}):
        assert np.abs(apply(image, exposure=1.7, **other) - plain).max() <= 1


# ---------------------------------------------------------------------- lens
def test_vignetting_takes_light_with_the_square_of_the_distance_and_keeps_the_middle():
    image = flat(3, 3, 200)
    # L (1 - r^2 / 2) with r^2 = 1 in the corners, 1/2 beside them: 200 sqrt(1/2) = 141.4, 200 sqrt(3/4) = 173.2
    np.testing.assert_array_equal(apply(image, vignetting=0.5)[:, :, 0], [[141, 173, 141], [173, 200, 173],
                                                                         [141, 173, 141]])
    np.testing.assert_array_equal(apply(image, vignetting=1.0)[0, 0], [0, 0, 0])


def test_defocus_spreads_light_and_keeps_its_sum():
    image = flat(41, 41, 0)
    image[20, 20] = 255
    blurred = apply(image, defocus=1.0 / 41)  # one pixel
    # a Gaussian of one pixel has 1 / (2 pi) = 0.159 of itself in the middle: 255 sqrt(0.159) = 101.7
    assert blurred[20, 20, 0] == pytest.approx(101.7, abs=2)
    assert light(blurred).sum() == pytest.approx(3.0, rel=0.02)
    assert (blurred == blurred[::-1]).all() and (blurred == blurred.transpose(1, 0, 2)).all()


def test_motion_blur_of_two_pixels_along_rows():
    image = flat(9, 20, 0)
    image[4, 10] = 255
    moved = apply(image, motion_blur_length=0.1)
    # the way covers the pixel for half of the time and its neighbours for a quarter each
    assert moved[4, 8:13, 0].tolist() == pytest.approx([0, 127.5, 180.3, 127.5, 0], abs=1)
    assert np.count_nonzero(moved[..., 0]) == 3
    np.testing.assert_array_equal(apply(image, motion_blur_length=0.0999, motion_blur_angle=np.pi / 2)[3:6, 10, 0] > 0,
                                  [True, True, True])


def test_motion_blur_turns_from_x_to_y():
    image = flat(21, 21, 0)
    image[10, 10] = 255
    down_right = apply(image, motion_blur_length=6 / 21, motion_blur_angle=np.pi / 4)[..., 0]
    assert down_right[12, 12] > 50 and down_right[8, 8] > 50 and down_right[12, 8] == 0 == down_right[8, 12]


@pytest.mark.parametrize("effect", [{"defocus": 0.03}, {"motion_blur_length": 0.1, "motion_blur_angle": 0.7}])
def test_blur_keeps_the_mean_light_and_flat_areas(effect):
    rng = np.random.default_rng(1)
    image = flat(60, 60, 90)
    image[20:40, 20:40] = rng.integers(0, 256, (20, 20, 3))
    blurred = apply(image, **effect)
    assert light(blurred).mean() == pytest.approx(light(image).mean(), rel=0.005)
    assert light(blurred)[20:40, 20:40].std() < 0.6 * light(image)[20:40, 20:40].std()
    np.testing.assert_array_equal(blurred[:8], image[:8])


def test_a_rolling_shutter_moves_rows_by_hand_computed_pixels():
    image = np.arange(10, dtype=np.uint8)[None, :, None].repeat(11, axis=0).repeat(3, axis=2).copy()
    moved = apply(image, rolling_shutter=0.4)[:, :, 0]  # 4 px from the first row to the last
    # row k: 4 (k / 10 - 1/2) = -2, -1.6, -1.2, -0.8, -0.4, 0, 0.4, 0.8, 1.2, 1.6, 2
    for row, shift in zip(moved, [-2, -2, -1, -1, 0, 0, 0, 1, 1, 2, 2], strict=True):
        assert row.tolist() == np.clip(np.arange(10) - shift, 0, 9).tolist()
    np.testing.assert_array_equal(apply(image, rolling_shutter=-0.4)[::-1, :, 0], moved)


def test_a_shutter_slower_than_the_image_is_wide_leaves_edges():
    image = scene(height=9, width=5)[0]
    moved = apply(image, rolling_shutter=1.0)
    np.testing.assert_array_equal(moved[4], image[4])
    assert set(map(tuple, moved.reshape(-1, 3))) <= set(map(tuple, image.reshape(-1, 3)))


# ---------------------------------------------------------------------- noise
GREYS = np.array([60, 120, 180])


def noisy(v: int, **values) -> np.ndarray:
    return apply(flat(128, 128, v), **values)


def test_photon_noise_has_a_variance_proportional_to_the_light():
    variances = [light(noisy(v, shot_noise=0.05)).var() for v in GREYS]
    assert variances == pytest.approx(0.05**2 * light(GREYS), rel=0.05)
    assert [light(noisy(v, shot_noise=0.05)).mean() for v in GREYS] == pytest.approx(light(GREYS), rel=0.005)
    assert noisy(0, shot_noise=0.05).max() == 0, "no light, no photons"


def test_read_noise_has_the_same_spread_of_light_everywhere():
    spread = [light(noisy(v, gaussian_noise=0.01)).std() for v in GREYS]
    assert spread == pytest.approx([0.01] * 3, rel=0.05)
    dark = noisy(0, gaussian_noise=0.01)
    assert (dark == 0).mean() == pytest.approx(0.5, abs=0.02)  # less light than none there is not


def test_gain_amplifies_noise_and_exposure_collects_photons():
    gained = light(noisy(60, shot_noise=0.05, gain=4.0))
    exposed = light(noisy(60, shot_noise=0.05, exposure=4.0))
    assert gained.mean() == pytest.approx(exposed.mean(), rel=0.01)
    # var = gain noise^2 L: four times as much at the same brightness
    assert gained.var() == pytest.approx(4.0 * exposed.var(), rel=0.1)
    assert light(noisy(60, gaussian_noise=0.01, gain=4.0)).std() == pytest.approx(0.04, rel=0.05)
    assert light(noisy(60, gaussian_noise=0.01, exposure=4.0)).std() == pytest.approx(0.01, rel=0.05)


def test_noise_is_normal_and_differs_between_pixels_colours_images_and_frames():
    grey = np.stack([flat(64, 64, 128)] * 2)
    a, b = (light(apply(grey, shot_noise=0.1, counter=k)) - light(128) for k in (3, 4))
    assert (a**4).mean() / (a**2).mean() ** 2 == pytest.approx(3.0, abs=0.2)
    fields = [a[0, :, :, 0], a[0, :, :, 1], a[1, :, :, 0], b[0, :, :, 0], a[0, ::-1, :, 0], a[0, :, ::-1, 0]]
    correlation = np.corrcoef([f.ravel() for f in fields])
    assert np.abs(correlation - np.eye(6)).max() < 0.06


def test_the_two_noises_are_independent():
    shot, read = (noisy(128, **{name: 0.05}).astype(float) for name in ("shot_noise", "gaussian_noise"))
    assert abs(np.corrcoef(shot.ravel(), read.ravel())[0, 1]) < 0.03


def test_salt_and_pepper():
    image = flat(100, 100, 90)
    out = apply(image, salt_pepper_noise=0.02)
    changed = (out != image).any(axis=2)
    assert changed.sum() == pytest.approx(200, abs=6)  # two may fall on one
    assert (out[changed] == 0).all(axis=1).sum() == pytest.approx(100, abs=4)
    assert (out[changed] == 255).all(axis=1).sum() == pytest.approx(100, abs=4)
    rows, columns = np.nonzero(changed)
    assert rows.std() == pytest.approx(100 / 12**0.5, rel=0.15) and columns.std() == pytest.approx(28.9, rel=0.15)
