"""The flight recorder: everything comes back, no disk and no signal harms the loop, and a dead loop's rows are kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from sim2real.errors import BadInputError, StorageError
from sim2real.recordings.log_reader import LogReader
from sim2real.ros import log as log_module
from sim2real.ros.log import Recorder, read_log

# Puts rows at 400 Hz until it is killed; tells its recorder's process, and in a file how many rows it has put.
_LOOP = """
import mmap, os, struct, sys, time
import numpy as np
from sim2real.ros.log import Recorder
log = Recorder(sys.argv[1], {"robot": "ur5e"})
with open(sys.argv[2], "r+b") as file:
    count = mmap.mmap(file.fileno(), 8)
print(log.pid, flush=True)
{extra}
k = 0
while True:
    log.put("/state", {"n": k, "joint_position": np.full(6, k / 7.0)})
    k += 1
    count[:] = struct.pack("@Q", k)
    time.sleep(0.0025)
"""


class Loop:
    """A process that records, to be killed."""

    def __init__(self, folder, root, extra=""):
        self.path, self._count = folder / "a.mcap", folder / "count"
        self._count.write_bytes(bytes(8))
        self.process = subprocess.Popen([sys.executable, "-c", _LOOP.replace("{extra}", extra), self.path, self._count],
                                        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(root)})
        self.recorder = int(self.process.stdout.readline())

    @property
    def count(self) -> int:
        return int.from_bytes(self._count.read_bytes(), sys.byteorder)

    def wait_for(self, rows: int) -> None:
        end = time.monotonic() + 60.0
        while self.count < rows:
            assert time.monotonic() < end and self.process.poll() is None
            time.sleep(0.001)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        wait_until(lambda: not alive(self.recorder))


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


@pytest.fixture
def loop(tmp_path, root):
    started = []

    def start(extra=""):
        started.append(Loop(tmp_path, root, extra))
        return started[-1]
    yield start
    for each in started:
        each.close()


def test_rows_come_back_in_order(tmp_path):
    log = Recorder(tmp_path / "a.mcap", {"robot": "ur5e"})
    for k in range(500):
        log.put("/command", {"command": np.array([k, 0.5])})
    log.put("/decision", {"mode": "ACTIVE", "cause": "", "clipped": np.bool_(False), "error": float("nan")})
    log.put("/other", {"image": np.arange(6).reshape(2, 3), "words": np.array(["a", np.float64(1.5)], object),
                       "deep": {"x": (np.float32(0.5), None)}, "path": tmp_path})
    log.close()
    rows = read_log(tmp_path / "a.mcap")
    assert [row["command"] for row in rows["/command"]] == [[float(k), 0.5] for k in range(500)]
    assert rows["/decision"][0]["error"] is None and rows["/decision"][0]["clipped"] is False
    assert rows["/event"] == []
    other = rows["/other"][0]
    other.pop("t")
    assert other == {"image": [0, 1, 2, 3, 4, 5], "words": ["a", 1.5], "deep": {"x": [0.5, None]},
                     "path": str(tmp_path)}
    assert log.dropped == 0 and not log.failure
    times = [row["t"] for row in rows["/command"]]
    assert times == sorted(times) and abs(times[-1] - time.time()) < 10.0


def test_a_row_may_have_a_time_of_its_own(tmp_path):
    log = Recorder(tmp_path / "a.mcap", {})
    log.put("/measured", {"k": 0}, 1_500_000_000)
    log.put("/measured", {"k": 1})
    log.close()
    first, second = read_log(tmp_path / "a.mcap")["/measured"]
    assert first == {"t": 1.5, "k": 0} and abs(second["t"] - time.time()) < 10.0


def test_foxglove_finds_schemas_and_an_index(tmp_path):
    from mcap.reader import make_reader

    log = Recorder(tmp_path / "a.mcap", {"robot": "ur5e"})
    log.put("/goal", {"goal": [1.0, 2.0, 3.0]})
    log.close()
    with open(tmp_path / "a.mcap", "rb") as file:
        reader = make_reader(file)
        summary = reader.get_summary()
        assert {s.encoding for s in summary.schemas.values()} == {"jsonschema"}
        assert [c.message_encoding for c in summary.channels.values()] == ["json"]
        (words,) = [m.metadata for m in reader.iter_metadata()]
        assert words.pop("log") and words == {"robot": "ur5e", "part": "0"}
        assert len(list(reader.iter_messages())) == 1  # by the index


def test_what_follows_the_end_is_counted(tmp_path):
    log = Recorder(tmp_path / "a.mcap", {})
    log.put("/event", {"text": "a"})
    log.close()
    log.close()
    log.put("/event", {"text": "b"})
    assert log.dropped == 1 and not log.failure
    assert [row["text"] for row in read_log(tmp_path / "a.mcap")["/event"]] == ["a"]


def test_a_stuck_recorder_costs_rows_and_never_the_loops_time(tmp_path):
    log = Recorder(tmp_path / "a.mcap", {}, capacity=10)
    log.put("/event", {"text": "first"})
    wait_until(lambda: len(read_log_so_far(tmp_path / "a.mcap")) == 1)
    os.kill(log.pid, signal.SIGSTOP)  # as if its disk did not answer
    begin = time.monotonic()
    for k in range(20_000):
        log.put("/event", {"text": f"{k:05d}" + "x" * 100})
    assert time.monotonic() - begin < 2.0
    assert 5000 < log.dropped < 19_000  # 1 MiB is in the pipe
    os.kill(log.pid, signal.SIGCONT)
    log.close()
    assert not log.failure
    texts = [row["text"][:5] for row in read_log(tmp_path / "a.mcap")["/event"]]
    assert len(texts) == 20_001 - log.dropped
    assert texts[1:] == sorted(texts[1:])


def test_rows_larger_than_the_pipe(tmp_path):
    log = Recorder(tmp_path / "a.mcap", {})
    log.put("/event", {"text": "y" * 3_000_000})
    log.put("/event", {"text": "too soon"})  # the one before is still on its way
    log.close()
    sizes = [len(row["text"]) for row in read_log(tmp_path / "a.mcap")["/event"]]
    assert sizes[0] == 3_000_000 and len(sizes) == 2 - log.dropped


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_costs_rows_and_nothing_else():
    log = Recorder("/dev/full", {})
    for _ in range(300):
        log.put("/event", {"text": "x" * 1000})
    log.close()
    assert "No space left" in log.failure and "/dev/full" in log.failure
    assert log.dropped == 300


def test_a_disk_that_fills_up_on_the_way(tmp_path, root):
    script = ("import resource, sys, time\nfrom sim2real.ros.log import Recorder\n"
              "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
              "log = Recorder(sys.argv[1], {})\n"
              "for k in range(1000):\n    log.put('/event', {'text': f'{k:05d}' + 'x' * 995}); time.sleep(0.0005)\n"
              "log.close()\nprint(log.dropped, log.failure)\n")
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.mcap")], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(root)}, timeout=60)
    assert done.returncode == 0, done.stderr
    dropped, failure = done.stdout.split(" ", 1)
    assert "File too large" in failure and str(tmp_path) in failure
    texts = [int(row["text"][:5]) for row in read_log(tmp_path / "a.mcap")["/event"]]
    assert texts == list(range(len(texts))) and len(texts) > 150  # readable up to there
    assert len(texts) >= 1000 - int(dropped) > 100  # what was written is never overstated


@pytest.mark.parametrize("place", ["missing/a.mcap", "."])
def test_no_place_for_the_log_is_one_line(tmp_path, place):
    with pytest.raises(StorageError, match="cannot write the log .*; give another --log"):
        Recorder(tmp_path / place, {})


def test_a_killed_recorder_is_started_again_and_goes_on_in_the_next_part(tmp_path, monkeypatch):
    monkeypatch.setattr(log_module, "_REST", 1.5)  # so that what is lost until then is known
    log = Recorder(tmp_path / "a.mcap", {"robot": "ur5e"})
    for k in range(100):
        log.put("/event", {"text": str(k)})
    wait_until(lambda: len(read_log_so_far(tmp_path / "a.mcap")) == 100)
    dead = log.pid
    os.kill(dead, signal.SIGKILL)
    wait_until(lambda: log.failure)  # its last thread is gone too, which may have waited for the disk
    begin = time.monotonic()
    for _ in range(100):
        log.put("/event", {"text": "lost"})
    assert time.monotonic() - begin < 0.1  # not even the new process is waited for
    assert log.dropped == 100
    assert "was killed by signal 9" in log.failure and "a.mcap" in log.failure
    wait_until(lambda: log.restarts == 1)
    for k in range(100, 200):
        log.put("/event", {"text": str(k)})
    log.close()
    assert log.pid != dead and log.dropped == 100
    assert "was killed by signal 9; started again 1 times" in log.failure
    reader = LogReader(tmp_path / "a.mcap")
    assert [row["text"] for _, _, row in reader] == [str(k) for k in range(200)]
    assert [part.name for part in reader.parts] == ["a.mcap", "a.001.mcap"]
    assert reader.missing == 100 and reader.end == ""


def test_a_recorder_that_is_killed_over_and_over_costs_rows_and_is_not_started_in_a_rush(tmp_path):
    log = Recorder(tmp_path / "a.mcap", {})
    begin = time.monotonic()
    for n in range(4):
        pid = log.pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda n=n: log.restarts == n + 1)
        log.put("/event", {"n": n})
    assert time.monotonic() - begin > 0.2 + 0.4 + 0.8 + 1.6  # the rests
    log.close()
    rows = read_log(tmp_path / "a.mcap")["/event"]
    assert rows[-1]["n"] == 3 and len(rows) == 4 - log.dropped


def test_a_full_part_is_followed_by_another_one(tmp_path):
    log = Recorder(tmp_path / "a.mcap", {"robot": "ur5e"}, size=1 << 20)
    for k in range(4000):
        log.put("/event", {"k": k, "text": "x" * 1000})
        time.sleep(0.0002)  # so that the pipe has room
    log.close()
    assert log.dropped == 0 and not log.failure
    reader = LogReader(tmp_path / "a.mcap")
    assert [row["k"] for _, _, row in reader] == list(range(4000))
    assert reader.missing == 0 and reader.end == "" and reader.metadata["robot"] == "ur5e"
    assert 4 <= len(reader.parts) <= 5
    assert all(1 << 20 <= part.stat().st_size < 1.3 * (1 << 20) for part in reader.parts[:-1])
    later = LogReader(reader.parts[2])  # alone
    rows = [row["k"] for _, _, row in later]
    assert later.parts == [reader.parts[2]] and later.missing == 0 and later.end == ""
    assert rows == list(range(rows[0], rows[-1] + 1)) and rows[0] > 1000


def test_a_part_less_than_one_mebibyte_is_refused(tmp_path):
    with pytest.raises(BadInputError, match="expected a log size of 1048576 bytes .1 MiB. or more, got 1000"):
        Recorder(tmp_path / "a.mcap", {}, size=1000)
    assert not (tmp_path / "a.mcap").exists()


def test_signals_for_the_whole_group_do_not_end_the_log(tmp_path):
    log = Recorder(tmp_path / "a.mcap", {})
    log.put("/event", {"text": "before"})
    wait_until(lambda: len(read_log_so_far(tmp_path / "a.mcap")) == 1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(log.pid, number)
    log.put("/event", {"text": "after"})
    log.close()
    assert len(read_log(tmp_path / "a.mcap")["/event"]) == 2 and not log.failure
    assert log._pipe.process.returncode == 0
    assert os.getpgid(0) != log.pid


def test_the_loop_killed_loses_nothing_and_the_log_is_whole(loop):
    running = loop()
    running.wait_for(200 + int(time.time_ns() % 400))  # a random moment
    running.process.kill()
    running.process.wait()
    put = running.count
    wait_until(lambda: not alive(running.recorder))  # by itself
    log = LogReader(running.path)
    rows = [row for _, _, row in log]
    assert log.end == ""
    assert put <= len(rows) <= put + 1  # one may be put and not yet counted
    assert [row["n"] for row in rows] == list(range(len(rows)))


def test_both_killed_at_once_leave_97_percent_readable(loop):
    running = loop()
    running.wait_for(2000 + int(time.time_ns() % 100))
    os.kill(running.recorder, signal.SIGKILL)
    os.kill(running.process.pid, signal.SIGKILL)
    running.process.wait()
    put = running.count
    rows = [row for _, _, row in LogReader(running.path)]
    assert [row["n"] for row in rows] == list(range(len(rows)))
    assert len(rows) >= 0.97 * put


def test_a_forked_child_does_not_keep_the_recorder_alive(loop):
    running = loop("child = os.fork()\nif not child:\n    time.sleep(20); os._exit(0)\nprint(child, flush=True)")
    child = int(running.process.stdout.readline())
    running.wait_for(50)
    running.process.kill()
    running.process.wait()
    try:
        wait_until(lambda: not alive(running.recorder), 5.0)
        assert alive(child)
        assert len(read_log(running.path)["/state"]) >= running.count
    finally:
        os.kill(child, signal.SIGKILL)


def test_the_present_folder_holds_no_module_for_the_recorder(tmp_path, monkeypatch):
    (tmp_path / "queue.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    log = Recorder("a.mcap", {})
    log.put("/event", {"text": "a"})
    log.close()
    assert not log.failure and len(read_log("a.mcap")["/event"]) == 1


def read_log_so_far(path) -> list[dict]:
    """Rows that are on the disk while the file is being written."""
    return read_log(path)["/event"] if path.stat().st_size > 100 else []
