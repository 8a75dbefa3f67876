"""The benchmark of real logs: its rows and goals, what it prints, and what it refuses."""

import json

import numpy as np
import pytest

from benchmarks import real_logs, real_logs_rows
from benchmarks.real_logs import Measured, Row, verdict
from benchmarks.real_logs_pictures import draw
from sim2real.identification.responses.log_fit import Estimate
from sim2real.recordings.recording import Recording

needs_data = pytest.mark.skipif(not real_logs.DATA.is_dir(), reason=f"no recordings in {real_logs.DATA}")


@pytest.mark.parametrize(("error", "words"), [(0.09, "aim"), (0.1, "aim"), (0.15, "must"), (0.21, "missed")])
def test_verdicts(error, words):
    assert verdict(Row("d", "m", "s", error, "of holding", must=0.2, aim=0.1)) == words
    assert verdict(Row("d", "m", "s", error, "of holding")) == ""


def test_absent_recordings_are_said_in_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "so101_logs").mkdir()
    monkeypatch.setattr("sys.argv", ["real_logs", "--data", str(tmp_path)])
    with pytest.raises(SystemExit) as stop:
        real_logs.main()
    assert stop.value.code == 2
    assert "there is no servo_pendulum and no crazyflie_flights; say where" in capsys.readouterr().err


def fake(path):
    """A stage that measured one row."""
    return Measured([Row("so101", "m", "held out", 11.0, "mrad", published=21.0, must=21.0, aim=12.0)],
                    {"so101 Elbow": [Estimate("friction", "rad", None, 0.0, 0.08, False, "only together with x")]})


def run(monkeypatch, tmp_path, *arguments):
    for name in real_logs.FOLDERS.values():
        (tmp_path / name).mkdir(exist_ok=True)
    monkeypatch.setattr(real_logs, "STAGES", {"so101": (fake, 1.0)})
    monkeypatch.setattr("sys.argv", ["real_logs", "--data", str(tmp_path), "--only", "so101", *arguments])
    assert real_logs.main() == 0


def test_json_has_what_programs_read(monkeypatch, tmp_path, capsys):
    run(monkeypatch, tmp_path, "--json")
    found = json.loads(capsys.readouterr().out)
    row, = found["rows"]
    assert {"data", "horizon_s", "model", "error", "published"} <= set(row)
    assert (row["error"], row["published"], row["horizon_s"]) == (11.0, 21.0, None)
    told, = found["estimates"]["so101 Elbow"]
    assert told["value"] is None and not told["identifiable"] and told["why"] == "only together with x"


def test_the_table_says_what_is_reached_and_what_is_not_told(monkeypatch, tmp_path, capsys):
    run(monkeypatch, tmp_path)
    out = capsys.readouterr().out
    assert "whole log" in out and "aim" in out.splitlines()[2] and "no: only together with x" in out


def test_planted_flaws_are_found_and_a_blind_validator_is_noticed(monkeypatch):
    n = 600
    time = np.arange(n) * 0.01
    channels = {**{f"place.{a}": np.sin(time) for a in "xyz"}, **{f"motor.m{k}": np.full(n, 0.6) for k in range(1, 5)},
                "acceleration.z": 9.81 + 0.1 * np.sin(time)}
    assert list(real_logs_rows._planted(Recording("flight", time, channels))) == [True] * 4
    assert not real_logs_rows._unfit(Recording("flight", time, channels))
    monkeypatch.setattr(real_logs_rows, "find_flaws", lambda log: [])
    assert list(real_logs_rows._planted(Recording("flight", time, channels))) == [False] * 4


@needs_data
def test_logs_of_the_three_sets_are_judged_right():
    for row in real_logs_rows.measure_flaws(real_logs.DATA).rows:
        assert row.error == 0.0, row


@needs_data
@pytest.mark.slow
def test_every_figure_that_has_a_goal_reaches_it(tmp_path):
    found = real_logs.measure(real_logs.DATA, list(real_logs.STAGES), quiet=True)
    goals = [row for measured in found.values() for row in measured.rows if row.must is not None]
    assert len(goals) == 15 and not [row for row in goals if verdict(row) == "missed"]
    draw(found, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"so101.png", "servo.png", "crazyflie.png", "real_logs.png"}
