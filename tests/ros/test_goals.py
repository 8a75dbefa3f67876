"""Goals one after the other, judged by measured states."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.robots import load_robot
from sim2real.ros.goals import GoalSequence, load_goals, parse_goal, sample_goals
from sim2real.tasks import make_task
from sim2real.types import RobotState


@pytest.fixture(scope="module")
def reach():
    return make_task("reach", load_robot("ur5e"))


@pytest.fixture(scope="module")
def hover():
    return make_task("hover", load_robot("crazyflie"))


@pytest.fixture(scope="module")
def track():
    return make_task("track", load_robot("crazyflie"))


def at(position):
    state = RobotState.zeros(1, 0)
    state.position[0] = position
    return state


def test_goals_from_text(reach, hover, track):
    assert parse_goal("0.4,-0.1,0.3", reach).tolist() == [0.4, -0.1, 0.3]
    assert parse_goal("-1,2,3", hover).tolist() == [-1.0, 2.0, 3.0, 0.0]  # heading zero
    assert parse_goal([1, 2, 3, 0.5], hover).tolist() == [1.0, 2.0, 3.0, 0.5]
    for text in ("0.4,x,0.3", "0.4,0.1", "0.4,0.1,nan"):
        with pytest.raises(BadInputError, match="goal '0.4"):
            parse_goal(text, reach)
    with pytest.raises(BadInputError, match="task track takes 9 numbers, got 3"):
        parse_goal("1,2,3", track)
    with pytest.raises(BadInputError, match="expected numbers"):
        parse_goal([0.4, 0.1, 10**400], reach)


def test_goals_from_a_file(tmp_path, reach):
    (tmp_path / "g.yaml").write_text("- [0.4, 0.1, 0.3]\n- [0.4, -0.1, 0.3]\n")
    assert [g.tolist() for g in load_goals(tmp_path / "g.yaml", reach)] == [[0.4, 0.1, 0.3], [0.4, -0.1, 0.3]]
    (tmp_path / "g.yaml").write_text("{a: 1}")
    with pytest.raises(BadInputError, match="g.yaml: expected a list of goals"):
        load_goals(tmp_path / "g.yaml", reach)
    with pytest.raises(BadInputError, match="cannot read the goals file .*none.yaml"):
        load_goals(tmp_path / "none.yaml", reach)


def test_drawn_goals_are_those_of_the_seeds(reach):
    a, b = sample_goals(reach, 3, 5), sample_goals(reach, 2, 6)
    np.testing.assert_array_equal(a[1:], b)


def test_reached_after_half_a_second_inside_the_tolerance(hover):
    goals = GoalSequence(hover, [np.array([0.0, 0.0, 1.0, 0.0]), np.array([1.0, 0.0, 1.0, 0.0])])
    assert goals.next(10.0).tolist() == [0.0, 0.0, 1.0, 0.0]
    assert goals.next(10.1) is None  # still at it
    goals.judge(at([0.0, 0.0, 1.05]), 10.2)
    goals.judge(at([0.0, 0.0, 1.05]), 10.6)
    goals.judge(at([0.0, 0.0, 1.3]), 10.65)  # left it: begins anew
    assert goals.judge(at([0.0, 0.0, 1.05]), 10.7) == pytest.approx(0.05)
    goals.judge(at([0.0, 0.0, 1.05]), 11.1)
    assert goals.reached == 0
    goals.judge(at([0.0, 0.0, 1.05]), 11.21)
    assert (goals.reached, goals.current) == (1, None)
    assert goals.next(11.3)[0] == 1.0 and not goals.finished


def test_given_up_after_twice_the_episode(hover):
    goals = GoalSequence(hover, [np.array([0.0, 0.0, 1.0, 0.0])])
    goals.next(0.0)
    goals.judge(at([0.0, 0.0, 2.0]), 11.9)
    assert goals.current is not None
    goals.judge(at([0.0, 0.0, 2.0]), 12.1)
    assert goals.finished and (goals.goals, goals.reached, goals.errors) == (1, 0, [pytest.approx(1.0)])


def test_tracking_is_judged_by_its_rmse_without_the_first_second(track):
    goal = sample_goals(track, 1, 0)[0]
    for off, reached in ((0.0, 1), (0.3, 0)):
        goals = GoalSequence(track, [goal])
        goals.next(0.0)
        time = 0.0
        while goals.current is not None:
            time += 0.1
            reference = track.reference(goal[None], np.array([time]))[0][0]
            goals.judge(at(reference + [0.0, 0.0, 5.0 if time < 0.95 else off]), time)
        assert goals.reached == reached
        assert goals.errors == [pytest.approx(off, abs=1e-9)]
        assert time == pytest.approx(track.episode_seconds, abs=0.11)


def test_a_goal_that_was_broken_off_is_resumed_with_new_time(reach):
    goals = GoalSequence(reach, [np.array([0.4, 0.1, 0.3]), np.array([0.4, 0.2, 0.3])], timeout=2.0)
    first = goals.resume(0.0)
    assert first is not None and goals.next(1.0) is None
    assert (goals.resume(10.0) == first).all() and goals.goals == 1
    state = RobotState.zeros(1, 6)
    goals.judge(state, 11.9)
    assert goals.current is not None  # its two seconds count from the second start
    goals.judge(state, 12.1)
    assert goals.current is None
