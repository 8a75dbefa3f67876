"""Tables whose columns are already named like channels: what ``sim2real excite`` writes, and what is recorded of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim2real.errors import BadInputError
from sim2real.recordings.recording import QUANTITIES, Recording
from sim2real.recordings.tables import read_table

_TIMES = ("time", "t", "timestamp")


def read_named_columns(path: Path) -> Recording:
    """A table whose columns are named like channels, and one of time in [s].

    Raises:
        BadInputError: No column is a time, or none is a channel.
    """
    table = read_table(path)
    columns = {name: values for name, values in table.columns.items() if values.ndim == 1}
    time = next((name for name in _TIMES if name in columns), None)
    found = {name: values for name, values in columns.items() if name.partition(".")[0] in QUANTITIES}
    if time is None or not found:
        raise BadInputError(f"{path}: expected a column 'time' in [s] and columns named like channels "
                            f"(position.<joint>, command.<joint>, ...); it has {', '.join(table.columns) or 'none'}: "
                            "name them by a channel map (--channels)")
    values = columns[time]
    if not np.isfinite(values).any():
        raise BadInputError(f"{path}: column {time} has no time in it")
    return Recording(str(path), values - float(np.nanmin(values)), found, {}, table.constants)
