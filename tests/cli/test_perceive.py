import json

import pytest

from sim2real.cli import main
from sim2real.perception import training


@pytest.fixture(autouse=True, scope="module")
def few_images():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_TEST_IMAGES", 64)
        patch.setattr(training, "_TWIN_IMAGES", 64)
        yield


@pytest.fixture(scope="module")
def path(few_images, tmp_path_factory):
    file = tmp_path_factory.mktemp("perceive") / "encoder.s2r"
    assert main(["perceive", "ur5e-locate", "--images", "256", "--epochs", "1", "--width", "32", "-o", str(file)]) == 0
    return file


def test_training_prints_what_it_measured(tmp_path, capsys):
    words = ["perceive", "ur5e-locate", "--images", "256", "--epochs", "1", "--width", "32", "--randomization", "none",
             "--real", "twin:mild", "--method", "coral", "-o", str(tmp_path / "e.s2r"), "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["encoder"] == str(tmp_path / "e.s2r") and found["images"] == 256
    assert found["error_mean_m"] > 0.0 and 0.0 <= found["domain_accuracy"] <= 1.0


def test_evaluate_takes_the_encoder(path, capsys):
    assert main(["evaluate", str(path), "--engine", "pybullet", "--episodes", "20"]) == 0
    out = capsys.readouterr().out
    assert "20 images of the twin full on pybullet" in out and "camera off by 1.0 cm" in out and "cm, median" in out
    assert main(["evaluate", str(path), "--episodes", "20", "--shift", "mild", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["twin"] == "mild"


def test_verify_takes_it_too(path, capsys):
    assert main(["verify", str(path)]) == 0
    assert "block_x, block_y" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "text"), [
    (["perceive", "ur5e-reach"], "expected a task such as ur5e-locate"),
    (["perceive", "ur5e-locate", "--camera", "wrist"], "unknown camera 'wrist'"),
    (["perceive", "ur5e-locate", "--images", "10"], "expected at least 256 images"),
    (["perceive", "ur5e-locate", "--method", "mmd"], "--real"),
    (["perceive", "ur5e-locate", "--real", "no/such/folder"], "no such folder"),
    (["evaluate", "ENCODER", "--shift", "hard"], "unknown twin 'hard'"),
    (["evaluate", "ENCODER", "--engine", "unity"], "unknown engine 'unity'"),
    (["evaluate", "ENCODER", "--episodes", "0"], "expected 1 to 200000 images"),
    (["evaluate", "ENCODER", "--parameters", "x.yaml"], "--shift"),
])
def test_bad_input_is_one_line_and_exit_code_2(path, words, text, capsys):
    assert main([str(path) if word == "ENCODER" else word for word in words]) == 2
    captured = capsys.readouterr()
    assert text in captured.err and captured.err.count("\n") == 1 and not captured.out
