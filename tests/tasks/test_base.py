import numpy as np
import pytest

from sim2real.errors import TaskError
from sim2real.robots import load_robot
from sim2real.tasks import list_tasks, make_task, split_task_id, task_ids


@pytest.fixture(scope="module")
def reach():
    return make_task("reach", load_robot("ur5e"))


def test_ids():
    assert split_task_id("ur5e-reach") == ("ur5e", "reach")
    assert split_task_id("my-arm-reach") == ("my-arm", "reach")
    for needed in ("ur5e-reach", "fr3-reach", "so101-reach", "crazyflie-hover", "crazyflie-track", "x500-hover"):
        assert needed in task_ids()
    assert split_task_id("ur5e-visual-reach") == ("ur5e", "visual-reach")
    assert list_tasks("arm") == ["reach", "visual-reach", "excite"]
    assert list_tasks() == ["reach", "visual-reach", "excite", "hover", "track"]


@pytest.mark.parametrize(("call", "words"), [
    (lambda: split_task_id("ur5e"), "<robot>-<task>"),
    (lambda: split_task_id("ur5e-raech"), "did you mean reach"),
    (lambda: make_task("hoover", load_robot("ur5e")), "did you mean hover"),
    (lambda: make_task("hover", load_robot("ur5e")), "is for drones, which ur5e is not"),
    (lambda: make_task("reach", load_robot("ur5e"), {"orientatoin": "axis"}), "did you mean orientation"),
    (lambda: make_task("reach", load_robot("ur5e"), {"orientation": "any"}), "free, axis, full"),
    (lambda: make_task("reach", load_robot("ur5e"), {"episode_seconds": 0.1}), "episode_seconds"),
    (lambda: make_task("track", load_robot("crazyflie"), {"peak_speed": -1}), "peak_speed"),
])
def test_bad_input_is_one_clear_line(call, words):
    with pytest.raises(TaskError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_success_needs_the_whole_last_half_second_and_no_failure(reach):
    steps, settle = reach.episode_steps, reach.settle_steps
    assert settle == 12  # 0.5 s at 40 ms
    errors = np.full((steps, 4), 0.5)
    errors[-settle:] = 0.01
    errors[-settle, 1] = 0.021  # late by one period
    errors[-1, 2] = 0.021  # leaves at the end
    failed = np.array([False, False, False, True])
    assert reach.succeeded(errors, failed).tolist() == [True, False, False, False]


def test_track_is_judged_by_the_rms_error_after_the_first_second():
    task = make_task("track", load_robot("crazyflie"))
    skip = round(1.0 / task.control_period)
    errors = np.full((task.episode_steps, 2), 0.1)
    errors[:skip] = 5.0
    errors[skip:, 1] = 0.16
    assert task.succeeded(errors, np.zeros(2, bool)).tolist() == [True, False]
    score = task.score(2)
    for row in errors:
        score.add(row, np.zeros(2, bool))
    np.testing.assert_allclose(score.rmse, [0.1, 0.16])


def test_score_resets_only_what_it_is_told_to(reach):
    score = reach.score(2)
    for _ in range(reach.settle_steps):
        score.add(np.zeros(2), np.zeros(2, bool))
    assert score.success.all()
    score.reset(np.array([0]))
    assert score.success.tolist() == [False, True]
    assert score.steps.tolist() == [0, reach.settle_steps]


def test_privileged_knows_the_parameters(reach):
    goal = reach.sample_goal(np.full((2, reach.goal_uniforms), 0.4))
    state = reach.sample_state(np.full((2, reach.state_uniforms), 0.3), goal)
    values = reach.space.batch(2)
    values[1, reach.space.column("payload_mass")] = 2.0
    rows = reach.privileged(state, values, goal, np.zeros(2))
    assert rows.shape == (2, reach.privileged_size)
    assert (rows[0] != rows[1]).sum() == 1
