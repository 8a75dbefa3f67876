"""Libraries in C and C++ that write to standard output: programs read JSON from there."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator


@contextlib.contextmanager
def quiet(*descriptors: int) -> Iterator[None]:
    """Drop what C code writes to standard output, or to these file descriptors; Python's own output too."""
    flush = ctypes.CDLL(None).fflush if os.name == "posix" else lambda _: None
    flush(None)
    sink = os.open(os.devnull, os.O_WRONLY)
    kept = {number: os.dup(number) for number in descriptors or (1,)}
    try:
        for number in kept:
            os.dup2(sink, number)
        yield
    finally:
        flush(None)
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
        os.close(sink)
