"""``sim2real doctor``: its rows, its exit code, and what it says when something is broken."""

import json
import subprocess
import sys
import time

import pytest

from sim2real import cli, doctor
from sim2real.doctor import Check

ROWS = {"Python", "cores", "memory", "disk", "base", "compiled", "robots", "engine mujoco", "engine pybullet",
        "engine quadrotor", "rendering (EGL)", "torch", "onnxruntime", "ROS 2", "identification"}


@pytest.fixture(scope="module")
def report(root):
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "sim2real", "doctor", "--json"], cwd=root, capture_output=True,
                          text=True, check=False)
    return done.returncode, json.loads(done.stdout), time.monotonic() - begin


def test_every_row_is_there_and_complete(report):
    code, rows, seconds = report
    assert code == 0
    assert {row["name"] for row in rows} == ROWS
    assert all(row["status"] in ("ok", "warn", "missing") and row["detail"] for row in rows)
    assert all(row["remedy"] for row in rows if row["status"] != "ok")
    assert seconds < 90  # 4.5 s on two idle cores; here others may be busy and everything imported for the first time


def test_what_this_environment_has_is_found_working(report):
    """The development environment has every extra, so a row that is not ok is a defect (or a missing package)."""
    _, rows, _ = report
    status = {row["name"]: (row["status"], row["detail"]) for row in rows}
    for name in ("engine mujoco", "engine quadrotor", "torch", "onnxruntime", "robots", "base", "identification"):
        assert status[name][0] == "ok", status[name]
    assert "substeps/s" in status["engine mujoco"][1]


def test_what_identification_lacks_is_named(monkeypatch):
    def version(package):
        if package in ("cma", "sbi"):
            raise doctor.metadata.PackageNotFoundError
        return "1.0"

    monkeypatch.setattr(doctor.metadata, "version", version)
    row = doctor.check_identification()
    assert (row.status, row.detail, row.essential) == ("missing", "not installed: cma, sbi", False)
    assert "sim2real[identify]" in row.remedy


def test_a_table_for_people_ends_with_the_remedies(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "run_checks", lambda progress: [
        Check("Python", "ok", "3.11", essential=True), Check("ROS 2", "missing", "none", "install it")])
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "missing" in out and out.splitlines()[-1] == "ROS 2: install it"


def test_only_something_essential_fails(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "run_checks", lambda progress: [Check("robots", "missing", "none", "reinstall", True)])
    assert cli.main(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["name"] == "robots"


@pytest.mark.parametrize("switch, detail", [("1", "switched off"), ("", "no: control steps")])
def test_what_is_not_compiled_is_told(monkeypatch, switch, detail):
    monkeypatch.setattr("sim2real.compiled.one_robot", None)
    monkeypatch.setenv("SIM2REAL_PURE_PYTHON", switch)
    check = doctor.check_compiled()
    assert check.status == "warn" and detail in check.detail and check.remedy


def test_a_probe_that_crashes_or_hangs_becomes_a_row(tmp_path, monkeypatch):
    (tmp_path / "crashing.py").write_text("import os\nos.abort()\n")
    (tmp_path / "hanging.py").write_text("import time\ntime.sleep(30)\n")
    (tmp_path / "failing.py").write_text("raise SystemExit('no luck')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert doctor.run_probe("crashing") == {"error": "crashed with SIGABRT"}
    assert doctor.run_probe("hanging", timeout=0.5) == {"error": "no answer within 0.5 s"}
    assert "no luck" in doctor.run_probe("failing")["error"]


def test_not_installed_and_installed_but_failing_are_told_apart():
    absent = doctor._row("x", {"error": "ModuleNotFoundError: ...", "module": "torch.nn"}, "torch", "install", "mend")
    failing = doctor._row("x", {"error": "OSError: bad", "module": None}, "torch", "install", "mend")
    assert (absent.detail, absent.remedy) == ("torch is not installed", "install")
    assert (failing.detail, failing.remedy) == ("OSError: bad", "mend")


def test_no_gl_is_a_row_that_names_the_debian_packages():
    answer = doctor.run_probe("sim2real.doctor", "gl", MUJOCO_GL="nonsense")
    row = doctor._row("rendering", answer, "mujoco", "", doctor._APT_GL)
    assert row.status == "missing" and "libegl1" in row.remedy


def test_little_disk_is_a_warning(monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 10**6})())
    assert doctor.check_disk().status == "warn"


def test_ros_selftest_answers_in_one_json_line():
    answer = doctor.run_probe("sim2real.ros.selftest")
    assert "detail" in answer or answer["error"]
