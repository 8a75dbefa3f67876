"""What simulators draw: where cameras stand, that pictures are those of the state, what is wrong in a description."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sim2real.errors import BadInputError, MissingDependencyError, SimulationError
from sim2real.kinematics import Chain
from sim2real.robots import load_robot
from sim2real.simulators import make_simulator
from sim2real.simulators.painting.mujoco_painter import MujocoPainter
from sim2real.simulators.scenes.by_name import make_scene
from sim2real.simulators.scenes.robot_scene import cameras_of, robot_poses, robot_scene
from sim2real.types import RobotState

UR5E = load_robot("ur5e")
# in front of the arm, looking back at it: z along -x, x to the right is +y, y down
FRONT = {"name": "front", "width": 160, "height": 120, "fx": 150.0, "fy": 150.0, "cx": 80.0, "cy": 60.0,
         "link": "base_link", "position": ["2 m", 0, "500 mm"], "rpy": ["-90 deg", 0, "90 deg"]}


def seeing(**changes):
    return dataclasses.replace(UR5E, cameras=({**FRONT, **changes},))


def at(pan):
    state = RobotState.zeros(1, 6)
    state.joint_position[0] = UR5E.home
    state.joint_position[0, 0] = pan
    return state


def picture(robot, state, camera="front", **options):
    with MujocoPainter(robot_scene(robot), shadows="none") as painter:
        try:
            return painter.render(camera, robot_poses(robot, state), **options)[0].astype(int)
        except MissingDependencyError as error:
            pytest.skip(str(error))


@pytest.mark.parametrize("pan", [2.0, -1.0, 0.3])
def test_the_hand_is_where_a_pinhole_puts_it(pan):
    """Only the last two links move between two pictures: what changes is around the flange."""
    robot = seeing()
    state, turned = at(pan), at(pan)
    turned.joint_position[0, 4] += 1.5
    rows, columns = np.nonzero(np.abs(picture(robot, turned) - picture(robot, state)).sum(axis=2) > 30)
    x, y, z = Chain.from_robot(robot).forward(state.joint_position)[0][0]
    column, row = 80.0 + 150.0 * y / (2.0 - x), 60.0 - 150.0 * (z - 0.5) / (2.0 - x)
    assert len(rows) > 5 and abs(column - 80.0) > 10.0
    assert np.hypot(rows - row, columns - column).max() < 25.0  # the links are 0.2 m long, 15 pixels


def test_distortion_is_drawn():
    """Barrel distortion with k1 = -1.5: the flange comes closer to the middle, as the camera model says."""
    robot = seeing(distortion=[-1.5])
    state, turned = at(1.2), at(1.2)
    turned.joint_position[0, 4] += 1.5
    rows, columns = np.nonzero(np.abs(picture(robot, turned) - picture(robot, state)).sum(axis=2) > 60)
    point = Chain.from_robot(robot).forward(state.joint_position)[0]
    bent, straight = (robot_scene(seeing(distortion=d)).camera("front").project(point)[0] for d in ([-1.5], []))
    assert np.abs(bent - straight).max() > 3.0
    assert np.hypot(rows - bent[1], columns - bent[0]).max() < 25.0


def test_a_camera_that_is_placed_nowhere_sees_the_workspace():
    placed = ("link", "position", "rpy")
    robot = dataclasses.replace(UR5E, cameras=({k: v for k, v in FRONT.items() if k not in placed},))
    cameras = {camera.name: camera for camera in cameras_of(robot)}
    assert set(cameras) == {"overview", "front"}
    assert cameras["front"].position == cameras["overview"].position and cameras["front"].fx == 150.0
    other = make_scene("robot", UR5E, ["other"]).camera("other")
    assert (other.width, other.height, other.position) == (160, 120, cameras["overview"].position)


@pytest.mark.parametrize("engine", ["mujoco", "pybullet"])
def test_simulators_draw_what_they_simulate(engine):
    pytest.importorskip(engine, reason=f"{engine} is not installed")
    with make_simulator(engine, seeing(), 3) as sim:
        command = np.tile(UR5E.home, (3, 1))
        command[2, 0] += 1.0
        for _ in range(20):
            sim.step(command)
        try:
            frames = sim.render("front")
        except MissingDependencyError as error:
            pytest.skip(str(error))
        assert frames.shape == (3, 120, 160, 3) and frames.dtype == np.uint8
        np.testing.assert_array_equal(frames[0], frames[1])
        np.testing.assert_array_equal(sim.render("front", np.array([2]))[0], frames[2])
        groups = sim.render("front", np.array([0, 2]), kind="segmentation", size=(60, 80))
        depth = sim.render("front", np.array([0, 2]), kind="depth", size=(60, 80))
        assert groups.shape == depth.shape == (2, 60, 80) and set(np.unique(groups)) <= {0, 1, 2}
        assert (groups[0] == 1).sum() > 100 and (groups[0] != groups[1]).sum() > 50
        assert np.isinf(depth[groups == 0]).all() and 0.5 < depth[groups == 1].min() < 2.2
        with pytest.raises(BadInputError, match="unknown camera 'frnt'; did you mean front"):
            sim.render("frnt")


def test_an_engine_without_pictures_says_so():
    with make_simulator("quadrotor", load_robot("crazyflie")) as sim, pytest.raises(SimulationError,
                                                                                   match="cannot render; use mujoco"):
        sim.render("overview")


@pytest.mark.parametrize(("changes", "line"), [
    ({"link": "wrist_3"}, "robot ur5e, robot.yaml: field 'cameras.front.link': unknown link 'wrist_3'; did you mean"),
    ({"position": [0, 0]}, "field 'cameras.front.position': expected 3 numbers in .m."),
    ({"rpy": "90 deg"}, "field 'cameras.front.rpy': expected 3 numbers in .rad."),
    ({"position": ["1 kg", 0, 0]}, "'1 kg' has the wrong dimension"),
])
def test_mistakes_are_one_line(changes, line):
    with pytest.raises(BadInputError, match=line):
        robot_scene(seeing(**changes))
