"""Logs that are cut off, damaged, too large, or no logs: what is there is read, and nothing crashes."""

from __future__ import annotations

import ast
import inspect
import pickle

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.recordings import log_reader
from sim2real.recordings.log_reader import LogReader, read_log
from sim2real.ros.log_writer import LogWriter


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A log of 400 rows in 20 chunks."""
    path = tmp_path_factory.mktemp("log") / "whole.mcap"
    with path.open("wb") as file:
        writer = LogWriter(file, {"robot": "ur5e"})
        for k in range(400):
            writer.add("/state" if k % 2 else "/event", 1000 + k, {"k": k, "text": "x" * 50}, k)
            if k % 20 == 19:
                writer.flush()
        writer.finish()
    return path


def numbers(path) -> tuple[list[int], str]:
    log = LogReader(path)
    found = [row["k"] for _, _, row in log]
    assert found == sorted(found) and log.missing == (found[-1] + 1 if found else 0) - len(found)
    return found, log.end


def test_a_whole_log(whole):
    log = LogReader(whole)
    assert log.metadata == {"robot": "ur5e"}
    rows = list(log)
    assert rows[1] == (1001, "/state", {"k": 1, "text": "x" * 50}) and log.time == 1399 and log.end == ""
    assert numbers(whole)[0] == list(range(400))  # and again
    by_topic = read_log(whole)
    assert len(by_topic["/state"]) == 200 and by_topic["/event"][0]["t"] == pytest.approx(1e-6)


def test_cut_off_anywhere_gives_what_came_before(whole, tmp_path):
    data, path = whole.read_bytes(), tmp_path / "cut.mcap"
    lengths = []
    for size in np.random.default_rng(0).integers(200, len(data), 60):
        path.write_bytes(data[:size])
        found, end = numbers(path)
        assert found == list(range(len(found)))
        assert len(found) == 400 or end  # within the index at the end nothing is missing
        lengths.append((size, len(found)))
    lengths.sort()
    assert [count for _, count in lengths] == sorted(count for _, count in lengths)
    assert len({count for _, count in lengths}) > 10


def test_200_mutations_never_crash_and_never_give_an_altered_row(whole, tmp_path, monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("unpickled")
    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "Unpickler", refuse)
    data, path = whole.read_bytes(), tmp_path / "bad.mcap"
    random = np.random.default_rng(1)
    refused = shorter = 0
    for _ in range(200):
        bad = bytearray(data)
        for place in random.integers(0, len(bad), random.integers(1, 4)):
            bad[place] = random.integers(0, 256)
        path.write_bytes(bad)
        try:
            found, end = numbers(path)
        except BadInputError as error:
            refused += 1
            assert "is not a log of sim2real" in str(error) and "\n" not in str(error)
            continue
        # a chunk whose kind was altered is passed over like anything unknown; that its rows are missing is counted
        assert set(found) <= set(range(400))
        assert found == list(range(400)) or end or found[-1] + 1 > len(found)
        shorter += len(found) < 400
    assert shorter > 100 and refused + shorter <= 200


def test_reading_knows_no_pickle_and_no_marshal():
    tree = ast.parse(inspect.getsource(log_reader))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {"pickle", "marshal", "shelve", "dill"} & names and "json" in names


@pytest.mark.parametrize("content", [b"", b"\x89MCAP0\r\n", b"not a log", pickle.dumps({"a": 1}), bytes(100_000)])
def test_no_log(tmp_path, content):
    (tmp_path / "a.mcap").write_bytes(content)
    with pytest.raises(BadInputError, match=r"a\.mcap is not a log of sim2real; expected an MCAP file"):
        LogReader(tmp_path / "a.mcap")


def test_no_such_file_and_too_large_a_one(tmp_path, whole):
    with pytest.raises(BadInputError, match=r"cannot read the log .*none\.mcap: No such file"):
        LogReader(tmp_path / "none.mcap")
    with pytest.raises(BadInputError, match="cannot read the log .*: Is a directory"):
        LogReader(tmp_path)
    with pytest.raises(BadInputError, match=r"has \d+ bytes, at most 1000 are read"):
        LogReader(whole, max_bytes=1000)


def test_a_sparse_giant_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "a.mcap").open("wb") as file:
        file.truncate(log_reader.MAX_LOG_BYTES + 1)
    with pytest.raises(BadInputError, match="at most"):
        LogReader(tmp_path / "a.mcap")


@pytest.mark.parametrize("data", [b"[1]", b"{", b"[" * 100_000, b"\xff\xfe", b"1" * 6000, pickle.dumps({"a": 1})])
def test_rows_that_are_no_objects_end_the_log(tmp_path, data):
    with (tmp_path / "a.mcap").open("wb") as file:
        writer = LogWriter(file, {})
        writer.add("/event", 1, {"k": 0})
        writer._writer.add_message(1, 2, data, 2)
        writer.finish()
    found, end = numbers(tmp_path / "a.mcap")
    assert found == [0] and "damaged" in end


def test_compressed_chunks_are_not_unpacked(tmp_path):
    from mcap.writer import CompressionType, Writer

    with (tmp_path / "a.mcap").open("wb") as file:
        writer = Writer(file, compression=CompressionType.ZSTD)
        writer.start()
        writer.add_metadata("sim2real", {})
        channel = writer.register_channel("/event", "json", 0)
        writer.add_message(channel, 1, b'{"k": "' + b"x" * 10_000_000 + b'"}', 1)
        writer.finish()
    found, end = numbers(tmp_path / "a.mcap")
    assert found == [] and end == "it is damaged (its chunks are compressed by zstd, expected plain ones)"


def test_lengths_that_lie_cost_no_memory(whole, tmp_path):
    """Four bytes may claim four gigabytes of text."""
    import tracemalloc

    path, data = tmp_path / "lies.mcap", bytearray(whole.read_bytes())
    for at in (17, 8 + 9 + 4 + 4):  # the profile's and the library's length in the header record
        lying = data.copy()
        lying[at:at + 4] = b"\xff\xff\xff\x7f"
        path.write_bytes(lying)
        tracemalloc.start()
        try:
            with pytest.raises(BadInputError, match="is not a log of sim2real"):
                LogReader(path)
            assert tracemalloc.get_traced_memory()[1] < 16 << 20
        finally:
            tracemalloc.stop()
