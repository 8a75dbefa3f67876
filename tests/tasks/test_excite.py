"""Task excite: its reference, what is observed and asked for, and options that are refused."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.errors import TaskError
from sim2real.robots import load_robot
from sim2real.tasks import Context, make_task
from sim2real.types import RobotState

ROBOT = load_robot("ur5e")
# joint 0 turns by 0.2 sin - 0.1 sin 2; the others stay
SINE = [[0.2, -0.1], *[[0.0, 0.0]] * 5]
OPTIONS = {"sine": SINE, "cosine": [[0.0, 0.0]] * 6, "period": 4.0, "periods": 2, "lead_in": 1.0, "rest": 0.5}
TASK = make_task("excite", ROBOT, OPTIONS)


def context(time, command=None, goal=1.0):
    state = RobotState.zeros(1, 6)
    command = ROBOT.home[None] if command is None else command
    return Context(state, np.array([[goal]]), np.array([time]), command, np.zeros((1, 6)), np.zeros((1, 6)))


def test_the_episode_is_as_long_as_its_parts():
    assert TASK.episode_seconds == 1.0 + 2 * 4.0 + 0.5 and TASK.episode_steps == 238  # 9.5 s / 40 ms, rounded up
    assert make_task("excite", ROBOT).episode_seconds == 2.0 + 10.0 + 1.0  # without a series it stays at home


def test_reference_waits_moves_and_stays():
    time = np.array([0.0, 0.96, 2.0, 3.0, 6.0, 9.0, 100.0])
    moved = TASK.reference(np.ones(7), time) - ROBOT.home
    np.testing.assert_allclose(moved[:, 0], [0.0, 0.0, 0.2, 0.0, 0.2, 0.0, 0.0], atol=1e-12)
    assert np.abs(moved[:, 1:]).max() == 0.0
    np.testing.assert_allclose(TASK.reference(np.array([0.25, 7.0, -1.0]), np.full(3, 2.0))[:, 0], [0.05, 0.2, 0.0])


def test_a_late_tick_does_not_shake_the_reference():
    exact = TASK.reference(np.ones(1), np.array([50 * 0.04]))
    for late in (-0.015, 1e-3, 0.019):
        np.testing.assert_array_equal(TASK.reference(np.ones(1), np.array([50 * 0.04 + late])), exact)
    assert (TASK.reference(np.ones(1), np.array([50 * 0.04 + 0.021])) != exact).any()


def test_the_observation_is_in_full_steps_and_the_action_undoes_it():
    command = ROBOT.home[None] + 0.01
    seen = TASK.builder(1).build(context(2.0, command))
    step = ROBOT.velocity_limit * 0.04
    np.testing.assert_allclose(seen[0], np.concatenate([[0.19, *[-0.01] * 5] / step, [-0.01] * 6 / step]), rtol=1e-5)
    at = context(2.0, command)
    np.testing.assert_allclose(TASK.desired(seen[:, :6].astype(float), at), TASK.reference(np.ones(1), np.array([2.0])),
                               atol=1e-7)


def test_errors_are_those_of_the_tool():
    state = RobotState.zeros(2, 6)
    state.joint_position[:] = ROBOT.home
    state.joint_position[1, 0] += 0.1  # turns the tool about the base's axis
    radius = np.hypot(*TASK._chain.forward(ROBOT.home[None])[0][0, :2])
    errors = TASK.error(state, np.ones((2, 1)), np.zeros(2))
    np.testing.assert_allclose(errors, [0.0, 2.0 * radius * np.sin(0.05)], atol=1e-9)


def test_the_whole_series_is_its_own_goal():
    assert TASK.own_goals == ((1.0,),) and (TASK.sample_goal(np.zeros((3, 1))) == 1.0).all()
    start = TASK.sample_state(np.random.default_rng(0).random((50, 6)), np.ones((50, 1)))
    assert np.abs(start.joint_position - ROBOT.home).max() <= 0.02 and not start.joint_velocity.any()


@pytest.mark.parametrize(("change", "words"), [
    ({"sine": [[0.2, 0.0], *[[0.0, 0.0]] * 5]}, "does not begin at rest"),
    ({"cosine": [[0.1, 0.0], *[[0.0, 0.0]] * 5]}, "does not begin at rest"),
    ({"sine": SINE[:5]}, "sine"),
    ({"sine": "none"}, "6 rows of numbers"),
    ({"sine": [[float("nan"), 0.0], *[[0.0, 0.0]] * 5]}, "finite"),
    ({"period": 0}, "period over 0 s"),
    ({"period": "4 s"}, "option period: expected seconds"),
    ({"lead_in": -1.0}, "option lead_in"),
    ({"periods": 2.0}, "option periods"),
    ({"periods": True}, "option periods"),
    ({"periods": 0}, "periods"),
    ({"amplitude": 1.0}, "unknown option|option 'amplitude'"),
])
def test_options_that_are_refused(change, words):
    with pytest.raises(TaskError, match=words):
        make_task("excite", ROBOT, {**OPTIONS, **change})


def test_drones_are_refused():
    with pytest.raises(TaskError, match="task 'excite' is for arms"):
        make_task("excite", load_robot("crazyflie"))
