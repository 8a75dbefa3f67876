"""The benchmark of the image chain measures what it says."""

import json
import sys

import cv2

from benchmarks import image_chain
from sim2real.image_vocabulary import IDLE_ABOVE


def test_measure_gives_the_figure_and_leaves_opencv_as_it_was():
    before = cv2.getNumThreads()
    result = image_chain.measure(rounds=3)
    assert len(result["rounds"]) == 3 and min(result["rounds"]) <= result["image_chain_per_s"] <= max(result["rounds"])
    assert result["images"] == 256 and result["side"] == 96 and result["image_chain_per_s"] > 0
    assert cv2.getNumThreads() == before


def test_the_json_has_what_the_rendering_benchmark_reads(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["image_chain", "--json", "--rounds", "1"])
    monkeypatch.setattr(image_chain, "EFFECTS", {"gamma": {"image_gamma": 1.4}})
    assert image_chain.main() == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["image_chain_per_s"] > 0 and list(printed["effects"]) == ["gamma"]


def test_each_effect_is_measured_at_its_strongest_training_value():
    space, covered = image_chain.SPACE, set()
    for values in image_chain.EFFECTS.values():
        for name, value in values.items():
            p = space[name]
            if name != "image_motion_blur_angle":
                assert value == (p.low if name in IDLE_ABOVE else p.high), name
            covered.add(name)
    left = set(space.names) - covered
    assert left == {"image_white_balance_blue", "image_delay", "image_drop_probability"}
