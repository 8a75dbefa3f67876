"""Where a camera is and how it is turned, from known points in one picture: a calibration as anybody can do it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sim2real import rotations
from sim2real.cameras import CameraModel
from sim2real.errors import BadInputError

_ROUNDS, _STEP = 100, 1e-6
_CONVERGED = 1e-9


def calibrate(guess: CameraModel, points: np.ndarray, pixels: np.ndarray, *, pixel_error: float = 2.0,
              place_error: float = 0.02) -> CameraModel:
    """``guess`` with focal length, orientation and place fitted to known points.

    Least squares over f, a turn r and a place p (Levenberg-Marquardt):
        sum |project(X) - u|^2 / pixel_error^2 + |p - p_guess|^2 / place_error^2
    Four corners of a table give eight numbers for seven unknowns; the measured place holds what they leave open, for
    with one plane in view focal length and distance nearly trade.

    Args:
        guess: Size, principal point, distortion; the measured place; orientation and fx roughly.
        points: In the frame that the camera stands in, in [m], (n, 3).
        pixels: Where they are in the picture, also outside of it, (n, 2).
        pixel_error: Standard deviation of these in [pixels].
        place_error: Of each coordinate of the measured place in [m].

    Raises:
        BadInputError: Fewer than four points, shapes that do not match, or points that the guess has behind it.
    """
    points, pixels = np.asarray(points, float), np.asarray(pixels, float)
    if len(points) < 4 or points.shape != (len(points), 3) or pixels.shape != (len(points), 2):
        raise BadInputError(f"expected at least 4 points (n, 3) and as many pixels (n, 2), got {points.shape} and "
                            f"{pixels.shape}")
    if not np.isfinite(guess.project(points)).all():
        raise BadInputError("the guessed camera has some of the points behind it; turn it towards them")

    def camera_of(x: np.ndarray) -> CameraModel:
        turn = rotations.multiply(np.array(guess.quaternion), rotations.from_axis_angle(x[1:4]))
        scale, place = math.exp(x[0]), np.array(guess.position) + x[4:]
        return replace(guess, fx=guess.fx * scale, fy=guess.fy * scale, quaternion=tuple(turn.tolist()),
                       position=tuple(place.tolist()))

    def residuals(x: np.ndarray) -> np.ndarray:
        off = np.nan_to_num((camera_of(x).project(points) - pixels).ravel(), nan=1e6)
        return np.concatenate([off / pixel_error, x[4:] / place_error])

    return camera_of(_least_squares(residuals, 7))


def _least_squares(residuals: Callable[[np.ndarray], np.ndarray], size: int) -> np.ndarray:
    """Levenberg-Marquardt from zero with numeric derivatives."""
    x, damping = np.zeros(size), 1e-3
    r = residuals(x)
    for _ in range(_ROUNDS):
        slope = np.stack([(residuals(x + _STEP * e) - r) / _STEP for e in np.eye(size)], axis=1)
        normal = slope.T @ slope
        step = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), -slope.T @ r)
        there = residuals(x + step)
        if there @ there < r @ r:
            x, r, damping = x + step, there, damping / 3.0
            if np.abs(step).max() < _CONVERGED:
                break
        else:
            damping *= 4.0
    return x
