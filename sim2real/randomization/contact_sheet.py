"""Contact sheets: a grid of labelled frames as one picture, and a test picture on which every image effect shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from sim2real.errors import BadInputError
from sim2real.files import atomic_write_bytes
from sim2real.randomization.images import check_images

_PAPER, _INK = (255, 255, 255), (30, 30, 30)
_MARGIN, _LINE = 8, 18  # [px]
_FONT, _FONT_SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.42
_OVERSAMPLING = 4


def contact_sheet(frames: np.ndarray, labels: Sequence[str] = (), columns: int = 6, scale: int = 1) -> np.ndarray:
    """Frames in rows from left to right, each with its label below.

    Args:
        frames: RGB uint8, shape (n, h, w, 3), n > 0.
        labels: One for each frame, or none. What is wider than a frame is made smaller.
        columns: Frames in a row.
        scale: Size of a frame's pixel in the sheet's.

    Returns:
        The sheet, (H, W, 3) uint8.

    Raises:
        BadInputError: No frames, frames of another shape, or another number of labels.
    """
    n, h, w, _ = check_images(frames).shape
    if n == 0 or h == 0 or w == 0 or columns < 1 or scale < 1:
        raise BadInputError(f"expected frames, columns and scale of 1 or more, got frames {frames.shape}, {columns} "
                            f"and {scale}")
    if labels and len(labels) != n:
        raise BadInputError(f"expected one label for each of {n} frames, got {len(labels)}")
    columns, text = min(columns, n), _LINE if labels else 0
    rows, high, wide = -(-n // columns), h * scale + text + _MARGIN, w * scale + _MARGIN
    sheet = np.full((rows * high + _MARGIN, columns * wide + _MARGIN, 3), _PAPER, np.uint8)
    for i, frame in enumerate(frames):
        top, left = i // columns * high + _MARGIN, i % columns * wide + _MARGIN
        sheet[top:top + h * scale, left:left + w * scale] = frame.repeat(scale, axis=0).repeat(scale, axis=1)
        if labels:
            _write(sheet, labels[i], left, top + h * scale + 13, w * scale)
    return sheet


def save_png(path: str | Path, picture: np.ndarray) -> None:
    """Write a picture (h, w, 3) uint8 RGB as PNG, whole or not at all.

    Raises:
        StorageError: The file cannot be written there.
    """
    atomic_write_bytes(path, cv2.imencode(".png", picture[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes())


def _write(sheet: np.ndarray, text: str, left: int, bottom: int, width: int) -> None:
    wide = cv2.getTextSize(text, _FONT, _FONT_SIZE, 1)[0][0]
    size = _FONT_SIZE * min(1.0, 0.95 * width / max(wide, 1))
    cv2.putText(sheet, text, (left, bottom), _FONT, size, _INK, 1, cv2.LINE_AA)


def sample_picture(height: int = 96, width: int = 96) -> np.ndarray:
    """A drawn table with blocks, a ball, stripes and a grey wedge under a light from the left, (height, width, 3)."""
    h, w = height * _OVERSAMPLING, width * _OVERSAMPLING
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    y, x = y / h, x / w
    picture = np.empty((h, w, 3), np.float32)
    picture[:] = (np.float32([0.62, 0.68, 0.74]) * (1.05 - 0.4 * x)[..., None])  # wall
    table = y > 0.42
    wood = 0.9 - 0.35 * x + 0.04 * np.sin(90.0 * (y + 0.15 * np.sin(4.0 * x)))
    picture[table] = (np.float32([0.64, 0.47, 0.31]) * wood[..., None])[table]
    stripes = (y < 0.34) & (y > 0.08) & (x > 0.06) & (x < 0.34)
    picture[stripes] = (0.12 + 0.8 * (np.floor((x - 0.06) / 0.02) % 2))[stripes, None]
    wedge = (y < 0.34) & (y > 0.22) & (x > 0.42) & (x < 0.94)
    picture[wedge] = (np.floor((x - 0.42) / 0.0525) / 9.0)[wedge, None]
    for k, color in enumerate(([0.85, 0.1, 0.1], [0.95, 0.75, 0.1], [0.1, 0.6, 0.2], [0.1, 0.25, 0.8])):
        left, top = 0.08 + 0.15 * k, 0.54 + 0.09 * (k % 2)
        picture[(x > left) & (x < left + 0.12) & (y > top) & (y < top + 0.12)] = color
        picture[(x > left) & (x < left + 0.12) & (y > top + 0.12) & (y < top + 0.17)] = np.float32(color) * 0.55
    across, down = (x - 0.8) / 0.13, (y - 0.7) * (height / width) / 0.13
    inside = across**2 + down**2 < 1.0
    lit = np.clip(-0.5 * across - 0.55 * down + 0.67 * np.sqrt(np.clip(1.0 - across**2 - down**2, 0, 1)), 0.0, 1.0)
    picture[inside] = (np.float32([0.9, 0.9, 0.88]) * (0.12 + 0.88 * lit)[..., None] + (lit**30)[..., None])[inside]
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return np.rint(np.clip(small, 0.0, 1.0) * 255.0).astype(np.uint8)
