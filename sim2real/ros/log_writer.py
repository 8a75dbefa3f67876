"""Rows as an MCAP file of JSON messages with schemas, which Foxglove, PlotJuggler and ``log_reader`` read.

A float is written as the shortest decimal that reads back to the same bits. JSON has no word for what is not finite:
NaN becomes null, and infinities become "Infinity" and "-Infinity", as in the JSON mapping of protocol buffers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, BinaryIO

CHUNK_BYTES = 64 * 1024
_NUMBER = {"type": "number"}


class LogWriter:
    """Writes rows to an open binary file; nothing is certain to be in it before ``flush``.

    Args:
        file: Where to; it stays open.
        metadata: Words about the run, the first thing in the file.

    Attributes:
        landed: Rows that can be read from the file, also where writing failed after them.
    """

    def __init__(self, file: BinaryIO, metadata: dict[str, str]):
        from mcap.writer import CompressionType, Writer

        self.landed = self._added = 0
        # uncompressed: what a reader must allocate is what stands in the file
        self._writer = Writer(_Whole(file, self._land),  # type: ignore[arg-type]
                              chunk_size=CHUNK_BYTES, compression=CompressionType.NONE)
        self._writer.start(profile="", library="sim2real")
        self._writer.add_metadata("sim2real", metadata)
        self._channels: dict[str, int] = {}

    def add(self, topic: str, stamp: int, row: dict[str, Any], sequence: int = 0) -> int:
        """Add one row of ``topic`` with its time ``stamp`` in [ns]; returns its size in bytes.

        A topic's first row makes its schema.
        """
        if topic not in self._channels:
            schema = self._writer.register_schema(f"sim2real{topic.replace('/', '.')}", "jsonschema",
                                                  json.dumps(schema_of(row)).encode())
            self._channels[topic] = self._writer.register_channel(topic, "json", schema)
        try:
            data = json.dumps(row, allow_nan=False).encode()
        except ValueError:
            data = json.dumps(_finite(row)).encode()
        self._added += 1
        self._writer.add_message(self._channels[topic], stamp, data, stamp, sequence & 0xFFFFFFFF)
        return len(data)

    def flush(self) -> None:
        """End the chunk: what was added is with the system now and survives this process."""
        self._writer.flush()

    def finish(self) -> None:
        """Write the index at the end of the file."""
        self._writer.finish()
        self._writer.flush()  # its own last bytes

    def _land(self) -> None:
        self.landed = self._added


class _Whole:
    """The stream of MCAP's writer: what it writes is in the file when ``write`` returns, or ``write`` fails.

    A chunk whose index no longer fits on the disk can be read all the same, so rows count when their chunk is written.

    Args:
        file: Open and empty; an unbuffered one never writes later what failed before.
        chunk_landed: Called when a chunk is in the file.
    """

    def __init__(self, file: BinaryIO, chunk_landed: Callable[[], None]):
        from mcap.opcode import Opcode

        self._file, self._chunk_landed, self._size, self._chunk = file, chunk_landed, 0, bytes([Opcode.CHUNK])

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest):]  # an unbuffered file may take a part
        self._file.flush()
        self._size += len(data)
        if data[:1] == self._chunk:
            self._chunk_landed()
        return len(data)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Nothing is held back."""


def schema_of(value: Any) -> dict[str, Any]:
    """JSON schema of a row's value; null stands for a number that is not finite."""
    if isinstance(value, dict):
        return {"type": "object", "properties": {key: schema_of(item) for key, item in value.items()}}
    if isinstance(value, list):
        return {"type": "array", "items": schema_of(value[0]) if value else _NUMBER}
    if isinstance(value, bool):
        return {"type": "boolean"}
    return {"type": "string"} if isinstance(value, str) else {"type": "integer"} if isinstance(value, int) else _NUMBER


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0.0 else "-Infinity"
    return value
