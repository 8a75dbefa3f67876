"""The eye of a policy: the newest estimate of its camera as a goal, and a gate that is closed while there is none.

Predictions come in the camera's listening thread. The control loop only looks at what is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim2real.deployment.bundle import Bundle
from sim2real.errors import TaskError
from sim2real.ros.figures import Series
from sim2real.ros.log import Recorder
from sim2real.ros.vision.estimates import LEAST, Estimates, Prediction

MOVED = 0.008  # [m] by which an estimate has to differ from the goal in use for the goal to follow: so the arm rests
_MAX_AGE, _MAX_FRAMES = 0.3, 5.0  # [s] and periods of the camera, whichever is more: what an estimate may be old


@dataclass(frozen=True)
class _Seen:
    """What the control loop looks at: replaced as a whole."""

    goal: np.ndarray | None = None
    received: float = float("-inf")  # of the frame of the newest estimate in [s] (monotonic)
    outside: str = ""  # why the newest estimate is no goal
    rejected: str = ""  # why the newest prediction is not in an estimate


class Eye:
    """Goals of what a bundle's encoder sees.

    Args:
        bundle: With an encoder.
        rate: Of its camera in [Hz].
        recorder: Where each prediction is told, topic ``/estimate``, or None.
        clock: Monotonic, in [s].

    Attributes:
        camera: Name of its camera.
        encoder: The network that its camera has to look with.
        estimates: What predictions agree on.
        latency: From a frame's reception to its prediction being known here, in [s].
        took: Of it, the encoder's own time in [s].
        predictions: Number so far.
    """

    def __init__(self, bundle: Bundle, rate: float, recorder: Recorder | None = None,
                 clock: Callable[[], float] = time.monotonic):
        said = bundle.manifest.encoder
        assert said is not None and said.camera is not None and bundle.encoder is not None
        self.camera, self.encoder = said.camera.name, bundle.encoder
        self._labels, self._task, self._recorder, self._clock = said.labels, bundle.task, recorder, clock
        self._max_age = max(_MAX_AGE, _MAX_FRAMES / rate)
        self._seen = _Seen()
        self.estimates = Estimates([said.labels.index(label) for label in bundle.task.sees])
        self.latency, self.took = Series(10_000), Series(10_000)
        self.predictions = 0

    # ------------------------------------------------------------------ the camera's listening thread
    def add(self, prediction: Prediction) -> None:
        """Take the next prediction."""
        self.predictions += 1
        self.latency.add(prediction.known - prediction.received)
        self.took.add(prediction.took)
        why = self.estimates.add(prediction)
        estimate, before = self.estimates.latest, self._seen
        if why or estimate is None:
            self._seen = _Seen(before.goal, before.received, before.outside, why)
        else:
            self._seen = self._placed(estimate.values, estimate.received, before.goal)
        if self._recorder is not None:
            self._recorder.put("/estimate", self._row(prediction))

    def _placed(self, values: np.ndarray, received: float, goal: np.ndarray | None) -> _Seen:
        try:
            place = self._task.goal_of(dict(zip(self._labels, values.tolist(), strict=True)))
        except TaskError as error:
            return _Seen(goal, received, str(error))
        if goal is not None and np.linalg.norm(place - goal) <= MOVED:
            place = goal
        return _Seen(place, received)

    def _row(self, prediction: Prediction) -> dict[str, object]:
        """What the log says of one prediction, what it led to, and the goal that counts from then on."""
        estimate, seen = self.estimates.latest, self._seen
        none = np.full(len(self._labels), np.nan)
        return {"frame": prediction.number, "stamp": prediction.stamp,
                "latency": prediction.known - prediction.received, "took": prediction.took,
                "prediction": none if prediction.values is None else prediction.values,
                "estimate": none if estimate is None else estimate.values,
                "spread": float("nan") if estimate is None else estimate.spread,
                "count": 0 if estimate is None else estimate.count,
                "goal": np.full(self._task.goal_size, np.nan) if seen.goal is None else seen.goal,
                "moved": self.estimates.moved, "reason": seen.rejected or seen.outside}

    # ------------------------------------------------------------------ the control loop's
    @property
    def goal(self) -> np.ndarray | None:
        """The goal (G,) that counts; None before there was one. The same array until it moves."""
        return self._seen.goal

    def closed(self) -> list[str]:
        """Why nothing can be reached for, one sentence or none."""
        why = self._why()
        return [why] if why else []

    def judge(self) -> tuple[str, str]:
        """("hold", why) without a fresh estimate inside the task's region, else ("", "")."""
        why = self._why()
        return ("hold", why) if why else ("", "")

    def _why(self) -> str:
        seen, name = self._seen, f"encoder of camera {self.camera}"
        age = self._clock() - seen.received
        if not age <= self._max_age:
            old = f"the last estimate is {1e3 * age:.0f} ms old" if np.isfinite(age) else "no estimate yet"
            return f"{name}: {old}" + (f": {seen.rejected}" if seen.rejected else
                                       f"; {LEAST} predictions in a row have to agree" if seen.goal is None else "")
        return f"{name}: {seen.outside}" if seen.outside else ""
