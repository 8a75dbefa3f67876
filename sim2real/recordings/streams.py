"""Messages of several topics as rows of one recording.

Rows are the commands' own times, the states' where these come more often, or an even grid. A command holds until the
next. A state that was not measured exactly at a row is put to the nearest one, moved there by its own velocity; rows
without a measurement have NaN, nothing is made up between measurements.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2real.errors import BadInputError


@dataclass(frozen=True)
class Stream:
    """Values that came together.

    Attributes:
        time: In [s], (n,).
        values: Channel -> (n,).
        slopes: Channel -> the channel of the same stream that is its derivative.
    """

    time: np.ndarray
    values: dict[str, np.ndarray]
    slopes: dict[str, str]


def join(name: str, given: Stream, measured: list[Stream], *, even: bool = False
         ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Time (n,) from 0 on and channels (n,) of what was ``given`` and what was ``measured``.

    Args:
        name: Of the log.
        given, measured: The streams.
        even: Whether rows are put on an even grid: where a command that did not come was not sent, so the last held.

    Raises:
        BadInputError: One of them is empty, or they have no time in common.
    """
    for stream, what in ((given, "commands"), *((stream, "states") for stream in measured)):
        if not len(stream.time):
            raise BadInputError(f"{name}: it has no {what}")
    rows = np.unique(max((given, *measured), key=lambda stream: len(stream.time)).time)
    begin, end = (pick(f(stream.time) for stream in (given, *measured))
                  for pick, f in ((max, np.min), (min, np.max)))
    rows = rows[(rows >= begin) & (rows <= end)]
    if len(rows) < 2:
        raise BadInputError(f"{name}: commands and states have no time in common; are they of one clock?")
    late = 0.0
    if even:  # to the nearest row: a command that is logged a little late was sent in its turn
        steps = np.diff(rows)
        count = int(np.round(steps / np.median(steps)).sum())
        step = (rows[-1] - rows[0]) / max(count, 1)
        rows, late = rows[0] + step * np.arange(count + 1), 0.5 * step
    channels = _held(rows + late, given)
    for stream in measured:
        channels.update(_placed(rows, stream))
    return rows - rows[0], channels


def _held(rows: np.ndarray, stream: Stream) -> dict[str, np.ndarray]:
    order = np.argsort(stream.time, kind="stable")
    last = np.maximum(np.searchsorted(stream.time[order], rows, side="right") - 1, 0)
    return {name: values[order][last] for name, values in stream.values.items()}


def _placed(rows: np.ndarray, stream: Stream) -> dict[str, np.ndarray]:
    after = np.clip(np.searchsorted(rows, stream.time), 1, len(rows) - 1)
    nearest = np.where(stream.time - rows[after - 1] < rows[after] - stream.time, after - 1, after)
    late = rows[nearest] - stream.time
    inside = np.abs(late) <= np.maximum(rows[after] - rows[after - 1], 1e-9)
    out = {}
    for name, values in stream.values.items():
        slope = stream.values[stream.slopes[name]] if name in stream.slopes else 0.0
        out[name] = np.full(len(rows), np.nan)
        out[name][nearest[inside]] = (values + late * np.nan_to_num(slope))[inside]
    return out
