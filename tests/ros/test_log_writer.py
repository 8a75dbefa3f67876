"""Numbers survive bit for bit, and schemas say what is in a row."""

from __future__ import annotations

import io
import json
import math
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.ros.log_writer import LogWriter, schema_of


def messages(rows) -> list[str]:
    from mcap.reader import NonSeekingReader

    file = io.BytesIO()
    writer = LogWriter(file, {"a": "b"})
    for k, row in enumerate(rows):
        writer.add("/x", k, row, k)
    writer.finish()
    file.seek(0)
    return [m.data.decode() for _, _, m in NonSeekingReader(file).iter_messages()]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_finite_numbers_keep_every_bit(numbers):
    read = json.loads(messages([{"x": numbers}])[0])["x"]
    assert [struct.pack("<d", x) for x in read] == [struct.pack("<d", x) for x in numbers]


def test_what_is_not_finite_is_strict_json():
    text, = messages([{"x": [math.nan, 1.0, math.inf], "y": -math.inf, "z": {"deep": math.nan}, "words": "NaN"}])
    assert json.loads(text, parse_constant=lambda name: 1 / 0) == {
        "x": [None, 1.0, "Infinity"], "y": "-Infinity", "z": {"deep": None}, "words": "NaN"}


def test_schemas():
    row = {"n": 1, "x": [math.nan], "empty": [], "no": None, "word": "a", "yes": True, "in": {"y": 0.5}}
    assert schema_of(row) == {
        "type": "object", "properties": {
            "n": {"type": "integer"}, "x": {"type": "array", "items": {"type": "number"}},
            "empty": {"type": "array", "items": {"type": "number"}}, "no": {"type": "number"},
            "word": {"type": "string"}, "yes": {"type": "boolean"},
            "in": {"type": "object", "properties": {"y": {"type": "number"}}}}}
