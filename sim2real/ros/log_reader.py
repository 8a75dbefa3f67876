"""Reads logs back, whole or cut off: rows up to the first byte that is missing or wrong, and why it ended there."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim2real.errors import BadInputError

MAX_LOG_BYTES = 8 << 30  # days of an arm at 25 Hz
_MAX_RECORD = 64 << 20
_TOPICS = ("/state", "/command", "/decision", "/latency", "/goal", "/call", "/event")  # always in ``read_log``


class LogReader:
    """Rows of a log in the order in which they were put; read as they are asked for, so that memory stays small.

    Args:
        path: The file.
        max_bytes: A larger file is refused.

    Attributes:
        metadata: Words about the run.
        time: Of the row given out last in [ns].
        missing: Rows that the recorder dropped, or that are damaged beyond recognition, between those given out.
        end: Why there are no more rows, "" where the log is whole; known after the last one.

    Raises:
        BadInputError: It cannot be read, is too large, or is no log.
    """

    def __init__(self, path: str | Path, *, max_bytes: int = MAX_LOG_BYTES):
        self.path, self.time, self.missing, self.end = Path(path), 0, 0, ""
        try:
            size = self.path.stat().st_size
            if size > max_bytes:
                raise BadInputError(f"the log {path} has {size} bytes, at most {max_bytes} are read; cut it up")
            self.metadata = self._read_metadata()
        except OSError as error:
            raise BadInputError(f"cannot read the log {path}: {error.strerror or error}") from error

    def __iter__(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """(time in [ns], topic, row) of each message."""
        from mcap.exceptions import McapError

        topics: dict[int, str] = {}
        self.end, self.missing, following = "it was not finished", 0, 0
        with self.path.open("rb") as file:
            try:
                for message in _messages(file, topics):
                    row = json.loads(message.data)
                    if not isinstance(row, dict):
                        raise ValueError("a row is not an object")
                    self.time = message.log_time
                    self.missing += max(message.sequence - following, 0)
                    following = message.sequence + 1
                    yield message.log_time, topics[message.channel_id], row
                self.end = ""
            except (McapError, EOFError, struct.error) as error:
                self.end = f"it is cut off or damaged ({type(error).__name__})"
            except (ValueError, KeyError, IndexError, TypeError, OverflowError, RecursionError) as error:
                self.end = f"it is damaged ({' '.join(str(error).split())[:100]})"

    def _read_metadata(self) -> dict[str, str]:
        """The metadata, which stand before all rows.

        Raises:
            BadInputError: There are none.
        """
        from mcap.exceptions import McapError
        from mcap.records import Chunk, DataEnd, Metadata

        try:
            with self.path.open("rb") as file:
                for record in _reader(file).records:
                    if isinstance(record, Metadata) and record.name == "sim2real":
                        return dict(record.metadata)
                    if isinstance(record, (Chunk, DataEnd)):
                        break
        except (McapError, EOFError, struct.error, ValueError, KeyError, IndexError, TypeError, OverflowError):
            pass  # as good as none
        raise BadInputError(f"{self.path} is not a log of sim2real; expected an MCAP file that `deploy --log` wrote")


def read_log(path: str | Path) -> dict[str, list[dict[str, Any]]]:
    """Rows by topic of a log, also of one that was cut off; each row with its time ``t`` in [s].

    Raises:
        BadInputError: It cannot be read, or is no log.
    """
    rows: dict[str, list[dict[str, Any]]] = {topic: [] for topic in _TOPICS}
    for stamp, topic, row in LogReader(path):
        rows.setdefault(topic, []).append({"t": 1e-9 * stamp, **row})
    return rows


def _reader(file: Any) -> Any:
    from mcap.stream_reader import StreamReader

    return StreamReader(file, emit_chunks=True, record_size_limit=_MAX_RECORD)


def _messages(file: Any, topics: dict[int, str]) -> Iterator[Any]:
    """The messages up to the end of the data; fills in ``topics`` by channel."""
    from mcap.records import Channel, Chunk, DataEnd, Message
    from mcap.stream_reader import breakup_chunk

    for record in _reader(file).records:
        if isinstance(record, DataEnd):  # behind it is the index, which repeats what was read
            return
        if isinstance(record, Chunk) and record.compression:  # could grow to any size
            raise ValueError(f"its chunks are compressed by {record.compression}, expected plain ones")
        parts = breakup_chunk(record, validate_crc=True) if isinstance(record, Chunk) else (record,)
        for part in parts:
            if isinstance(part, Channel):
                topics[part.id] = part.topic
            elif isinstance(part, Message):
                yield part
    raise EOFError
