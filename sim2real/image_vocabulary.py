"""The rows of the vocabulary for images: what a camera and its link make of the light, each as one number.

Rows follow ``Parameter``'s fields; docs/images.md has the sources of the ranges. Nominal values leave every byte of an
image as it is. Lengths are shares of the image's width, so that a value means the same at any resolution.

Blur, JPEG and other costly or rare effects are *sometimes* there: beyond nominal on one side they act, on the other
they do nothing, and the range's share on the acting side is the probability of the effect. So one column with one
uniform distribution is enough, and a curriculum that shrinks the range keeps the probability.
"""

from __future__ import annotations

import math

import numpy as np

from sim2real.visual_vocabulary import ENGINES

PREFIX = "image_"
IDLE_BELOW = tuple(PREFIX + name for name in (  # nominal 0: what is less is nothing
    "defocus", "motion_blur_length", "vignetting", "shot_noise", "gaussian_noise", "salt_pepper_noise",
    "random_convolution", "cutout_count"))
IDLE_ABOVE = tuple(PREFIX + name for name in ("resolution", "jpeg_quality"))  # nominal is best: more is no better


def IMAGES() -> list[tuple]:
    """Rows for the images of any camera."""
    return [
        # ---------------------------------------------------------------- lens and shutter
        _sometimes("defocus", 0.12, 0.012, 0.016, (-1, 0.25), "standard deviation of the blur over the image's width"),
        _sometimes("motion_blur_length", 0.12, 0.06, 0.08, (-1, 1),
                   "way of the image during one exposure over its width"),
        _row("motion_blur_angle", "rad", 0, (-math.pi / 2, math.pi / 2), (-math.pi / 2, math.pi / 2), (-3.2, 3.2),
             "direction of that way: 0 along rows, positive turns to down"),
        _row("rolling_shutter", "1", 0, (-0.025, 0.025), (-0.03, 0.03), (-1, 1),
             "way of the image, along rows, from the first row's exposure to the last's, over its width"),
        _sometimes("vignetting", 0.15, 0.5, 0.6, (-10, 1), "share of the light that is lost in the corners"),
        # ---------------------------------------------------------------- sensor
        _row("exposure", "1", 1, (0.5, 2), (0.4, 2.5), (1e-3, 1e3), "light on the sensor over nominal", log=True),
        _sometimes("shot_noise", 0.35, 0.04, 0.05, (-1, 1),
                   "standard deviation of white's photon noise at nominal exposure, over white"),
        _row("gain", "1", 1, (0.7, 1.5), (0.6, 1.7), (1e-3, 1e3),
             "amplification of signal and noise over nominal", log=True),
        _sometimes("gaussian_noise", 0.2, 0.01, 0.0125, (-1, 1),
                   "standard deviation of the read noise before amplification, over white"),
        _sometimes("salt_pepper_noise", 0.1, 0.01, 0.0125, (-1, 1), "share of pixels that are black or white"),
        # ---------------------------------------------------------------- image processor
        _row("white_balance_red", "1", 1, (0.75, 1.33), (0.7, 1.43), (1e-2, 1e2), "red light over nominal", log=True),
        _row("white_balance_blue", "1", 1, (0.75, 1.33), (0.7, 1.43), (1e-2, 1e2), "blue light over nominal",
             log=True),
        _row("saturation", "1", 1, (0.6, 1.4), (0.5, 1.5), (0, 10), "distance of colours from grey over nominal"),
        _row("hue", "rad", 0, (-0.15, 0.15), (-0.2, 0.2), (-3.2, 3.2), "turn of the colours about grey"),
        _row("gamma", "1", 1, (0.7, 1.4), (0.6, 1.6), (0.05, 20), "exponent on pixel values between 0 and 1",
             log=True),
        _row("contrast", "1", 1, (0.7, 1.3), (0.6, 1.4), (0, 10),
             "distance of pixel values from mid grey over nominal"),
        # ---------------------------------------------------------------- on the way to the policy
        _sometimes("resolution", 0.08, 0.5, 0.4, (0.01, 20), "share of the pixels along a side that arrive", best=1.0),
        _sometimes("jpeg_quality", 0.08, 30, 20, (1, 1e4), "quality of a JPEG compression; 100 or more is none",
                   best=100.0),
        _row("delay", "s", 0, (0, 0.1), (0, 0.125), (0, 2), "age of an image when it arrives"),
        _row("drop_probability", "1", 0, (0, 0.05), (0, 0.08), (0, 1), "share of images lost; the last one stays"),
        # ---------------------------------------------------------------- for learning only
        _sometimes("random_convolution", 0.03, 1, 1, (-100, 1), "share of a random 3x3 convolution in the image"),
        _sometimes("cutout_count", 0.2, 3, 4, (-20, 20), "number of covered rectangles, rounded up"),
        _row("cutout_size", "1", 0.03, (0.01, 0.06), (0.01, 0.08), (0, 1), "share of the image that each covers"),
    ]


def settle(name: str, value: np.ndarray, nominal: float) -> np.ndarray:
    """Values of the parameter ``name`` with those on its idle side, if it has one, at nominal."""
    if name in IDLE_BELOW:
        return np.maximum(value, nominal)
    return np.minimum(value, nominal) if name in IDLE_ABOVE else value


def _row(name, unit, nominal, train, twin, physical, text, *, log=False):
    return (PREFIX + name, unit, float(nominal), float(train[0]), float(train[1]), "log_uniform" if log else "uniform",
            float(twin[0]), float(twin[1]), float(physical[0]), float(physical[1]), "image", True,
            ENGINES, text)


def _sometimes(name, probability, worst, twin_worst, physical, text, best=0.0):
    """A row whose range reaches from ``worst`` through ``best``, so far that ``probability`` of it is on that side."""
    def span(worst):
        idle = best + (best - worst) * (1.0 - probability) / probability
        return min(worst, idle), max(worst, idle)

    return _row(name, "1", best, span(worst), span(twin_worst), physical, text)
