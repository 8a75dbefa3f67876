"""Reads logs back, whole or cut off: rows up to the first byte that is missing or wrong, and why it ended there."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim2real.errors import BadInputError
from sim2real.recordings.log_parts import PART, parts_of, read_metadata, stream

MAX_LOG_BYTES = 8 << 30  # days of an arm at 25 Hz
# always in ``read_log``
_TOPICS = ("/state", "/measured", "/command", "/decision", "/latency", "/goal", "/call", "/event")


class LogReader:
    """Rows of a log in the order in which they were put; read as they are asked for, so that memory stays small.

    Args:
        path: The log's first part, whose later ones are found beside it, or a later one, which is read alone.
        max_bytes: A log with a larger part is refused.

    Attributes:
        parts: The files.
        metadata: Words about the run.
        time: Of the row given out last in [ns].
        missing: Rows that the recorder dropped, or that are damaged beyond recognition, between those given out.
        end: Why there are no more rows, "" where the last part is whole; known after the last one.

    Raises:
        BadInputError: It cannot be read, is too large, or is no log.
    """

    def __init__(self, path: str | Path, *, max_bytes: int = MAX_LOG_BYTES):
        self.path, self.time, self.missing, self.end = Path(path), 0, 0, ""
        try:
            _check_size(self.path, max_bytes)
            metadata = read_metadata(self.path)
            if metadata is None:
                raise BadInputError(f"{path} is not a log of sim2real; expected an MCAP file that `deploy --log` wrote")
            self.metadata, self.parts = metadata, parts_of(self.path, metadata)
            for part in self.parts:
                _check_size(part, max_bytes)
        except OSError as error:
            raise BadInputError(f"cannot read the log {path}: {error.strerror or error}") from error
        self._following: int | None = None

    def __iter__(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """(time in [ns], topic, row) of each message."""
        self.missing, self._following = 0, 0 if self.metadata.get(PART, "0") == "0" else None
        for part in self.parts:
            yield from self._rows(part)

    def _rows(self, part: Path) -> Iterator[tuple[int, str, dict[str, Any]]]:
        from mcap.exceptions import McapError

        topics: dict[int, str] = {}
        self.end = "it was not finished"
        with part.open("rb") as file:
            try:
                for message in _messages(file, topics):
                    row = json.loads(message.data)
                    if not isinstance(row, dict):
                        raise ValueError("a row is not an object")
                    self.time = message.log_time
                    if self._following is not None:
                        self.missing += max(message.sequence - self._following, 0)
                    self._following = message.sequence + 1
                    yield message.log_time, topics[message.channel_id], row
                self.end = ""
            except (McapError, EOFError, struct.error) as error:
                self.end = f"it is cut off or damaged ({type(error).__name__})"
            except (ValueError, KeyError, IndexError, TypeError, OverflowError, RecursionError) as error:
                self.end = f"it is damaged ({' '.join(str(error).split())[:100]})"


def _check_size(path: Path, most: int) -> None:
    size = path.stat().st_size
    if size > most:
        raise BadInputError(f"the log {path} has {size} bytes, at most {most} are read; cut it up")


def read_log(path: str | Path) -> dict[str, list[dict[str, Any]]]:
    """Rows by topic of a log, also of one that was cut off; each row with its time ``t`` in [s].

    Raises:
        BadInputError: It cannot be read, or is no log.
    """
    rows: dict[str, list[dict[str, Any]]] = {topic: [] for topic in _TOPICS}
    for stamp, topic, row in LogReader(path):
        rows.setdefault(topic, []).append({"t": 1e-9 * stamp, **row})
    return rows


def _messages(file: Any, topics: dict[int, str]) -> Iterator[Any]:
    """The messages up to the end of the data; fills in ``topics`` by channel."""
    from mcap.records import Channel, Chunk, DataEnd, Message
    from mcap.stream_reader import breakup_chunk

    for record in stream(file).records:
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
