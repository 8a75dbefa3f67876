import numpy as np
import pytest

from sim2real.robots import load_robot
from sim2real.simulators.layout import floor_links, overview, principal_axes


def test_links_on_the_base_do_not_touch_the_floor():
    robot = load_robot("ur5e")
    first = robot.model.joints[0].child
    assert first not in floor_links(robot)
    assert robot.model.root not in floor_links(robot)
    assert len(floor_links(robot)) == robot.num_joints - 1


def test_overview_sees_the_goals():
    robot = load_robot("ur5e")
    eye, target = overview(robot)
    forward = (target - eye) / np.linalg.norm(target - eye)
    goals = robot.goal.sample(np.random.default_rng(0).uniform(size=(200, 3))) - eye
    angles = np.degrees(np.arccos(goals @ forward / np.linalg.norm(goals, axis=1)))
    assert angles.max() < 22.5


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
