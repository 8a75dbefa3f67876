"""The randomizer as a whole: identity, order, reproducibility, refusals."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.errors import BadInputError, ParameterError
from sim2real.image_vocabulary import IDLE_ABOVE, IDLE_BELOW
from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan, Sampler
from sim2real.randomization.images import ImageRandomizer
from tests.randomization.image_cases import SPACE, apply, scene

TEMPORAL = ("image_delay", "image_drop_probability")


def drawn(n: int, episode: int = 0, level: str = "training") -> np.ndarray:
    sampler = Sampler(RandomizationPlan.default(SPACE, level), SPACE, n, seed=8)
    return sampler.episode(np.arange(n), np.full(n, episode))


# ---------------------------------------------------------------------- from nominal
def test_nominal_values_give_the_same_bytes():
    images = np.random.default_rng(0).integers(0, 256, (4, 33, 21, 3), dtype=np.uint8)
    out = ImageRandomizer().apply(images, SPACE.batch(4))
    np.testing.assert_array_equal(out, images)
    assert not np.shares_memory(out, images)


def test_the_idle_side_of_every_effect_is_nominal():
    images = scene(2)
    values = SPACE.batch(2)
    for name in IDLE_BELOW:
        values[:, SPACE.column(name)] = SPACE[name].low
    for name in IDLE_ABOVE:
        values[:, SPACE.column(name)] = SPACE[name].high
    assert (values != SPACE.nominal).any(axis=0).sum() == len(IDLE_BELOW) + len(IDLE_ABOVE)
    np.testing.assert_array_equal(ImageRandomizer().apply(images, values), images)


def test_every_parameter_but_the_temporal_ones_changes_the_image():
    image = scene()[0]
    partner = {"image_motion_blur_angle": {"motion_blur_length": 0.1}, "image_cutout_size": {"cutout_count": 1}}
    for p in SPACE.parameters:
        worst = p.low if p.name in IDLE_ABOVE else p.high
        with_it = {**partner.get(p.name, {}), p.name.removeprefix("image_"): worst}
        same = np.array_equal(apply(image, **with_it), apply(image, **partner.get(p.name, {})))
        assert same == (p.name in TEMPORAL), p.name


def test_images_are_never_changed_and_nothing_builds_up():
    images, values = scene(6), drawn(6)
    images.flags.writeable = values.flags.writeable = False
    randomizer = ImageRandomizer()
    first = randomizer.apply(images, values)
    other = randomizer.apply(images, drawn(6, episode=1))
    np.testing.assert_array_equal(randomizer.apply(images, values), first)
    assert not np.array_equal(first, other)


def test_views_and_other_memory_orders_are_fine():
    images, values = scene(6), drawn(3)
    for view in (images[::2], images[::2, ::-1, :, ::-1], np.asfortranarray(images[::2])):
        np.testing.assert_array_equal(ImageRandomizer().apply(view, values),
                                      ImageRandomizer().apply(view.copy(order="C"), values))


# ---------------------------------------------------------------------- reproducible
def test_an_image_depends_on_nothing_else_in_the_batch():
    n = 40
    images, values = scene(n, 24, 24), drawn(n, level="twin")
    counter, names = np.arange(n) * 7, np.arange(n) + 100
    whole = ImageRandomizer(seed=3).apply(images, values, counter, names)
    order = np.random.default_rng(1).permutation(n)
    shuffled = ImageRandomizer(seed=3).apply(images[order], values[order], counter[order], names[order])
    np.testing.assert_array_equal(shuffled, whole[order])
    for i in range(0, n, 5):
        alone = ImageRandomizer(seed=3).apply(images[i:i + 1], values[i:i + 1], counter[i:i + 1], names[i:i + 1])
        np.testing.assert_array_equal(alone[0], whole[i])


@pytest.mark.parametrize("effect", [{"shot_noise": 0.05}, {"gaussian_noise": 0.02}, {"salt_pepper_noise": 0.02},
                                    {"cutout_count": 1}, {"random_convolution": 0.5}])
def test_seed_identity_and_counter_make_new_noise(effect):
    image = scene()
    outs = [apply(image, **effect, **change).tobytes() for change in (
        {}, {"seed": 1}, {"counter": 1}, {"identities": np.array([1])}, {"counter": np.array([1])})]
    assert len(set(outs)) == 4 and outs[2] == outs[4]  # one counter for all, or one for each


@pytest.mark.parametrize("effect", [{"shot_noise": 0.05}, {"cutout_count": 3}, {"random_convolution": 0.5}])
def test_one_effect_leaves_the_draws_of_another_alone(effect):
    """A share of nothing: what is random in an effect stays when another is taken away."""
    image = scene()
    plain = apply(image, **effect)
    np.testing.assert_array_equal(apply(image, **effect, jpeg_quality=200, salt_pepper_noise=-0.1), plain)


# ---------------------------------------------------------------------- order
def test_light_comes_before_colours_and_those_before_the_link_and_cutout():
    image = scene()[0]
    step = apply(image, vignetting=0.4, shot_noise=0.02, exposure=0.7)
    step = apply(step, hue=0.2, gamma=1.3, contrast=0.8)
    step = apply(step, resolution=0.6, jpeg_quality=40)
    step = apply(step, random_convolution=0.3)
    step = apply(step, cutout_count=2)
    whole = apply(image, vignetting=0.4, shot_noise=0.02, exposure=0.7, hue=0.2, gamma=1.3, contrast=0.8,
                  resolution=0.6, jpeg_quality=40, random_convolution=0.3, cutout_count=2)
    np.testing.assert_array_equal(whole, step)


# ---------------------------------------------------------------------- with the rest of the package
def test_plans_and_samplers_work_unchanged():
    for level in ("training", "twin"):
        values = drawn(2000, level=level)
        on = {name: (values[:, SPACE.column(name)] > 0.0).mean() for name in IDLE_BELOW}
        on |= {name: (values[:, SPACE.column(name)] < SPACE[name].nominal).mean() for name in IDLE_ABOVE}
        assert on["image_shot_noise"] == pytest.approx(0.35, abs=0.04)
        assert on["image_jpeg_quality"] == pytest.approx(0.08, abs=0.025)
        assert on["image_defocus"] == pytest.approx(0.12, abs=0.03)
    plan = RandomizationPlan.from_yaml(RandomizationPlan.default(SPACE).to_yaml())
    assert plan == RandomizationPlan.default(SPACE)


def test_curricula_keep_the_probability_of_an_effect_and_shrink_it():
    sampler = Sampler(RandomizationPlan.default(SPACE), SPACE, 2000, seed=8)
    sampler.set_scale(0.25)
    column = sampler.episode(np.arange(2000), np.zeros(2000, int))[:, SPACE.column("image_defocus")]
    assert (column > 0.0).mean() == pytest.approx(0.12, abs=0.03) and 0.0 < column.max() <= 0.25 * 0.012


def test_values_may_change_per_frame():
    plan = RandomizationPlan(tuple(dataclasses.replace(t, when="step") for t in
                                   RandomizationPlan.default(SPACE).terms))
    sampler = Sampler(plan, SPACE, 3)
    values = sampler.episode(np.arange(3), np.zeros(3, int))
    np.testing.assert_array_equal(values, SPACE.batch(3))
    seen = []
    for k in range(2):
        sampler.advance(values, np.full(3, 0.04 * k))
        seen.append(ImageRandomizer().apply(scene(3), values, counter=k))
    assert not np.array_equal(*seen)


def test_a_space_may_hold_other_columns_too():
    from sim2real.robots import load_robot

    both = ParameterSpace([*ParameterSpace.for_robot(load_robot("crazyflie")).parameters, *SPACE.parameters])
    values = drawn(3)
    wide = both.batch(3)
    wide[:, [both.column(name) for name in SPACE.names]] = values
    narrow = ImageRandomizer().apply(scene(3), values)
    np.testing.assert_array_equal(ImageRandomizer(both).apply(scene(3), wide), narrow)
    with pytest.raises(ParameterError, match="unknown parameter 'image_defocus'"):
        ImageRandomizer(ParameterSpace.for_robot(load_robot("crazyflie")))


# ---------------------------------------------------------------------- any shape
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3), st.integers(1, 19), st.integers(1, 19), st.integers(0, 1000))
def test_any_shape(n, height, width, episode):
    images = np.random.default_rng(episode).integers(0, 256, (n, height, width, 3), dtype=np.uint8)
    values = drawn(n, episode, "twin")
    out = ImageRandomizer().apply(images, values, counter=episode)
    assert out.shape == images.shape and out.dtype == np.uint8
    np.testing.assert_array_equal(ImageRandomizer().apply(images, SPACE.batch(n)), images)


@pytest.mark.parametrize("shape", [(0, 8, 8, 3), (2, 0, 8, 3), (2, 8, 0, 3)])
def test_no_pixels_no_work(shape):
    assert ImageRandomizer().apply(np.zeros(shape, np.uint8), drawn(shape[0])).shape == shape


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_physically_possible_values_make_an_image(data):
    image = scene(1, 9, 12)
    row = [data.draw(st.floats(p.physical_low, p.physical_high)) for p in SPACE.parameters]
    out = ImageRandomizer().apply(image, np.array([row]))
    assert out.shape == image.shape


# ---------------------------------------------------------------------- refusals
@pytest.mark.parametrize(("images", "message"), [
    (np.zeros((2, 8, 8, 3), np.float32), r"expected images as uint8 array \(n, height, width, 3\), got float32"),
    (np.zeros((8, 8, 3), np.uint8), r"got uint8 \(8, 8, 3\); stack single images"),
    (np.zeros((2, 8, 8, 4), np.uint8), r"got uint8 \(2, 8, 8, 4\)"),
    ([[1]], "got list"), (None, "got NoneType")])
def test_other_images_are_refused_in_one_line(images, message):
    with pytest.raises(BadInputError, match=message) as info:
        ImageRandomizer().apply(images, SPACE.batch(2))
    assert "\n" not in str(info.value) and info.value.exit_code == 2


@pytest.mark.parametrize("values", [SPACE.batch(3), SPACE.batch(2)[:, :-1], SPACE.nominal])
def test_values_of_another_shape_are_refused(values):
    with pytest.raises(BadInputError, match=r"expected one row of 23 parameter values for each of 2 images, got shape"):
        ImageRandomizer().apply(scene(2), values)


@pytest.mark.parametrize(("name", "value"), [("image_exposure", 0.0), ("image_cutout_size", 1.5),
                                             ("image_gamma", float("nan")), ("image_hue", float("inf"))])
def test_impossible_values_are_refused_by_name(name, value):
    values = SPACE.batch(2)
    values[1, SPACE.column(name)] = value
    with pytest.raises(ParameterError, match=f"image 1: parameter {name}: {value} is outside the physical range"):
        ImageRandomizer().apply(scene(2), values)


@pytest.mark.parametrize("change", [{"counter": np.zeros(3, int)}, {"counter": np.zeros(2)}, {"counter": 0.5},
                                    {"identities": np.zeros((2, 1), int)}])
def test_counters_and_identities_are_one_integer_for_each_image(change):
    with pytest.raises(BadInputError, match="as 2 integers, one for each image, got"):
        ImageRandomizer().apply(scene(2), SPACE.batch(2), **change)
