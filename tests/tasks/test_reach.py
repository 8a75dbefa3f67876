import numpy as np
import pytest

from sim2real import rng, rotations
from sim2real.errors import TaskError
from sim2real.robots import load_robot
from sim2real.tasks import Context, make_task
from sim2real.tasks.reach import LEVER, _between, _least_squares
from sim2real.types import RobotState

N = 64


@pytest.fixture(scope="module", params=["ur5e", "fr3", "so101"])
def task(request):
    return make_task("reach", load_robot(request.param))


def draw(task, n=N):
    goal = task.sample_goal(rng.uniform(1, np.arange(n), 0, "goal", task.goal_uniforms))
    state = task.sample_state(rng.uniform(1, np.arange(n), 0, "initial", task.state_uniforms), goal)
    return goal, state


def context(task, goal, state, command=None):
    command = state.joint_position.copy() if command is None else command
    return Context(state, goal, np.zeros(len(goal)), command, np.zeros_like(command), np.zeros_like(command))


def test_goals_lie_in_the_region_and_are_reachable(task):
    goal, _ = draw(task)
    region = task.robot.goal
    radius = np.hypot(goal[:, 0], goal[:, 1])
    assert ((radius >= region.radius[0]) & (radius <= region.radius[1])).all()
    assert ((goal[:, 2] >= region.height[0]) & (goal[:, 2] <= region.height[1])).all()
    _, error = task.chain.solve_position(goal, task.robot.home, task.robot.position_low, task.robot.position_high,
                                         iterations=300)
    assert (error < 0.01).mean() > 0.9  # the rest needs another start than home
    np.testing.assert_array_equal(goal, draw(task)[0])
    assert len(np.unique(goal, axis=0)) > 0.9 * N


def test_a_robot_that_cannot_reach_its_goals_is_refused():
    import dataclasses

    robot = load_robot("ur5e")
    far = dataclasses.replace(robot, goal=dataclasses.replace(robot.goal, radius=(5.0, 6.0)))
    with pytest.raises(TaskError, match="enlarge 'goal'"):
        draw(make_task("reach", far))


def test_starts_are_at_rest_inside_the_limits(task):
    _, state = draw(task)
    assert (state.joint_position > task.robot.position_low).all()
    assert (state.joint_position < task.robot.position_high).all()
    assert not state.joint_velocity.any()
    near_home = (np.abs(state.joint_position - task.robot.home) <= 0.1001).all(axis=1).mean()
    assert 0.3 < near_home < 0.9


def test_following_the_observed_joint_step_reaches_the_goal(task):
    goal, state = draw(task)
    before = task.error(state, goal, np.zeros(N))
    for _ in range(120):
        step = task._joint_step(context(task, goal, state)) * task._full_step * 0.3
        state.joint_position = np.clip(state.joint_position + step, task.robot.position_low, task.robot.position_high)
    after = task.error(state, goal, np.zeros(N))
    assert np.median(before) > 0.1
    assert (after < 0.01).mean() > 0.85


def test_tool_to_goal_is_the_way_by_forward_kinematics(task):
    goal, state = draw(task)
    builder = task.builder(N)
    row = builder.build(context(task, goal, state))
    tool, _ = task.chain.forward(state.joint_position)
    np.testing.assert_allclose(row[:, builder.slice("tool_to_goal")], 4.0 * (goal - tool), atol=1e-5)
    assert np.abs(row[:, builder.slice("lead")]).max() == 0.0


def test_action_is_an_increment_on_the_last_command_with_a_bounded_lead(task):
    goal, state = draw(task)
    action = np.ones_like(state.joint_position)
    step = 0.5 * task.robot.velocity_limit * task.control_period
    inside = np.clip(state.joint_position + step, task.robot.position_low, task.robot.position_high)
    np.testing.assert_allclose(task.desired(action, context(task, goal, state)), inside)
    ahead = context(task, goal, state, command=state.joint_position + 10.0)
    lead = task.desired(action, ahead) - state.joint_position
    assert (lead <= 6.0 * step + 1e-12).all()
    assert (task.desired(action, ahead) <= task.robot.position_high).all()


