"""What happens to light between the scene and the sensor's output: lens, shutter, photons, amplifier.

Light adds up, pixel values do not: blur, vignetting and noise act on light. Pixel values v in [0, 1] and light L are
taken as v = sqrt(L): it runs between the curves of cameras (ITU-R BT.709) and of displays (IEC 61966-2-1, sRGB).

    light      L = exposure gain v^2, blurred and vignetted
    photons    L = L + shot sqrt(gain L) z = sqrt(L) (sqrt(L) + shot sqrt(gain) z)     Poisson's variance, normal shape
    read out   L = L + gain read z
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import cv2
import numpy as np

from sim2real.randomization.image_blur import defocus, line_kernels, move, move_rows, row_shifts
from sim2real.randomization.image_noise import Draws, normal_bank, uniform_bank

_DISPLAY = np.arange(256, dtype=np.float32) / np.float32(255)


class Light:
    """The light of a batch of images.

    Args:
        values: Image parameters by name without prefix, each (n,).
        draws: The batch's random numbers.
        shape: Shape of an image, (h, w, 3).

    Attributes:
        active: Which images it changes, (n,).
        exposed: Which images come out with exposure and gain applied, (n,); the others leave them to ``Colour``.
    """

    def __init__(self, values: Mapping[str, np.ndarray], draws: Draws, shape: tuple[int, int, int]):
        h, w, _ = shape
        self._shape, self._size = shape, h * w * 3
        self._defocus = (values["defocus"] * w).tolist()
        self._kernels = line_kernels(values["motion_blur_length"] * w, values["motion_blur_angle"])
        self._runs = row_shifts(values["rolling_shutter"] * w, h, w)
        self._vignetting = values["vignetting"].tolist()
        # ------------------------------------------------ noise, in units of white
        gain = values["gain"]
        (self._shot_from, self._read_from, self._dead_from), (shot_sign, read_sign, _) = draws.places("noise", 3)
        self._shot = (shot_sign * np.sqrt(gain) * values["shot_noise"]).tolist()
        self._read = (read_sign * gain * values["gaussian_noise"]).tolist()
        self._dead = np.rint(values["salt_pepper_noise"] * h * w).astype(int).tolist()
        # ------------------------------------------------ which way
        on = {name: values[name] != 0.0 for name in (
            "defocus", "motion_blur_length", "vignetting", "gaussian_noise", "shot_noise", "rolling_shutter",
            "salt_pepper_noise")}
        linear = on["defocus"] | on["motion_blur_length"] | on["vignetting"] | on["gaussian_noise"]
        self.exposed = linear | on["shot_noise"]
        self.active = self.exposed | on["rolling_shutter"] | on["salt_pepper_noise"]
        self._linear, self._exposed = linear.tolist(), self.exposed.tolist()
        # L for those in light, sqrt(L) for those that only have photon noise
        tables = np.sqrt(values["exposure"] * gain).astype(np.float32)[:, None] * _DISPLAY
        self._tables = np.where(linear[:, None], tables * tables, tables)
        self._normal = normal_bank(self._size) if self.exposed.any() else None
        self._uniform = uniform_bank(h * w) if any(self._dead) else None
        self._a, self._b = np.empty((2, *shape), np.float32)

    def apply(self, i: int, frame: np.ndarray) -> None:
        """Change image ``i`` of the batch in place, (h, w, 3) uint8."""
        move_rows(frame, self._runs[i])
        if self._exposed[i]:
            self._expose(i, frame)
        if self._dead[i]:
            self._salt(i, frame)

    def _expose(self, i: int, frame: np.ndarray) -> None:
        light, other = self._a, self._b
        cv2.LUT(frame, self._tables[i], light)
        if self._defocus[i]:
            light, other = defocus(light, self._defocus[i], other), light
        if len(self._kernels[i]) > 1:
            light, other = move(light, self._kernels[i], other), light
        if self._vignetting[i]:  # L *= 1 - loss r^2
            cv2.multiply(light, _radius_squared(self._shape), other)
            cv2.scaleAdd(other, -self._vignetting[i], light, light)
        if self._shot[i]:
            amplitude = cv2.sqrt(light, light) if self._linear[i] else light
            cv2.scaleAdd(self._noise(self._shot_from[i]), self._shot[i], amplitude, other)
            light = cv2.multiply(amplitude, other, other)
        if self._read[i]:
            cv2.scaleAdd(self._noise(self._read_from[i]), self._read[i], light, light)
        if self._shot[i] or self._read[i]:
            cv2.threshold(light, 0.0, 0.0, cv2.THRESH_TOZERO, light)  # less light than none there is not
        cv2.sqrt(light, light)
        cv2.convertScaleAbs(light, frame, 255.0)  # rounded, and white where there is more

    def _noise(self, start: int) -> np.ndarray:
        return self._normal[start:start + self._size].reshape(self._shape)

    def _salt(self, i: int, frame: np.ndarray) -> None:
        """Black and white pixels, as many of each, wherever they fall (rarely two on one)."""
        count, start = self._dead[i], self._dead_from[i]
        pixels = frame.reshape(-1, 3)
        where = (self._uniform[start:start + count] * len(pixels)).astype(int)
        pixels[where[::2]] = 0
        pixels[where[1::2]] = 255


@lru_cache(maxsize=4)
def _radius_squared(shape: tuple[int, int, int]) -> np.ndarray:
    """Squared distance of each pixel from the image's middle, 1 in the corners, float32 of ``shape``."""
    h, w, channels = shape
    y, x = (np.arange(size) - (size - 1) / 2.0 for size in (h, w))
    squared = y[:, None] ** 2 + x**2
    return np.repeat((squared / max(squared.max(), 1.0))[:, :, None], channels, axis=2).astype(np.float32)
