"""The files of one log: run.mcap and, where that is full or its recorder died, run.001.mcap, run.002.mcap, ...

Each part is a log of its own, with metadata and schemas. They belong together by the log's own name in their metadata,
so that parts of an older run, which may lie beside them, are not taken for its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import struct
from pathlib import Path
from typing import Any, BinaryIO

NAME, PART = "log", "part"  # in the metadata of a part: which log it is of, and its number
_MAX_RECORD = 64 << 20


def part_path(path: Path, number: int) -> Path:
    """Where part ``number`` of the log ``path`` lies; its first one, 0, is ``path`` itself."""
    return path if number == 0 else path.with_name(f"{path.stem}.{number:03d}{path.suffix}")


def parts_of(path: Path, metadata: dict[str, str]) -> list[Path]:
    """``path``, whose metadata are given, and after it the later parts of the same log, in their order."""
    name = metadata.get(NAME)
    pattern = re.compile(rf"{re.escape(path.stem)}\.(\d{{3,}}){re.escape(path.suffix)}")
    numbers = sorted(int(match[1]) for other in path.parent.iterdir() if (match := pattern.fullmatch(other.name)))
    later = [part_path(path, number) for number in numbers if number > 0]
    return [path, *(part for part in later if name and name_of(part) == name)]


def name_of(path: Path) -> str | None:
    """The name of the log that ``path`` is a part of; None where it is none."""
    return (read_metadata(path) or {}).get(NAME)


def read_metadata(path: Path) -> dict[str, str] | None:
    """What a log says of its run before all rows; None where it is no log of ours.

    Raises:
        OSError: It cannot be read.
    """
    from mcap.exceptions import McapError
    from mcap.records import Chunk, DataEnd, Metadata

    with contextlib.suppress(McapError, EOFError, struct.error, ValueError, LookupError, TypeError, OverflowError), \
            path.open("rb") as file:
        for record in stream(file).records:
            if isinstance(record, Metadata) and record.name == "sim2real":
                return dict(record.metadata)
            if isinstance(record, (Chunk, DataEnd)):
                break
    return None


def stream(file: BinaryIO) -> Any:
    """MCAP records of an open file, chunks whole; one that claims to be larger than any of ours is refused."""
    from mcap.stream_reader import StreamReader

    return StreamReader(_Bounded(file), emit_chunks=True, record_size_limit=_MAX_RECORD)  # type: ignore[arg-type]


class _Bounded:
    """A file of which nothing is read that is not there: a length that lies costs no memory."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._left = os.fstat(file.fileno()).st_size

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data


class Parts:
    """Opens the parts of a log for writing, one after the other.

    Args:
        path: Of the first part.
        name: The log's own, as in the metadata.
        number: The first part that may be opened; those of this log that are there already are passed over.

    Attributes:
        number: Of the part that was opened last.
        several: Whether there can be more than one: a device or pipe is a single one.
    """

    def __init__(self, path: Path, name: str, number: int = 0):
        self._path, self._name, self._following = path, name, number
        self.number = number
        self.several = path.is_file() or not path.exists()

    def open(self) -> BinaryIO:
        """The next part, empty and unbuffered; a file of another log with its name is replaced.

        Raises:
            OSError: It cannot be written there.
        """
        while self._taken(part_path(self._path, self._following)):
            self._following += 1
        file = part_path(self._path, self._following).open("wb", buffering=0)
        self.number = self._following
        self._following += self.several
        return file

    def discard(self) -> None:
        """Take back the part opened last, of which not even the head could be written; its number is used again."""
        if self.several:
            with contextlib.suppress(OSError):
                part_path(self._path, self.number).unlink()
            self._following = self.number

    def _taken(self, path: Path) -> bool:
        with contextlib.suppress(OSError):
            return self.several and name_of(path) == self._name
        return False
