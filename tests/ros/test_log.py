"""The flight recorder: everything comes back, a full disk harms nobody, a killed process leaves a readable file."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from sim2real.errors import StorageError
from sim2real.ros.log import Recorder, read_log


def test_rows_come_back_in_order(tmp_path):
    log = Recorder(tmp_path / "a.mcap", {"robot": "ur5e"})
    for k in range(500):
        log.put("/command", {"command": np.array([k, 0.5])})
    log.put("/decision", {"mode": "ACTIVE", "cause": "", "clipped": np.bool_(False), "error": float("nan")})
    log.close()
    rows = read_log(tmp_path / "a.mcap")
    assert [row["command"] for row in rows["/command"]] == [[float(k), 0.5] for k in range(500)]
    assert rows["/decision"][0]["error"] is None and rows["/decision"][0]["clipped"] is False
    assert log.dropped == 0 and not log.failure
    times = [row["t"] for row in rows["/command"]]
    assert times == sorted(times) and abs(times[-1] - time.time()) < 10.0


def test_foxglove_finds_schemas(tmp_path):
    from mcap.reader import make_reader

    log = Recorder(tmp_path / "a.mcap", {"robot": "ur5e"})
    log.put("/goal", {"goal": [1.0, 2.0, 3.0]})
    log.close()
    with open(tmp_path / "a.mcap", "rb") as file:
        reader = make_reader(file)
        assert {s.encoding for s in reader.get_summary().schemas.values()} == {"jsonschema"}
        assert [m.metadata for m in reader.iter_metadata()] == [{"robot": "ur5e"}]


def test_putting_never_waits_and_counts_what_it_drops(tmp_path, monkeypatch):
    log = Recorder(tmp_path / "a.mcap", {}, capacity=10)
    blocked = log._survives
    monkeypatch.setattr(log, "_survives", lambda work: time.sleep(0.05) or blocked(work))  # a slow disk
    begin = time.monotonic()
    for _ in range(1000):
        log.put("/event", {"text": "x" * 100})
    assert time.monotonic() - begin < 0.5
    assert log.dropped >= 900
    log.close()
    assert len(read_log(tmp_path / "a.mcap")["/event"]) == 1000 - log.dropped


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_costs_rows_and_nothing_else():
    log = Recorder("/dev/full", {})
    for _ in range(300):
        log.put("/event", {"text": "x" * 1000})
    log.close()
    assert "No space left" in log.failure and "/dev/full" in log.failure
    assert log.dropped > 0


def test_no_place_for_the_log_is_one_line(tmp_path):
    with pytest.raises(StorageError, match="cannot write the log .*; give another --log"):
        Recorder(tmp_path / "missing" / "a.mcap", {})


def test_readable_after_sigkill(tmp_path):
    script = ("import sys, time\nfrom sim2real.ros.log import Recorder\n"
              "log = Recorder(sys.argv[1], {})\n"
              "for k in range(300):\n    log.put('/event', {'text': str(k)}); time.sleep(0.005)\n"
              "print('written', flush=True); time.sleep(60)\n")
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "a.mcap")], stdout=subprocess.PIPE,
                               text=True)
    assert process.stdout.readline() == "written\n"
    time.sleep(0.1)
    process.kill()
    process.wait()
    rows = read_log(tmp_path / "a.mcap")["/event"]
    assert len(rows) >= 0.6 * 300  # half a second at most is still in memory
    assert [row["text"] for row in rows] == [str(k) for k in range(len(rows))]
