"""The recorder's own process: takes rows from a pipe and writes them, also those that a dead control loop left there.

``python -m sim2real.ros.log_process FILE PART PARENT CAPACITY SIZE`` is started by ``log_pipe`` alone. One thread
empties the pipe, two others wait for the disk; standard output tells the parent what was written. It ends when the
pipe does: when the recorder was closed, or when its process has died in whatever way.
"""

from __future__ import annotations

import contextlib
import errno
import marshal
import math
import os
import queue
import signal
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from sim2real.recordings.log_parts import NAME, PART, Parts
from sim2real.ros.log_writer import CHUNK_BYTES, LogWriter

LENGTH = struct.Struct("<I")  # before each frame in the pipe
POLL_SECONDS = 0.02  # the pipe is looked at so often: the loop's writes wake nobody
FLUSH_SECONDS = 0.02  # with the poll, and some time to write: lost at most 50 ms where everything is killed at once
SYNC_SECONDS = 1.0  # lost at most when the power fails
AGAIN_SECONDS = 5.0  # after which a disk that failed is tried again


class Disk:
    """Writes items of a queue to a log's parts until None comes; a disk that fails costs rows, which are counted.

    Args:
        parts: Opens the files.
        report: Called with (rows written, rows lost, number of the part, what failed first or "") after every flush.
        size: Bytes at which a part is full and the next one begins.
    """

    def __init__(self, parts: Parts, report: Callable[[int, int, int, str], None], size: float = math.inf):
        self._parts, self._report, self._size = parts, report, size
        self._taken = self._before = self._bytes = 0  # rows taken; those that landed in parts before this one; bytes
        self._writer: LogWriter | None = None
        self._failure = ""
        self._file: BinaryIO | None = None  # None: nothing can be written at present
        self._left: deque[BinaryIO] = deque()  # parts that are done, to be brought to the disk and closed
        self._writing = threading.Lock()  # held while the present file is written to
        self._again = 0.0

    def run(self, items: queue.Queue[tuple[str, int, int, dict[str, Any]] | None], metadata: dict[str, str]) -> None:
        """Write until the end of the queue."""
        self._metadata = metadata
        self._begin()
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
                self._go_on(now)
                flushed = now
            item = self._next(items)
        self._flush()
        self._finish()
        over.set()
        syncing.join()
        self._tell()

    @staticmethod
    def _next(items: queue.Queue) -> tuple | None:
        """The next item; () where none came for a while."""
        try:
            return items.get(timeout=FLUSH_SECONDS)
        except queue.Empty:
            return ()

    def _begin(self) -> None:
        """Open the next part and write its head."""
        if self._writer is not None:
            self._before, self._writer = self._before + self._writer.landed, None
        with self._surviving():
            file = self._parts.open()
            try:
                self._writer = LogWriter(file, {**self._metadata, PART: str(self._parts.number)})
                self._writer.flush()
            except Exception:
                with contextlib.suppress(OSError):
                    file.close()
                self._parts.discard()
                raise
            self._file = file

    def _finish(self) -> None:
        """End the present part, index and all."""
        with self._surviving(), self._writing:
            if self._file is not None:
                self._writer.finish()
        self._leave()

    def _go_on(self, now: float) -> None:
        """Begin another part where the present one is full, or where a disk that failed may have room again."""
        file = self._file
        if not self._parts.several or (file is None and now < self._again):
            return
        if file is not None:
            with self._surviving():
                if file.tell() < self._size:
                    return
            self._finish()
        self._begin()

    def _add(self, topic: str, stamp: int, sequence: int, row: dict[str, Any]) -> None:
        self._taken += 1
        with self._surviving(), self._writing:
            if self._file is not None:  # what came after a half-written chunk would not be readable
                self._bytes += self._writer.add(topic, stamp, row, sequence)

    def _keep_synced(self, over: threading.Event) -> None:
        """Bring the files to the disk itself now and then, and at their end; rows go on being written meanwhile."""
        while True:
            ending = over.wait(SYNC_SECONDS)
            if (file := self._file) is not None:
                with self._surviving():
                    _sync(file)
            while self._left:
                with self._writing:  # the write that a failed sync came into is over, and there is no other
                    file = self._left.popleft()
                with self._surviving(), file:
                    _sync(file)
            if ending:
                return

    def _flush(self) -> None:
        with self._surviving(), self._writing:
            if self._file is not None:
                self._writer.flush()
        self._bytes = 0
        self._tell()

    def _tell(self) -> None:
        """Report after a flush: what was taken has landed by then or is lost."""
        written = self._before + (self._writer.landed if self._writer is not None else 0)
        self._report(written, self._taken - written, self._parts.number, self._failure)

    def _leave(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            self._left.append(file)

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever it is: the parent is told, and the pipe is emptied all the same
            reason = error.strerror if isinstance(error, OSError) else None
            self._failure = self._failure or reason or f"{type(error).__name__}: {error}"
            self._again = time.monotonic() + AGAIN_SECONDS
            self._leave()


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


def reporter(output: int) -> Callable[[int, int, int, str], None]:
    """Sends lines ``written lost part failure`` to a non-blocking pipe; where it is full or gone, one is left out."""
    def report(written: int, lost: int, part: int, failure: str) -> None:
        with contextlib.suppress(OSError):
            os.write(output, f"{written} {lost} {part} {' '.join(failure.split())[:500]}\n".encode())
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
    path, (part, parent, capacity), size = Path(arguments[0]), map(int, arguments[1:4]), float(arguments[4])
    _stand_back()
    os.set_blocking(0, False)
    os.set_blocking(1, False)
    # marshal: as fast as it gets, and both ends are this same Python; nothing of it ever reaches a file
    incoming = (marshal.loads(frame) for frame in frames(0, parent))
    metadata = next(incoming, {})
    rows: queue.Queue = queue.Queue(capacity)
    disk = Disk(Parts(path, metadata.get(NAME, ""), part), reporter(1), size)
    thread = threading.Thread(target=disk.run, args=(rows, metadata), name="disk")
    thread.start()
    for row in incoming:
        rows.put(row)  # a full queue leaves the rows in the pipe, and a full pipe leaves them to the parent, who counts
    rows.put(None)
    thread.join()


if __name__ == "__main__":
    main(sys.argv[1:])
