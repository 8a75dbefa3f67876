"""``sim2real replay``: exit codes, words and the file it writes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sim2real.cli import main
from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.replay import Transcript
from sim2real.recordings.log_reader import LogReader
from sim2real.ros.drive import Drive
from sim2real.ros.log import Recorder
from sim2real.types import RobotState
from tests.deployment.tiny_policy import build, tiny_onnx


@pytest.fixture(scope="module")
def bundle_path(tmp_path_factory):
    return build(tmp_path_factory.mktemp("replay") / "policy.s2r")


@pytest.fixture(scope="module")
def record(bundle_path):
    """Writes a log of 30 steps, with what ``alter`` makes of its rows."""
    bundle = load_bundle(bundle_path)

    def write(path, alter=lambda topic, row: row, sha256=bundle.sha256):
        log, drive, transcript = Recorder(path, {"bundle": sha256}), Drive(bundle, 50.0), Transcript()

        def put(rows):
            for topic, row in rows:
                if (row := alter(topic, row)) is not None:
                    log.put(topic, row)
        state = RobotState.zeros(1, 6)
        state.joint_position[0] = bundle.robot.home
        goal = np.array([0.4, 0.1, 0.3])
        put(transcript.made(50.0))
        drive.start(state, goal, 0.0)
        put(transcript.started(state, goal, 0.0))
        for k in range(30):
            now = 0.04 * k
            state = state.copy()
            state.time[0] = now
            put(transcript.stepped(state, now, drive.step(state, now)))
            for _ in range(drive.stream.ticks):
                command = drive.tick()
                put(transcript.ticked(command))
            state.joint_position[0] = command
        log.close()
        return path
    return write


def test_equal(record, bundle_path, tmp_path, capsys):
    path = record(tmp_path / "run.mcap")
    assert main(["replay", str(path), "--bundle", str(bundle_path)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].split() == ["30", "60", "90", "0", "0"] and err == ""


def test_json_and_side_by_side(record, bundle_path, tmp_path, capsys):
    path, out_path = record(tmp_path / "run.mcap"), tmp_path / "both.mcap"
    assert main(["replay", str(path), "--bundle", str(bundle_path), "--json", "--write", str(out_path)]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data == {"log": str(path), "bundle": str(bundle_path), "sha256": load_bundle(bundle_path).sha256,
                    "steps": 30, "commands": 60, "equal": 90, "different": 0, "skipped": 0, "largest": 0.0,
                    "first": None, "missing_rows": 0, "complete": True}
    log = LogReader(out_path)
    rows = list(log)
    assert log.end == "" and log.metadata == {"replay_of": str(path), "bundle": data["sha256"]}
    assert [topic for _, topic, _ in rows].count("/command") == 60 and len(rows) == 90
    assert all(row["equal"] and row["recorded"] == row["replayed"] for _, _, row in rows)
    recorded = [stamp for stamp, topic, row in LogReader(path) if topic == "/command"]
    assert [stamp for stamp, topic, _ in rows if topic == "/command"] == recorded


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_difference_is_exit_code_1_and_named(record, bundle_path, tmp_path, capsys, options):
    def alter(topic, row):
        if topic == "/command" and row["n"] == 34:  # 1.5 times a call for each 0.04 s, after the first two
            return {**row, "command": np.nextafter(row["command"], 9.0 * (np.arange(6) == 2))}
        return row
    path = record(tmp_path / "run.mcap", alter)
    assert main(["replay", str(path), "--bundle", str(bundle_path), *options]) == 1
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and "first difference 0.400 s after the first step (call 34), command of " in err
    if options:
        data = json.loads(out)
        assert (data["different"], data["equal"]) == (1, 89)
        assert data["first"]["n"] == 34 and data["first"]["what"] == "command"
        assert data["first"]["name"] == load_bundle(bundle_path).manifest.joints[data["first"]["channel"]]
        assert data["first"]["recorded"] != data["first"]["replayed"]
        assert f"{data['first']['recorded']!r}" in err


def test_a_cut_off_log_is_replayed_up_to_there(record, bundle_path, tmp_path, capsys):
    path = record(tmp_path / "run.mcap", lambda topic, row: {**row, "padding": "x" * 3000} if topic == "/decision"
                  else row)
    data = path.read_bytes()
    path.write_bytes(data[:len(data) * 2 // 3])
    assert main(["replay", str(path), "--bundle", str(bundle_path), "--json"]) == 0
    out, err = capsys.readouterr()
    row = json.loads(out)
    assert 0 < row["steps"] < 30 and not row["complete"] and row["different"] == 0
    assert "the log ends early, it is cut off or damaged" in err


def test_missing_rows_are_told(record, bundle_path, tmp_path, capsys):
    path = record(tmp_path / "run.mcap", lambda topic, row: None if topic == "/command" and row["n"] == 33 else row)
    assert main(["replay", str(path), "--bundle", str(bundle_path)]) == 0
    out, err = capsys.readouterr()
    steps, commands, equal, different, skipped = map(int, out.splitlines()[-1].split())
    assert (steps + commands + skipped, different) == (89, 0) and skipped > 50
    assert "rows before them are missing" in err


def fails(capsys, *arguments) -> str:
    assert main(["replay", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    return err


def test_bad_input_is_exit_code_2_and_one_line(record, bundle_path, tmp_path, capsys):
    path = record(tmp_path / "run.mcap")
    other = build(tmp_path / "other.s2r", onnx=tiny_onnx(load_bundle(bundle_path).policy.observation_size, 6, seed=1))
    err = fails(capsys, path, "--bundle", other)
    assert load_bundle(bundle_path).sha256[:12] in err and load_bundle(other).sha256[:12] in err
    assert "give the file that was deployed" in err
    assert "cannot read the log none.mcap: No such file" in fails(capsys, "none.mcap", "--bundle", bundle_path)
    assert "cannot read none.s2r" in fails(capsys, path, "--bundle", "none.s2r")
    assert "is not a log of sim2real" in fails(capsys, bundle_path, "--bundle", bundle_path)
    assert "run.mcap is the log itself" in fails(capsys, path, "--bundle", bundle_path, "--write", path)
    assert main(["replay", str(path), "--bundle", str(bundle_path)]) == 0  # and the log is as it was
    capsys.readouterr()


def test_a_log_without_steps(record, bundle_path, tmp_path, capsys):
    path = record(tmp_path / "run.mcap", lambda topic, row: None)
    assert "holds no step that could be replayed; record one" in fails(
        capsys, path, "--bundle", bundle_path, "--write", tmp_path / "out.mcap")
    assert not list(tmp_path.glob("*out*"))  # nothing half-written


def test_a_log_that_does_not_say_its_bundle(record, bundle_path, tmp_path, capsys):
    path = record(tmp_path / "run.mcap", sha256="")
    assert "was recorded with bundle (not said)" in fails(capsys, path, "--bundle", bundle_path)
