"""The demo's command line and table; the job itself is tested in tests/demo."""

import pytest

from sim2real.cli.demo import report

PART = {"success_rate": 0.75, "success_interval": [0.69, 0.8], "error_median_m": 0.0071, "error_p95_m": 0.0222,
        "limit_violations": 0}
SUMMARY = {"seconds": 146.0, "training": {"plain": {"success_rate": 1.0, "seconds": 29.0},
                                          "randomized": {"success_rate": 0.996, "seconds": 31.0}},
           "plain": PART, "randomized": {**PART, "success_rate": 1.0},
           "ros2": {"goals": 5, "reached": 4, "commands": 377, "limit_violations": 0}}


def test_the_table_says_what_was_measured():
    text = report(SUMMARY, "runs/demo")
    assert "75.0%" in text and "100.0%" in text and "7.1 mm" in text and "99.6%" in text
    assert "4 of 5" in text and "377, 0" in text and "ros.mcap" in text and "everything here is simulation" in text
    assert "RMSE" not in text
    widths = {len(line) for line in text.splitlines()[:8]}
    assert len(widths) == 1  # columns stand under each other


def test_a_tracking_task_has_its_own_row_and_a_demo_without_ros_none():
    track = {**SUMMARY, "plain": {**PART, "rmse_m": 0.2}, "randomized": {**PART, "rmse_m": 0.039}}
    del track["ros2"]
    text = report(track, "runs/demo-crazyflie-track")
    assert "0.039 m" in text and "ROS" not in text and "ros.mcap" not in text


@pytest.mark.parametrize(("arguments", "words"), [
    (("--episodes", "0"), "--episodes: expected at least 1, got 0"),
    (("--goals", "-1"), "--goals: expected at least 1, got -1"),
    (("--task", "ur5e-reech"), "reech")])
def test_bad_input_is_one_line_before_anything_starts(run_cli, tmp_path, arguments, words):
    code, out, err = run_cli("demo", *arguments)
    assert code == 2 and out == "" and err.count("\n") == 1 and words in err
    assert not list(tmp_path.iterdir())
