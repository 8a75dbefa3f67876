"""Looks drawn by plan and number; each family of robosuite's randomizer works on this MuJoCo."""

from __future__ import annotations

from fnmatch import fnmatchcase

import numpy as np
import pytest

from sim2real.errors import MissingDependencyError, RandomizationError
from sim2real.randomization import RandomizationPlan
from sim2real.randomization.distributions import Uniform
from sim2real.randomization.terms import Term
from sim2real.randomization.visual import VisualRandomizer, draw_frames, with_pictures
from sim2real.simulators.painting.paint_pool import make_painter
from sim2real.simulators.scenes.table_scene import front_camera, table_scene
from sim2real.simulators.scenes.visual_scene import Poses
from sim2real.visual_vocabulary import TOPICS

SCENE = table_scene(None, front_camera(None, 48, 36))
SPACE = SCENE.space
PLAN = RandomizationPlan.default(SPACE)


@pytest.fixture(scope="module")
def painter():
    with make_painter("mujoco", SCENE) as painter:
        try:
            painter.render("front", Poses(1))
        except MissingDependencyError as error:
            pytest.skip(str(error))
        yield painter


def test_a_frame_is_its_number_and_the_seed():
    values = draw_frames(PLAN, SPACE, np.arange(20), 3)
    np.testing.assert_array_equal(draw_frames(PLAN, SPACE, [7, 19], 3), values[[7, 19]])
    assert (draw_frames(PLAN, SPACE, [7], 4) != values[7]).any()
    for k, p in enumerate(SPACE.parameters):
        assert (values[:, k] >= p.low).all() and (values[:, k] <= p.high).all(), p.name
        assert (np.ptp(values[:, k]) > 0.0) == (p.low < p.high), p.name


def test_each_parameter_has_one_topic():
    for name in SPACE.names:
        topics = [topic for topic, patterns in TOPICS.items() if any(fnmatchcase(name, each) for each in patterns)]
        assert len(topics) == 1, (name, topics)


@pytest.mark.parametrize("family", ["texture_*", "color_*", "specular.*", "shininess.*", "light_*", "camera_*",
                                    "focal_scale", "background_*", "distractor_*"])
def test_what_robosuite_randomizes_and_more_works_on_this_mujoco(painter, family):
    """robosuite 1.5's TextureModder asserts mujoco < 3.3 or finds no texture; ours changes frames with each family."""
    base = {"background_*": "camera_pitch"}.get(family)
    values = draw_frames(PLAN.restricted([family]), SPACE, np.arange(4))
    if base is not None:  # walls hide the background: look up
        values[:, SPACE.column(base)] = 1.7
    frames = painter.render("front", Poses(4), values)
    assert len({frame.tobytes() for frame in frames}) >= 3
    np.testing.assert_array_equal(painter.render("front", Poses(4), values), frames)


def test_episodes_draw_anew_and_steps_where_the_plan_says_so(painter):
    plan = PLAN.restricted(["color_*"]).extended(Term("ambient_scale", Uniform(0.5, 1.5), when="step"))
    randomizer = VisualRandomizer(painter, 3, plan, seed=1)
    poses, time = Poses(3), np.zeros(3)
    first = randomizer.values.copy()
    frames = randomizer.render("front", poses, time + 0.1)
    ambient = SPACE.column("ambient_scale")
    others = np.arange(len(SPACE)) != ambient
    np.testing.assert_array_equal(randomizer.values[:, others], first[:, others])
    assert (randomizer.render("front", poses, time + 0.2) != frames).any()
    randomizer.reset(np.array([1]))
    assert (randomizer.values[1, others] != first[1, others]).any()
    np.testing.assert_array_equal(randomizer.values[[0, 2]][:, others], first[[0, 2]][:, others])
    one = randomizer.render("front", Poses(1), time + 0.3, ids=np.array([2]))
    assert one.shape == (1, 36, 48, 3)


def test_a_frame_of_a_plan_is_the_same_in_any_batch(painter):
    frames, one = (painter.render("front", Poses(len(numbers)), draw_frames(PLAN, SPACE, numbers, seed=2))
                   for numbers in ([4, 5, 6], [5]))
    np.testing.assert_array_equal(frames[1:2], one)


def test_pictures_join_the_patterns():
    kinds = draw_frames(with_pictures(PLAN, SPACE), SPACE, np.arange(200))[:, SPACE.column("texture_kind.table")]
    assert kinds.max() > 6.0
    assert draw_frames(PLAN, SPACE, np.arange(200))[:, SPACE.column("texture_kind.table")].max() < 6.0
    assert with_pictures(PLAN.restricted(["light_*"]), SPACE) == PLAN.restricted(["light_*"])


def test_an_unknown_term_is_one_line():
    with pytest.raises(RandomizationError, match="unknown.*light_cuont"):
        draw_frames(RandomizationPlan((Term("light_cuont", Uniform(0.0, 1.0)),)), SPACE, [0])
