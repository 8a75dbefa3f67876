"""What a simulated robot's cameras look at, and which camera that is."""

import dataclasses

import numpy as np
import pytest

from sim2real.cameras import CameraModel
from sim2real.errors import BadInputError, RobotDescriptionError
from sim2real.robots import load_robot
from sim2real.simulators.paint_pool import make_painter
from sim2real.simulators.robot_scenes import SCENES, camera_of, robot_scene
from sim2real.simulators.visual_scene import Poses

UR5E = load_robot("ur5e")


def test_a_camera_is_as_it_is_described_or_sees_the_workspace():
    assert camera_of(UR5E, "front") == CameraModel.of(UR5E, "front")
    other = camera_of(UR5E, "other")
    assert (other.name, other.width, other.height, other.link) == ("other", 160, 120, "")
    at = other.project(np.array([[0.4, 0.0, 0.3]]))[0]  # the middle of where the tool works
    assert 20 < at[0] < 140 and 20 < at[1] < 100
    drone = camera_of(load_robot("crazyflie"), "any")
    at = drone.project(np.array([[0.0, 0.0, 1.0]]))[0]
    assert np.abs(at - [80, 60]).max() < 1.0
    wrong = dataclasses.replace(UR5E, cameras=({"name": "front", "link": "wrist_3"},))
    with pytest.raises(RobotDescriptionError, match="unknown link 'wrist_3'"):
        camera_of(wrong, "front")


def test_scenes_by_name():
    camera = camera_of(UR5E, "front")
    assert [thing.name for thing in robot_scene("bare", UR5E, camera).things] == ["floor"]
    assert "block" in [thing.name for thing in robot_scene("table", UR5E, camera).things]
    assert SCENES == ("bare", "table")
    with pytest.raises(BadInputError, match="unknown scene 'tabel'; did you mean table"):
        robot_scene("tabel", UR5E, camera)
    with pytest.raises(BadInputError, match="needs an arm, crazyflie is a drone"):
        robot_scene("table", load_robot("crazyflie"), camera)


@pytest.mark.parametrize("name", ["ur5e", "crazyflie"])
def test_the_robot_moves_in_the_picture(name):
    robot = load_robot(name)
    scene = robot_scene("bare", robot, camera_of(robot, "overview"))
    poses = Poses(2)
    if robot.kind == "arm":
        poses.joints = np.array([robot.home, robot.home + 0.3])
    else:
        poses.base = np.array([[0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0], [0.1, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]])
    with make_painter("pybullet", scene) as painter:
        first, second = painter.render("overview", poses).astype(int)
    assert first.shape == (120, 160, 3) and 2 < (np.abs(first - second).sum(axis=2) > 60).sum() < 6000
