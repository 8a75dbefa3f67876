"""Blur of lens and motion, and the skew of a rolling shutter, on one image (h, w, 3) of any kind of numbers."""

from __future__ import annotations

import cv2
import numpy as np

_SAMPLES = 8  # of a line, per pixel of the kernel


def defocus(image: np.ndarray, sigma: float, out: np.ndarray) -> np.ndarray:
    """Gaussian blur of standard deviation ``sigma`` in [px] into ``out``: what a lens out of focus does nearly.

    Pentland 1987, "A new sense for depth of field", takes the same function for the blur circle.
    """
    size = 2 * int(np.ceil(2.5 * sigma)) + 1
    return cv2.GaussianBlur(image, (size, size), sigma, out, borderType=cv2.BORDER_REPLICATE)


def move(image: np.ndarray, kernel: np.ndarray, out: np.ndarray) -> np.ndarray:
    """``image`` averaged along the way of ``line_kernels``, into ``out``."""
    return cv2.filter2D(image, -1, kernel, out, borderType=cv2.BORDER_REPLICATE)


def line_kernels(length: np.ndarray, angle: np.ndarray) -> list[np.ndarray]:
    """Weights of pixels on ways of ``length`` (n,) in [px] through the middle: sum 1, float32, (k, k) with k odd.

    The way's points are spread over the four pixels around each (bilinear), so that any length and ``angle`` (n,) in
    [rad] (0 along rows, positive turns from x to y, down) has its own weights.
    """
    kernels: list[np.ndarray] = [np.ones((1, 1), np.float32)] * len(length)
    reach = np.ceil(length / 2.0).astype(int)
    for size in np.unique(reach[reach > 0]).tolist():
        ids = np.flatnonzero(reach == size)
        for i, kernel in zip(ids.tolist(), _lines(length[ids], angle[ids], size), strict=True):
            kernels[i] = kernel
    return kernels


def _lines(length: np.ndarray, angle: np.ndarray, reach: int) -> np.ndarray:
    """Kernels (n, k, k) of ways that all end at most ``reach`` pixels from the middle."""
    count, side = 2 * reach * _SAMPLES, 2 * reach + 2  # one row and column too many, where weights 0 fall
    along = ((np.arange(count) + 0.5) / count - 0.5) * length[:, None]
    x, y = reach + along * np.cos(angle)[:, None], reach + along * np.sin(angle)[:, None]
    column, row = x.astype(int), y.astype(int)
    right, down = x - column, y - row
    corner = (np.arange(len(length))[:, None] * side + row) * side + column
    where = np.stack([corner, corner + 1, corner + side, corner + side + 1])
    weights = np.stack([(1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down])
    total = np.bincount(where.ravel(), weights.ravel(), len(length) * side * side).reshape(-1, side, side)
    return np.ascontiguousarray(total[:, :-1, :-1] / count, np.float32)


def row_shifts(way: np.ndarray, height: int, width: int) -> list[list[tuple[int, int, int]]]:
    """How far a rolling shutter moves each row: for each image (first row, last row + 1, whole [px] to the right).

    Args:
        way: Way of the image from the first row's exposure to the last's in [px], (n,). The middle row stays, so that
            the picture as a whole does not move. Runs of rows that stay are left out.
    """
    phase = (np.arange(height) - (height - 1) / 2.0) / max(height - 1, 1)
    runs: list[list[tuple[int, int, int]]] = [[] for _ in way]
    moving = np.flatnonzero(np.abs(way) > 1.0)  # of less, half a pixel up and half down, no row has one
    shifts = np.rint(way[moving, None] * phase).astype(np.int32)
    np.clip(shifts, 1 - width, width - 1, out=shifts)  # a row is never without a pixel of its own
    starts = np.ones(shifts.shape, bool)
    np.not_equal(shifts[:, 1:], shifts[:, :-1], out=starts[:, 1:])
    image, top = np.nonzero(starts)
    bottom = np.append(top[1:], 0)
    bottom[bottom == 0] = height  # where the next run is another image's
    moved = shifts[image, top] != 0
    for i, *run in zip(moving[image[moved]].tolist(), top[moved].tolist(), bottom[moved].tolist(),
                       shifts[image, top][moved].tolist(), strict=True):
        runs[i].append(tuple(run))
    return runs


def move_rows(image: np.ndarray, runs: list[tuple[int, int, int]]) -> None:
    """Move the rows of ``runs`` to the right by their pixels, in place; edges are repeated."""
    for top, bottom, shift in runs:
        rows, moved = image[top:bottom].copy(), image[top:bottom]
        if shift > 0:
            cv2.copyMakeBorder(rows[:, :-shift], 0, 0, shift, 0, cv2.BORDER_REPLICATE, moved)
        else:
            cv2.copyMakeBorder(rows[:, -shift:], 0, 0, 0, -shift, cv2.BORDER_REPLICATE, moved)
