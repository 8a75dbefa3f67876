"""What is wrong with a recording, found before anything is fitted to it; each flaw has a name.

A *flaw* makes a log unfit: what is identified from it would be wrong without a word. A *caution* makes a channel unfit
for some purpose, and the rest can be used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim2real.recordings.recording import Recording

LEAST_SECONDS, LEAST_ROWS = 3.0, 100
_GAP = 10.0  # median steps without a row, and
_GAP_SECONDS = 0.2
_MOST_MISSING = 0.05  # share of a channel's rows
_STILL_JOINT, _STILL_PLACE = 0.02, 0.25  # [rad], [m]: a robot that moved less has shown nothing
_BLOWN = 1e3  # times the spread of the middle 98 % beyond it
_UNSIGNED_MOTION = 0.1  # [rad/s] both ways
# what no robot of these exceeds: [rad], [rad/s], [N m], [m/s^2] (a small drone's sensor ends at 16 to 24 g), ...
_BOUNDS = {"position": 60.0, "velocity": 200.0, "effort": 2000.0, "acceleration": 25 * 9.81, "angular_velocity": 45.0,
           "linear_velocity": 50.0, "place": 1000.0, "attitude": 7.0, "voltage": 100.0, "current": 200.0}
_SLOWER = 3.0  # times the usual number of rows between two values of a channel that comes less often
_SHARE = 0.02  # that a motor's share may be beyond 0 and 1


@dataclass(frozen=True)
class Flaw:
    """One finding: its ``kind``, the ``channel`` ("" for the whole), words, and whether the log is unfit."""

    kind: str
    channel: str
    words: str
    fatal: bool = True

    def __str__(self) -> str:
        return f"{self.kind}{f' ({self.channel})' if self.channel else ''}: {self.words}"


def find_flaws(recording: Recording) -> list[Flaw]:
    """All flaws of one recording; see ``find_duplicates`` for those of several together."""
    found = list(_of_time(recording))
    for name, values in recording.channels.items():
        found.extend(_of_channel(name, values))
    known = {name: values for name, values in recording.channels.items() if np.isfinite(values).any()}
    found.extend(_of_motion(replace(recording, channels=known)))
    return found


def find_duplicates(recordings: Sequence[Recording]) -> dict[int, int]:
    """Index of a recording that says the same as an earlier one -> that one's index."""
    first: dict[str, int] = {}
    out = {}
    for k, recording in enumerate(recordings):
        key = _content(recording)
        if first.setdefault(key, k) != k:
            out[k] = first[key]
    return out


def _content(recording: Recording) -> str:
    digest = hashlib.sha256()
    for name in sorted(recording.channels):
        digest.update(name.encode() + np.ascontiguousarray(recording.channels[name]).tobytes())
    return digest.hexdigest()


def _of_time(recording: Recording) -> Iterator[Flaw]:
    time, n = recording.time, len(recording)
    if missing := int(np.count_nonzero(~np.isfinite(time))):
        yield Flaw("no time", "", f"{missing} of {n} rows have none")
        time = time[np.isfinite(time)]
    if n < LEAST_ROWS or recording.duration < LEAST_SECONDS:
        yield Flaw("short", "", f"{n} rows in {recording.duration:.1f} s; at least {LEAST_ROWS} in {LEAST_SECONDS:g} s "
                                "are needed")
    steps = np.diff(time)
    if back := int(np.count_nonzero(steps < 0.0)):
        yield Flaw("time goes back", "", f"{back} times, first after {time[int(np.argmax(steps < 0.0))]:.3f} s")
    if same := int(np.count_nonzero(steps == 0.0)):
        yield Flaw("time stands still", "", f"{same} rows have the time of the one before")
    middle = float(np.median(steps)) if len(steps) else 0.0
    wide = steps > max(_GAP * middle, _GAP_SECONDS)
    if middle > 0.0 and wide.any():
        at = int(np.argmax(steps))
        yield Flaw("gap", "", f"{int(wide.sum())} of more than {max(_GAP * middle, _GAP_SECONDS):.2g} s, the longest "
                              f"{steps[at]:.2f} s after {time[at]:.2f} s")


