"""The recorder's own process: takes rows from a pipe and writes them, also those that a dead control loop left there.

``python -m sim2real.ros.log_process FILE_DESCRIPTOR PARENT CAPACITY``, started by ``log.Recorder`` alone. One thread
empties the pipe, two others wait for the disk; standard output tells the parent what was written. It ends when the
pipe does: when the recorder was closed, or when its process has died in whatever way.
"""

from __future__ import annotations

import contextlib
import errno
import marshal
import os
import queue
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from sim2real.ros.log_writer import CHUNK_BYTES, LogWriter

LENGTH = struct.Struct("<I")  # before each frame in the pipe
POLL_SECONDS = 0.02  # the pipe is looked at so often: the loop's writes wake nobody
FLUSH_SECONDS = 0.07  # with the poll, and some time to write: lost at most 0.1 s where everything is killed at once
SYNC_SECONDS = 1.0  # lost at most when the power fails


class Disk:
    """Writes items of a queue to a file until None comes; a file that fails costs rows, which are counted.

    Args:
        file: Open binary file, closed at the end.
        report: Called with (rows written, rows lost, what failed first or "") after every flush.
    """

    def __init__(self, file: BinaryIO, report: Callable[[int, int, str], None]):
        self._file, self._report = file, report
        self._written = self._lost = self._pending = self._bytes = 0
        self._failure = ""

    def run(self, items: queue.Queue[tuple[str, int, int, dict[str, Any]] | None], metadata: dict[str, str]) -> None:
        """Write until the end of the queue."""
        with self._surviving():
            self._writer = LogWriter(self._file, metadata)
            self._writer.flush()
        over = threading.Event()
        syncing = threading.Thread(target=self._keep_synced, args=(over,), name="sync")
        syncing.start()
        flushed = time.monotonic()
        item = self._next(items)
        while item is not None:
            if item:
                self._add(*item)
            now = time.monotonic()
            if now - flushed >= FLUSH_SECONDS or self._bytes >= CHUNK_BYTES:
                self._flush()
                flushed = now
            item = self._next(items)
        self._flush()
        with self._surviving():
            if not self._failure:
                self._writer.finish()
        over.set()
        syncing.join()
        with self._surviving():
            self._file.close()
        self._report(self._written, self._lost, self._failure)

    @staticmethod
    def _next(items: queue.Queue) -> tuple | None:
        """The next item; () where none came for a while."""
        try:
            return items.get(timeout=FLUSH_SECONDS)
        except queue.Empty:
            return ()

    def _add(self, topic: str, stamp: int, sequence: int, row: dict[str, Any]) -> None:
        self._pending += 1
        if not self._failure:  # what came after a half-written chunk would not be readable
            with self._surviving():
                self._bytes += self._writer.add(topic, stamp, row, sequence)

    def _keep_synced(self, over: threading.Event) -> None:
        """Bring the file to the disk itself now and then, and at its end; rows go on being written meanwhile."""
        while True:
            ending = over.wait(SYNC_SECONDS)
            with self._surviving():
                _sync(self._file)
            if ending:
                return

    def _flush(self) -> None:
        with self._surviving():
            if not self._failure and self._pending:
                self._writer.flush()
        if self._failure:
            self._lost += self._pending
        else:
            self._written += self._pending
        self._pending = self._bytes = 0
        self._report(self._written, self._lost, self._failure)

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever it is: the parent is told, and the pipe is emptied all the same
            reason = error.strerror if isinstance(error, OSError) else None
            self._failure = self._failure or reason or f"{type(error).__name__}: {error}"


def _sync(file: BinaryIO) -> None:
    try:
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a pipe or a device, which knows no such thing
            raise


def frames(pipe: int, parent: int) -> Iterator[bytes]:
    """The frames of a non-blocking pipe, until it ends or the process ``parent`` has died; a last half one is left."""
    buffer = bytearray()
    while True:
        # asked before reading: what a dying parent wrote last is read after this. The pipe alone would not do, as a
        # forked child of the parent may hold it open.
        orphan = os.getppid() != parent
        try:
            data = os.read(pipe, 1 << 20)
        except BlockingIOError:
            if orphan:
                return
            time.sleep(POLL_SECONDS)
            continue
        if not data:
            return
        buffer += data
        begin = 0
        while len(buffer) - begin >= LENGTH.size:
            end = begin + LENGTH.size + LENGTH.unpack_from(buffer, begin)[0]
            if end > len(buffer):
                break
            yield bytes(buffer[begin + LENGTH.size:end])
            begin = end
        del buffer[:begin]


def reporter(output: int) -> Callable[[int, int, str], None]:
    """Sends lines ``written lost failure`` to a non-blocking pipe; where it is full or gone, the line is left out."""
    def report(written: int, lost: int, failure: str) -> None:
        with contextlib.suppress(OSError):
            os.write(output, f"{written} {lost} {' '.join(failure.split())[:500]}\n".encode())
    return report


def _stand_back() -> None:
    """Leave signals to the parent, whose end ends this process, and the processor to its control loop."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError, AttributeError):  # inherited from a loop with real-time priority
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, 0, 5)


def main(arguments: list[str]) -> None:
    """Record until the pipe on standard input ends. Its first frame is the metadata, all others are rows."""
    descriptor, parent, capacity = map(int, arguments)
    _stand_back()
    os.set_blocking(0, False)
    os.set_blocking(1, False)
    # marshal: as fast as it gets, and both ends are this same Python; nothing of it ever reaches a file
    incoming = (marshal.loads(frame) for frame in frames(0, parent))
    metadata = next(incoming, {})
    rows: queue.Queue = queue.Queue(capacity)
    disk = Disk(os.fdopen(descriptor, "wb"), reporter(1))
    thread = threading.Thread(target=disk.run, args=(rows, metadata), name="disk")
    thread.start()
    for row in incoming:
        rows.put(row)  # a full queue leaves the rows in the pipe, and a full pipe leaves them to the parent, who counts
    rows.put(None)
    thread.join()


if __name__ == "__main__":
    main(sys.argv[1:])
