"""The flight recorder: what came in, what went out and why, as MCAP, written by a process of its own.

The control loop puts rows into a pipe and never waits: a row that does not fit is dropped and counted. A full, broken
or slow disk, and even the death of the recorder's process, cost rows and never the loop; the death of the loop's
process costs nothing that it had put. A dead recorder is started again and goes on in the log's next part.
"""

from __future__ import annotations

import contextlib
import importlib.util
import marshal
import math
import os
import subprocess
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.errors import BadInputError, MissingDependencyError, StorageError
from sim2real.recordings.log_parts import NAME
from sim2real.recordings.log_reader import read_log
from sim2real.ros.log_pipe import LogPipe

__all__ = ["Recorder", "read_log"]

LEAST_SIZE = 1 << 20  # bytes of a part
_CLOSE_SECONDS = 5.0
_LISTEN_EVERY = 256  # rows: so that the answers never fill their pipe
_REST, _LONGEST_REST = 0.2, 10.0  # [s] before a dead recorder is started again: twice as long each time


class Recorder:
    """Writes rows by topic (``/state``, ``/command``, ``/decision``, ``/event``, ...) to an MCAP file, or several.

    Args:
        path: The first part, replaced if it is there; the next ones are run.001.mcap, ... for run.mcap.
        metadata: Words about the run, stored in each part.
        capacity: Rows that may wait for a slow disk, besides those in the pipe (1 MiB, about 2 000 rows).
        size: About how many bytes a part may have; without, only a dead recorder or a broken disk begins another one.

    Raises:
        StorageError: The file cannot be written there.
        BadInputError: ``size`` is less than 1 MiB.
        MissingDependencyError: There is no mcap.
    """

    def __init__(self, path: str | Path, metadata: dict[str, str], *, capacity: int = 20_000, size: int | None = None):
        if importlib.util.find_spec("mcap") is None:
            raise MissingDependencyError("a log needs the package mcap: pip install 'sim2real[deploy]'")
        if size is not None and size < LEAST_SIZE:
            raise BadInputError(f"expected a log size of {LEAST_SIZE} bytes (1 MiB) or more, got {size}")
        self.path = Path(path)
        self._lock = threading.Lock()
        self._sequence = self._refused = self._gone = 0
        self._failure, self._closed, self._restarts = "", threading.Event(), 0
        words = {**{str(key): str(value) for key, value in metadata.items()}, NAME: uuid.uuid4().hex}
        self._options: dict[str, Any] = {"metadata": words, "capacity": capacity, "size": size or math.inf}
        try:
            with self.path.open("wb"):  # opened here too, so that a wrong path is told at once
                self._pipe = LogPipe(self.path, part=0, **self._options)
        except OSError as error:
            raise StorageError(f"cannot write the log {self.path}: {error.strerror or error}; "
                               "give another --log") from error
        threading.Thread(target=self._keep, name="recorder", daemon=True).start()

    @property
    def dropped(self) -> int:
        """Rows that were not written, as far as is known: all of them once the recorder is closed."""
        with self._lock:
            ended = self._pipe.process.poll() is not None  # asked first: what it said last is then there to be read
            self._pipe.listen()
            pipe = self._pipe
            return self._refused + self._gone + (pipe.accepted - pipe.written if ended else pipe.lost)

    @property
    def failure(self) -> str:
        """What the disk said first, or how the recorder's process ended; empty while all is well."""
        with self._lock:
            code = self._pipe.process.poll()
            self._pipe.listen()
            words = self._failure or self._pipe.failure
            if not words and code is not None and (code or not self._closed.is_set()):
                words = _death(code)
            again = f"; started again {self._restarts} times" if self._restarts else ""
            return f"{self.path}: {words}{again}" if words else ""

    @property
    def restarts(self) -> int:
        """How often the recorder's process had died and was started again."""
        return self._restarts

    @property
    def pid(self) -> int:
        """Id of the recorder's present process."""
        return self._pipe.process.pid

    def put(self, topic: str, row: dict[str, Any], stamp: int | None = None) -> None:
        """Hand over one row now; never waits. Arrays are flattened.

        Args:
            topic, row: What.
            stamp: Its time by the wall clock in [ns]; None: now.
        """
        stamp = time.time_ns() if stamp is None else stamp
        plain = {key: _plain(value) for key, value in row.items()}
        with self._lock:
            frame = marshal.dumps((topic, stamp, self._sequence, plain))
            self._sequence += 1
            if not self._pipe.send(frame):
                self._refused += 1
            if self._sequence % _LISTEN_EVERY == 0:
                self._pipe.listen()

    def close(self) -> None:
        """Hand over what is left and wait up to 5 s for the end of the file; later rows are dropped."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            end = time.monotonic() + _CLOSE_SECONDS
            self._pipe.finish(end)
        try:
            self._pipe.process.wait(timeout=max(end - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            self._failure = self._failure or f"still being written after {_CLOSE_SECONDS:g} s"

    def _keep(self) -> None:
        """Where the recorder's process dies, start another one, which goes on in the next part; in its own thread."""
        while True:
            with contextlib.suppress(ChildProcessError):  # somebody has asked before
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            if self._closed.wait(min(_REST * 2.0**self._restarts, _LONGEST_REST)):  # what kills it may still be about
                return
            try:  # beside the lock: the control loop does not wait for this
                pipe = LogPipe(self.path, part=self._pipe.part, **self._options)
            except OSError as error:
                pipe, words = None, f"the recorder cannot be started again: {error.strerror or error}"
            with self._lock:
                dead = self._pipe
                if pipe is None:
                    self._failure = self._failure or words
                    return
                dead.leave()
                self._failure = self._failure or dead.failure or _death(dead.process.returncode)
                self._gone += dead.accepted - dead.written
                self._pipe, self._restarts = pipe, self._restarts + 1
                if self._closed.is_set():
                    pipe.finish(time.monotonic())


def _death(code: int) -> str:
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f"the recorder's process {how}"


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
