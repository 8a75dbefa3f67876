"""What the tests of image effects share."""

from __future__ import annotations

import numpy as np

from sim2real.parameters import ParameterSpace
from sim2real.randomization.images import ImageRandomizer

SPACE = ParameterSpace.for_images()


def apply(images: np.ndarray, counter: int | np.ndarray = 0, seed: int = 0, identities=None, **values) -> np.ndarray:
    """Images (n, h, w, 3), or one (h, w, 3), with these values by name without prefix on every image."""
    batch = images if images.ndim == 4 else images[None]
    rows = SPACE.batch(len(batch), {f"image_{name}": value for name, value in values.items()})
    out = ImageRandomizer(SPACE, seed).apply(batch, rows, counter, identities)
    return out if images.ndim == 4 else out[0]


def flat(height: int, width: int, *color: int) -> np.ndarray:
    """One image (h, w, 3) of one colour, grey where one number is given."""
    return np.full((height, width, 3), color, np.uint8)


def pixels(*colors) -> np.ndarray:
    """An image of one row with these colours; a number is a grey."""
    return np.array([[np.broadcast_to(color, 3) for color in colors]], np.uint8)


def light(image: np.ndarray) -> np.ndarray:
    """Light of pixel values, 1 is white: v = sqrt(L)."""
    return (image / 255.0) ** 2


def scene(n: int = 1, height: int = 31, width: int = 47) -> np.ndarray:
    """Smooth random images that use most of the range, (n, h, w, 3)."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(20, 236, (n, -(-height // 8) + 1, -(-width // 8) + 1, 3))
    return coarse.repeat(8, axis=1).repeat(8, axis=2)[:, 3:3 + height, 5:5 + width].astype(np.uint8)
