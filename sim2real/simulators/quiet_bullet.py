"""Imports pybullet without its banner.

The extension prints "pybullet build time" to standard error when it is imported, in the midst of progress bars and of
errors that should be one line. Import ``pybullet`` from here.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def _stderr_to_null() -> Iterator[None]:
    """Whatever C code prints to standard error within goes nowhere."""
    try:
        kept = os.dup(2)
    except OSError:  # no standard error at all: nothing to keep clean
        yield
        return
    sys.stderr.flush()
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


with contextlib.nullcontext() if "pybullet" in sys.modules else _stderr_to_null():
    import pybullet

__all__ = ["pybullet"]
