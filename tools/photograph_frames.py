"""Draws docs/img/photograph_frames.png: the KUKA's table as described, as randomized, and with image effects.

    python tools/photograph_frames.py docs/img/photograph_frames.png
"""

from __future__ import annotations

import sys

import numpy as np

from sim2real.perception.kuka_renders import render
from sim2real.perception.point_training import Effects
from sim2real.randomization.contact_sheet import contact_sheet, save_png
from sim2real.simulators.painting.mujoco_painter import MujocoPainter
from sim2real.simulators.scenes.kuka_scene import kuka_scene, lower_part

WIDTH, HEIGHT, COLUMNS = 240, 180, 4


def draw() -> np.ndarray:
    """The sheet, (H, W, 3) uint8."""
    scene = kuka_scene(WIDTH, HEIGHT)
    with MujocoPainter(scene.with_cameras(lower_part(scene.cameras[0])), samples=4) as painter:
        plain = render(painter, COLUMNS, seed=3, varied=False).images
        varied = render(painter, 3 * COLUMNS, seed=3).images
    effects = Effects(0)(varied[-COLUMNS:])
    labels = ["plain"] * COLUMNS + ["randomized"] * 2 * COLUMNS + ["with image effects"] * COLUMNS
    return contact_sheet(np.concatenate([plain, varied[:-COLUMNS], effects]), labels, columns=COLUMNS)


if __name__ == "__main__":
    save_png(sys.argv[1], draw())
