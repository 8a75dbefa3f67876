"""Where the recordings of real robots are, for tests of identification."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = next((folder / "shared" / "data" for folder in ROOT.parents[:2] if (folder / "shared" / "data").is_dir()),
            ROOT.parent / "shared" / "data")


def needs(name):
    """Skip where a folder of the recordings is absent."""
    return pytest.mark.skipif(not (DATA / name).is_dir(), reason=f"no {name} in {DATA}")
