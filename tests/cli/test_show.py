"""``sim2real show``: the picture, what is said about it, and mistakes in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sim2real.cli import main

cv2 = pytest.importorskip("cv2")
pytest.importorskip("pybullet", reason="PyBullet is not installed")
SMALL = ("--engine", "pybullet", "--size", "32x24", "--count", "4")


def show(capsys, tmp_path, *arguments, robot="so101"):
    path = tmp_path / "sheet.png"
    assert main(["show", robot, "-o", str(path), *SMALL, "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out), cv2.imread(str(path))


def tiles(sheet):
    """The four frames, drawn twice as large, of a sheet of two rows."""
    high, wide = (sheet.shape[0] - 8) // 2, (sheet.shape[1] - 8) // 2
    return [sheet[y * high + 8:y * high + 56, x * wide + 8:x * wide + 72].astype(int) for y in (0, 1) for x in (0, 1)]


def test_the_first_frame_is_the_scene_and_the_rest_is_drawn_again_by_the_same_seed(capsys, tmp_path):
    about, sheet = show(capsys, tmp_path, "--images", "default")
    assert (about["frames"], about["height"], about["width"]) == (4, 24, 32)
    assert (about["scene"], about["camera"], about["engine"]) == ("table", "front", "pybullet")
    assert {"color_mix.block", "light_azimuth.0", "image_exposure"} <= set(about["varied"])
    frames = tiles(sheet)
    assert all(np.abs(frame - frames[0]).mean() > 5 for frame in frames[1:])
    again = show(capsys, tmp_path, "--images", "default")[1]
    np.testing.assert_array_equal(again, sheet)
    other = show(capsys, tmp_path, "--images", "default", "--seed", "1")[1]
    np.testing.assert_array_equal(tiles(other)[0], frames[0])
    assert (other != sheet).any()


def test_none_is_the_scene_in_every_frame_and_only_narrows(capsys, tmp_path):
    about, sheet = show(capsys, tmp_path, "--randomization", "none")
    frames = tiles(sheet)
    assert about["varied"] == [] and all((frame == frames[0]).all() for frame in frames)
    about, _ = show(capsys, tmp_path, "--only", "lights,color_red.block")
    assert all(name.startswith(("light_", "ambient")) or name == "color_red.block" for name in about["varied"])
    assert "color_red.block" in about["varied"] and len(about["varied"]) > 10


def test_a_plan_s_file_a_sweep_and_another_scene(capsys, tmp_path):
    (tmp_path / "plan.yaml").write_text("terms:\n  ambient_scale: {uniform: [0.1, 3.0]}\n")
    assert show(capsys, tmp_path, "--randomization", str(tmp_path / "plan.yaml"))[0]["varied"] == ["ambient_scale"]
    about, sheet = show(capsys, tmp_path, "--sweep", "ambient_scale")
    brightness = [frame.mean() for frame in tiles(sheet)]
    assert about["varied"] == ["ambient_scale"] and brightness == sorted(brightness) and np.ptp(brightness) > 20
    assert show(capsys, tmp_path, "--sweep", "image_gamma")[0]["varied"] == ["image_gamma"]
    about, _ = show(capsys, tmp_path, "--only", "colors", robot="crazyflie")
    assert (about["scene"], about["camera"]) == ("robot", "overview")


def test_pictures_from_a_folder(capsys, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((8, 8, 3), 200, np.uint8))
    assert show(capsys, tmp_path, "--textures", str(tmp_path), "--only", "textures")[0]["frames"] == 4


@pytest.mark.parametrize(("arguments", "line"), [
    (["--camera", "wrist"], "unknown camera 'wrist'; known: front, overview"),
    (["--engine", "mujco"], "unknown engine 'mujco'; did you mean mujoco"),
    (["--only", "lihgts"], "--only: unknown topic or parameter 'lihgts'; did you mean lights"),
    (["--only", "images"], "--only images: neither --randomization nor --images varies any of it"),
    (["--sweep", "ambient_scal"], "unknown parameter 'ambient_scal'; did you mean ambient_scale"),
    (["--size", "32"], "expected --size as WIDTHxHEIGHT, 8 to 1024 pixels each, got '32'"),
    (["--count", "0"], "expected 1 to 400 frames, got --count 0"),
    (["--textures", "nowhere"], "expected a folder with pictures, got nowhere"),
    (["--randomization", "nowhere.yaml"], "cannot read the plan nowhere.yaml"),
    (["-o", "sheet.gif"], "expected a .png file to write, got sheet.gif"),
])
def test_mistakes_are_one_line_and_write_nothing(capsys, tmp_path, arguments, line):
    assert main(["show", "so101", "-o", str(tmp_path / "sheet.png"), *SMALL, *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert line in error and len(error.splitlines()) == 1 and not list(tmp_path.iterdir())


def test_the_vocabulary_of_a_scene(capsys):
    assert main(["list", "parameters", "--scene", "table", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert {"color_mix.block", "light_azimuth.3", "camera_x", "distractor_count", "image_jpeg_quality"} <= set(rows)
    assert main(["list", "parameters", "--scene", "robot", "--robot", "crazyflie", "--json"]) == 0
    assert "distractor_count" not in capsys.readouterr().out
    assert main(["list", "robots", "--scene", "table"]) == 2
    assert "--scene is for the looks of a scene" in capsys.readouterr().err