def _of_channel(name: str, values: np.ndarray) -> Iterator[Flaw]:
    finite = np.isfinite(values)
    missing = 1.0 - finite.mean()
    if missing > 0.0 and not _is_slower(finite):
        yield Flaw("missing", name, f"{missing:.1%} of the rows are no numbers", bool(missing > _MOST_MISSING))
    known, quantity = values[finite], name.partition(".")[0]
    if not len(known):
        return
    low, high = float(known.min()), float(known.max())
    if quantity == "motor":
        if low < -_SHARE or high > 1.0 + _SHARE:
            yield Flaw("blown up", name, f"{low:.3g} to {high:.3g}, where 0 to 1 is possible")
    elif max(-low, high) > _BOUNDS.get(quantity, np.inf):
        yield Flaw("blown up", name, f"{low:.3g} to {high:.3g}, where {_BOUNDS[quantity]:.4g} is more than any robot's")
    else:
        inner = np.quantile(known, [0.01, 0.99])
        spread, far = float(np.ptp(inner)), float(np.maximum(inner[0] - low, high - inner[1]))
        if spread > 0.0 and far > _BLOWN * spread:
            yield Flaw("blown up", name, f"{low:.3g} to {high:.3g}, while 98 % are in {inner[0]:.3g} to {inner[1]:.3g}")


def _is_slower(finite: np.ndarray) -> bool:
    """Whether a channel has its values at every so many rows: it came less often than others, nothing is missing."""
    steps = np.diff(np.flatnonzero(finite))
    return bool(len(steps) and np.median(steps) > 1.0 and steps.max() <= _SLOWER * np.median(steps))


def _of_motion(recording: Recording) -> Iterator[Flaw]:
    joints, places, motors = (recording.matrix(quantity) for quantity in ("position", "place", "motor"))
    if joints.size and (_span(joints) < _STILL_JOINT).all():
        yield Flaw("never moves", "position", f"no joint moves more than {_span(joints).max():.3g} rad")
    if places.size and (_span(places) < _STILL_PLACE).all():
        yield Flaw("never moves", "place", f"it stays within {_span(places).max():.2f} m: it has not flown")
    if motors.size and not np.nan_to_num(motors).any():
        yield Flaw("never driven", "motor", "all motors are at 0 throughout")
    quaternion = recording.matrix("quaternion")
    if quaternion.shape[1] == 4:
        length = np.linalg.norm(quaternion[np.isfinite(quaternion).all(axis=1)], axis=1)
        off = float(np.abs(length - 1.0).max(initial=0.0))
        if off > 0.05:
            yield Flaw("no rotation", "quaternion", f"its length is off one by {off:.2f}")
    for quantity in ("effort", "current"):
        for element in recording.elements(quantity):
            name = f"{quantity}.{element}" if element else quantity
            if _unsigned(recording, element, recording.channels[name]):
                yield Flaw("unsigned", name, "never negative while the joint moves both ways: a magnitude, no torque",
                           fatal=False)


def _span(matrix: np.ndarray) -> np.ndarray:
    """From the 1st to the 99th percentile of each column: one wrong row is no motion."""
    return np.ptp(np.nanquantile(matrix, [0.01, 0.99], axis=0), axis=0)


def _unsigned(recording: Recording, element: str, values: np.ndarray) -> bool:
    joint = recording.channels.get(f"position.{element}" if element else "position")
    if joint is None or np.nanmin(values) < 0.0 or np.nanmax(values) <= 0.0 or len(joint) < 3:
        return False
    speed = np.gradient(joint) * recording.rate
    return bool((speed < -_UNSIGNED_MOTION).any() and (speed > _UNSIGNED_MOTION).any())
