"""Filament draws the same geometry with another light; it needs Vulkan, which many machines have not."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from sim2real.errors import MissingDependencyError
from sim2real.robots import load_robot
from sim2real.simulators.painting import filament_painter
from sim2real.simulators.painting.mujoco_painter import MujocoPainter
from sim2real.simulators.scenes.table_scene import table_scene
from sim2real.simulators.scenes.visual_scene import Poses
from tests.simulators.test_mujoco import run_python


def scene_and_values():
    scene = table_scene(load_robot("ur5e"))
    values = scene.space.batch(3)
    values[1, scene.space.column("distractor_count")] = 4
    values[1, scene.space.column("distractor_variant")] = 0.3
    values[2, scene.space.column("lens_k1")] = 0.1
    return scene, values


@pytest.fixture(scope="module")
def painter():
    try:
        filament_painter.filament()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    scene, _ = scene_and_values()
    with filament_painter.FilamentPainter(scene) as painter:
        yield painter


def test_the_geometry_is_that_of_the_classic_renderer(painter):
    scene, values = scene_and_values()
    with MujocoPainter(scene, samples=0) as other:
        try:
            groups, depth = (other.render("front", Poses(3), values, kind) for kind in ("segmentation", "depth"))
        except MissingDependencyError as error:
            pytest.skip(str(error))
    same = painter.render("front", Poses(3), values, "segmentation") == groups
    assert same.mean(axis=(1, 2)).min() > 0.985
    error = np.abs(painter.render("front", Poses(3), values, "depth") - depth)[same]
    assert np.median(error) < 1e-4 and np.quantile(error, 0.99) < 0.01


def test_colour_light_and_texture_show_and_the_same_values_give_the_same_frame_but_for_dither(painter):
    scene, values = scene_and_values()
    values = scene.space.batch(4)
    values[1, scene.space.column("color_mix.table")], values[1, scene.space.column("color_blue.table")] = 1.0, 1.0
    values[2, scene.space.column("light_count")] = 0
    frames = painter.render("front", Poses(4), values).astype(float)
    assert np.abs(frames[0] - frames[3]).mean() < 1.0
    table = painter.render("front", Poses(1), kind="segmentation")[0] == scene.groups.index("table") + 1
    changed = np.abs(frames[1] - frames[0]).max(axis=2)
    assert np.median(changed[table]) > 20.0 and frames[2].mean() < frames[0].mean() - 5.0


def test_pictures_of_any_size_follow_each_other(painter):
    """In a process of its own: where Filament does not like it, it ends the process."""
    out = run_python("""
from sim2real.simulators.painting.paint_pool import make_painter
from sim2real.simulators.scenes.table_scene import table_scene
from sim2real.simulators.scenes.visual_scene import Poses
scene = table_scene(None)
with make_painter("filament", scene) as painter:
    first = {kind: painter.render("front", Poses(1), kind=kind, size=(30, 40)) for kind in ("color", "depth")}
    for size in ((48, 64), (96, 128), (30, 40)):
        for kind in ("color", "depth", "segmentation", "color"):
            picture = painter.render("front", Poses(2), kind=kind, size=size)
            assert picture.shape[1:3] == size
            print(kind, picture[0].std() > 0.0)
    for kind, most in (("color", 8.0), ("depth", 1e-5)):  # drawn into a part of a larger target
        off = painter.render("front", Poses(1), kind=kind, size=(30, 40)).astype(float) - first[kind]
        print(kind, abs(off[abs(off) < 1e9]).max() < most)
    bent = scene.space.batch(1, {"lens_k1": 0.1})
    shapes = [painter.render("front", Poses(1), values, kind).shape
              for kind in ("depth", "color", "segmentation") for values in (bent, None)]
    print(len(shapes), "bent or not")
""")
    assert out.splitlines() == [f"{kind} True" for _ in range(3) for kind in (
        "color", "depth", "segmentation", "color")] + ["color True", "depth True", "6 bent or not"]


def test_a_machine_without_vulkan_gets_one_line(monkeypatch):
    monkeypatch.setattr(filament_painter, "has_vulkan", lambda: False)
    with pytest.raises(MissingDependencyError, match="needs Vulkan.*mesa-vulkan-drivers") as error:
        filament_painter.filament()
    assert len(str(error.value).splitlines()) == 1


def test_a_missing_loader_is_no_vulkan(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert not filament_painter.has_vulkan()


def test_without_a_device_the_process_lives():
    """Vulkan's loader finds no driver in an empty folder; Filament itself would abort."""
    out = run_python("""
from sim2real.errors import MissingDependencyError
from sim2real.simulators.painting.paint_pool import make_painter
from sim2real.simulators.scenes.table_scene import table_scene
from sim2real.simulators.scenes.visual_scene import Poses
try:
    with make_painter("filament", table_scene(None)) as painter:
        painter.render("front", Poses(1))
except MissingDependencyError as error:
    print(error)
""", VK_ICD_FILENAMES="/nowhere.json", VK_DRIVER_FILES="/nowhere.json")
    assert len(out.strip().splitlines()) == 1 and "painting with filament needs" in out
