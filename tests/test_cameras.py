"""Cameras: projection against OpenCV, entries of descriptions and what is wrong in them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sim2real import rotations
from sim2real.cameras import CameraModel
from sim2real.errors import BadInputError, RobotDescriptionError
from sim2real.robots import load_robot

LENS = CameraModel("c", 160, 120, 150.0, 140.0, 77.0, 63.0, (-0.2, 0.07, 0.003, -0.004, 0.01), "",
                   (0.1, -0.2, 0.3), tuple(rotations.normalize(np.array([0.8, 0.3, -0.4, 0.2]))))


def test_projection_is_opencv_s_counted_from_the_outer_corner():
    cv2 = pytest.importorskip("cv2")
    points = np.random.default_rng(0).uniform(-1.0, 1.0, (200, 3)) + [0.0, 0.0, 3.0]
    turn = rotations.matrix(np.array(LENS.quaternion))
    world = points @ turn.T + LENS.position
    shifted = LENS.matrix - [[0.0, 0.0, 0.5], [0.0, 0.0, 0.5], [0.0, 0.0, 0.0]]  # OpenCV counts from pixels' centres
    expected = cv2.projectPoints(points, np.zeros(3), np.zeros(3), shifted, np.array(LENS.distortion))[0][:, 0]
    np.testing.assert_allclose(LENS.project(world) - 0.5, expected, atol=1e-9)


def test_what_is_behind_is_nowhere_and_the_target_in_the_middle():
    camera = CameraModel.looking_at("c", [1.0, 2.0, 0.5], [0.0, 0.0, 0.0], width=100, height=80)
    middle, behind, above = camera.project(np.array([[0.0, 0.0, 0.0], [2.0, 4.0, 1.0], [0.0, 0.0, 0.1]]))
    np.testing.assert_allclose(middle, [50.0, 40.0])
    assert np.isnan(behind).all() and above[0] == pytest.approx(50.0) and above[1] < 40.0
    # 90 degrees: the upper edge is as far up as the target is away
    wide = CameraModel.looking_at("c", [2.0, 0.0, 0.0], [0.0, 0.0, 0.0], width=100, height=80, fovy=90.0)
    np.testing.assert_allclose(wide.project(np.array([[0.0, 0.0, 2.0]]))[0], [50.0, 0.0], atol=1e-9)


@pytest.mark.parametrize("up", [1.0, -1.0])
def test_straight_down_and_up_are_upright_too(up):
    camera = CameraModel.looking_at("c", [0.0, 0.0, -up], [0.0, 0.0, 0.0])
    assert np.isfinite(camera.quaternion).all() and np.linalg.norm(camera.quaternion) == pytest.approx(1.0)
    np.testing.assert_allclose(camera.project(np.zeros((1, 3)))[0], [80.0, 60.0])


def test_an_entry_makes_an_equal_camera():
    again = CameraModel.from_entry(LENS.as_entry(), "test")
    np.testing.assert_allclose(again.quaternion, LENS.quaternion, atol=1e-15)  # made one long once more
    assert replace(again, quaternion=LENS.quaternion) == LENS
    plain = CameraModel.from_entry({"name": "a", "height": 100, "rpy": ["90 deg", 0, 0]}, "test")
    assert plain.fy == pytest.approx(50.0 / math.tan(math.radians(22.5))) and (plain.cx, plain.cy) == (80.0, 50.0)
    np.testing.assert_allclose(plain.quaternion, [math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0])


def test_other_numbers_of_pixels():
    half = LENS.resized(80, 60)
    np.testing.assert_allclose(half.project(np.array([[0.5, 0.1, 3.0]])),
                               0.5 * LENS.project(np.array([[0.5, 0.1, 3.0]])))
    wider = LENS.framed(120, 200)  # 20 more columns on each side
    np.testing.assert_allclose(wider.project(np.array([[0.5, 0.1, 3.0]])),
                               LENS.project(np.array([[0.5, 0.1, 3.0]])) + [20.0, 0.0])
    with pytest.raises(BadInputError, match="expected a picture of at most"):
        LENS.framed(0, 10)


def test_a_robot_without_the_camera_has_none():
    assert CameraModel.of(load_robot("ur5e"), "wrist") is None


@pytest.mark.parametrize(("entry", "line"), [
    ({"width": 0}, "field 'cameras.a.width': expected a whole number of pixels from 1 to 8192, got 0"),
    ({"height": 10.5}, "expected a whole number of pixels"),
    ({"width": True}, "expected a number in pixels, got True"),
    ({"fy": "150"}, "field 'cameras.a.fy': expected a number in pixels, got '150'"),
    ({"cx": float("nan")}, "field 'cameras.a.cx': expected a number in pixels"),
    ({"fx": -3}, "focal lengths must be over zero, got -3"),
    ({"distortion": [0.1] * 6}, "expected at most 5 numbers"),
    ({"distortion": 0.1}, "expected at most 5 numbers"),
    ({"position": [0, 0]}, "expected 3 numbers in .m., got .0, 0."),
    ({"rpy": "90 deg"}, "expected 3 numbers in .rad."),
    ({"quaternion": [1, 1, 0, 0]}, "expected .w, x, y, z. of length one"),
    ({"quaternion": [1, 0, 0]}, "expected 4 numbers"),
])
def test_mistakes_in_entries_are_one_line(entry, line):
    with pytest.raises(RobotDescriptionError, match=line) as error:
        CameraModel.from_entry({"name": "a", **entry}, "robot x, robot.yaml")
    assert str(error.value).startswith("robot x, robot.yaml: ") and len(str(error.value).splitlines()) == 1
