"""Where the recordings of real robots are, for tests of identification."""

from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def needs(name):
    """Skip where a folder of the recordings is absent."""
    return pytest.mark.skipif(not (DATA / name).is_dir(), reason=f"no {name} in {DATA}")
