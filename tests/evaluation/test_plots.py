"""The sweep's picture: a file, the most telling panels first."""

import numpy as np
from PIL import Image

from sim2real.evaluation.plots import _largest_effect_first, plot_sweep
from sim2real.evaluation.sweep import Curve


def curve(name, success):
    return Curve(name, "s", [0.0, 1.0, 2.0], success, [0.0] * 3, 0.0, 0.0, 1.0)


CURVES = {"plain": [curve("flat", [1.0, 1.0, 1.0]), curve("delay", [1.0, 0.5, 0.0])],
          "randomized": [curve("flat", [1.0, 1.0, 0.9]), curve("delay", [1.0, 1.0, 1.0])]}


def test_largest_effect_first():
    assert [c.parameter for c in _largest_effect_first(CURVES)["randomized"]] == ["delay", "flat"]


def test_the_picture_is_written_and_not_blank(tmp_path):
    plot_sweep(CURVES, tmp_path / "sweep.png", "title")
    picture = np.asarray(Image.open(tmp_path / "sweep.png").convert("RGB"))
    assert picture.shape[0] > 100 and picture.std() > 5
    assert [p.name for p in tmp_path.iterdir()] == ["sweep.png"]
