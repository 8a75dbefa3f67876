import numpy as np
import pytest

from sim2real.errors import TaskError
from sim2real.robots import load_robot
from sim2real.tasks import Context, make_task
from sim2real.types import RobotState

AREA = [0.3, 0.5, -0.25, 0.25]


@pytest.fixture(scope="module")
def task():
    return make_task("visual-reach", load_robot("ur5e"), {"area": AREA})


def test_a_reach_policy_serves_unchanged(task):
    reach = make_task("reach", task.robot)
    assert [row for row in task.builder(1).describe()] == [row for row in reach.builder(1).describe()]
    state = RobotState.zeros(2, 6)
    state.joint_position[:] = task.robot.home
    goal = np.array([[0.4, 0.1, 0.15], [0.3, -0.2, 0.15]])
    context = Context(state, goal, np.zeros(2), state.joint_position, np.zeros((2, 6)), np.zeros((2, 6)))
    same = [t.builder(2).reset(np.arange(2), context) for t in (task, reach)]
    assert (same[0] == same[1]).all()
    action = np.full((2, 6), 0.3)
    assert (task.desired(action, context) == reach.desired(action, context)).all()
    assert (task.error(state, goal, np.zeros(2)) == reach.error(state, goal, np.zeros(2))).all()


def test_the_goal_is_above_what_is_seen(task):
    assert task.sees == ("block_x", "block_y")
    np.testing.assert_allclose(task.goal_of({"block_x": 0.4, "block_y": 0.1}), [0.4, 0.1, 0.15])
    np.testing.assert_allclose(task.goal_of({"block_x": 0.4, "block_y": 0.1, "block_z": 0.2, "more": 7.0}),
                               [0.4, 0.1, 0.32])
    np.testing.assert_allclose(task.goal_of({"block_x": 0.28, "block_y": 0.27}), [0.28, 0.27, 0.15])  # at the edge


@pytest.mark.parametrize(("x", "y", "words"), [
    (0.26, 0.0, r"seen at \(0.26, 0\) m, outside the area where it may stand: x \(0.3, 0.5\), y \(-0.25, 0.25\) m"),
    (0.4, -0.3, "outside the area"), (0.4, 1e9, "outside the area"), (np.nan, 0.0, "no place"),
    (0.4, np.inf, "no place")])
def test_what_is_seen_elsewhere_is_no_goal(task, x, y, words):
    with pytest.raises(TaskError, match=words):
        task.goal_of({"block_x": x, "block_y": y})


@pytest.mark.parametrize("robot", ["ur5e", "fr3", "so101"])
def test_episodes_begin_and_end_where_the_arm_can_be(robot):
    task = make_task("visual-reach", load_robot(robot))
    u = np.random.default_rng(0).uniform(size=(50, task.goal_uniforms))
    goal = task.sample_goal(u)
    assert goal.shape == (50, 3) and (goal[:, 2] == 0.15).all()
    assert (task.area[:4:2] <= goal[:, :2]).all() and (goal[:, :2] <= task.area[1:4:2]).all()
    radius = np.hypot(*np.abs(task.area.reshape(2, 2)).max(axis=1))
    assert radius <= task.robot.goal.radius[1]  # by default the area is inside the description's goal region
    state = task.sample_state(np.random.default_rng(1).uniform(size=(50, task.state_uniforms)), goal)
    low, high = task.robot.position_low, task.robot.position_high
    assert ((low <= state.joint_position) & (state.joint_position <= high)).all()
    tools = task.chain.forward(state.joint_position)[0]
    assert tools[:, 2].min() > 0.0


def test_options_are_plain_and_come_back(task):
    assert task.options["area"] == AREA and make_task("visual-reach", task.robot, task.options).options == task.options
    high = make_task("visual-reach", task.robot, {"hover": 0.2, "block_z": 0.04})
    assert high.goal_of({"block_x": 0.4, "block_y": 0.0})[2] == pytest.approx(0.24)


@pytest.mark.parametrize(("options", "words"), [
    ({"orientation": "axis"}, "expected free, got axis"), ({"hover": -0.1}, "option hover: expected metres"),
    ({"hover": "high"}, "option hover"), ({"block_z": float("nan")}, "option block_z"),
    ({"area": [0.3, 0.5]}, "option area: expected four numbers"), ({"area": [0.5, 0.3, 0.0, 1.0]}, "four numbers"),
    ({"area": "abcd"}, "four numbers"), ({"area": [0.3, float("inf"), 0.0, 0.1]}, "four numbers")])
def test_wrong_options_are_one_line(options, words):
    with pytest.raises(TaskError, match=words):
        make_task("visual-reach", load_robot("ur5e"), options)


def test_an_area_out_of_reach_is_told():
    task = make_task("visual-reach", load_robot("ur5e"), {"area": [0.5, 1.5, -0.2, 0.2]})
    with pytest.raises(TaskError, match="does not come to the whole area of the task by .* mm; give a smaller 'area'"):
        task.sample_state(np.zeros((1, task.state_uniforms)), task.sample_goal(np.zeros((1, 2))))
    reach = make_task("reach", task.robot)
    with pytest.raises(TaskError, match="task reach makes no goals of what a camera sees"):
        reach.goal_of({"block_x": 0.4, "block_y": 0.0})
