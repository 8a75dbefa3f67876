"""Image randomization as an augmentation of both domains."""

import numpy as np
import pytest

from sim2real.adaptation.augment import image_randomization
from sim2real.errors import RandomizationError


def images(channels):
    return np.random.default_rng(0).integers(0, 256, (6, 16, 16, channels), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_is_another_and_follows_from_the_generator(channels):
    augment, given = image_randomization("default"), images(channels)
    before = given.copy()
    first, again, other = (augment(given, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == given.shape and first.dtype == np.uint8 and np.array_equal(given, before)
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert all((a != b).any() for a, b in zip(first, given, strict=True))


def test_a_plan_of_ones_own(tmp_path):
    (tmp_path / "plan.yaml").write_text("terms: {image_gain: 2.0, image_contrast: 1.0}\n")
    # pixel values are square roots of light: a gain of 2 multiplies them by 1.414
    given = np.full((2, 8, 8, 1), 100, np.uint8)
    found = image_randomization(str(tmp_path / "plan.yaml"))(given, np.random.default_rng(0))
    assert np.abs(found.astype(int) - 141).max() <= 1


def test_none_is_none_and_what_cannot_be_is_refused():
    assert image_randomization("none") is None
    with pytest.raises(RandomizationError, match="expected default, none or a YAML file"):
        image_randomization("some")
