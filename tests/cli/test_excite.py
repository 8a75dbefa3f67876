"""``sim2real excite``: files, tables, JSON, exit code 1 for a motion outside its limits, 2 for bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sim2real.deployment.bundle import load_bundle
from sim2real.identification.excitation.files import read_csv, write_csv
from sim2real.robots import load_robot

ROBOT = load_robot("ur5e")
QUICK = ("--duration", "3", "--periods", "1", "--harmonics", "2", "--parameters", "payload_mass", "stiffness_scale")


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """Everything that the verb writes, and its JSON."""
    from sim2real.cli import main

    folder = tmp_path_factory.mktemp("excite")
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(["excite", "ur5e", *QUICK, "-o", str(folder / "e.csv"), "--bundle", str(folder / "e.s2r"), "--plot",
                     str(folder / "e.png"), "--json"])
    assert code == 0
    return folder, json.loads(out.getvalue())


def test_files_and_figures(planned):
    folder, row = planned
    time, command = read_csv(folder / "e.csv", ROBOT)
    assert row["robot"] == "ur5e" and row["rate_hz"] == pytest.approx(500.0) and row["period_s"] == pytest.approx(3.0)
    assert row["duration_s"] == pytest.approx(time[-1]) and row["periods"] == 1 and row["seconds"] > 0.0
    assert np.abs(command[[0, -1]] - ROBOT.home).max() < 1e-8
    bundle = load_bundle(folder / "e.s2r", "ur5e")
    assert bundle.task.name == "excite" and bundle.task.series.period == pytest.approx(3.0)
    assert (folder / "e.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert [p["name"] for p in row["parameters"]] == ["payload_mass", "stiffness_scale"]
    assert all(0.0 < p["interval95"] < p["prior95"] for p in row["parameters"])
    assert set(row["compared"]) == {"random", "chirp"} and row["log_det"] > 0.0 and row["condition"] > 1.0
    assert not [m for m in row["margins"] if m["left"] < -1e-3]
    assert {m["quantity"] for m in row["margins"]} >= {"position", "jerk", "effort", "workspace", "clearance"}
    assert set(row["files"]) == {"csv", "bundle", "plot"}


def test_its_own_csv_passes_the_check(planned, run_cli):
    folder, row = planned
    code, out, err = run_cli("excite", "ur5e", "--check", folder / "e.csv", "--parameters", "payload_mass",
                             "stiffness_scale", "--json")
    checked = json.loads(out)
    assert code == 0, err
    assert checked["inside"] and checked["violation"] is None
    assert checked["log_det"] == pytest.approx(row["log_det"], rel=1e-6)


def test_a_table_for_people(planned, run_cli):
    folder, _ = planned
    code, out, err = run_cli("excite", "ur5e", "--check", folder / "e.csv")
    assert code == 0 and "what it tells:" in out and "told least:" in out and "payload_offset_z" in out
    assert "wrist_3_joint" in out and "clearance of" in out and "workspace of the tool along x" in out


def test_a_violation_is_named(planned, run_cli, tmp_path):
    folder, _ = planned
    time, command = read_csv(folder / "e.csv", ROBOT)
    command[700:, 2] += 0.5
    write_csv(tmp_path / "bad.csv", ROBOT, time, command)
    code, out, err = run_cli("excite", "ur5e", "--check", "bad.csv", "--json")
    assert code == 1 and err.count("\n") == 1
    assert "bad.csv: velocity of elbow_joint is " in err and "at 1.400 s; the limit is 3.142 rad/s" in err
    assert json.loads(out)["inside"] is False and "parameters" not in json.loads(out)


def test_a_box_is_checked(planned, run_cli):
    folder, _ = planned
    code, out, err = run_cli("excite", "ur5e", "--check", folder / "e.csv", "--box=0.48,0.50,0.12,0.15,0.47,0.5")
    assert code == 1 and "workspace of the tool along" in err


@pytest.mark.parametrize(("arguments", "words"), [
    (("crazyflie",), "an excitation of drones is not built"),
    (("ur55",), "unknown robot 'ur55'"),
    (("ur5e", "--duration", "0"), "duration: expected"),
    (("ur5e", "--parameters", "stifness_scale"), "did you mean stiffness_scale"),
    (("ur5e", "--parameters", "joint_position_noise"), "a motion cannot tell it"),
    (("ur5e", "--box", "1,2,3"), "expected six numbers"),
    (("ur5e", "--box", "0.6,0.8,-0.5,0.5,0,0.8"), "cannot begin at home"),
    (("ur5e", "--periods", "2", "--base-frequency", "0.1"), "not both"),
    (("ur5e", "--check", "a.csv", "-o", "b.csv"), "judges a motion and writes none"),
    (("ur5e", "--check", "nowhere.csv"), "cannot be read"),
    (("ur5e", "--seed", "-1"), "--seed of zero or more"),
    (("ur5e", "--payload", "1e9"), "payload: expected 0 to"),
    (("ur5e", "--harmonics", "1"), "harmonics: expected 2"),
])
def test_bad_input_is_one_line_and_exit_2(arguments, words, capsys):
    from sim2real.cli import main

    assert main(["excite", *arguments]) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.count("\n") == 1 and not said.out
