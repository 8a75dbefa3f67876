"""``sim2real loop``: the whole way in small, and bad input before anything starts."""

import json

import pytest

from sim2real.errors import BadInputError
from sim2real.identification.loop.hard_twins import unasked
from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan
from sim2real.robots import load_robot

SPACE = ParameterSpace.for_robot(load_robot("ur5e"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """(folder, exit code, standard output) of a small loop on a MuJoCo twin of given values."""
    import contextlib
    import io

    from sim2real.cli import main

    folder = tmp_path_factory.mktemp("loop")
    twin = folder / "robot7.yaml"
    twin.write_text("payload_mass: 3.0\nactuator_delay: 0.1\n")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(["loop", "ur5e-reach", "--parameters", str(twin), "--engine", "mujoco", "--steps", "4096",
                     "--episodes", "4", "--log-episodes", "1", "--evaluations", "256", "--threads", "1", "--out",
                     str(folder / "out"), "--json"])
    return folder / "out", code, out.getvalue()


def test_it_prints_and_keeps_the_same_summary(finished):
    folder, code, text = finished
    assert code == 0
    summary = json.loads(text)
    assert summary == json.loads((folder / "loop.json").read_text())
    assert [row["policy"] for row in summary["rows"]] == ["before", "round 1", "truth"]
    assert all(0.0 <= row["success_rate"] <= 1.0 and len(row["success_interval"]) == 2 for row in summary["rows"])
    # the budget was spent before it was looked what the parameters do that nobody asked for
    asked = tuple(row["name"] for row in summary["identified"][0])
    assert summary["rows"][1]["evaluations"] <= 256 + 2 * len(unasked(SPACE, asked)) + len(asked)
    truth = {row["name"]: row["truth"] for row in summary["identified"][0]}
    assert truth["payload_mass"] == 3.0 and truth["actuator_delay"] == 0.1 and truth["stiffness_scale"] == 1.0
    assert (folder / "loop.png").read_bytes()[:4] == b"\x89PNG"


def test_what_was_identified_is_a_plan_for_training(finished):
    folder, _, text = finished
    plan = RandomizationPlan.load(folder / "identified-1.yaml", SPACE)
    found = {row["name"]: row for row in json.loads(text)["identified"][0]}
    rest = {name for name in unasked(SPACE, tuple(found)).names if SPACE[name].role != "defect"}
    assert set(plan.ranges(SPACE)) == set(found) | rest and plan.correlations
    assert {"link_mass_scale", "sensor_delay"} <= set(found) and "joint_position_bias.elbow_joint" in rest
    for row in found.values():
        assert row["prior"][0] <= row["low90"] <= row["mean"] <= row["high90"] <= row["prior"][1]
    assert (folder / "round-1" / "policy.s2r").is_file() and (folder / "truth" / "policy.s2r").is_file()


def test_the_tables_say_what_was_measured(finished, capsys):
    from sim2real.cli.loop import show

    show(json.loads(finished[2]), "runs/x")
    text = capsys.readouterr().out
    assert "actuator_delay" in text and "success on the twin" in text and "everything here is simulation" in text
    assert [line.split()[0] for line in text.splitlines()[-4:-1]] == ["before", "round", "truth"]


@pytest.mark.parametrize(("arguments", "words"), [
    (("ur5e-reech",), "reech"), (("ur5e-reach", "--parameters", "nowhere.yaml"), "cannot read the parameter file")])
def test_bad_input_is_one_line_before_anything_starts(run_cli, tmp_path, arguments, words):
    code, out, err = run_cli("loop", *arguments, "--out", str(tmp_path / "out"))
    assert code == 2 and out == "" and err.count("\n") == 1 and words in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("named", "words"), [
    ({"rounds": 0}, "rounds: expected at least 1, got 0"), ({"keep": 2.0}, "keep: expected a share"),
    ({"method": "mcmc"}, "method: expected one of epopt, npe, laplace, got 'mcmc'"),
    ({"start": "nowhere"}, "start: expected none, prior, default or a run folder, got 'nowhere'")])
def test_impossible_configurations_are_refused(tmp_path, named, words):
    from sim2real.identification.loop.rounds import LoopConfig

    with pytest.raises(BadInputError, match=words):
        LoopConfig("ur5e-reach", {}, tmp_path, **named)
