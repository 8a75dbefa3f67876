"""The scene of the photographs: its camera is what the table's corners say, and draws them where they are."""

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.simulators.scenes import kuka_scene
from sim2real.simulators.scenes.kuka_scene import CAMERA, CORNER_PIXELS, TABLE_CORNERS, kuka_camera
from tests.perception.photograph_data import PHOTOGRAPHS, needs_photographs


def test_the_cameras_numbers_are_those_of_the_corners():
    found = kuka_camera()
    assert found.fx == pytest.approx(CAMERA.fx, abs=0.1) and CAMERA.fx == CAMERA.fy
    assert np.allclose(found.position, CAMERA.position, atol=2e-4)
    assert np.allclose(found.quaternion, CAMERA.quaternion, atol=2e-5)
    assert np.abs(CAMERA.project(TABLE_CORNERS) - CORNER_PIXELS).max() < 1.5
    # published: (-1.75, 0, 1.62)
    assert np.linalg.norm(np.array(CAMERA.position) - kuka_scene.CAMERA_PLACE) < 0.05


def test_corners_of_another_shape_are_refused():
    with pytest.raises(BadInputError, match="expected at least 4 points"):
        kuka_camera(CORNER_PIXELS[:3])


def test_the_table_is_as_large_as_published():
    sides = np.linalg.norm(np.diff(TABLE_CORNERS[:3], axis=0), axis=1)
    assert np.allclose(sides, [1.22, 0.76]) and np.all(TABLE_CORNERS[:, 2] == 0.89)


@pytest.fixture(scope="module")
def painted():
    pytest.importorskip("pybullet_data")
    from sim2real.simulators.painting.mujoco_painter import MujocoPainter
    from sim2real.simulators.scenes.visual_scene import Poses

    scene = kuka_scene.kuka_scene(640, 480)
    with MujocoPainter(scene, shadows="none", samples=0) as painter:
        return scene, painter.render("kinect", Poses(1, np.zeros((1, 7))), kind="segmentation")[0]


def test_the_render_has_the_tables_edges_where_the_corners_say(painted):
    """Between the corners an edge is a straight line: what is the table's group ends there, within 3 pixels."""
    scene, groups = painted
    on_top = groups == 1 + scene.groups.index("table")
    back_left, back_right, front_right, front_left = CORNER_PIXELS
    row = back_left[1] + (200.5 - back_left[0]) / (back_right[0] - back_left[0]) * (back_right[1] - back_left[1])
    assert np.flatnonzero(on_top[:, 200])[0] == pytest.approx(row, abs=3)
    for near, far, last in ((front_left, back_left, 0), (front_right, back_right, -1)):
        column = far[0] + (250.5 - far[1]) / (near[1] - far[1]) * (near[0] - far[0])
        assert np.flatnonzero(on_top[250])[last] == pytest.approx(column, abs=3)


@needs_photographs
def test_the_photographs_have_an_edge_where_the_render_has_the_tables_back(painted):
    """The median photograph gets brighter from the cart to the table within 12 pixels of the rendered edge."""
    import cv2

    scene, groups = painted
    files = sorted(PHOTOGRAPHS.glob("*.jpg"))
    shown = np.median([cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in files], axis=0)
    on_top = groups == 1 + scene.groups.index("table")
    for column in (120, 220, 450, 500):
        edge = np.flatnonzero(on_top[:, column])[0]
        steepest = edge - 12 + np.diff(shown[edge - 12:edge + 13, column]).argmax()
        assert abs(steepest - edge) <= 4, column


def test_the_arm_stands_on_the_cart(painted):
    scene, groups = painted
    arm = np.argwhere(groups == 1 + scene.groups.index("robot"))
    assert 290 < np.median(arm[:, 1]) < 325  # in the photographs it is at column 307
    assert arm[:, 0].max() == pytest.approx(190, abs=8)
