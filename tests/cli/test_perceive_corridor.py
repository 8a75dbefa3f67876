"""``sim2real perceive crazyflie-corridor``."""

import json

import pytest

from sim2real.cli import main
from sim2real.perception import corridor_training


def test_training_prints_what_it_measured_and_verify_takes_the_encoder(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(corridor_training, "_TEST_IMAGES", 64)
    file = tmp_path / "corridor.s2r"
    assert main(["perceive", "crazyflie-corridor", "--images", "256", "--epochs", "1", "-o", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["encoder"] == str(file) and found["test_images"] == 64 and 0.0 < found["auc"] <= 1.0
    assert main(["verify", str(file)]) == 0
    assert "free_+56, free_+48" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "text"), [
    (["--real", "photos"], "--real is of the task locate"),
    (["--camera", "front"], "--camera is of the task locate"),
    (["--images", "10"], "expected 256 to 200000 images"),
    (["--randomization", "all"], "--randomization: unknown choice 'all'"),
])
def test_bad_input_is_one_line_and_exit_code_2(words, text, capsys):
    assert main(["perceive", "crazyflie-corridor", *words]) == 2
    captured = capsys.readouterr()
    assert text in captured.err and captured.err.count("\n") == 1 and not captured.out
