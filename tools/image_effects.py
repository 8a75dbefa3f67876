"""Draws docs/img/image_effects.png: every image effect by itself, then frames of the default plan.

    python tools/image_effects.py docs/img/image_effects.png
"""

from __future__ import annotations

import sys

import numpy as np

from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan, Sampler
from sim2real.randomization.contact_sheet import contact_sheet, sample_picture, save_png
from sim2real.randomization.images import ImageRandomizer

SIDE, COLUMNS = 96, 10
SHOWN = [
    ("as it is", {}), ("defocus", {"defocus": 0.012}),
    ("motion blur", {"motion_blur_length": 0.06, "motion_blur_angle": 0.6}),
    ("rolling shutter x 4", {"rolling_shutter": 0.1}), ("vignetting", {"vignetting": 0.5}),
    ("exposure 0.5", {"exposure": 0.5}), ("exposure 2", {"exposure": 2.0}), ("shot noise", {"shot_noise": 0.04}),
    ("Gaussian noise", {"gaussian_noise": 0.01}), ("salt and pepper", {"salt_pepper_noise": 0.01}),
    ("red 1.33, blue 0.75", {"white_balance_red": 1.33, "white_balance_blue": 0.75}),
    ("red 0.75, blue 1.33", {"white_balance_red": 0.75, "white_balance_blue": 1.33}),
    ("saturation 0.6", {"saturation": 0.6}), ("hue 0.15 rad", {"hue": 0.15}), ("gamma 1.4", {"gamma": 1.4}),
    ("contrast 0.7", {"contrast": 0.7}), ("half resolution", {"resolution": 0.5}), ("JPEG 30", {"jpeg_quality": 30.0}),
    ("random convolution", {"random_convolution": 1.0}), ("cutout", {"cutout_count": 3.0, "cutout_size": 0.06}),
]


def draw() -> np.ndarray:
    """The sheet, (H, W, 3) uint8."""
    space = ParameterSpace.for_images()
    shown = np.concatenate([space.batch(1, {f"image_{name}": value for name, value in values.items()})
                            for _, values in SHOWN])
    sampler = Sampler(RandomizationPlan.default(space), space, COLUMNS, seed=1)
    values = np.concatenate([shown, sampler.episode(np.arange(COLUMNS), np.zeros(COLUMNS, int))])
    labels = [label for label, _ in SHOWN] + ["default plan"] * COLUMNS
    pictures = np.repeat(sample_picture(SIDE, SIDE)[None], len(values), axis=0)
    return contact_sheet(ImageRandomizer(space, seed=3).apply(pictures, values), labels, COLUMNS)


if __name__ == "__main__":
    save_png(sys.argv[1], draw())
