"""Views, labels and training of the corridor's predictor."""

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.perception.corridor import (
    TrainingConfig,
    collision_auc,
    draw_views,
    seen_by,
    train_predictor,
    training_plan,
)
from sim2real.perception.flight import HEADINGS, HORIZON, RADIUS, SAFE_RADIUS, fly
from sim2real.randomization.visual import draw_frames
from sim2real.simulators.painting.paint_pool import make_painter
from sim2real.simulators.scenes.corridor_scene import CAMERA, corridor_scene
from sim2real.simulators.scenes.corridors import CorridorPlan, draw_corridors
from sim2real.simulators.scenes.rays import clearance, free_distance

K = len(HEADINGS)


@pytest.fixture(scope="module")
def pictures():
    """Views and their plain pictures: the last 120 are of other corridors than those to train with."""
    views = draw_views(600, 1)
    with make_painter("mujoco", corridor_scene(), shadows="none", samples=0) as painter:
        return views, painter.render(CAMERA, views.poses)


@pytest.fixture(scope="module")
def trained(pictures):
    views, images = pictures
    return train_predictor(images[:480], views.free[:480], TrainingConfig(epochs=8, seed=1))


def test_views_are_free_places_with_the_rays_of_their_headings():
    views = draw_views(200)
    assert (clearance(views.corridors, views.position) > 1.5 * RADIUS).all()
    again = free_distance(views.corridors, views.position, views.yaw[:, None] + HEADINGS, SAFE_RADIUS)
    np.testing.assert_allclose(views.free, np.minimum(again, HORIZON), rtol=1e-6)
    assert 0.0 <= views.free.min() and views.free.max() == HORIZON
    assert np.ptp(views.position[:, 2]) > 0.2 and np.ptp(views.roll) > 0.5


def test_views_are_the_same_for_the_same_numbers():
    many, few = draw_views(40, 5), draw_views(16, 5)
    assert np.array_equal(many.free[:16], few.free) and np.array_equal(many.yaw[:16], few.yaw)
    assert not np.array_equal(draw_views(16, 6).free, few.free)


def test_area_under_the_curve_by_hand():
    free = np.array([[1.0, 1.5, 3.0, 4.0]])  # two collide within 2 m
    assert collision_auc(free, free) == 1.0
    assert collision_auc(free, -free) == 0.0
    assert collision_auc(free, np.zeros((1, 4))) == 0.5
    assert collision_auc(free, np.array([[1.0, 3.5, 3.0, 4.0]])) == 0.75  # one of four pairs is wrong
    with pytest.raises(BadInputError, match="headings that collide within 2 m and some that do not"):
        collision_auc(np.full((2, K), 5.0), np.zeros((2, K)))


def test_a_little_training_beats_chance_in_corridors_it_has_not_seen(pictures, trained):
    views, images = pictures
    assert collision_auc(views.free[480:], trained(images[480:])) > 0.75


def test_training_is_reproducible(pictures):
    views, images = pictures
    one, other = (train_predictor(images[:64], views.free[:64], TrainingConfig(epochs=1))(images[:4]) for _ in "ab")
    assert np.array_equal(one, other)


def test_a_predictor_steers_by_what_the_painter_draws(trained):
    corridors = draw_corridors(CorridorPlan(length=26.0), np.zeros(2, int))
    calls = []

    class Spy:
        def __init__(self, name):
            self.name = name

        def __call__(self, images):
            calls.append((self.name, images.shape))
            return np.full((len(images), K), HORIZON)

    scene = corridor_scene()
    with make_painter("mujoco", scene, shadows="none", samples=0) as painter:
        flown = fly(corridors, seen_by([Spy("a"), Spy("b")], painter, scene.space.batch(1)))
        assert flown.crashed.all() and calls[:2] == [("a", (1, 48, 64, 3)), ("b", (1, 48, 64, 3))]
        see = seen_by([trained], painter)
        assert fly(corridors[:1], see).distance[0] > 0.0


def test_the_plan_varies_every_look_but_the_lens():
    scene = corridor_scene()
    values = draw_frames(training_plan(scene), scene.space, np.arange(50))
    moved = {name for name, column in zip(scene.space.names, values.T, strict=True) if np.ptp(column) > 0.0}
    assert {"texture_kind.floor", "color_mix.wall 0", "light_azimuth.0", "camera_yaw", "ambient_scale"} <= moved
    assert not moved & {"lens_k1", "lens_k2"}


@pytest.mark.parametrize(("images", "free", "message"), [
    (np.zeros((80, 48, 64, 3), float), np.zeros((80, K)), r"pictures \(n, height, width, 3\) uint8, got .* float64"),
    (np.zeros((80, 48, 64), np.uint8), np.zeros((80, K)), r"pictures \(n, height, width, 3\) uint8"),
    (np.zeros((80, 48, 64, 3), np.uint8), np.zeros((79, K)), rf"free distances \(80, {K}\) for as many pictures"),
    (np.zeros((10, 48, 64, 3), np.uint8), np.zeros((10, K)), "at least 64 pictures to train with, got 10"),
])
def test_pictures_that_do_not_fit_are_refused(images, free, message):
    with pytest.raises(BadInputError, match=message):
        train_predictor(images, free.astype(np.float32))


def test_no_views_are_refused():
    with pytest.raises(BadInputError, match="at least one view and one per corridor, got 0"):
        draw_views(0)
