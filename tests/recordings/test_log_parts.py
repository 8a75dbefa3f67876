"""Parts of a log: found by name and number, never mixed with another run's, never overwritten by their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim2real.errors import BadInputError
from sim2real.recordings.log_parts import Parts, part_path, parts_of, read_metadata
from sim2real.recordings.log_reader import LogReader
from sim2real.ros.log_writer import LogWriter


def write(path, name, part, rows, finished=True):
    with path.open("wb") as file:
        writer = LogWriter(file, {"log": name, "part": str(part)})
        for k in rows:
            writer.add("/event", k, {"k": k}, k)
        writer.flush()
        if finished:
            writer.finish()


def test_names(tmp_path):
    names = [part_path(tmp_path / "run.mcap", k).name for k in (0, 1, 12, 1234)]
    assert names == ["run.mcap", "run.001.mcap", "run.012.mcap", "run.1234.mcap"]
    assert part_path(tmp_path / "no_suffix", 2).name == "no_suffix.002"


def test_parts_are_read_in_the_order_of_their_numbers(tmp_path):
    for part in (0, 1, 2, 10, 1000):
        write(part_path(tmp_path / "run.mcap", part), "mine", part, range(part, part + 1))
    log = LogReader(tmp_path / "run.mcap")
    assert [row["k"] for _, _, row in log] == [0, 1, 2, 10, 1000]
    assert log.missing == 1001 - 5 and log.end == ""


def test_files_of_other_runs_and_other_things_beside_it_are_left_alone(tmp_path):
    path = tmp_path / "run.mcap"
    write(path, "mine", 0, range(3))
    write(tmp_path / "run.001.mcap", "older", 1, range(10))
    write(tmp_path / "run.002.mcap", "mine", 2, range(3, 5))
    write(tmp_path / "runs.003.mcap", "mine", 3, range(10))
    (tmp_path / "run.004.mcap").write_bytes(b"no log")
    (tmp_path / "run.0x5.mcap").write_bytes(b"")
    log = LogReader(path)
    assert [part.name for part in log.parts] == ["run.mcap", "run.002.mcap"]
    assert [row["k"] for _, _, row in log] == list(range(5))


def test_a_part_that_was_cut_off_is_followed_by_the_next_one(tmp_path):
    write(tmp_path / "run.mcap", "mine", 0, range(5), finished=False)
    write(tmp_path / "run.001.mcap", "mine", 1, range(8, 10))
    log = LogReader(tmp_path / "run.mcap")
    assert [row["k"] for _, _, row in log] == [0, 1, 2, 3, 4, 8, 9]
    assert log.missing == 3 and log.end == ""
    write(tmp_path / "run.001.mcap", "mine", 1, range(8, 10), finished=False)
    list(log)
    assert "cut off" in log.end  # of the last one it is told


def test_logs_without_a_name_have_one_part(tmp_path):
    for name in ("run.mcap", "run.001.mcap"):
        with (tmp_path / name).open("wb") as file:
            LogWriter(file, {}).finish()
    assert parts_of(tmp_path / "run.mcap", {}) == [tmp_path / "run.mcap"]
    assert read_metadata(tmp_path / "run.mcap") == {}
    (tmp_path / "none.mcap").write_bytes(b"\x89MCAP")
    assert read_metadata(tmp_path / "none.mcap") is None


def test_opening_passes_over_its_own_and_replaces_what_is_of_others(tmp_path):
    path = tmp_path / "run.mcap"
    write(path, "mine", 0, range(3))
    write(tmp_path / "run.001.mcap", "older", 1, range(3))
    write(tmp_path / "run.002.mcap", "mine", 2, range(3))
    parts = Parts(path, "mine")
    parts.open().close()
    assert parts.number == 1 and (tmp_path / "run.001.mcap").stat().st_size == 0
    parts.open().close()
    assert parts.number == 3
    parts.discard()
    assert not (tmp_path / "run.003.mcap").exists()
    parts.open().close()
    assert parts.number == 3
    assert LogReader(path).parts == [path, tmp_path / "run.002.mcap"]


def test_a_device_is_a_single_part():
    parts = Parts(Path("/dev/null"), "mine")
    assert not parts.several
    for _ in range(2):
        parts.open().close()
        assert parts.number == 0


def test_a_part_that_is_too_large_is_refused_too(tmp_path):
    write(tmp_path / "run.mcap", "mine", 0, range(1))
    write(tmp_path / "run.001.mcap", "mine", 1, range(1000))
    with pytest.raises(BadInputError, match=r"run\.001\.mcap has \d+ bytes, at most 5000 are read"):
        LogReader(tmp_path / "run.mcap", max_bytes=5000)
