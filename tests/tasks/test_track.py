import numpy as np
import pytest

from sim2real import rng
from sim2real.robots import load_robot
from sim2real.tasks import Context, make_task
from sim2real.tasks.track import PREVIEW, RAMP
from sim2real.types import RobotState

N = 100


@pytest.fixture(scope="module")
def task():
    return make_task("track", load_robot("crazyflie"))


@pytest.fixture(scope="module")
def goal(task):
    return task.sample_goal(rng.uniform(1, np.arange(N), 0, "goal", task.goal_uniforms))


def test_peak_speed_is_what_was_asked_for(task, goal):
    times = np.arange(RAMP, 40.0, 0.02)
    speed = np.array([np.linalg.norm(task.reference(goal, np.full(N, t))[1], axis=1) for t in times])
    np.testing.assert_allclose(speed.max(axis=0), 1.0, rtol=0.01)


def test_training_goals_are_slower_and_faster(task):
    u = rng.uniform(1, np.arange(N), 0, "goal", task.goal_uniforms)
    peak = np.sqrt(2.0) * np.prod(task.sample_training_goal(u)[:, 3:5], axis=1)
    assert peak.min() < 0.3 and 1.1 < peak.max() <= 1.2


def test_velocity_is_the_derivative_of_the_position_also_in_the_soft_start(task, goal):
    for t in (0.0, 0.3, 0.99, 1.01, 5.0):
        dt = 1e-5
        ahead, behind = (task.reference(goal, np.full(N, t + s * dt))[0] for s in (1, -1))
        if t == 0.0:
            behind, dt = task.reference(goal, np.zeros(N))[0], dt / 2
        np.testing.assert_allclose((ahead - behind) / (2 * dt), task.reference(goal, np.full(N, t))[1], atol=1e-4)
    assert not task.reference(goal, np.zeros(N))[1].any()


def test_references_stay_above_the_floor(task, goal):
    lowest = min(task.reference(goal, np.full(N, t))[0][:, 2].min() for t in np.arange(0.0, 10.0, 0.1))
    assert lowest > task.floor + 0.25


def test_preview_looks_ahead_in_the_body_frame(task, goal):
    state = RobotState.zeros(N, 0)
    zeros = np.zeros((N, 4))
    builder = task.builder(N)
    row = builder.build(Context(state, goal, np.full(N, 2.0), zeros, zeros, zeros))
    ahead = task.reference(goal, np.full(N, 2.0 + PREVIEW[-1]))[0]  # the body is at the origin, level
    np.testing.assert_allclose(row[:, builder.slice("preview")][:, -3:], ahead, atol=1e-5)


def test_error_follows_the_reference(task, goal):
    state = RobotState.zeros(N, 0)
    state.position = task.reference(goal, np.full(N, 3.0))[0]
    np.testing.assert_allclose(task.error(state, goal, np.full(N, 3.0)), 0.0, atol=1e-12)
    assert task.error(state, goal, np.full(N, 4.0)).mean() > 0.2
