import numpy as np
import pytest

from sim2real import rng, rotations
from sim2real.robots import load_robot
from sim2real.tasks import Context, make_task
from sim2real.types import RobotState

N = 200


@pytest.fixture(scope="module", params=["crazyflie", "x500"])
def task(request):
    return make_task("hover", load_robot(request.param))


def draw(task):
    goal = task.sample_goal(rng.uniform(1, np.arange(N), 0, "goal", task.goal_uniforms))
    return goal, task.sample_state(rng.uniform(1, np.arange(N), 0, "initial", task.state_uniforms), goal)


def context(goal, state):
    zeros = np.zeros((len(goal), 4))
    return Context(state, goal, np.zeros(len(goal)), zeros, zeros, zeros)


def test_starts_are_disturbed_as_promised_and_never_failed(task):
    goal, state = draw(task)
    offset = np.abs(state.position - goal[:, :3])
    assert offset.max() <= 0.5 + 1e-9 and offset[:, :2].max() > 0.45
    tilt = np.arccos(rotations.matrix(state.quaternion)[:, 2, 2])
    assert 0.4 < tilt.max() <= 0.5 + 1e-9
    assert not task.failed(state, task.error(state, goal, np.zeros(N))).any()


def test_action_zero_hovers_and_the_ends_are_the_limits(task):
    goal, state = draw(task)
    weight, most = 9.81 * task.robot.rotors.mass, task.robot.rotors.max_thrust
    np.testing.assert_allclose(task.desired(np.zeros((N, 4)), context(goal, state))[0], [weight, 0, 0, 0])
    up = task.desired(np.ones((N, 4)), context(goal, state))[0]
    np.testing.assert_allclose(up[0], most)
    assert (up[1:] <= task.robot.rotors.max_rate).all()
    assert task.desired(-np.ones((N, 4)), context(goal, state))[0, 0] > 0.0


def test_crashes(task):
    goal = np.array([[0.0, 0.0, 1.0, 0.0]] * 4)
    state = RobotState.zeros(4, 0)
    state.position[:, 2] = 1.0
    state.position[0, 2] = 0.01  # on the floor
    state.quaternion[1] = rotations.from_axis_angle(np.array([1.6, 0.0, 0.0]))  # 92 degrees
    state.position[2, 0] = 3.1  # out of bounds
    assert task.failed(state, task.error(state, goal, np.zeros(4))).tolist() == [True, True, True, False]


def test_errors_are_seen_from_the_body_whatever_the_yaw(task):
    rows = []
    builder = task.builder(1)
    for yaw in (0.0, 2.0):
        turn = rotations.from_axis_angle(np.array([[0.0, 0.0, yaw]]))
        state = RobotState.zeros(1, 0)
        state.quaternion = turn
        state.position[:, 2] = 1.0
        ahead = rotations.rotate(turn, np.array([[0.3, 0.1, 0.0]]))
        goal = np.concatenate([state.position + ahead, [[yaw]]], axis=1)
        rows.append(builder.reset(np.arange(1), context(goal, state))[0])
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)
    np.testing.assert_allclose(rows[0][:3], [0.3, 0.1, 0.0], atol=1e-6)


def test_reward_prefers_the_goal_and_punishes_a_crash(task):
    goal = np.array([[0.0, 0.0, 1.0, 0.0]] * 3)
    state = RobotState.zeros(3, 0)
    state.position[:, 2] = [1.0, 1.4, 0.0]
    time, error = np.zeros(3), task.error(state, goal, np.zeros(3))
    reward = task.reward(state, goal, time, np.zeros((3, 4)), context(goal, state), error, task.failed(state, error))
    assert reward[0] == pytest.approx(2.0) and reward[0] > reward[1] > 0 > reward[2]


def test_privileged_size(task):
    goal, state = draw(task)
    assert task.privileged(state, task.space.batch(N), goal, np.zeros(N)).shape == (N, task.privileged_size)
