"""Two trainings side by side, and one that fails."""

import pytest

from sim2real.demo.train_pair import train_pair
from sim2real.errors import Sim2RealError


def test_both_runs_end_with_a_bundle(tmp_path):
    seen = []
    runs = train_pair("crazyflie-hover", tmp_path, 0, extra=["--steps", "512", "--num-envs", "16"],
                      progress=lambda percent, text: seen.append((percent, text)))
    assert set(runs) == {"plain", "randomized"}
    for name, run in runs.items():
        assert run["steps"] >= 512 and (tmp_path / name / "config.yaml").exists()
        assert run["bundle"].endswith(".s2r")
    assert seen[-1][0] == pytest.approx(100.0)


def test_a_failed_training_is_named(tmp_path):
    with pytest.raises(Sim2RealError, match="training plain ended with exit code 2.*steps"):
        train_pair("crazyflie-hover", tmp_path, 0, extra=["--steps", "-5"])
