"""Scenes by name."""

from __future__ import annotations

import pytest

from sim2real.cameras import CameraModel
from sim2real.errors import BadInputError
from sim2real.robots import load_robot
from sim2real.simulators.scenes.by_name import make_scene
from sim2real.visual_vocabulary import SCENES

UR5E = load_robot("ur5e")


def test_scenes_by_name():
    assert SCENES == ("robot", "table")
    assert [thing.name for thing in make_scene("robot", UR5E).things] == ["floor"]
    assert "block" in [thing.name for thing in make_scene("table", UR5E).things]


def test_cameras_are_as_described_or_see_the_workspace():
    scene = make_scene("table", UR5E, ["front", "other"])
    assert [camera.name for camera in scene.cameras] == ["front", "other"]
    assert scene.camera("front") == CameraModel.of(UR5E, "front")
    at = scene.camera("other").project([[0.4, 0.0, 0.3]])[0]  # the middle of where the tool works
    assert 20 < at[0] < 140 and 20 < at[1] < 100


@pytest.mark.parametrize(("name", "robot", "line"), [
    ("tabel", "ur5e", "unknown scene 'tabel'; did you mean table"),
    ("table", "crazyflie", "needs an arm, crazyflie is a drone")])
def test_scenes_that_there_are_not(name, robot, line):
    with pytest.raises(BadInputError, match=line):
        make_scene(name, load_robot(robot))
