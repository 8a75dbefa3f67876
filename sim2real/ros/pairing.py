"""Which image belongs to a state: by stamps where they make sense, and never an image that was received too long ago.

``received`` and ``now`` are of the monotonic clock, stamps of whoever wrote them. Stamps are compared with a local
clock that was read once and runs on monotonically, so steps of the wall clock change nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

MAX_AGE = 0.1  # [s]
MAX_SKEW = 0.07  # [s]: a camera of 30 Hz and 35 ms of exposure and transport
FROZEN = 10  # images with one stamp
FUTURE, PAST = 0.1, 5.0  # [s] that a stamp may be off the local clock; beyond it was written by another clock
_KEPT = 4  # frames, for states that come after a newer image


@dataclass(frozen=True)
class Frame:
    """A decoded image.

    Attributes:
        pixels: As of ``images.decode``, read only.
        stamp: Of its header in [s], 0 where the driver gives none.
        received: When it arrived in [s] (monotonic).
        frame_id: Of its header.
        number: How many were decoded before it.
    """

    pixels: np.ndarray
    stamp: float
    received: float
    frame_id: str = ""
    number: int = 0


class Pairing:
    """The last few frames of one camera, and the one that fits a state.

    Args:
        max_age: Oldest reception in [s].
        max_skew: Largest difference of stamps in [s].
        epoch: Stamp of the monotonic clock's zero; default: by the wall clock now.

    Attributes:
        reason: Why the last ``latest`` found none, "" if it did.
        by_age: Why the last ``latest`` went by reception alone, "" if it went by stamps.
        repeated: How many images in a row had the newest stamp.
        reordered: Images older than the one before, which were left out.
    """

    def __init__(self, max_age: float = MAX_AGE, max_skew: float = MAX_SKEW, *, epoch: float | None = None):
        self.max_age, self.max_skew = max_age, max_skew
        self.reason = ""
        self.by_age = ""
        self.repeated = 0
        self.reordered = 0
        self._epoch = time.time() - time.monotonic() if epoch is None else epoch
        # frames of one clock, oldest first, and why their stamps cannot be used; replaced as a whole, so that one
        # thread may add while another one looks
        self._kept: tuple[tuple[Frame, ...], str] = ((), "")

    def add(self, frame: Frame) -> None:
        """Take the next frame, in the order of reception."""
        frames, before = self._kept
        last = frames[-1] if frames else None
        foreign = self._foreign(frame.stamp, frame.received)
        if last is not None and frame.stamp > 0.0 and frame.stamp == last.stamp:
            self.repeated += 1  # the same image again: when it was received says nothing about its age
            return
        if last is not None and not before:
            if not foreign and frame.stamp < last.stamp:
                self.reordered += 1
                return
            if foreign and last.stamp < frame.stamp < self._epoch + frame.received:
                foreign = ""  # a good clock does not fall behind while it runs forward: the image itself is late
        self.repeated = 1
        same_clock = bool(foreign) == bool(before)
        self._kept = (*(frames[1 - _KEPT:] if same_clock else ()), frame), foreign

    def latest(self, state_stamp: float, now: float) -> Frame | None:
        """The newest frame that fits a state stamped ``state_stamp`` [s] at ``now`` [s] (monotonic), or None."""
        frames, foreign = self._kept
        if not frames:
            return self._none("no image yet")
        if self.repeated >= FROZEN:
            return self._none(f"frozen: {self.repeated} images with the same stamp")
        fresh = [frame for frame in frames if now - frame.received <= self.max_age]
        if not fresh:
            return self._none(f"the last image is older than {1e3 * self.max_age:g} ms")
        foreign_state = self._foreign(state_stamp, now)
        self.by_age = f"its stamps are {foreign}" if foreign else (
            f"the states' stamps are {foreign_state}" if foreign_state else "")
        if not self.by_age:
            apart = [abs(frame.stamp - state_stamp) for frame in fresh]
            fresh = [frame for frame, skew in zip(fresh, apart, strict=True) if skew <= self.max_skew]
            if not fresh:
                return self._none(f"the nearest image is {1e3 * min(apart):.0f} ms apart from the state, at most "
                                  f"{1e3 * self.max_skew:g} ms is allowed")
        self.reason = ""
        return fresh[-1]

    def _foreign(self, stamp: float, at: float) -> str:
        """Why a stamp seen ``at`` [s] (monotonic) cannot be of the local clock, "" if it can."""
        late = self._epoch + at - stamp
        if stamp <= 0.0:
            return "zero"
        if late < -FUTURE:
            return f"{-late:.1f} s in the future"
        return f"{late:.1f} s in the past" if late > PAST else ""

    def _none(self, reason: str) -> None:
        self.reason = reason
