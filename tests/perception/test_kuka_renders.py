"""Renders are labelled with where the cube is, in the world and in the picture."""

import numpy as np
import pytest

from sim2real.simulators.scenes.kuka_scene import CAMERA, CUBE_HEIGHT, TABLE_HEIGHT, TABLE_X, TABLE_Y, kuka_scene

pytest.importorskip("pybullet_data")

from sim2real.perception.kuka_renders import Renders, draw_poses, frame_values, joined, render  # noqa: E402
from sim2real.perception.photographs import pasted  # noqa: E402


@pytest.fixture(scope="module")
def painter():
    from sim2real.simulators.painting.mujoco_painter import MujocoPainter

    with MujocoPainter(kuka_scene(320, 240), shadows="none", samples=0) as painter:
        yield painter


def seen_centres(painter, poses, values, group="cube"):
    """Middles of the cube's pixels (n, 2) over width and height; nan where too few are in the picture."""
    groups = painter.render("kinect", poses, values, kind="segmentation")
    out = np.full((poses.n, 2), np.nan)
    for k, picture in enumerate(groups):
        v, u = np.nonzero(picture == 1 + painter.scene.groups.index(group))
        if len(u) > 300 and u.min() > 0 and u.max() < 319 and v.max() < 239:
            out[k] = [u.mean() + 0.5, v.mean() + 0.5]
    return out / [320, 240]


def test_pixels_are_where_the_cube_is_drawn(painter):
    renders = render(painter, 12, seed=4)
    poses, positions = draw_poses(12, np.random.default_rng([4, 1]))
    assert np.array_equal(positions, renders.positions)
    # the middle of what is seen is near the projected centre: perspective, and distractors before it, move it a little
    off = np.abs(seen_centres(painter, poses, frame_values(painter.scene, 12, 4)) - renders.pixels)
    whole = ~np.isnan(off[:, 0])
    assert whole.sum() >= 5 and np.median(off[whole]) < 0.006 and off[whole].max() < 0.03


def test_plain_renders_vary_in_the_cubes_pose_alone(painter):
    renders = render(painter, 6, seed=1, varied=False)
    camera = CAMERA.resized(320, 240)
    centres = np.concatenate([renders.positions, np.full((6, 1), CUBE_HEIGHT)], axis=1)
    assert np.allclose(renders.pixels, camera.project(centres) / [320, 240], atol=1e-6)
    same = (renders.images == np.median(renders.images, axis=0).astype(np.uint8)).all(axis=3)
    assert same.mean() > 0.9


def test_poses_are_on_the_table_and_follow_the_seed():
    poses, positions = draw_poses(500, np.random.default_rng(0))
    assert positions[:, 0].min() >= TABLE_X[0] - 0.02 and positions[:, 0].max() <= TABLE_X[1] + 0.02
    assert positions[:, 1].min() < TABLE_Y[0] + 0.05 and positions[:, 1].max() > TABLE_Y[1] - 0.05
    assert np.allclose(poses.places["cube"][:, 2] - 0.5 * poses.sizes["cube"][:, 2], TABLE_HEIGHT)
    assert np.array_equal(positions, draw_poses(500, np.random.default_rng(0))[1])


def test_pasted_cubes_stand_before_the_background_untouched_elsewhere(painter):
    background = np.full((120, 160, 3), [10, 20, 30], np.uint8)
    made = pasted(painter, background, 8, seed=2)
    changed = (made.images != background).any(axis=3)
    assert made.images.shape == (8, 120, 160, 3) and 0 < changed.mean() < 0.08
    inside = ((made.pixels > 0.1) & (made.pixels < 0.9)).all(axis=1)
    assert inside.any()
    for shown, pixel in zip(changed[inside], made.pixels[inside], strict=True):
        v, u = np.nonzero(shown)
        assert np.allclose([(u.mean() + 0.5) / 160, (v.mean() + 0.5) / 120], pixel, atol=0.02)


def test_parts_and_joined_sets_keep_pictures_and_labels_together():
    one = Renders(np.arange(4)[:, None, None, None], np.arange(8.0).reshape(4, 2), np.zeros((4, 2)))
    both = joined(one.part(slice(3, 4)), one.part(slice(0, 2)))
    assert both.images.ravel().tolist() == [3, 0, 1] and both.positions[0].tolist() == [6.0, 7.0]
