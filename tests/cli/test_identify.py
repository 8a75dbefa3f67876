"""``sim2real identify``: table, JSON, plan and report from a log; bad input is one line and exit code 2."""

import json

import numpy as np
import pytest

from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan
from sim2real.robots import load_robot
from tests.identification.twins import record_arm

UR5E = load_robot("ur5e")
ASKED = ("--robot", "ur5e", "--parameters", "payload_mass,actuator_delay,stiffness_scale", "--horizon", "1",
         "--threads", "1")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """A CSV of an arm with 2 kg at its tool, as ``sim2real excite`` names its columns."""
    recording = record_arm(UR5E, {"payload_mass": 2.0, "actuator_delay": 0.018}, engine="pybullet")
    path = tmp_path_factory.mktemp("log") / "run.csv"
    np.savetxt(path, np.column_stack([recording.time, *recording.channels.values()]), delimiter=",", comments="",
               header=",".join(("time", *recording.channels)), fmt="%.9g")
    return path


def test_json_plan_and_report(run_cli, log, tmp_path):
    code, out, err = run_cli("identify", log, *ASKED, "--json", "-o", "identified.yaml", "--report", "report.html")
    assert code == 0 and not err, err
    found = json.loads(out)
    payload = found["parameters"]["payload_mass"]
    assert set(found["parameters"]) == {"payload_mass", "actuator_delay", "stiffness_scale"}
    assert payload["value"] == pytest.approx(2.0, rel=0.02) and payload["identifiable"] is True
    assert payload["low"] < payload["value"] < payload["high"]
    assert found["error_after"] < 0.1 * found["error_before"] and found["seconds"] > 0.0
    plan = RandomizationPlan.load(tmp_path / "identified.yaml", ParameterSpace.for_robot(UR5E))
    assert plan.ranges(ParameterSpace.for_robot(UR5E))["payload_mass"]["distribution"] == "normal"
    report = (tmp_path / "report.html").read_text()
    assert report.count("data:image/png;base64,") == 4 and "payload_mass" in report
    assert "http" not in report and "src='/" not in report  # one file, no network


def test_a_table_for_people(run_cli, log):
    code, out, err = run_cli("identify", log, *ASKED)
    assert code == 0 and "payload_mass" in out and "95 % interval" in out and "before [mrad]" in out
    assert "all that was held out" in out and "gauss-newton" in out


def test_bad_input_is_one_line_and_exit_2(run_cli, log, tmp_path):
    values = np.genfromtxt(log, delimiter=",", names=True, deletechars="")
    names = list(values.dtype.names)
    np.savez(tmp_path / "short.npz", **{name: values[name][:200] for name in names})
    np.savez(tmp_path / "no_command.npz", **{name: values[name] for name in names if name != "command.elbow_joint"})
    np.savez(tmp_path / "degrees.npz", **{name: values[name] * (1.0 if name == "time" else 57.2958)
                                          for name in names})
    np.savez(tmp_path / "still.npz", **{name: values[name] if name == "time" else np.full(len(values), 0.1)
                                        for name in names})
    for arguments, words in (
            (("nowhere.csv", *ASKED), "there is no such log"), (("short.npz", *ASKED), "0.80 s can be used"),
            (("no_command.npz", *ASKED), "expected channels command.elbow_joint"),
            (("degrees.npz", *ASKED), "it looks like degrees"), (("still.npz", *ASKED), "the robot did not move"),
            ((log, "--robot", "ur5e", "--parameters", "payload"), "did you mean payload_mass"),
            ((log, *ASKED, "--held-out", "2"), "expected a held-out share"),
            ((log, *ASKED, "--engine", "quadrotor"), "simulates drones"),
            ((log, "--robot", "ur6"), "unknown robot")):
        code, out, err = run_cli("identify", *arguments)
        assert code == 2 and words in err and err.count("\n") == 1 and not out, (arguments, err)


def posterior_of(run_cli, log, tmp_path, *arguments):
    """The rows that are printed, and the plan that is written."""
    code, out, err = run_cli("identify", log, *ASKED, "--posterior", "epopt", "--json", "-o", "identified.yaml",
                             *arguments)
    assert code == 0 and not err, err
    plan = RandomizationPlan.load(tmp_path / "identified.yaml", ParameterSpace.for_robot(UR5E))
    assert plan.ranges(ParameterSpace.for_robot(UR5E))["payload_mass"]["distribution"] == "quantiles"
    return {row["name"]: row for row in json.loads(out)["posterior"]}, plan


def test_a_posterior_makes_the_plan(run_cli, log, tmp_path):
    rows, _ = posterior_of(run_cli, log, tmp_path, "--evaluations", "160")
    assert rows["payload_mass"]["low90"] < rows["payload_mass"]["mean"] < rows["payload_mass"]["high90"]
    assert run_cli("identify", log, *ASKED, "--posterior", "epopt", "--evaluations", "0")[0] == 2


@pytest.mark.slow
def test_a_posterior_holds_the_twins_payload(run_cli, log, tmp_path):
    rows, plan = posterior_of(run_cli, log, tmp_path)
    payload = rows["payload_mass"]
    assert payload["low90"] < 2.0 < payload["high90"] and payload["shrinkage"] < 0.2, payload
    assert ("actuator_delay", "payload_mass") in plan.correlations
