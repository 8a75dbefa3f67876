"""Painters in processes: the same bytes as in this one, errors as they are, a dead one in one line."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.errors import BadInputError, SimulationError
from sim2real.randomization import RandomizationPlan
from sim2real.randomization.visual import draw_frames
from sim2real.simulators.painting.paint_pool import PaintPool, make_painter, part_of
from sim2real.simulators.scenes.table_scene import front_camera, table_scene
from sim2real.simulators.scenes.visual_scene import Poses

SCENE = table_scene(None, front_camera(None, 32, 24))


@pytest.fixture(scope="module")
def pool():
    pytest.importorskip("pybullet", reason="PyBullet is not installed")
    with PaintPool("pybullet", SCENE, 2) as pool:
        yield pool


def test_frames_are_those_of_one_painter(pool):
    n = 150  # of which a worker takes 64 at once
    values = draw_frames(RandomizationPlan.default(SCENE.space), SCENE.space, np.arange(n))
    place = np.random.default_rng(0).uniform(0.2, 0.5, (n, 3))
    told = []
    frames = pool.render("front", Poses(n, places={"block": place}), values, progress=told.append)
    with make_painter("pybullet", SCENE) as painter:
        np.testing.assert_array_equal(painter.render("front", Poses(n, places={"block": place}), values), frames)
    assert told[-1] == n and told == sorted(told)
    one = pool.render("front", Poses(3), values[:1])
    np.testing.assert_array_equal(one[0], one[2])


def test_mistakes_come_back_as_they_are(pool):
    with pytest.raises(BadInputError, match="unknown camera 'frnt'"):
        pool.render("frnt", Poses(1))
    with pytest.raises(BadInputError, match="unknown thing 'blok'"):
        pool.render("front", Poses(1, places={"blok": np.zeros((1, 3))}))
    assert pool.render("front", Poses(0)).shape == (0, 24, 32, 3)


def test_a_worker_that_dies_is_one_line():
    pytest.importorskip("pybullet", reason="PyBullet is not installed")
    with PaintPool("pybullet", SCENE, 1) as pool:
        pool._workers[0].kill()
        pool._workers[0].join()
        with pytest.raises(SimulationError, match="a painter's process ended") as error:
            pool.render("front", Poses(1))
        with pytest.raises(SimulationError, match="make another pool"):
            pool.render("front", Poses(1))
    assert len(str(error.value).splitlines()) == 1


def test_an_engine_that_there_is_not():
    with pytest.raises(BadInputError, match="unknown engine 'pybulet'; did you mean pybullet"):
        make_painter("pybulet", SCENE)


def test_a_part_of_poses():
    poses = Poses(5, places={"block": np.arange(15.0).reshape(5, 3)}, sizes={"block": np.ones((5, 3))})
    part = part_of(poses, slice(2, 4))
    assert part.n == 2 and part.joints is None and part.places["block"].tolist() == [[6.0, 7.0, 8.0], [9.0, 10.0, 11.0]]
