"""Rows as an MCAP file of JSON messages with schemas, which Foxglove, PlotJuggler and ``log_reader`` read.

A float is written as the shortest decimal that reads back to the same bits. JSON has no word for what is not finite:
NaN becomes null, and infinities become "Infinity" and "-Infinity", as in the JSON mapping of protocol buffers.
"""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO

CHUNK_BYTES = 64 * 1024
_NUMBER = {"type": "number"}


class LogWriter:
    """Writes rows to an open binary file; nothing is certain to be in it before ``flush``.

    Args:
        file: Where to; it stays open.
        metadata: Words about the run, the first thing in the file.
    """

    def __init__(self, file: BinaryIO, metadata: dict[str, str]):
        from mcap.writer import CompressionType, Writer

        # uncompressed: what a reader must allocate is what stands in the file
        self._writer = Writer(file, chunk_size=CHUNK_BYTES, compression=CompressionType.NONE)
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
        self._writer.add_message(self._channels[topic], stamp, data, stamp, sequence & 0xFFFFFFFF)
        return len(data)

    def flush(self) -> None:
        """End the chunk: what was added is with the system now and survives this process."""
        self._writer.flush()

    def finish(self) -> None:
        """Write the index at the end of the file."""
        self._writer.finish()
        self._writer.flush()  # its own last bytes


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
