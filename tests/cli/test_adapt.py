"""``sim2real adapt`` from files to an encoder, and every bad input as one line with exit code 2."""

import json

import numpy as np
import pytest
from PIL import Image

from sim2real.cli import main
from sim2real.deployment.encoder import load_encoder
from tests.adaptation.two_domains import make


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """sim/ with labels.csv, real.npz with labels, pairs.csv."""
    folder = tmp_path_factory.mktemp("adapt")
    images, labels = make(100, real=False)
    (folder / "sim").mkdir()
    rows = ["file,corner"]
    for k, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image[..., 0]).save(folder / "sim" / f"{k:03}.png")
        rows.append(f"{k:03}.png,{label}")
    (folder / "sim" / "labels.csv").write_text("\n".join(rows))
    (folder / "xy.csv").write_text("\n".join(["file,x_m,y_m", *(f"{k:03}.png,{label // 2}.0,{label % 2}.5"
                                                                for k, label in enumerate(labels))]))
    real, real_labels = make(80, real=True)
    np.save(folder / "real.npy", real)
    (folder / "real.csv").write_text("\n".join(["row,corner", *(f"{k},{real_labels[k]}" for k in range(50))]))
    (folder / "pairs.csv").write_text("sim,real\n000.png,1\n005.png,7\n")
    return folder


def run(data, *arguments, sim="sim", real="real.npy"):
    return main(["adapt", "--sim", str(data / sim), "--real", str(data / real), "--epochs", "1", *map(str, arguments)])


def test_classes_to_an_encoder_with_a_picture(data, tmp_path, capsys):
    path, picture = tmp_path / "encoder.s2r", tmp_path / "both.png"
    assert run(data, "-o", path, "--picture", picture, "--real-labels", data / "real.csv", "--json", "--seed", 3) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert captured.err == ""
    assert set(found) == {
        "encoder", "method", "seed", "epochs", "epoch", "probe_accuracy", "probe_accuracy_before", "a_distance",
        "a_distance_before", "sim_error", "sim_error_before", "real_error", "real_error_before", "error", "picture",
        "seconds"}
    assert found["method"] == "dann+mmd" and found["seed"] == 3 and 0.0 <= found["real_error"] <= 1.0
    assert Image.open(picture).size[0] > 500
    file = load_encoder(path)
    section = file.manifest.encoder
    assert section.labels == ["0", "1", "2", "3"] and (section.height, section.width) == (8, 8)
    assert section.training["method"] == "dann+mmd" and section.training["images"] == {"sim": 100, "real": 80}
    images = np.repeat(make(5, real=True)[0], 3, axis=3)
    assert file.encoder(images).sum(1) == pytest.approx(1.0, abs=1e-5)
    assert main(["verify", str(path)]) == 0


def test_numbers_with_pairs_and_several_objectives(data, tmp_path, capsys):
    path = tmp_path / "encoder.s2r"
    assert run(data, "-o", path, "--labels", data / "xy.csv", "--method", "mmd+pairwise", "--pairs",
               data / "pairs.csv", "--weight", "mmd=0.5", "--unit", "m", "--frame", "base_link", "--size", "16x16",
               "--randomization", "default") == 0
    out = capsys.readouterr().out
    assert "mean error [m]" in out and "probe" in out and "mmd+pairwise" in out
    section = load_encoder(path).manifest.encoder
    assert (section.labels, section.unit, section.frame) == (["x_m", "y_m"], "m", "base_link")
    assert (section.height, section.width) == (16, 16) and section.training["weights"] == {"mmd": 0.5, "pairwise": 1.0}


@pytest.mark.parametrize(("arguments", "message"), [
    (["--sim", "none"], "none: no such folder or file"),
    (["--real", "empty"], "there are no images in it"),
    (["--real", "few.npy"], "40 images are too few; each domain needs 64"),
    (["--real", "wide.npy"], "images of 8 x 8 pixels, "),
    (["--labels", "pairs.csv"], "have no label"),
    (["--labels", "none.csv"], "No such file"),
    (["--columns", "x"], "unknown column 'x'"),
    (["--real-labels", "real_bad.csv"], "there is no image '99'"),
    (["--method", "dan"], "unknown method 'dan'; did you mean dann"),
    (["--method", "pairwise"], "the objective pairwise and --pairs go together"),
    (["--pairs", "pairs.csv"], "the objective pairwise and --pairs go together"),
    (["--weight", "mmd"], "--weight: expected NAME=NUMBER"),
    (["--weight", "cdan=1"], "a weight for cdan is given"),
    (["--size", "8"], "--size: expected WIDTHxHEIGHT"),
    (["--encoder", "lenet"], "too small for the encoder lenet"),
    (["--encoder", "vgg"], "unknown encoder"),
    (["--epochs", "0"], "at least 1 epoch"),
    (["--randomization", "all"], "expected default, none or a YAML file"),
])
def test_bad_input_is_one_line_and_exit_code_2(data, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(data)
    (data / "empty").mkdir(exist_ok=True)
    np.save("few.npy", make(40, real=True)[0])
    np.save("wide.npy", np.zeros((80, 8, 9), np.uint8))
    (data / "real_bad.csv").write_text("row,corner\n99,1\n")
    path = tmp_path / "encoder.s2r"
    base = {"--sim": "sim", "--real": "real.npy", "--epochs": "1"}
    base.update(zip(arguments[::2], arguments[1::2], strict=True))
    assert main(["adapt", "-o", str(path), *(word for pair in base.items() for word in pair)]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and message in captured.err and captured.out == ""
    assert not path.exists()
