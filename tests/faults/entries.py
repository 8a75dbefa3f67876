"""Words that the fault tests share: entries of a faults file, and variants that only ``make test-slow`` runs."""

from __future__ import annotations

import pytest


def slow(*values):
    """A variant that `make test-slow` runs."""
    return pytest.param(*values, marks=pytest.mark.slow)


def fault(name, at=1.0, **parameters):
    """An entry of a faults file, that long after the first command."""
    return {"since": "command", "at": at, "fault": name, **parameters}
