"""TinyRenderer draws the same geometry as MuJoCo's renderer, and what is its own."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.cameras import CameraModel
from sim2real.errors import MissingDependencyError
from sim2real.robots import load_robot
from sim2real.simulators.scenes.table_scene import table_scene
from sim2real.simulators.scenes.visual_scene import Light, Poses, Thing, VisualScene

pytest.importorskip("pybullet", reason="PyBullet is not installed")
from sim2real.simulators.painting.bullet_painter import BulletPainter, bitmap


def arm(name):
    robot = load_robot(name)
    scene = table_scene(robot)
    turned = robot.home + np.random.default_rng(1).uniform(-0.5, 0.5, (2, robot.num_joints))
    values = scene.space.batch(2)
    values[:, scene.space.column("distractor_count")] = 4
    values[1, scene.space.column("distractor_variant")] = 0.7
    values[1, scene.space.column("camera_roll")] = 0.2
    values[1, scene.space.column("lens_center_x")] = 0.1
    return scene, Poses(2, joints=turned), values


def drone(name):
    robot = load_robot(name)
    span = float(np.abs(robot.rotors.positions).max())
    camera = CameraModel.looking_at("front", np.array([6.0, 4.0, 3.0]) * span, np.zeros(3))
    floor = Thing("floor", "box", (40 * span, 40 * span, 0.1 * span), (0.0, 0.0, -2.0 * span))
    base = np.array([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], [0.3 * span, 0.0, 0.5 * span, 0.9, 0.3, -0.2, 0.2]])
    base[1, 3:] /= np.linalg.norm(base[1, 3:])
    scene = VisualScene((camera,), (floor,), robot, extent=10 * span)
    return scene, Poses(2, base=base), scene.space.batch(2)


@pytest.mark.parametrize(("make", "name"), [(arm, "ur5e"), (arm, "fr3"), (arm, "so101"), (drone, "crazyflie"),
                                            (drone, "x500")])
def test_the_geometry_is_that_of_mujoco_s_painter(make, name):
    cv2 = pytest.importorskip("cv2")
    from sim2real.simulators.painting.mujoco_painter import MujocoPainter

    scene, poses, values = make(name)
    scene = scene.with_cameras(scene.camera("front").resized(128, 128))
    kinds = ("segmentation", "depth")
    with BulletPainter(scene) as ours, MujocoPainter(scene, shadows="none") as other:
        try:
            theirs = [other.render("front", poses, values, kind) for kind in kinds]
        except MissingDependencyError as error:
            pytest.skip(str(error))
        found = [ours.render("front", poses, values, kind) for kind in kinds]
    same = found[0] == theirs[0]
    assert same.mean(axis=(1, 2)).min() >= 0.98  # 0.995 and more were measured
    assert (found[0] == 1).sum() > 300
    square = np.ones((5, 5), np.uint8)
    for i in range(poses.n):
        group = theirs[0][i].astype(np.uint8)
        inside = (cv2.dilate(group, square) == cv2.erode(group, square)) & cv2.erode(
            same[i].astype(np.uint8), square).astype(bool) & np.isfinite(theirs[1][i])
        # a robot's links are one group: edges between them stay in, and spheres and cylinders are polygons
        error = np.abs(found[1][i][inside] - theirs[1][i][inside]) / scene.extent
        assert np.median(error) < 0.001 and np.quantile(error, 0.99) < 0.005  # of two metres: 1 cm


def test_a_shadow_falls_beside_the_block_and_softness_takes_it_away():
    camera = CameraModel.looking_at("front", [0.0, -0.01, 2.0], [0.0, 0.0, 0.0], width=96, height=96)
    things = (Thing("floor", "box", (4.0, 4.0, 0.02), (0.0, 0.0, -0.01), rgba=(0.8, 0.8, 0.8, 1.0)),
              Thing("block", "box", (0.3, 0.3, 0.3), (0.0, 0.0, 0.15)))
    scene = VisualScene((camera,), things, lights=(Light((2.0, 0.0, 2.0)),), ambient=0.3)
    values = scene.space.batch(3)
    values[1, scene.space.column("shadow_softness")] = 1.0
    values[2, scene.space.column("shadow")] = 0.0
    with BulletPainter(scene) as painter:
        dark, soft, without = painter.render("front", Poses(3), values).astype(int)
    np.testing.assert_array_equal(soft, without)
    # lamp from the right and 45 degrees up: 0.3 m of shadow on the left, with light from everywhere alone in it
    middle = int(camera.project(np.array([[-0.25, 0.0, 0.0]]))[0, 0])
    assert np.abs(dark[48, middle] - 0.3 * 0.8 * 255).max() <= 6
    right = 96 - middle
    np.testing.assert_array_equal(dark[48, right], without[48, right])
    changed = (dark != without).any(axis=2)
    assert changed[:, :48].sum() > 100 and changed[:, 60:].sum() == 0


def test_a_bitmap_is_what_opencv_reads():
    cv2 = pytest.importorskip("cv2")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(bitmap(pixels), np.uint8), 1)[:, :, ::-1], pixels)
