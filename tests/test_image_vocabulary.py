"""The rows of image effects are complete and make sense."""

import numpy as np
import pytest

from sim2real.image_vocabulary import IDLE_ABOVE, IDLE_BELOW, settle
from sim2real.parameters import ParameterSpace
from sim2real.units import parse_unit
from sim2real.visual_vocabulary import ENGINES

SPACE = ParameterSpace.for_images()
ISSUE = ["exposure", "gain", "gamma", "white_balance_red", "white_balance_blue", "saturation", "hue", "contrast",
         "gaussian_noise", "shot_noise", "salt_pepper_noise", "motion_blur_length", "motion_blur_angle", "defocus",
         "rolling_shutter", "jpeg_quality", "vignetting", "cutout_count", "cutout_size", "random_convolution",
         "resolution", "delay", "drop_probability"]


def test_everything_that_the_issue_names_is_there():
    assert sorted(SPACE.names) == sorted(f"image_{name}" for name in ISSUE)


@pytest.mark.parametrize("p", SPACE.parameters, ids=lambda p: p.name)
def test_ranges(p):
    p.check_ranges()
    parse_unit(p.unit)
    assert p.role == "image" and p.live and p.engines == ENGINES
    assert p.text and "\n" not in p.text and np.isfinite([p.physical_low, p.physical_high]).all()
    assert p.low < p.high
    learning_or_angle = p.name in ("image_random_convolution", "image_motion_blur_angle")
    assert (p.twin_low < p.low or p.twin_high > p.high) != learning_or_angle, "twins are no wider"


@pytest.mark.parametrize("name", [*IDLE_BELOW, *IDLE_ABOVE])
def test_the_probability_of_an_effect_is_the_acting_share_of_its_range(name):
    p = SPACE[name]
    shares = [((high - p.nominal) if name in IDLE_BELOW else (p.nominal - low)) / (high - low)
              for low, high in ((p.low, p.high), (p.twin_low, p.twin_high))]
    assert 0.0 < shares[0] <= 0.5 and shares[0] == pytest.approx(shares[1])


def test_values_settle_at_nominal_on_the_idle_side_only():
    np.testing.assert_array_equal(settle("image_defocus", np.array([-1.0, 0.0, 0.5]), 0.0), [0.0, 0.0, 0.5])
    np.testing.assert_array_equal(settle("image_jpeg_quality", np.array([30.0, 150.0]), 100.0), [30.0, 100.0])
    np.testing.assert_array_equal(settle("image_hue", np.array([-1.0, 1.0]), 0.0), [-1.0, 1.0])
