"""The encoder in a camera's own process: a thread that looks at the newest picture, beside the one that takes them.

Inference costs the control loop nothing: it is another process's. A picture that comes while the encoder is busy
replaces the one that waits.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from sim2real.deployment.encoder_network import Encoder
from sim2real.deployment.network import first_line
from sim2real.ros import images
from sim2real.ros.vision.estimates import Prediction


def share(encoder: Encoder) -> int:
    """A file descriptor, without a name anywhere, of the network's bytes: what was checked is what is run."""
    descriptor = os.memfd_create("sim2real_encoder")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(encoder.onnx)
    return descriptor


def opened(descriptor: int) -> Encoder:
    """The encoder behind a descriptor of ``share``."""
    return Encoder(os.pread(descriptor, os.fstat(descriptor).st_size, 0))


class Looking:
    """Runs ``encoder`` on pictures in a thread of its own.

    Args:
        encoder: The network.
        say: Takes what there is to tell of a frame: ``looked`` (its number), ``values``, ``stamp``, ``received``,
            ``took`` [s] and ``failure``.
    """

    def __init__(self, encoder: Encoder, say: Callable[..., None]):
        self._encoder, self._say = encoder, say
        self._newest: tuple[int, np.ndarray, float, float] | None = None
        self._stamp = 0.0
        self._there = threading.Condition()
        threading.Thread(target=self._run, name="encoder", daemon=True).start()

    def show(self, number: int, pixels: np.ndarray, stamp: float, received: float) -> None:
        """Here is the next frame, RGB (height, width, 3) uint8; one that repeats the last stamp tells nothing new."""
        if stamp > 0.0 and stamp == self._stamp:
            return
        self._stamp = stamp
        with self._there:
            self._newest = number, pixels, stamp, received
            self._there.notify()

    def _run(self) -> None:
        while True:
            with self._there:
                while self._newest is None:
                    self._there.wait()
                number, pixels, stamp, received = self._newest
                self._newest = None
            self._say(looked=number, stamp=stamp, received=received, **self._look(pixels))

    def _look(self, pixels: np.ndarray) -> dict[str, Any]:
        begin = time.monotonic()
        values, failure = None, ""
        try:
            values = self._encoder(fitted(pixels, self._encoder.height, self._encoder.width)[None])[0].tolist()
        except Exception as error:  # onnxruntime's have no common base; whatever it is, the robot has to hold
            failure = f"it failed: {first_line(error)}"
        return {"values": values, "took": time.monotonic() - begin, "failure": failure}


def predicted(line: dict[str, Any], now: float) -> Prediction:
    """What ``Looking`` said, known at ``now`` [s] (monotonic)."""
    values = line["values"]
    return Prediction(line["looked"], None if values is None else np.array(values, float), line["stamp"],
                      line["received"], now, line["took"], line["failure"])


def fitted(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """A picture (h, w, 3) averaged down, or interpolated up, to (height, width, 3)."""
    if pixels.shape[:2] == (height, width):
        return pixels
    cv2 = images.cv2()
    how = cv2.INTER_AREA if pixels.shape[0] > height else cv2.INTER_LINEAR
    return cv2.resize(pixels, (width, height), interpolation=how)
