"""The summary, workers, and the command with its bad inputs."""

import json

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.evaluation.evaluate import evaluate, merge
from sim2real.evaluation.twins import TwinPlan

KEYS = {"engine", "episodes", "success_rate", "success_interval", "error_median_m", "error_p95_m", "limit_violations",
        "seconds", "failures"}


def test_summary_has_the_keys_and_adds_up(servo_path):
    calls = []
    summary, episodes = evaluate(servo_path, "mujoco", 12, 3, TwinPlan(), progress=lambda *a: calls.append(a))
    assert KEYS <= set(summary)
    assert summary["episodes"] == 12 and summary["limit_violations"] == 0
    assert summary["success_rate"] == pytest.approx(1 - len(summary["failures"]) / 12)
    assert {f["seed"] for f in summary["failures"]} <= set(range(3, 15))
    assert calls[-1][:2] == (12, 12)
    np.testing.assert_array_equal(episodes.seeds, np.arange(3, 15))


def test_worker_processes_give_the_same_episodes(servo_path):
    one, first = evaluate(servo_path, "pybullet", 12, 0, TwinPlan(draw=False), workers=1)
    two, second = evaluate(servo_path, "pybullet", 12, 0, TwinPlan(draw=False), workers=2)
    np.testing.assert_array_equal(first.error, second.error)
    assert one["success_rate"] == two["success_rate"]


def test_merge_orders_by_seed(servo_path):
    _, episodes = evaluate(servo_path, "mujoco", 3, 7, TwinPlan())
    _, earlier = evaluate(servo_path, "mujoco", 2, 0, TwinPlan())
    np.testing.assert_array_equal(merge([episodes, earlier]).seeds, [0, 1, 7, 8, 9])


@pytest.mark.parametrize(("engine", "episodes", "seed", "words"), [
    ("gazebo", 1, 0, "unknown engine"), ("mujoco", 0, 0, "episodes >= 1"), ("mujoco", 1, -1, "seed >= 0")])
def test_bad_requests(servo_path, engine, episodes, seed, words):
    with pytest.raises(BadInputError, match=words):
        evaluate(servo_path, engine, episodes, seed, TwinPlan())


def test_the_command_prints_one_json_object(run_cli, servo_path):
    code, out, err = run_cli("evaluate", servo_path, "--engine", "mujoco", "--episodes", "4", "--json")
    assert code == 0, err
    assert set(json.loads(out)) >= KEYS


@pytest.mark.parametrize(("arguments", "words"), [
    (("missing.s2r",), "missing.s2r"),
    (("BUNDLE", "--engine", "gazebo"), "unknown engine 'gazebo'"),
    (("BUNDLE", "--parameters", "missing.yaml"), "missing.yaml"),
    (("BUNDLE", "--defects", "rust"), "unknown defect"),
    (("BUNDLE", "--engine", "quadrotor"), "simulates drones"),
])
def test_bad_input_is_one_line_and_exit_code_2(run_cli, servo_path, arguments, words):
    arguments = [servo_path if a == "BUNDLE" else a for a in arguments]
    code, out, err = run_cli("evaluate", *arguments, "--episodes", "1")
    assert code == 2 and words in err
    assert len(err.strip().splitlines()) == 1 and not out
