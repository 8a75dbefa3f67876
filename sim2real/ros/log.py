"""The flight recorder: what came in, what went out and why, as MCAP in small chunks, outside the control loop.

The loop only puts rows into a bounded queue; a thread writes them. A full or broken disk costs rows, which are
counted, and never the loop.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.errors import MissingDependencyError, StorageError

CHUNK_BYTES = 64 * 1024  # lost at most, on SIGKILL
_FLUSH_SECONDS = 0.5
_NUMBERS = {"type": "array", "items": {"type": "number"}}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "/state": {"age": {"type": "number"}, "joint_position": _NUMBERS, "joint_velocity": _NUMBERS, "position": _NUMBERS,
               "quaternion": _NUMBERS, "linear_velocity": _NUMBERS, "angular_velocity": _NUMBERS},
    "/command": {"command": _NUMBERS},
    "/decision": {"mode": {"type": "string"}, "cause": {"type": "string"}, "clipped": {"type": "boolean"},
                  "latency_us": {"type": "number"}, "error": {"type": "number"}},
    "/goal": {"goal": _NUMBERS},
    "/event": {"text": {"type": "string"}},
}


class Recorder:
    """Writes rows by topic (``/state``, ``/command``, ``/decision``, ``/goal``, ``/event``) to one MCAP file.

    Args:
        path: The file; nothing may be there yet that is not a file.
        metadata: Words about the run, stored in the file.
        capacity: Rows in the queue before the newest are dropped.

    Attributes:
        dropped: Rows that were not written.
        failure: What the disk said, empty while all is well.
    """

    def __init__(self, path: str | Path, metadata: dict[str, str], *, capacity: int = 20_000):
        try:
            from mcap.writer import CompressionType, Writer
        except ImportError as error:
            raise MissingDependencyError("a log needs the package mcap: pip install 'sim2real[deploy]' "
                                         f"({error})") from error
        self.path = Path(path)
        self.dropped = 0
        self.failure = ""
        self._queue: queue.Queue[tuple[str, int, dict[str, Any]] | None] = queue.Queue(capacity)
        try:
            self._file = self.path.open("wb")
        except OSError as error:
            raise StorageError(f"cannot write the log {self.path}: {error.strerror or error}; "
                               "give another --log") from error
        self._writer = Writer(self._file, chunk_size=CHUNK_BYTES, compression=CompressionType.NONE)
        self._writer.start(profile="", library="sim2real")
        self._writer.add_metadata("sim2real", metadata)
        self._channels = {topic: self._channel(topic, fields) for topic, fields in _SCHEMAS.items()}
        self._thread = threading.Thread(target=self._write_all, name="recorder", daemon=True)
        self._thread.start()

    def put(self, topic: str, row: dict[str, Any]) -> None:
        """Queue one row now; never waits."""
        try:
            self._queue.put_nowait((topic, time.time_ns(), row))
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what is queued and end the file."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(timeout=5.0)

    def _channel(self, topic: str, fields: dict[str, Any]) -> int:
        schema = self._writer.register_schema(f"sim2real{topic.replace('/', '.')}", "jsonschema",
                                              json.dumps({"type": "object", "properties": fields}).encode())
        return self._writer.register_channel(topic, "json", schema)

    def _write_all(self) -> None:
        broken = not self._survives(self._writer.flush)
        flushed = time.monotonic()
        while (item := self._next()) is not None:
            if item and not (not broken and self._survives(lambda: self._add(*item))):
                broken = True  # what comes after a half-written record would not be readable: count it instead
                self.dropped += 1
            if not broken and time.monotonic() - flushed > _FLUSH_SECONDS:
                broken = not self._survives(self._writer.flush)
                flushed = time.monotonic()
        if not broken:
            self._survives(self._writer.finish)
        self._survives(self._file.close)

    def _next(self) -> tuple[str, int, dict[str, Any]] | tuple[()] | None:
        """The next row; () where none came for a while; None at the end."""
        try:
            return self._queue.get(timeout=_FLUSH_SECONDS)
        except queue.Empty:
            return ()

    def _add(self, topic: str, stamp: int, row: dict[str, Any]) -> None:
        data = json.dumps({key: _plain(value) for key, value in row.items()}).encode()
        self._writer.add_message(self._channels[topic], stamp, data, stamp)

    def _survives(self, work: Callable[[], object]) -> bool:
        """Do disk ``work``; whether the disk took it."""
        try:
            work()
        except OSError as error:
            self.failure = self.failure or f"{self.path}: {error.strerror or error}"
            return False
        return True


def _plain(value: Any) -> Any:
    """Numbers that JSON knows; NaN and infinity become null."""
    if isinstance(value, np.ndarray):
        return [_plain(x) for x in value.ravel().tolist()]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def read_log(path: str | Path) -> dict[str, list[dict[str, Any]]]:
    """Rows by topic of a log, also of one that was cut off; each row with its time ``t`` in [s]."""
    from mcap.exceptions import McapError
    from mcap.reader import NonSeekingReader

    rows: dict[str, list[dict[str, Any]]] = {topic: [] for topic in _SCHEMAS}
    with open(path, "rb") as file:
        try:
            for _, channel, message in NonSeekingReader(file).iter_messages(log_time_order=False):
                rows[channel.topic].append({"t": 1e-9 * message.log_time, **json.loads(message.data)})
        except (McapError, EOFError):  # the end is missing: what came before it counts
            return rows
    return rows
