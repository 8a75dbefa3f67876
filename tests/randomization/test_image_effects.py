"""Image effects of what is learned from: new for each image, and labels stay true."""

import numpy as np
import pytest

from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan
from sim2real.randomization.image_effects import ImageEffects


@pytest.mark.parametrize("channels", [3, 1])
def test_the_number_of_an_image_says_what_becomes_of_it(channels):
    images = np.random.default_rng(0).integers(0, 256, (4, 24, 32, channels), dtype=np.uint8)
    before, effects = images.copy(), ImageEffects(seed=3)
    first = effects(images, np.arange(4))
    assert first.shape == images.shape and first.dtype == np.uint8
    np.testing.assert_array_equal(images, before)
    assert not np.array_equal(first, images)
    assert not np.array_equal(first, effects(images, 4 + np.arange(4)))
    np.testing.assert_array_equal(effects(images[2:3], np.array([2])), first[2:3])
    assert not np.array_equal(first, ImageEffects(seed=4)(images, np.arange(4)))


def test_an_empty_plan_leaves_images_as_they_are():
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    none = RandomizationPlan().expanded(ParameterSpace.for_images())
    np.testing.assert_array_equal(ImageEffects(none).augment(images, np.random.default_rng(0)), images)


def test_effects_leave_things_in_their_places():
    image = np.zeros((64, 48, 64, 3), np.uint8)
    image[:, 20:26, 30:36] = 255
    changed = ImageEffects().augment(image, np.random.default_rng(0))
    assert (changed != image).any()
    weight = changed[..., 1].astype(float) - np.median(changed[..., 1], axis=(1, 2), keepdims=True)
    weight = np.where(weight > 60, weight, 0.0)
    seen = weight.sum((1, 2)) > 1500  # where no cutout hides it
    rows, columns = np.arange(48)[:, None] + 0.5, np.arange(64) + 0.5
    total = weight.sum((1, 2))[seen]
    at = np.column_stack([(weight * rows).sum((1, 2))[seen], (weight * columns).sum((1, 2))[seen]]) / total[:, None]
    assert seen.sum() > 30 and np.median(np.abs(at - [23.0, 33.0]), axis=0).max() < 0.3
