"""A process of the recorder, seen from the control loop's: a pipe that takes rows without waiting, and its answers."""

from __future__ import annotations

import contextlib
import fcntl
import marshal
import os
import select
import subprocess
import sys
import time
from pathlib import Path

from sim2real.ros.log_process import LENGTH

_PIPE_BYTES = 1 << 20  # Linux gives so much to everybody
_F_SETPIPE_SZ = 1031


class LogPipe:
    """Starts a process that records; for one thread at a time.

    Args:
        path: Of the log's first part.
        metadata: Words about the run.
        part: The first part that it may write.
        capacity: Rows that may wait for a slow disk, besides those in the pipe (1 MiB, about 2 000 rows).
        size: Bytes at which a part is full.

    Attributes:
        accepted: Rows that the pipe took.
        written, lost: Of those, as far as the process has said.
        part: Which part it writes.
        failure: What the disk said first, "" while all is well.

    Raises:
        OSError: No process can be started.
    """

    def __init__(self, path: Path, metadata: dict[str, str], *, part: int, capacity: int, size: float):
        self.accepted = self.written = self.lost = 0
        self.part, self.failure = part, ""
        self._answer, self._rest, self._open = b"", b"", True
        self.process = _start(str(path.absolute()), str(part), str(os.getpid()), str(capacity), str(size))
        assert self.process.stdin is not None and self.process.stdout is not None
        self._in, self._out = self.process.stdin.fileno(), self.process.stdout.fileno()
        with contextlib.suppress(OSError):  # 64 KiB then, or what the system gives
            fcntl.fcntl(self._in, _F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._write(marshal.dumps(metadata))

    def send(self, frame: bytes) -> bool:
        """Hand over one row now; whether the pipe took it (or, of one larger than a page, its beginning)."""
        taken = self._write(frame)
        self.accepted += taken
        return taken

    def listen(self) -> None:
        """Take in what the process said last."""
        with contextlib.suppress(BlockingIOError, ValueError):
            while data := os.read(self._out, 1 << 16):
                self._answer += data
        *lines, self._answer = self._answer.split(b"\n")
        if lines:
            written, lost, part, failure = lines[-1].decode(errors="replace").split(" ", 3)
            self.written, self.lost, self.part = int(written), int(lost), int(part)
            self.failure = failure or self.failure

    def finish(self, end: float) -> None:
        """Hand over what is left of a row, until ``end`` [s] at most, and let the process come to its end."""
        while self._rest and time.monotonic() < end:
            select.select([], [self._in], [], 0.05)
            self._push()
        self._open = False
        self.process.stdin.close()

    def leave(self) -> None:
        """Of a process that is dead: give back what belonged to it."""
        self.listen()
        self._open, self._rest = False, b""
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def _write(self, frame: bytes) -> bool:
        if not self._open or (self._rest and not self._push()):
            return False
        self._rest = LENGTH.pack(len(frame)) + frame
        before = len(self._rest)
        if not self._push() and len(self._rest) == before:
            self._rest = b""
            return False
        return True

    def _push(self) -> bool:
        """Write what is left of a frame; whether nothing is."""
        try:
            self._rest = self._rest[os.write(self._in, self._rest):]
        except BlockingIOError:
            return False
        except OSError:  # the process has died
            self._open, self._rest = False, b""
            return False
        return not self._rest


def _start(*arguments: str) -> subprocess.Popen[bytes]:
    """The recorder's process: a fresh interpreter, as a fork would copy threads and middleware."""
    import sim2real

    root = str(Path(sim2real.__file__).resolve().parents[1])
    paths = [root, *(os.path.abspath(path) for path in sys.path if path)]
    # from "/", so that no file of the present folder is taken for a module; a session of its own: Ctrl-C is not for it
    return subprocess.Popen(
        [sys.executable, "-m", "sim2real.ros.log_process", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, bufsize=0, cwd="/", env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        start_new_session=True)
