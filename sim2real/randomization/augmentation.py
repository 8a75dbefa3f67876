"""Augmentation for learning from images: random shifts and crops of a batch, other than any camera would.

They need no vocabulary: a learner draws them anew for every batch that it trains on.
"""

from __future__ import annotations

import cv2
import numpy as np

from sim2real.errors import BadInputError
from sim2real.randomization.image_noise import Draws
from sim2real.randomization.images import check_images


def random_shift(images: np.ndarray, pad: int = 4, seed: int = 0, counter: int = 0) -> np.ndarray:
    """Every image moved by up to ``pad`` pixels either way, edges repeated.

    Kostrikov, Yarats, Fergus 2020, "Image augmentation is all you need" (DrQ): pad by 4 on each side, crop anywhere.

    Args:
        images: uint8, shape (n, h, w, 3).
        pad: Largest shift in [px].
        seed: The experiment's seed.
        counter: Number of the batch: shifts are a function of (seed, place in the batch, counter).

    Returns:
        A new array of the same shape.

    Raises:
        BadInputError: Images of another shape or kind, or a negative ``pad``.
    """
    n, h, w, _ = check_images(images).shape
    if pad < 0:
        raise BadInputError(f"expected a pad of 0 or more pixels, got {pad}")
    out = np.empty_like(images, order="C")
    if out.size == 0:
        return out
    moves = np.floor(_places(n, seed, counter, "shift") * (2 * pad + 1)).astype(int) - pad
    down, right = np.clip(moves[:, 0], 1 - h, h - 1), np.clip(moves[:, 1], 1 - w, w - 1)
    for image, into, y, x in zip(images, out, down.tolist(), right.tolist(), strict=True):
        kept = image[max(-y, 0):h - max(y, 0), max(-x, 0):w - max(x, 0)]
        cv2.copyMakeBorder(kept, max(y, 0), max(-y, 0), max(x, 0), max(-x, 0), cv2.BORDER_REPLICATE, into)
    return out


def random_crop(images: np.ndarray, height: int, width: int, seed: int = 0, counter: int = 0) -> np.ndarray:
    """A window of ``height`` x ``width`` anywhere in each image.

    Laskin et al. 2020, "Reinforcement learning with augmented data" (RAD): render 100 x 100, train on random windows of
    84 x 84, act on ``center_crop``.

    Args:
        images: uint8, shape (n, h, w, 3).
        height, width: Size of the window in [px], at most that of the images.
        seed: The experiment's seed.
        counter: Number of the batch: windows are a function of (seed, place in the batch, counter).

    Returns:
        A new array, shape (n, height, width, 3).

    Raises:
        BadInputError: Images of another shape or kind, or a window that does not fit.
    """
    n, h, w, _ = _fitting(images, height, width)
    places = _places(n, seed, counter, "crop")
    top = np.floor(places[:, 0] * (h - height + 1)).astype(int).tolist()
    left = np.floor(places[:, 1] * (w - width + 1)).astype(int).tolist()
    out = np.empty((n, height, width, 3), np.uint8)
    for image, into, y, x in zip(images, out, top, left, strict=True):
        into[:] = image[y:y + height, x:x + width]
    return out


def center_crop(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle ``height`` x ``width`` of each image, a view: what a policy trained on ``random_crop`` acts on."""
    _, h, w, _ = _fitting(images, height, width)
    top, left = (h - height) // 2, (w - width) // 2
    return images[:, top:top + height, left:left + width]


def _fitting(images: np.ndarray, height: int, width: int) -> tuple[int, ...]:
    shape = check_images(images).shape
    if not (1 <= height <= shape[1] and 1 <= width <= shape[2]):
        raise BadInputError(f"expected a window inside images of {shape[1]} x {shape[2]}, got {height} x {width}")
    return shape


def _places(n: int, seed: int, counter: int, purpose: str) -> np.ndarray:
    """Uniform numbers (n, 2)."""
    ids = np.arange(n)
    return Draws(seed, ids, np.full(n, counter)).uniform(purpose, ids, 2)
