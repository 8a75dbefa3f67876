"""A camera that is fitted to known points is the one that saw them."""

from dataclasses import replace

import numpy as np
import pytest

from sim2real import rotations
from sim2real.camera_calibration import calibrate
from sim2real.cameras import CameraModel
from sim2real.errors import BadInputError

CORNERS = np.array([[1.0, 0.5, 0.0], [1.0, -0.5, 0.0], [0.2, -0.5, 0.0], [0.2, 0.5, 0.0]])
TRUTH = CameraModel.looking_at("true", np.array([-0.4, 0.1, 0.8]), np.array([0.6, 0.0, 0.0]), width=640, height=480,
                               fovy=46.0, roll=0.03)


def guess(place=TRUTH.position, fovy=60.0):
    return CameraModel.looking_at("guess", np.array(place), np.array([0.5, 0.1, 0.1]), width=640, height=480, fovy=fovy)


def angle(a: CameraModel, b: CameraModel) -> float:
    return 2.0 * np.arccos(min(1.0, abs(float(np.dot(a.quaternion, b.quaternion)))))


def test_exact_corners_and_a_known_place_give_the_camera_back():
    found = calibrate(guess(), CORNERS, TRUTH.project(CORNERS))
    assert found.fx == pytest.approx(TRUTH.fx, rel=1e-6) and found.fy == found.fx
    assert np.allclose(found.position, TRUTH.position, atol=1e-6) and angle(found, TRUTH) < 1e-6
    assert (found.name, found.width, found.cx) == ("guess", 640, 320.0)


def test_a_place_that_is_off_by_two_centimetres_is_moved_towards_the_true_one():
    place = np.array(TRUTH.position) + [0.012, -0.012, 0.01]
    found = calibrate(guess(place), CORNERS, TRUTH.project(CORNERS), pixel_error=0.5)
    assert np.linalg.norm(np.array(found.position) - TRUTH.position) < 0.5 * np.linalg.norm(place - TRUTH.position)
    assert np.abs(found.project(CORNERS) - TRUTH.project(CORNERS)).max() < 0.5


def test_corners_outside_of_the_picture_count_as_well():
    near = replace(TRUTH, position=(-0.1, 0.1, 0.7))
    pixels = near.project(CORNERS)
    assert (pixels < 0).any() or (pixels > [640, 480]).any()
    assert calibrate(guess(near.position), CORNERS, pixels).fx == pytest.approx(near.fx, rel=1e-5)


@pytest.mark.parametrize(("points", "pixels"), [(CORNERS[:3], np.zeros((3, 2))), (CORNERS, np.zeros((3, 2))),
                                                (CORNERS[:, :2], np.zeros((4, 2)))])
def test_too_few_points_or_shapes_that_do_not_match_are_refused(points, pixels):
    with pytest.raises(BadInputError, match="expected at least 4 points"):
        calibrate(guess(), points, pixels)


def test_a_guess_that_looks_away_is_refused():
    away = replace(TRUTH, quaternion=tuple(rotations.multiply(np.array(TRUTH.quaternion),
                                                              np.array([0.0, 1.0, 0.0, 0.0]))))
    with pytest.raises(BadInputError, match="behind it"):
        calibrate(away, CORNERS, TRUTH.project(CORNERS))
