"""The recorder's process from inside: a slow disk, a torn pipe, an unexpected error."""

from __future__ import annotations

import errno
import io
import marshal
import os
import queue
import threading
import time

from sim2real.recordings.log_parts import Parts, part_path
from sim2real.recordings.log_reader import LogReader
from sim2real.ros import log_process
from sim2real.ros.log_process import LENGTH, Disk, frames


class SlowFile(io.FileIO):
    """A disk that takes its time for each write."""

    def write(self, data):
        time.sleep(0.05)
        return super().write(data)


class SlowParts(Parts):
    def open(self):
        super().open().close()
        return SlowFile(self._path, "wb")


class FullParts(Parts):
    """A disk that is full: parts can be made, nothing can be written to them; ``full`` says so."""

    full = True

    def open(self):
        file = super().open()
        if not self.full:
            return file
        file.close()
        return FullFile(part_path(self._path, self.number), "wb")


class FullFile(io.FileIO):
    def write(self, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class TightParts(Parts):
    """A disk with room for so many bytes in its first part."""

    room = 0

    def open(self):
        path = super().open().name
        return TightFile(path, self.room) if self.number == 0 else open(path, "wb", buffering=0)


class TightFile(io.FileIO):
    """Takes what fits, as the system does, and fails then."""

    def __init__(self, path, room):
        super().__init__(path, "wb")
        self.room = room

    def write(self, data):
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = super().write(memoryview(data)[:self.room])
        self.room -= taken
        return taken


def frame(content) -> bytes:
    data = marshal.dumps(content)
    return LENGTH.pack(len(data)) + data


def test_a_slow_disk_fills_the_queue_and_loses_nothing_of_it(tmp_path):
    reports, items = [], queue.Queue(50)
    disk = Disk(SlowParts(tmp_path / "a.mcap", "name"), lambda *report: reports.append(report))
    thread = threading.Thread(target=disk.run, args=(items, {}))
    thread.start()
    full = 0
    for k in range(400):
        full += items.full()
        items.put(("/event", k, k, {"text": "x" * 2000}))
    items.put(None)
    thread.join(timeout=30)
    log = LogReader(tmp_path / "a.mcap")
    assert len(list(log)) == 400 and log.end == ""
    assert full > 0 and reports[-1] == (400, 0, 0, "")


def test_a_disk_that_takes_long_to_sync_delays_no_row(tmp_path, monkeypatch):
    synced = threading.Event()

    def sync(file):
        time.sleep(1.0)
        synced.set()
    monkeypatch.setattr(log_process, "SYNC_SECONDS", 0.01)
    monkeypatch.setattr(log_process, "_sync", sync)
    reports, items = [], queue.Queue()
    disk = Disk(Parts(tmp_path / "a.mcap", "name"), lambda *r: reports.append(r))
    thread = threading.Thread(target=disk.run, args=(items, {}))
    thread.start()
    time.sleep(0.05)
    items.put(("/event", 1, 0, {"text": "a"}))
    end = time.monotonic() + 0.8
    while not (reports and reports[-1][0] == 1):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert not synced.is_set() and len(list(LogReader(tmp_path / "a.mcap"))) == 1
    items.put(None)
    thread.join(timeout=30)
    assert LogReader(tmp_path / "a.mcap").end == "" and reports[-1] == (1, 0, 0, "")


def test_an_unexpected_error_is_told_and_the_queue_is_emptied(tmp_path):
    reports, items = [], queue.Queue()
    for row in ({"text": "a"}, {"text": b"no JSON"}, {"text": "c"}):
        items.put(("/event", 1, 1, row))
    items.put(None)
    Disk(Parts(tmp_path / "a.mcap", "name"), lambda *report: reports.append(report)).run(items, {})
    written, lost, _, failure = reports[-1]
    assert (written, lost) == (0, 3) and "TypeError" in failure
    assert items.empty()


def test_a_disk_that_has_room_again_is_written_to_again(tmp_path, monkeypatch):
    monkeypatch.setattr(log_process, "AGAIN_SECONDS", 0.2)
    reports, items, parts = [], queue.Queue(), FullParts(tmp_path / "a.mcap", "name")
    thread = threading.Thread(target=Disk(parts, lambda *report: reports.append(report)).run,
                              args=(items, {"log": "name"}))
    thread.start()
    end = time.monotonic() + 20.0
    for k in range(1_000_000):
        if k == 100:
            assert reports[-1][:2] == (0, reports[-1][1]) and "No space left" in reports[-1][3]
            assert not list(tmp_path.iterdir())  # no empty files either
            parts.full = False
        items.put(("/event", k, k, {"k": k}))
        if reports and reports[-1][0] > 20:
            break
        assert time.monotonic() < end
        time.sleep(0.005)
    items.put(None)
    thread.join(timeout=30)
    written, lost, part, failure = reports[-1]
    assert written + lost == k + 1 and lost >= 100 and part == 0 and "No space left" in failure
    log = LogReader(tmp_path / "a.mcap")
    assert [row["k"] for _, _, row in log] == list(range(lost, k + 1)) and log.missing == lost and log.end == ""


def test_what_a_full_disk_took_and_lost_is_counted_to_the_row_wherever_it_ends(tmp_path, monkeypatch):
    """In a chunk, in its index, between two records: a reader finds what was said to be written, and no more."""
    monkeypatch.setattr(log_process, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(log_process, "FLUSH_SECONDS", 0.0)
    rows, losses = 30, set()
    for room in range(400, 2600, 7):
        path = tmp_path / f"{room}.mcap"
        parts, items, reports = TightParts(path, "name"), queue.Queue(), []
        parts.room = room
        for k in range(rows):
            items.put(("/event", k, k, {"k": k}))
        items.put(None)
        Disk(parts, lambda *report, into=reports: into.append(report)).run(items, {"log": "name"})
        written, lost, part, _ = reports[-1]
        log = LogReader(path)
        found = [row["k"] for _, _, row in log]
        assert (len(found), log.missing, part) == (written, lost, 1) and written + lost == rows, room
        losses.add(lost)
    assert losses == {1, 2}  # the row before the next part begins; and the one in a chunk that did not fit


def test_frames_come_whole_and_the_torn_last_one_is_left():
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    data = b"".join(frame(["row", k]) for k in range(5))
    os.write(writing, data[:-3])
    os.close(writing)
    found = [marshal.loads(each) for each in frames(reading, os.getppid())]
    os.close(reading)
    assert found == [["row", k] for k in range(4)]


def test_frames_end_with_the_parent_though_the_pipe_is_held_open():
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.write(writing, frame("last words"))
    found = [marshal.loads(each) for each in frames(reading, parent=-1)]  # not our parent: as if it had died
    os.close(reading)
    os.close(writing)
    assert found == ["last words"]


def test_frames_in_small_pieces():
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    data = b"".join(frame("x" * size) for size in (0, 1, 300, 70_000))

    def write():
        for k in range(0, len(data), 997):
            os.write(writing, data[k:k + 997])
        os.close(writing)
    thread = threading.Thread(target=write)
    thread.start()
    sizes = [len(marshal.loads(each)) for each in frames(reading, os.getppid())]
    thread.join()
    os.close(reading)
    assert sizes == [0, 1, 300, 70_000]
