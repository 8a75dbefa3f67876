"""The arithmetic of one robot in C, where it could be compiled: optional, and to the last bit what Python says.

For one robot numpy takes longer to be called than to compute, so a control step's small loops exist twice: in Python,
which is what counts, and in C, which is used if it was built from the sources that lie here.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import warnings
from pathlib import Path
from types import ModuleType

PURE = "SIM2REAL_PURE_PYTHON"  # environment: do without


def _load() -> ModuleType | None:
    if os.environ.get(PURE):
        return None
    try:
        module = importlib.import_module("sim2real.compiled._one_robot")
    except ImportError:
        return None
    sources = sorted(Path(__file__).parent.glob("*.[ch]"))  # only in a source tree
    if sources and hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest() != module.SOURCE:
        warnings.warn("sim2real.compiled was built from other sources than lie there, and is not used: run `make "
                      "install`, or `pip install -e .` again", stacklevel=2)
        return None
    return module


one_robot = _load()
