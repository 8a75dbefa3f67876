"""The scene that show, locate and visual-reach share."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.robots import load_robot
from sim2real.simulators.scenes.table_scene import BLOCK, BLOCK_SIZE, front_camera, table_scene, workspace

UR5E = load_robot("ur5e")


def test_front_sees_the_whole_workspace_from_opposite():
    camera = table_scene(UR5E).camera("front")
    (x_low, x_high), (y_low, y_high) = workspace(UR5E)
    corners = np.array([[x, y, 0.0] for x in (x_low, x_high) for y in (y_low, y_high)])
    seen = camera.project(corners)
    assert ((seen > 0.0) & (seen < [128, 96])).all()
    # the arm is behind the workspace: nearer things are further down, and the arm's left is the picture's right
    assert (seen[2:, 1] > seen[:2, 1]).all() and seen[1, 0] > seen[0, 0]
    middle = np.array([0.45, 0.0, 0.05])
    assert np.linalg.norm(np.array(camera.position) - middle) == pytest.approx(1.3)


@pytest.mark.parametrize("robot", ["ur5e", "fr3", "so101", None])
def test_all_things_stand_on_the_table(robot):
    scene = table_scene(load_robot(robot) if robot else None)
    things = {thing.name: thing for thing in scene.things}
    table = things["table"]
    assert table.position[2] + 0.5 * table.size[2] == pytest.approx(0.0)
    assert things[BLOCK].position[2] == pytest.approx(0.5 * BLOCK_SIZE) and scene.num_distractors == 4
    for thing in scene.things:
        if thing.distractor or thing.name == BLOCK:
            assert (np.abs(np.subtract(thing.position, table.position)[:2]) < 0.5 * np.array(table.size[:2])).all()
    assert {camera.name for camera in scene.cameras} == ({"front", "overview"} if robot else {"front"})


def test_the_description_s_cameras_come_first_and_others_on_request():
    own = dataclasses.replace(UR5E, cameras=({"name": "front", "width": 64, "height": 48},))
    assert table_scene(own).camera("front").width == 64
    assert [c.width for c in table_scene(UR5E, front_camera(UR5E, 32, 24)).cameras] == [32]


def test_a_drone_has_no_table():
    with pytest.raises(BadInputError, match="needs an arm, crazyflie is a drone"):
        table_scene(load_robot("crazyflie"))
