"""Draws what ``locate`` is trained and tested on: plain and randomized renders, and the twins, one row each.

    python tools/locate_frames.py docs/img/locate_frames.png
"""

from __future__ import annotations

import sys

import numpy as np

from sim2real.perception.domains import FULL, MILD
from sim2real.perception.locate import Locate
from sim2real.randomization.contact_sheet import contact_sheet, save_png
from sim2real.robots import load_robot

COLUMNS = 6


def main(path: str) -> None:
    """Write the sheet to ``path``."""
    task = Locate.of(load_robot("ur5e"))
    domains = task.source(False), task.source(True), MILD, FULL
    frames = [task.render(domain, COLUMNS, 3, workers=1).images for domain in domains]
    labels = [f"{domain.name}, {domain.engine}" if k == 0 else "" for domain in domains for k in range(COLUMNS)]
    save_png(path, contact_sheet(np.concatenate(frames), labels, columns=COLUMNS, scale=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
