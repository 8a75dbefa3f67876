import json

import pytest

from sim2real.cli import main
from sim2real.deployment.bundle import load_bundle
from tests.deployment.hand_encoder import build_encoder
from tests.deployment.tiny_policy import build


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    build(folder / "reach.s2r")
    build(folder / "hover.s2r", "crazyflie-hover")
    build_encoder(folder / "encoder.s2r")
    return folder


def test_a_bundle_learns_to_see(folder, tmp_path, capsys):
    assert main(["export", str(folder / "reach.s2r"), "--encoder", str(folder / "encoder.s2r"), "-o",
                 str(tmp_path / "seeing.s2r"), "--option", "hover=0.15", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"bundle": str(tmp_path / "seeing.s2r")}
    bundle = load_bundle(tmp_path / "seeing.s2r")
    assert bundle.task.name == "visual-reach" and bundle.task.hover == 0.15 and bundle.encoder is not None


@pytest.mark.parametrize("arguments, words", [
    (["reach.s2r", "--encoder", "encoder.s2r"], "is a bundle: give --output"),
    (["reach.s2r", "--encoder", "reach.s2r", "-o", "x.s2r"], "this is no encoder"),
    (["hover.s2r", "--encoder", "encoder.s2r", "-o", "x.s2r"], "task hover cannot take its goals from an encoder"),
    (["reach.s2r", "--encoder", "encoder.s2r", "-o", "x.s2r", "--option", "hover=low"], "option hover: expected metr"),
    (["reach.s2r", "--encoder", "none.s2r", "-o", "x.s2r"], "cannot read none.s2r"),
    (["reach.s2r", "--option", "hover=0.1", "-o", "x.s2r"], "--option is for --encoder")])
def test_mistakes_are_one_line(folder, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(folder)
    assert main(["export", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and not (folder / "x.s2r").exists()
