"""The whole demo in small, and what it prints."""

import contextlib
import json

import pytest

from sim2real.cli.demo import report
from sim2real.demo.pipeline import DemoConfig, run_demo, write_json

KEYS = {"seconds", "plain", "randomized", "ros2"}


@contextlib.contextmanager
def no_bar(title, total):
    yield lambda done, text="": None


@pytest.mark.slow
def test_the_demo_in_small(tmp_path):
    said = []
    config = DemoConfig(out=tmp_path, episodes=4, goals=1, steps=8192, sweep_episodes=2)
    summary = run_demo(config, no_bar, said.append)
    assert set(summary) >= KEYS and len(said) == 4
    assert set(summary["ros2"]) >= {"goals", "reached", "commands", "limit_violations"}
    assert json.loads((tmp_path / "summary.json").read_text()) == json.loads(json.dumps(summary))
    for name in ("plain.s2r", "randomized.s2r", "sweep.png", "sweep.json", "twin.gif", "ros.mcap"):
        assert (tmp_path / name).stat().st_size > 0, name


def test_the_report_has_both_columns():
    one = {"success_rate": 0.62, "success_interval": [0.55, 0.68], "error_median_m": 0.0109, "error_p95_m": 0.024,
           "limit_violations": 0}
    training = {name: {"success_rate": 1.0, "seconds": 60.0} for name in ("plain", "randomized")}
    text = report({"seconds": 100.0, "plain": one, "randomized": {**one, "success_rate": 0.995}, "training": training,
                   "ros2": {"goals": 5, "reached": 4, "commands": 300, "limit_violations": 0}}, "runs/demo")
    row = next(line for line in text.splitlines() if line.startswith("twins (PyBullet): success"))
    assert row.split()[-2:] == ["62.0%", "99.5%"]
    assert "4 of 5" in text and "ros.mcap" in text and "simulation" in text


def test_json_is_whole_or_not_there(tmp_path):
    with pytest.raises(TypeError):
        write_json(tmp_path / "summary.json", {"a": object()})
    assert not list(tmp_path.iterdir())


def test_an_unknown_task_is_refused_before_anything_starts(run_cli, tmp_path):
    code, out, err = run_cli("demo", "--task", "ur5e-fly", cwd=tmp_path)
    assert code == 2 and "fly" in err and len(err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