@pytest.mark.parametrize("rows", [3, 6])
def test_least_squares_is_the_damped_inverse(rows):
    draws = np.random.default_rng(0)
    jacobian, way = draws.standard_normal((rows, 6, 50)), draws.standard_normal((rows, 50))
    jacobian[:, :, 0] = 0.0  # a singular posture
    for k, step in enumerate(_least_squares(jacobian, way, 0.05).T):
        j = jacobian[:, :, k]
        expected = j.T @ np.linalg.solve(j @ j.T + 0.05**2 * np.eye(rows), way[:, k])
        np.testing.assert_allclose(step, expected, rtol=1e-9, atol=1e-12)


def test_reward_prefers_the_goal_and_smooth_actions(task):
    goal, state = draw(task)
    at_goal = RobotState.zeros(1, task.robot.num_joints)
    at_goal.joint_position[:] = task.robot.home
    here = task.chain.forward(at_goal.joint_position)[0]
    quiet, zeros = context(task, here, at_goal), np.zeros((1, task.action_size))

    def reward(goal, action):
        error = task.error(at_goal, goal, np.zeros(1))
        return task.reward(at_goal, goal, np.zeros(1), action, quiet, error, task.failed(at_goal, error))

    best, away, jumpy = reward(here, zeros), reward(here + 0.1, zeros), reward(here, zeros + 1.0)
    assert best > 2.9 and best > jumpy > away
    at_goal.joint_position[:, -1] += 1.0  # the last joint turns about the tool's own axis
    np.testing.assert_allclose(task.chain.forward(at_goal.joint_position)[0], here, atol=1e-9)
    assert best - 0.1 < reward(here, zeros) < best - 0.01


def test_orientation_counts_when_asked():
    robot = load_robot("ur5e")
    free, axis, full = (make_task("reach", robot, {"orientation": o}) for o in ("free", "axis", "full"))
    q = robot.home[None]
    position, rotation = free.chain.forward(q)
    state = RobotState.zeros(1, 6)
    state.joint_position[:] = q
    turned = rotations.multiply(rotations.from_axis_angle(np.array([[0.0, 0.0, 0.3]])),
                                rotations.from_matrix(rotation))
    goal = np.concatenate([position, turned], axis=1)
    np.testing.assert_allclose(full.error(state, goal, np.zeros(1)), 0.3 * LEVER, rtol=1e-6)
    np.testing.assert_allclose(free.error(state, position, np.zeros(1)), 0.0, atol=1e-12)
    # a turn about the tool's own axis is nothing to "axis"
    own = np.concatenate([position, rotation[:, :, 2]], axis=1)
    np.testing.assert_allclose(axis.error(state, own, np.zeros(1)), 0.0, atol=1e-12)
    for task in (axis, full):
        goal = task.sample_goal(rng.uniform(0, np.arange(3), 0, "goal", task.goal_uniforms))
        assert goal.shape == (3, task.goal_size)
        np.testing.assert_allclose(np.linalg.norm(goal[:, 3:], axis=1), 1.0)
        start = task.sample_state(rng.uniform(0, np.arange(3), 0, "initial", task.state_uniforms), goal)
        builder = task.builder(3)
        assert builder.build(context(task, goal, start)).shape == (3, builder.size)
        assert task.privileged(start, task.space.batch(3), goal, np.zeros(3)).shape == (3, task.privileged_size)


def test_the_short_way_between_axes():
    a = np.array([[0.0, 0, 1], [1, 0, 0], [0, 0, 1]])
    b = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]])
    turn = _between(a, b)
    np.testing.assert_allclose(turn[0], [-np.pi / 2, 0, 0], atol=1e-12)
    np.testing.assert_allclose(turn[1], 0.0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(turn[2]), np.pi)
    np.testing.assert_allclose(rotations.rotate(rotations.from_axis_angle(turn), a), b, atol=1e-9)


@pytest.mark.parametrize("orientation", ["upside down", ["full"], {"axis": 1}, None, 3])
def test_an_orientation_that_is_none_is_refused(orientation):
    with pytest.raises(TaskError, match="option orientation: expected one of free, axis, full, got"):
        make_task("reach", load_robot("ur5e"), {"orientation": orientation})


@pytest.mark.parametrize("name", ["juggle", ["reach"], None])
def test_a_task_that_is_none_is_refused(name):
    with pytest.raises(TaskError, match="unknown task"):
        make_task(name, load_robot("ur5e"))
