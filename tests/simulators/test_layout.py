import numpy as np
import pytest

from sim2real.robots import load_robot
from sim2real.simulators.layout import FIELD_OF_VIEW, floor_links, overview, principal_axes


def test_links_on_the_base_do_not_touch_the_floor():
    robot = load_robot("ur5e")
    first = robot.model.joints[0].child
    assert first not in floor_links(robot)
    assert robot.model.root not in floor_links(robot)
    assert len(floor_links(robot)) == robot.num_joints - 1


@pytest.mark.parametrize("name", ["ur5e", "fr3", "so101"])
def test_overview_is_filled_by_the_goals_and_loses_none(name):
    robot = load_robot(name)
    eye, target = overview(robot)
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    way = np.vstack([robot.goal.sample(np.random.default_rng(0).uniform(size=(200, 3))), np.zeros((1, 3))]) - eye
    half = np.tan(np.radians(FIELD_OF_VIEW / 2))
    across = np.abs(way @ right / (way @ forward)).max() / (half * 4 / 3)  # pictures are 4 : 3
    upright = np.abs(way @ np.cross(right, forward) / (way @ forward)).max() / half
    assert 0.6 < max(across, upright) < 0.95


@pytest.mark.parametrize("seed", range(3))
def test_principal_axes_rebuild_the_tensor(seed):
    root = np.random.default_rng(seed).normal(size=(3, 3))
    moments, axes = principal_axes(root @ root.T)
    np.testing.assert_allclose(axes @ np.diag(moments) @ axes.T, root @ root.T, atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1.0)


def test_a_diagonal_tensor_is_left_as_it_is():
    moments, axes = principal_axes(np.diag([3.0, 1.0, 2.0]))
    assert moments.tolist() == [3.0, 1.0, 2.0]
    np.testing.assert_array_equal(axes, np.eye(3))
