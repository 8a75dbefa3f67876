"""The flight recorder: what came in, what went out and why, as MCAP, written by a process of its own.

The control loop puts rows into a pipe and never waits: a row that does not fit is dropped and counted. A full, broken
or slow disk, and even the death of the recorder's process, cost rows and never the loop; the death of the loop's
process costs nothing that it had put.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import marshal
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.errors import MissingDependencyError, StorageError
from sim2real.ros.log_process import LENGTH
from sim2real.ros.log_reader import read_log

__all__ = ["Recorder", "read_log"]

_PIPE_BYTES = 1 << 20  # Linux gives so much to everybody
_F_SETPIPE_SZ = 1031
_CLOSE_SECONDS = 5.0
_LISTEN_EVERY = 256  # rows: so that the answers never fill their pipe


class Recorder:
    """Writes rows by topic (``/state``, ``/command``, ``/decision``, ``/event``, ...) to one MCAP file.

    Args:
        path: The file, replaced if it is there.
        metadata: Words about the run, stored in the file.
        capacity: Rows that may wait for a slow disk, besides those in the pipe (1 MiB, about 2 000 rows).

    Raises:
        StorageError: The file cannot be written there.
        MissingDependencyError: There is no mcap.
    """

    def __init__(self, path: str | Path, metadata: dict[str, str], *, capacity: int = 20_000):
        if importlib.util.find_spec("mcap") is None:
            raise MissingDependencyError("a log needs the package mcap: pip install 'sim2real[deploy]'")
        self.path = Path(path)
        self._lock = threading.Lock()
        self._sequence = self._refused = self._written = self._lost = 0
        self._failure, self._answer, self._rest = "", b"", b""
        self._open, self._closed = True, False
        try:
            with self.path.open("wb") as file:  # opened here, so that a wrong path is told at once
                self._process = _start(file.fileno(), capacity)
        except OSError as error:
            raise StorageError(f"cannot write the log {self.path}: {error.strerror or error}; "
                               "give another --log") from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self._pipe = self._process.stdin
        self._in, self._out = self._pipe.fileno(), self._process.stdout.fileno()
        _enlarge(self._in)
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._send(marshal.dumps({str(key): str(value) for key, value in metadata.items()}))

    @property
    def dropped(self) -> int:
        """Rows that were not written, as far as is known: all of them once the recorder is closed."""
        with self._lock:
            ended = self._process.poll() is not None  # asked first: what it said last is then there to be read
            self._listen()
            return self._sequence - self._written if ended else self._refused + self._lost

    @property
    def failure(self) -> str:
        """What the disk said first, or how the recorder's process ended; empty while all is well."""
        with self._lock:
            code = self._process.poll()
            self._listen()
            if not self._failure and code is not None and (code or not self._closed):
                how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
                self._failure = f"the recorder's process {how}; the log ends there"
            return f"{self.path}: {self._failure}" if self._failure else ""

    def put(self, topic: str, row: dict[str, Any]) -> None:
        """Hand over one row now; never waits. Arrays are flattened."""
        stamp = time.time_ns()
        plain = {key: _plain(value) for key, value in row.items()}
        with self._lock:
            frame = marshal.dumps((topic, stamp, self._sequence, plain))
            self._sequence += 1
            if not self._send(frame):
                self._refused += 1
            if self._sequence % _LISTEN_EVERY == 0:
                self._listen()

    def close(self) -> None:
        """Hand over what is left and wait up to 5 s for the end of the file; later rows are dropped."""
        with self._lock:
            if self._closed:
                return
            self._open, self._closed = False, True
            end = time.monotonic() + _CLOSE_SECONDS
            while self._rest and time.monotonic() < end:
                select.select([], [self._in], [], 0.05)
                self._push()
            self._pipe.close()
        try:
            self._process.wait(timeout=max(end - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            self._failure = self._failure or f"still being written after {_CLOSE_SECONDS:g} s"

    def _send(self, frame: bytes) -> bool:
        """Whether the pipe took the frame (or, of one that is larger than a page, its beginning)."""
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
        except OSError:  # the recorder's process has died
            self._open, self._rest = False, b""
            return False
        return not self._rest

    def _listen(self) -> None:
        """Take in what the recorder's process said last."""
        try:
            while data := os.read(self._out, 1 << 16):
                self._answer += data
        except (BlockingIOError, ValueError):
            pass
        *lines, self._answer = self._answer.split(b"\n")
        if lines:
            written, lost, failure = lines[-1].decode(errors="replace").split(" ", 2)
            self._written, self._lost, self._failure = int(written), int(lost), failure or self._failure


def _start(descriptor: int, capacity: int) -> subprocess.Popen[bytes]:
    """The recorder's process: a fresh interpreter, as a fork would copy threads and middleware."""
    import sim2real

    root = str(Path(sim2real.__file__).resolve().parents[1])
    paths = [root, *(os.path.abspath(path) for path in sys.path if path)]
    # from "/", so that no file of the present folder is taken for a module; a session of its own: Ctrl-C is not for it
    return subprocess.Popen(
        [sys.executable, "-m", "sim2real.ros.log_process", str(descriptor), str(os.getpid()), str(capacity)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0, pass_fds=(descriptor,),
        cwd="/", env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, start_new_session=True)


def _enlarge(pipe: int) -> None:
    with contextlib.suppress(OSError):  # 64 KiB then, or what the system gives
        fcntl.fcntl(pipe, _F_SETPIPE_SZ, _PIPE_BYTES)


def _plain(value: Any) -> Any:
    """Python's own numbers, text and lists, which marshal knows; checked by exact type, which is fastest."""
    kind = type(value)
    if kind is float or kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is np.ndarray:
        flat = value.tolist() if value.ndim == 1 else value.ravel().tolist()
        return flat if value.dtype != object else [_plain(item) for item in flat]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)
