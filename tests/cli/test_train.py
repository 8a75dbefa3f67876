"""The train command's own words; training is tested in tests/training."""

import pytest

from sim2real.cli.train import parse_options
from sim2real.errors import BadInputError


def test_options_are_yaml_values():
    assert parse_options(["orientation=axis", "episode_seconds=4.5", "x = a=b"]) == {
        "orientation": "axis", "episode_seconds": 4.5, "x": "a=b"}
    assert parse_options([]) == {}


@pytest.mark.parametrize("text", ["orientation", "=axis", "a=[1,"])
def test_bad_options(text):
    with pytest.raises(BadInputError, match="--option"):
        parse_options([text])


@pytest.mark.parametrize(("arguments", "words"), [
    (("ur5e-reach", "--option", "orientation=upside-down"), "option orientation: expected one of free, axis, full"),
    (("ur5e-reach", "--option", "orientaton=axis"), "did you mean orientation"),
    (("crazyflie-hover", "--option", "episode_seconds=never"), "option episode_seconds: expected seconds"),
    ((), "expected a task such as ur5e-reach"),
    (("ur5e-reach", "--resume", "runs/x"), "got both")])
def test_bad_input_is_one_line_and_leaves_nothing(run_cli, tmp_path, arguments, words):
    code, out, err = run_cli("train", *arguments)
    assert code == 2 and out == "" and err.count("\n") == 1 and words in err, err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("arguments", "words"), [
    (("--method", "osi"), "unknown method 'osi'; did you mean up-osi"),
    (("--method", "up-osi", "--identify", "nonsense"), "unknown parameter 'nonsense'"),
    (("--method", "up-osi", "--identify", "joint_damping_scal"), "did you mean joint_damping_scale"),
    (("--method", "up-osi", "--identify", "backlash"), "backlash does not vary in the randomization plan"),
    (("--identify", "payload_mass"), "the method plain identifies nothing; choose up-osi"),
    (("--network", "tcn"), "the method plain identifies nothing"),
    (("--without-effort",), "the method plain identifies nothing"),
    (("--method", "rma", "--network", "lstm"), "unknown network 'lstm'; known: gru, tcn, window")])
def test_bad_methods_are_one_line_and_leave_nothing(run_cli, tmp_path, arguments, words):
    code, out, err = run_cli("train", "ur5e-reach", *arguments)
    assert code == 2 and out == "" and err.count("\n") == 1 and words in err, err
    assert not list(tmp_path.iterdir())


def test_the_oracle_says_why_it_has_no_bundle(run_cli, tmp_path):
    code, out, err = run_cli("train", "crazyflie-hover", "--method", "oracle", "--steps", "64", "--num-envs", "8",
                             "--option", "episode_seconds=2.2", "--out", "run")
    assert code == 0, err
    assert "none: only a simulation knows the true parameters" in out
    code, out, err = run_cli("export", "run")
    assert code == 2 and "train up-osi" in err
