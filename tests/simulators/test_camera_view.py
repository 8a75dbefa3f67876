"""Cameras of a description: where they stand, what they see, what is wrong in an entry."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.kinematics import Chain
from sim2real.robots import load_robot
from sim2real.simulators.camera_view import Studio, view_of
from sim2real.types import RobotState

UR5E = load_robot("ur5e")
# in front of the arm, looking back at it: z along -x, x to the right is +y, y down
FRONT = {"name": "front", "width": 160, "height": 120, "fx": 150.0, "fy": 150.0, "cx": 80.0, "cy": 60.0,
         "link": "base_link", "position": ["2 m", 0, "500 mm"], "rpy": ["-90 deg", 0, "90 deg"]}
SIZE = (160, 120)


def seeing(**changes):
    return dataclasses.replace(UR5E, cameras=({**FRONT, **changes},))


def at(robot, pan):
    state = RobotState.zeros(1, 6)
    state.joint_position[0] = robot.home
    state.joint_position[0, 0] = pan
    return state


@pytest.fixture(scope="module")
def studio():
    opened = Studio(UR5E, (320, 240))
    yield opened
    opened.close()


@pytest.mark.parametrize("pan", [2.0, -1.0, 0.3])
def test_the_hand_is_where_a_pinhole_puts_it(studio, pan):
    """Only the last two links move between two pictures: what changes is around the flange."""
    robot = seeing()
    state, turned = at(robot, pan), at(robot, pan)
    turned.joint_position[0, 4] += 1.5
    pictures = [studio.draw(view_of(robot, "front"), s).astype(int) for s in (state, turned)]
    rows, columns = np.nonzero(np.abs(pictures[1] - pictures[0]).sum(axis=2) > 60)
    x, y, z = Chain.from_robot(robot).forward(state.joint_position)[0][0]
    column, row = 80.0 + 150.0 * y / (2.0 - x), 60.0 - 150.0 * (z - 0.5) / (2.0 - x)
    assert len(rows) > 10 and abs(column - 80.0) > 10.0
    assert np.hypot(rows - row, columns - column).max() < 25.0  # the links are 0.2 m long, 15 pixels


def test_focal_length_and_size_scale_the_picture(studio):
    state = at(UR5E, 0.5)
    small = studio.draw(view_of(seeing(), "front"), state)
    large = studio.draw(view_of(seeing(width=320, height=240, fy=300.0), "front"), state)
    halved = large.reshape(120, 2, 160, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - small).mean() < 6.0  # the same picture, more of it


def test_a_camera_on_the_wrist_moves_with_it_and_one_that_is_not_described_sees_the_workspace(studio):
    robot = seeing(link="forearm_link", position=[0, 0, "0.3 m"], rpy=["180 deg", 0, 0])
    pictures = [studio.draw(view_of(robot, "front"), at(robot, pan)).copy() for pan in (0.0, 1.0)]
    assert view_of(robot, "front").link == "forearm_link" and len(pictures) == 2
    view = view_of(UR5E, "other")
    assert (view.width, view.height, view.link) == (160, 120, "")
    overview = studio.draw(view, at(UR5E, 0.0))
    assert overview.std() > 10.0 and np.abs(overview.astype(int) - studio.draw(view, at(UR5E, 2.0))).max() > 50


def test_a_drone_is_drawn_too():
    robot = load_robot("crazyflie")
    state = RobotState.zeros(1, 0)
    state.position[0], state.quaternion[0] = (0.0, 0.0, 1.0), (1.0, 0.0, 0.0, 0.0)
    studio = Studio(robot, (160, 120))
    assert studio.draw(view_of(robot, "any"), state).shape == (120, 160, 3)
    studio.close()


@pytest.mark.parametrize(("changes", "line"), [
    ({"link": "wrist_3"}, "robot ur5e, robot.yaml: field 'cameras.front.link': unknown link 'wrist_3'; did you mean"),
    ({"position": [0, 0]}, "field 'cameras.front.position': expected three numbers in .m."),
    ({"rpy": "90 deg"}, "field 'cameras.front.rpy': expected three numbers in .rad."),
    ({"position": ["1 kg", 0, 0]}, "'1 kg' has the wrong dimension"),
])
def test_mistakes_are_one_line(changes, line):
    with pytest.raises(BadInputError, match=line):
        view_of(seeing(**changes), "front")
