"""A corridor in pictures is the corridor of the rays."""

from dataclasses import replace

import numpy as np
import pytest

from sim2real.simulators.painting.paint_pool import make_painter
from sim2real.simulators.scenes.corridor_boxes import slots
from sim2real.simulators.scenes.corridor_scene import CAMERA, camera, corridor_poses, corridor_scene
from sim2real.simulators.scenes.corridors import CorridorPlan, draw_corridors
from sim2real.simulators.scenes.rays import free_distance


def places(count):
    corridors = draw_corridors(CorridorPlan(), np.arange(count))
    place, direction = corridors.at(np.linspace(1.0, 30.0, count))
    return corridors, np.column_stack([place, np.ones(count)]), direction + np.linspace(-0.6, 0.6, count)


@pytest.mark.parametrize(("engine", "options"), [("mujoco", {"samples": 0, "shadows": "none"}), ("pybullet", {})])
def test_depth_in_the_middle_row_is_the_ray_of_each_column(engine, options):
    model, count = camera(64, 49), 12  # an odd height: the middle row looks level
    corridors, position, yaw = places(count)
    with make_painter(engine, corridor_scene(model), **options) as painter:
        depth = painter.render(CAMERA, corridor_poses(corridors, position, yaw), kind="depth")[:, 24]
    off = -np.arctan((np.arange(64) + 0.5 - model.cx) / model.fx)  # of each column, to the left
    rays = np.cos(off) * free_distance(corridors, position, yaw[:, None] + off)
    wrong = np.abs(depth - rays) > 0.05
    # a column that is cut by an edge belongs to one side or the other
    edge = np.zeros_like(wrong)
    jump = np.abs(np.diff(rays, axis=1)) > 0.05
    edge[:, :-1] |= jump
    edge[:, 1:] |= jump
    assert not (wrong & ~edge).any()
    assert wrong.mean() < 0.02


@pytest.mark.parametrize(("angles", "wanted"), [
    ({}, (32.0, 22.1524)),  # 0.3 m over the camera at 3 m: 0.1 times the focal length of 18.475 pixels
    ({"pitch": 0.1}, (32.0, 20.2612)),  # nose down by 0.1 rad: higher, tan(atan(0.1) + 0.1) = 0.20237
    ({"roll": 0.2}, (31.6329, 22.1892)),  # to the right: 1.8475 pixels from the middle, turned to the left by 0.2
])
def test_the_camera_follows_the_drones_attitude(angles, wanted):
    corridors, position, _ = places(1)
    model = camera()
    pose = corridor_poses(corridors, position, np.zeros(1), **angles).cameras[CAMERA][0]
    seen = replace(model, position=tuple(pose[:3]), quaternion=tuple(pose[3:])).project(np.array([[3.0, 0.0, 1.3]]))
    np.testing.assert_allclose(seen[0], wanted, atol=2e-3)


def test_the_scene_is_drawn_about_the_drone():
    corridors, position, yaw = places(3)
    poses = corridor_poses(corridors, position, yaw)
    poses.check(corridor_scene())
    np.testing.assert_allclose(poses.cameras[CAMERA][:, :3], [[0.0, 0.0, 1.0]] * 3)
    index = [name for name, _ in slots()].index("floor 0")
    np.testing.assert_allclose(poses.places["floor 0"][:, :2] + position[:, :2], corridors.centre[:, index, :2])
    np.testing.assert_allclose(poses.places["floor 0"][:, 2], corridors.centre[:, index, 2])  # heights stay
