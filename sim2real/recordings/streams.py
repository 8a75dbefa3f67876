"""Messages of several topics as rows of one recording.

Rows are the commands' own times, the states' where these come more often, or an even grid. A command holds until the
next. A state that was not measured exactly at a row is put to the nearest one, moved there by its own velocity; rows
without a measurement have NaN, nothing is made up between measurements. Only on an even grid are states that come as
often as its rows interpolated, from one to the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2real.errors import BadInputError

_APART = 1.0  # [s] between a message's stamp and its reception: more is another clock
_ASTRAY = 0.1  # [s] more or less than usual between them: that stamp is wrong
_AS_OFTEN = 1.25  # times another stream's step: as often as that, but for what was lost
_BRIDGED = 2.5  # steps of a stream between two values: one may be lost


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
    longest = max((given, *measured), key=lambda stream: len(stream.time))
    # on an even grid commands hold from its rows on, which are their own times where they can be
    rows = np.unique((given if even and _step(given) <= _AS_OFTEN * _step(longest) else longest).time)
    begin, end = (pick(f(stream.time) for stream in (given, *measured))
                  for pick, f in ((max, np.min), (min, np.max)))
    rows = rows[(rows >= begin) & (rows <= end)]
    if len(rows) < 2:
        raise BadInputError(f"{name}: commands and states have no time in common; are they of one clock?")
    time, late, step = rows - rows[0], 0.0, 0.0
    if even:  # to the nearest row: a command that is logged a little late was sent in its turn
        first, step = _beat(rows)
        time = step * np.arange(round((rows[-1] - first) / step) + 1)  # in [s] of today's clocks a double has 0.2 us
        rows, late = first + time, 0.5 * step
    channels = _held(rows + late, given)
    for stream in measured:
        channels.update((_interpolated if _step(stream) <= _AS_OFTEN * step else _placed)(rows, stream))
    return time, channels


def on_clock(stamps: np.ndarray, received: np.ndarray) -> np.ndarray:
    """When a driver's messages were measured: by its stamps, as messages come less evenly than they were sent.

    Stamps of another clock, which are more than 1 s old or ahead, are moved by the median difference. Where a message
    has no stamp, or one that is off by more than 0.1 s from what is usual, as after a clock was set, its reception
    counts.

    Args:
        stamps: By the driver's clock in [s], (n,); NaN where there is none.
        received: When each was received, by the clock that stamped the commands, in [s], (n,).

    Returns:
        Times by that clock in [s], (n,).
    """
    late = received - stamps
    usual = float(np.median(late[np.isfinite(late)])) if np.isfinite(late).any() else 0.0
    moved = 0.0 if 0.0 <= usual <= _APART else usual
    return np.where(np.abs(late - usual) <= _ASTRAY, stamps, received - usual) + moved


def _beat(time: np.ndarray) -> tuple[float, float]:
    """First time and step in [s] of the even beat that times (n,) were meant to keep, though some are late or missing.

    Phases of times in the beat are numbers on the unit circle, of which late ones hardly turn the mean. Where the
    phase drifts from the first half of the times to the second, the step was wrong; first of few times, then of all.
    """
    since, step, count = time - time[0], float(np.median(np.diff(time))), min(32, len(time))
    while True:
        turns, half = np.exp(2j * np.pi * since[:count] / step), count // 2
        drift = np.angle(turns[half:].sum() * turns[:half].sum().conjugate()) / (2.0 * np.pi)
        step *= 1.0 + drift * step / float(since[half:count].mean() - since[:half].mean())
        if count == len(time):
            phase = np.angle(np.exp(2j * np.pi * since / step).sum()) / (2.0 * np.pi)
            return float(time[0] + phase * step), step
        count = min(2 * count, len(time))


def _step(stream: Stream) -> float:
    """Between two values in [s], the median."""
    return float(np.median(np.diff(np.unique(stream.time)))) if len(stream.time) > 1 else np.inf


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
        slope = stream.values.get(stream.slopes.get(name, ""), 0.0)
        out[name] = np.full(len(rows), np.nan)
        out[name][nearest[inside]] = (values + late * np.nan_to_num(slope))[inside]
    return out


def _interpolated(rows: np.ndarray, stream: Stream) -> dict[str, np.ndarray]:
    time, first = np.unique(stream.time, return_index=True)
    after = np.clip(np.searchsorted(time, rows), 1, len(time) - 1)
    lost = time[after] - time[after - 1] > _BRIDGED * _step(stream)
    return {name: np.where(lost, np.nan, np.interp(rows, time, values[first]))
            for name, values in stream.values.items()}
