"""Judges of recorded command streams, as plain functions of arrays; they share no code with what makes commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2real.deployment.limits import CommandLimits

STILL = 1e-9  # difference of two commands (or a velocity command) below which they stand still
BROKEN = 1e9  # how far over the bounds a command is that is no number
_TOLERANCE = 1e-6  # of a bound


@dataclass(frozen=True)
class Sample:
    """A message on the command topic.

    Attributes:
        time: When its publisher sent it in [s] (monotonic).
        number: Its publisher's own count of messages.
        publisher: Its global identity in DDS.
        command: In our order and units, shape (C,); nan where the driver would not take it.
    """

    time: float
    number: int
    publisher: bytes
    command: np.ndarray


def by_publisher(samples: Sequence[Sample]) -> list[list[Sample]]:
    """The streams of several publishers, in the order in which they began."""
    streams: dict[bytes, list[Sample]] = {}
    for sample in samples:
        streams.setdefault(sample.publisher, []).append(sample)
    return list(streams.values())


def unbroken(stream: Sequence[Sample]) -> list[np.ndarray]:
    """The parts (T, C) of one publisher's stream between which messages were lost on the way to the recorder.

    A lost message shows as a gap in the publisher's count; a jump of the commands themselves has none. So differences
    are taken inside the parts only, and every one of them is a difference that the driver was sent.
    """
    numbers = np.array([sample.number for sample in stream])
    rows = np.array([sample.command for sample in stream], float)
    return np.split(rows, np.flatnonzero(np.diff(numbers) != 1) + 1)


def lost(stream: Sequence[Sample]) -> int:
    """Messages between a stream's first and last one that the recorder did not get."""
    return stream[-1].number - stream[0].number + 1 - len(stream)


def over_bounds(rows: np.ndarray, limits: CommandLimits, period: float, quantity: str = "position") -> float:
    """How far a stream (T, C) leaves its bounds at worst: 0.0 inside, 0.1 at 110 % of one.

    Positions against their range, and the differences of the stream by its own index (one command a ``period`` [s])
    against velocity, acceleration and jerk. What float64 cannot resolve at this period is not counted.
    """
    if not np.isfinite(rows).all():
        return BROKEN
    bounds = [limits.velocity, limits.acceleration, limits.jerk]
    worst = 0.0
    if quantity == "velocity":
        orders = list(enumerate(bounds))
    else:
        orders = list(enumerate(bounds, start=1))
        width = np.where(np.isfinite(limits.high - limits.low), limits.high - limits.low, 1.0)
        excess = np.maximum(limits.low - rows, rows - limits.high) / width
        worst = float(excess.max(initial=0.0))
    rounding = np.finfo(float).eps * np.abs(rows).max(initial=0.0)
    for order, bound in orders:
        rate = np.abs(np.diff(rows, order, axis=0)) / period**order - 2.0**order * rounding / period**order
        worst = max(worst, float((rate / bound - 1.0).max(initial=0.0)))
    return worst if worst > _TOLERANCE else 0.0


def over_bounds_by_time(stream: Sequence[Sample], limits: CommandLimits, late: float,
                        quantity: str = "position") -> float:
    """The same of a stream that goes by time and leaves periods out on a busy machine, as a guard's braking does.

    From one command to the next it may go as far as the first bound allows in the time between them and the ``late``
    [s] that one of them may have been sent late at most; how it went in between is not known.
    """
    rows = np.array([sample.command for sample in stream])
    if not np.isfinite(rows).all():
        return BROKEN
    elapsed = np.diff([sample.time for sample in stream])[:, None] + late
    bound = limits.acceleration if quantity == "velocity" else limits.velocity
    return max(float((np.abs(np.diff(rows, axis=0)) / elapsed / bound - 1.0).max(initial=0.0)), 0.0)


def last_motion(samples: Sequence[Sample], since: float, quantity: str = "position") -> float:
    """When the stream last changed after ``since`` [s]; ``since`` itself where it did not.

    The command before ``since`` counts as where it stood.
    """
    at = since
    for before, sample in zip(samples, samples[1:], strict=False):
        change = sample.command if quantity == "velocity" else sample.command - before.command
        if sample.time > since and not np.abs(change).max() <= STILL:
            at = sample.time
    return at


def first_rest(samples: Sequence[Sample], since: float, until: float, quantity: str = "position",
               least: float = 0.2) -> float | None:
    """When the stream first began to stand still for ``least`` [s] between ``since`` and ``until`` [s]; None: never."""
    began = since
    for before, sample in zip(samples, samples[1:], strict=False):
        if not since < sample.time <= until:
            continue
        if sample.time - began >= least:
            return began
        change = sample.command if quantity == "velocity" else sample.command - before.command
        if not np.abs(change).max() <= STILL:
            began = sample.time
    return began if until - began >= least else None
