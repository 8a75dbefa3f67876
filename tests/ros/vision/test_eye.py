"""The newest estimate as a goal that rests, the gate without one, and the sequence of goals that are seen."""

import types

import numpy as np
import pytest

from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.encoder import load_encoder
from sim2real.deployment.seeing import add_encoder
from sim2real.errors import DeploymentError
from sim2real.ros.log import Recorder, read_log
from sim2real.ros.vision.estimates import Prediction
from sim2real.ros.vision.eye import Eye
from sim2real.ros.vision.seen_goals import SeenGoals
from sim2real.types import RobotState
from tests.deployment.hand_encoder import build_encoder
from tests.deployment.tiny_policy import build


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("eye")
    encoder = load_encoder(build_encoder(folder / "encoder.s2r"))
    add_encoder(build(folder / "reach.s2r"), encoder, folder / "seeing.s2r", {"area": [0.3, 0.5, -0.25, 0.25]})
    return load_bundle(folder / "seeing.s2r")


@pytest.fixture
def seen(bundle):
    """An eye with a clock that a test sets, and what it is shown."""
    found = types.SimpleNamespace(now=100.0, number=0)
    found.eye = Eye(bundle, 15.0, clock=lambda: found.now)

    def show(x, y, times=1, failure=""):
        for _ in range(times):
            found.now += 1.0 / 15.0
            values = None if failure else np.array([x, y])
            found.eye.add(Prediction(found.number, values, found.now, found.now - 0.03, found.now, 0.01, failure))
            found.number += 1

    found.show = show
    return found


def test_it_is_closed_until_predictions_agree_and_when_they_are_old(seen):
    name = "encoder of camera overview"
    assert seen.eye.closed() == [f"{name}: no estimate yet; 3 predictions in a row have to agree"]
    assert seen.eye.judge() == ("hold", seen.eye.closed()[0]) and seen.eye.goal is None
    seen.show(0.4, 0.1, 3)
    assert seen.eye.closed() == [] and seen.eye.judge() == ("", "")
    np.testing.assert_allclose(seen.eye.goal, [0.4, 0.1, 0.15])
    seen.now += 0.2
    assert seen.eye.judge() == ("", "")
    seen.now += 0.2
    assert seen.eye.judge() == ("hold", f"{name}: the last estimate is 430 ms old")
    seen.show(0.4, 0.1)
    assert seen.eye.judge() == ("", "")


@pytest.mark.parametrize("x, failure, words", [
    (np.nan, "", "its output is not finite"), (0.4, "it failed: bad", "it failed: bad")])
def test_a_broken_encoder_holds_and_is_named(seen, x, failure, words):
    seen.show(0.4, 0.1, 5)
    seen.show(x, 0.1, 10, failure)
    action, why = seen.eye.judge()
    assert action == "hold" and why.startswith("encoder of camera overview: the last estimate is ") and words in why


def test_outside_the_region_it_holds_and_says_where(seen):
    seen.show(0.4, 0.1, 5)
    seen.show(0.8, 0.1, 2)
    assert seen.eye.judge() == ("", "")  # not believed yet
    seen.show(0.8, 0.1)
    action, why = seen.eye.judge()
    assert action == "hold" and "the block is seen at (0.8, 0.1) m, outside the area where it may stand" in why
    np.testing.assert_allclose(seen.eye.goal, [0.4, 0.1, 0.15])  # and where the arm was to go stays
    seen.show(0.45, 0.1, 3)
    assert seen.eye.judge() == ("", "")
    np.testing.assert_allclose(seen.eye.goal, [0.45, 0.1, 0.15])


def test_the_goal_rests_while_estimates_tremble(seen):
    seen.show(0.4, 0.1, 5)
    goal = seen.eye.goal
    for offset in (0.004, -0.006, 0.007, -0.003):
        seen.show(0.4 + offset, 0.1, 30)
        assert seen.eye.goal is goal
    seen.show(0.41, 0.1, 30)
    np.testing.assert_allclose(seen.eye.goal, [0.41, 0.1, 0.15])


def test_the_log_has_every_prediction(bundle, tmp_path):
    recorder = Recorder(tmp_path / "run.mcap", {})
    eye = Eye(bundle, 15.0, recorder, clock=lambda: 1.0)
    for i, x in enumerate([0.4, 0.4, 0.41, np.nan, 0.8]):
        eye.add(Prediction(i, np.array([x, 0.1]), 50.0 + i, 0.9, 0.95, 0.02))
    recorder.close()
    rows = read_log(tmp_path / "run.mcap")["/estimate"]
    assert [row["frame"] for row in rows] == [0, 1, 2, 3, 4]
    assert rows[0]["goal"] == [None] * 3 and "in a row agree" in rows[0]["reason"]
    assert rows[2]["estimate"] == [0.4, 0.1] and rows[2]["goal"] == [0.4, 0.1, 0.15] and rows[2]["count"] == 3
    assert rows[2]["spread"] == pytest.approx(0.01) and rows[2]["reason"] == ""
    assert rows[3]["prediction"] == [None, 0.1] and rows[3]["reason"] == "its output is not finite"
    assert rows[4]["reason"] == "it is 0.40 m off the last ones" and rows[4]["goal"] == rows[2]["goal"]
    assert rows[4]["latency"] == pytest.approx(0.05) and rows[4]["took"] == 0.02
    assert eye.latency.quantile(0.5) == pytest.approx(0.05) and eye.predictions == 5


def test_goals_that_are_seen_go_on_for_ever(bundle):
    where = types.SimpleNamespace(goal=None)
    goals = SeenGoals(bundle.task, lambda: where.goal)
    state = RobotState.zeros(1, 6)
    state.joint_position[:] = bundle.robot.home
    tool = bundle.task.chain.forward(state.joint_position)[0][0]
    assert goals.next(0.0) is None and not goals.finished and np.isnan(goals.judge(state, 0.0))

    where.goal = tool + [0.01, 0.0, 0.0]
    assert goals.next(1.0) is where.goal and goals.next(1.04) is None
    for k in range(14):
        assert goals.judge(state, 1.0 + 0.04 * k) == pytest.approx(0.01)
    assert (goals.goals, goals.reached, goals.finished) == (1, 1, False)

    where.goal = tool + [0.02, 0.0, 0.0]  # moved a little: the same goal still
    assert goals.next(2.0) is where.goal and (goals.goals, goals.reached) == (1, 1)
    where.goal = tool + [0.2, 0.0, 0.0]
    assert goals.next(3.0) is where.goal and (goals.goals, goals.reached) == (2, 1)
    assert goals.judge(state, 4.0) == pytest.approx(0.2) and goals.reached == 1
    assert goals.errors == [pytest.approx(0.01)]
    assert goals.resume(5.0) is where.goal and goals.goals == 2  # after a stop it goes on
    with pytest.raises(DeploymentError, match="goals come from the camera"):
        goals.replace(tool)
