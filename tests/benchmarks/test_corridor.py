"""The parts of the corridor benchmark that are not the library's."""

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import corridor, corridor_pictures
from sim2real.perception.flight import fly, straight
from sim2real.simulators.painting import textures
from sim2real.simulators.scenes.corridor_scene import corridor_scene
from sim2real.simulators.scenes.corridors import draw_corridors


def test_textures_of_the_test_are_none_of_training(tmp_path):
    corridor.write_textures(tmp_path)
    assert len(list(tmp_path.iterdir())) == len(corridor.HELD_OUT) * textures.VARIANTS
    assert not set(corridor.HELD_OUT) & set(textures.DRAWN)
    looks = corridor.test_looks(corridor_scene(textures=tmp_path), np.arange(60))
    kinds = corridor_scene().space.family(looks, "texture_kind")
    assert set(np.unique(kinds)) == {1.0, 6.0} and abs((kinds == 6.0).mean() - 0.7) < 0.08
    assert np.array_equal(corridor.test_looks(corridor_scene(), np.arange(60))[:, :3], looks[:, :3])


def test_a_row_and_the_ratio_by_hand():
    row = corridor.summary("plain", 1, np.array([3.0, 33.5, 4.0]), np.array([False, True, False]), 0.61234)
    assert row == {"method": "plain", "seed": 1, "median_distance_m": 4.0, "whole_corridor_share": 0.333, "auc": 0.6123}
    rows = [{**row, "method": method, "median_distance_m": d} for method, d in
            (("plain", 4.0), ("plain", 5.0), ("plain", 9.0), ("randomized", 20.0), ("oracle", 33.5))]
    assert corridor.ratio_of(rows) == 4.0


def test_pictures_are_written(tmp_path):
    corridors = draw_corridors(corridor.TEST_CORRIDORS, np.arange(2))
    flown = [fly(corridors[[k, k]], straight) for k in range(2)]
    corridor_pictures.write_flights(tmp_path / "flights.png", corridors, flown, ["plain", "randomized"])
    corridor_pictures.write_views(tmp_path / "views.png", [np.zeros((3, 48, 64, 3), np.uint8)] * 2)
    for name in ("flights.png", "views.png"):
        assert (tmp_path / name).read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_a_small_run_prints_the_table(root):
    done = subprocess.run([sys.executable, "-m", "benchmarks.corridor", "--json", "--seeds", "1", "--frames", "600",
                           "--epochs", "2", "--corridors", "2"], cwd=root, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert [row["method"] for row in result["rows"]] == ["plain", "randomized", "oracle", "straight"]
    assert result["rows"][2]["median_distance_m"] > result["rows"][3]["median_distance_m"]
