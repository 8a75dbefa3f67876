"""From what an encoder says of single frames to where something is: medians, and no jump before it is confirmed."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

KEPT = 30  # predictions that a median is of: so many that what an arm hides and shows again does not sway it
LEAST = 3  # that have to agree before there is an estimate, or before it jumps
JUMP = 0.05  # [m] from the median that a prediction may be off


@dataclass(frozen=True)
class Prediction:
    """What the encoder said of one frame.

    Attributes:
        number: Of the frame (``pairing.Frame.number``).
        values: Of the encoder's labels, (k,); None where it failed.
        stamp, received: Of the frame, as in ``pairing.Frame``.
        known: When this was known in the control loop's process in [s] (monotonic).
        took: How long the encoder took in [s].
        failure: Why there are no values.
    """

    number: int
    values: np.ndarray | None
    stamp: float
    received: float
    known: float
    took: float
    failure: str = ""


@dataclass(frozen=True)
class Estimate:
    """What the last predictions agree on.

    Attributes:
        values: Their median, (k,).
        spread: Largest distance of one of them from it in [m].
        number, received: Of the newest of their frames.
        count: How many they are.
    """

    values: np.ndarray
    spread: float
    number: int
    received: float
    count: int


class Estimates:
    """Takes predictions in, one by one.

    A prediction further than ``JUMP`` from the median of the last ``KEPT`` is doubted. ``LEAST`` in a row that agree
    with each other are believed: the thing was moved, and what was seen before counts no more.

    Args:
        columns: Of the predictions, whose distances count.

    Attributes:
        latest: The newest estimate, None before there is one.
        rejected: Predictions that were not used.
        moved: How often something was believed to have been moved.
    """

    def __init__(self, columns: Sequence[int]):
        self._columns = list(columns)
        self._kept: deque[np.ndarray] = deque(maxlen=KEPT)
        self._doubted: deque[np.ndarray] = deque(maxlen=LEAST)
        self.latest: Estimate | None = None
        self.rejected = self.moved = 0

    def add(self, prediction: Prediction) -> str:
        """Take the next prediction; gives why it changes nothing, "" where it was used."""
        values = prediction.values
        if values is None:
            return self._reject(prediction.failure)
        if not np.isfinite(values).all():
            return self._reject("its output is not finite")
        if len(self._kept) < LEAST:  # nothing is known yet
            return self._begin(prediction)
        off = self._distance(values, np.median(self._kept, axis=0))
        if off <= JUMP:
            self._doubted.clear()
            self._kept.append(values)
            return self._estimate(prediction)
        self._doubted.append(values)
        if not self._agree(self._doubted):
            return self._reject(f"it is {off:.2f} m off the last ones")
        self._kept.clear()
        self._kept.extend(self._doubted)
        self._doubted.clear()
        self.moved += 1
        return self._estimate(prediction)

    def _begin(self, prediction: Prediction) -> str:
        self._doubted.append(prediction.values)
        if not self._agree(self._doubted):
            return self._reject(f"fewer than {LEAST} predictions in a row agree")
        self._kept.extend(self._doubted)
        self._doubted.clear()
        return self._estimate(prediction)

    def _agree(self, values: deque[np.ndarray]) -> bool:
        """Whether these are enough, and none is far from their median."""
        middle = np.median(values, axis=0)
        return len(values) >= LEAST and max(self._distance(each, middle) for each in values) <= JUMP

    def _estimate(self, prediction: Prediction) -> str:
        middle = np.median(self._kept, axis=0)
        spread = max(self._distance(each, middle) for each in self._kept)
        self.latest = Estimate(middle, spread, prediction.number, prediction.received, len(self._kept))
        return ""

    def _reject(self, why: str) -> str:
        self.rejected += 1
        return why

    def _distance(self, a: np.ndarray, b: np.ndarray) -> float:
        return float(np.linalg.norm((a - b)[self._columns]))
