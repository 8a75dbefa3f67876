"""What a camera's processor does with colours: one matrix for light and colours, one table for tone.

    white balance, saturation, hue    v = M sqrt(exposure gain diag(red, 1, blue)) v
    gamma, contrast                   v = 1/2 + contrast (v^gamma - 1/2)

Exposure and gain stand here where the light has not had them. Both lines are clipped to [0, 1]. A camera's processor,
too, corrects colours before tone.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

# Luma as in ITU-R BT.601, and two axes of colour across it (the YIQ of NTSC): grey is (y, 0, 0).
_YIQ = np.array([[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
_RGB = np.linalg.inv(_YIQ)
with np.errstate(divide="ignore"):
    _LOG = np.log(np.arange(256, dtype=np.float32) / np.float32(255))


class Colour:
    """The colours of a batch of images.

    Args:
        values: Image parameters by name without prefix, each (n,).
        exposed: Images that have exposure and gain already, (n,).

    Attributes:
        active: Which images it changes, (n,).
    """

    def __init__(self, values: Mapping[str, np.ndarray], exposed: np.ndarray):
        amplitude = np.where(exposed, 1.0, np.sqrt(values["exposure"] * values["gain"]))
        red, blue = np.sqrt(values["white_balance_red"]), np.sqrt(values["white_balance_blue"])
        self._matrices = mixing(values["saturation"], values["hue"]) * (
            amplitude[:, None] * np.stack([red, np.ones_like(red), blue], axis=1))[:, None, :]
        self._matrices = self._matrices.astype(np.float32)
        self._tables = tone_tables(values["gamma"], values["contrast"])
        mixed = ((amplitude != 1.0) | (red != 1.0) | (blue != 1.0) | (values["saturation"] != 1.0)
                 | (values["hue"] != 0.0))
        toned = (values["gamma"] != 1.0) | (values["contrast"] != 1.0)
        self.active = mixed | toned
        self._mixed, self._toned = mixed.tolist(), toned.tolist()

    def apply(self, i: int, frame: np.ndarray) -> None:
        """Change image ``i`` of the batch in place, (h, w, 3) uint8."""
        if self._mixed[i]:
            cv2.transform(frame, self._matrices[i], frame)
        if self._toned[i]:
            cv2.LUT(frame, self._tables[i], frame)


def mixing(saturation: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """Matrices (n, 3, 3) that scale and turn the colours of RGB about grey and keep luma; ``hue`` in [rad]."""
    turn = np.zeros((len(saturation), 3, 3))
    turn[:, 0, 0] = 1.0
    turn[:, 1, 1] = turn[:, 2, 2] = saturation * np.cos(hue)
    turn[:, 2, 1] = saturation * np.sin(hue)
    turn[:, 1, 2] = -turn[:, 2, 1]
    return _RGB @ turn @ _YIQ


def tone_tables(gamma: np.ndarray, contrast: np.ndarray) -> np.ndarray:
    """New value of each of the 256 pixel values, (n, 256) uint8."""
    tone = np.exp(gamma.astype(np.float32)[:, None] * _LOG)
    tone -= np.float32(0.5)
    tone *= contrast.astype(np.float32)[:, None]
    tone += np.float32(0.5)
    tone *= np.float32(255)
    return np.clip(np.rint(tone, out=tone), 0, 255, out=tone).astype(np.uint8)
