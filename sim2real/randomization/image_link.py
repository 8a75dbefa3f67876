"""What happens to an image between the camera and the policy: fewer pixels, JPEG."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np


class Link:
    """The way of a batch of images from the camera.

    Args:
        values: Image parameters by name without prefix, each (n,).
        shape: Shape of an image, (h, w, 3).

    Attributes:
        active: Which images it changes, (n,).
    """

    def __init__(self, values: Mapping[str, np.ndarray], shape: tuple[int, int, int]):
        h, w, _ = shape
        share, quality = values["resolution"], values["jpeg_quality"]
        self._sizes = np.maximum(np.rint(share[:, None] * (w, h)).astype(int), 1).tolist()
        self._coarse = (share < 1.0).tolist()
        self._fine = (share >= 0.5).tolist()
        self._quality = np.where(quality < 100.0, np.rint(quality), 0).astype(int).tolist()
        self.active = (share < 1.0) | (quality < 100.0)

    def apply(self, i: int, frame: np.ndarray) -> None:
        """Change image ``i`` of the batch in place, (h, w, 3) uint8."""
        if self._coarse[i]:
            # down to a half, two neighbours are all there is to average
            how = cv2.INTER_LINEAR if self._fine[i] else cv2.INTER_AREA
            small = cv2.resize(frame, self._sizes[i], interpolation=how)
            cv2.resize(small, frame.shape[1::-1], frame, interpolation=cv2.INTER_LINEAR)
        if self._quality[i]:
            # OpenCV's order is BGR; JPEG's luma must not take red for blue
            swapped = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
            data = cv2.imencode(".jpg", swapped, [cv2.IMWRITE_JPEG_QUALITY, self._quality[i]])[1]
            cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB, frame)
