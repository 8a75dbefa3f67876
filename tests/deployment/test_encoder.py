import hashlib

import numpy as np
import pytest
from onnx import TensorProto, helper

from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.encoder import Encoder, inspect_encoder, is_encoder, load_encoder, write_encoder
from sim2real.deployment.encoder_manifest import EncoderManifest
from sim2real.errors import BadInputError, BundleError
from tests.deployment.hand_encoder import build_encoder, camera_entry, red_onnx
from tests.deployment.tampering import bomb, damaged, resealed
from tests.deployment.tiny_policy import tiny_onnx

WORDS = {"labels": ["block_x", "block_y"], "unit": "m"}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return build_encoder(tmp_path_factory.mktemp("encoder") / "encoder.s2r")


@pytest.fixture(scope="module")
def red():
    return Encoder(red_onnx(24, 32))


def with_block(top, left, height=24, width=32, size=4):
    """A grey picture with a red square whose upper left corner is at pixel (left, top)."""
    image = np.full((height, width, 3), 120, np.uint8)
    image[top:top + size, left:left + size] = (200, 20, 30)
    return image


# ---------------------------------------------------------------------- the network
def test_it_looks_at_pictures(red):
    assert (red.height, red.width, red.prediction_size, red.feature_size) == (24, 32, 2, 3)
    images = np.stack([with_block(10, 20), with_block(0, 0)])
    # the middle of pixels 20 to 23 is 22, of 10 to 13 is 12
    assert np.allclose(red(images), [[22.0, 12.0], [2.0, 2.0]], atol=1e-3)
    # 16 of 768 pixels, each 200 - 30 - 50 = 120 over the threshold
    assert np.allclose(red.features(images)[0], [120.0 * 16 / 768, 22.0, 12.0], atol=1e-3)


def test_a_homography_brings_pixels_to_places():
    # x = u / 100, y = 0.5 - v / 100
    to_table = np.array([[0.01, 0.0, 0.0], [0.0, -0.01, 0.5], [0.0, 0.0, 1.0]])
    assert np.allclose(Encoder(red_onnx(24, 32, to_table))(with_block(10, 20)[None]), [[0.22, 0.38]], atol=1e-5)


@pytest.mark.parametrize("images", [
    np.zeros((1, 24, 31, 3), np.uint8), np.zeros((24, 32, 3), np.uint8), np.zeros((1, 24, 32, 3), np.float32),
    np.zeros((1, 24, 32, 1), np.uint8)])
def test_other_pictures_are_refused(red, images):
    with pytest.raises(BadInputError, match=r"expected pictures of shape \(n, 24, 32, 3\), uint8 RGB"):
        red(images)


@pytest.mark.parametrize("onnx, word", [
    (tiny_onnx(4, 2), "one input 'image'"), (red_onnx(24, 32, image_type=TensorProto.FLOAT), "as uint8"),
    (red_onnx(24, 1025), "at most 1024 pixels"), (b"", "there is no graph"),
    (red_onnx(24, 32, after=[helper.make_node("NonZero", ["place"], ["prediction"])]), "not one of plain networks"),
    (red_onnx(24, 32, after=[helper.make_node("Identity", ["place"], ["prediction"], domain="evil")]),
     "custom operator")])
def test_other_networks_are_refused(onnx, word):
    with pytest.raises(BundleError, match=f"encoder.onnx: .*{word}"):
        Encoder(onnx)


# ---------------------------------------------------------------------- the file
def test_everything_comes_from_the_file_alone(path, red):
    file = load_encoder(path)
    said = file.manifest.encoder
    assert (said.labels, said.unit, said.frame, said.features) == (["block_x", "block_y"], "m", "base_link", 3)
    assert said.camera.name == "overview" and said.camera.model_dump() == camera_entry()
    assert said.training == {"method": "by hand"}
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    images = with_block(3, 4)[None]
    assert (file.encoder(images) == red(images)).all()


def test_the_same_encoder_gives_the_same_file(path, tmp_path):
    assert build_encoder(tmp_path / "again.s2r").read_bytes() == path.read_bytes()


def test_no_camera_no_frame_no_training(tmp_path):
    write_encoder(tmp_path / "e.s2r", red_onnx(8, 8), **WORDS)
    said = load_encoder(tmp_path / "e.s2r").manifest.encoder
    assert said.camera is None and said.frame == "" and said.training == {}


def test_two_hundred_mutations_are_refused(path, tmp_path):
    bad = tmp_path / "bad.s2r"
    for changed in damaged(path.read_bytes()):
        bad.write_bytes(changed)
        with pytest.raises(BundleError) as error:
            load_encoder(bad)
        assert "\n" not in str(error.value)


def test_a_pickle_is_not_opened(tmp_path):
    bad = tmp_path / "e.s2r"
    bad.write_bytes(bomb(tmp_path / "executed"))
    with pytest.raises(BundleError, match=r"\.s2r"):
        load_encoder(bad)
    assert not (tmp_path / "executed").exists() and not is_encoder(bad)


def _other_golden(members, raw):
    golden = bytearray(members["encoder.golden"])
    golden[-40:-36] = np.float32(7.0).tobytes()
    members["encoder.golden"] = bytes(golden)


def _short_golden(members, raw):
    members["encoder.golden"] = members["encoder.golden"][:-4]


def _no_golden(members, raw):
    del members["encoder.golden"]


def _more_labels(members, raw):
    raw["encoder"]["labels"].append("block_z")


def _other_size(members, raw):
    raw["encoder"].update(height=48, width=64)


def _endless_numbers(members, raw):
    members["encoder.onnx"] = red_onnx(24, 32, np.diag([1.0, 1.0, 0.0]))  # divided by zero


def _another_network(members, raw):
    members["encoder.onnx"] = red_onnx(24, 32, np.diag([2.0, 1.0, 1.0]))


@pytest.mark.parametrize("change, word", [
    (_other_golden, "golden vectors: features: differs"), (_short_golden, "golden vectors: expected at least 16 times"),
    (_no_golden, "no encoder.golden"), (_more_labels, "takes 24 x 32 pixels .* gives 2 predictions"),
    (_other_size, "the manifest says 48 x 64"), (_endless_numbers, "differs by inf"),
    (_another_network, "golden vectors: prediction: differs")])
def test_what_is_sealed_but_wrong_is_refused(tmp_path, path, change, word):
    bad = resealed(path, tmp_path / "e.s2r", change, EncoderManifest)
    with pytest.raises(BundleError, match=word):
        load_encoder(bad)
    checks, file = inspect_encoder(bad)
    assert file is None and [check.ok for check in checks].count(False) == 1


def test_a_policy_is_no_encoder_and_an_encoder_no_policy(path, arm_path):
    assert is_encoder(path) and not is_encoder(arm_path)
    with pytest.raises(BundleError, match="this is no encoder"):
        load_encoder(arm_path)
    with pytest.raises(BundleError, match="this is an encoder, not a policy"):
        load_bundle(path)


def test_inspection(path, tmp_path):
    checks, file = inspect_encoder(path)
    assert file is not None and all(check.ok for check in checks)
    assert [check.name for check in checks] == ["archive", "manifest", "hashes", "onnx", "golden vectors"]
    assert inspect_encoder(tmp_path / "none.s2r")[0][0].ok is False


@pytest.mark.parametrize("changes, word", [
    ({"labels": ["x"]}, "gives 2 predictions"), ({"labels": ["x", "x"]}, "each label once"),
    ({"labels": ["block x", "y"]}, "labels"), ({"camera": camera_entry(32, 32)}, "expected the same shape"),
    ({"camera": {"name": "wrist"}}, "camera.width"), ({"frame": "a b"}, "frame"),
    ({"training": {"error": float("nan")}}, "finite numbers"), ({"training": {"array": np.zeros(2)}}, "plain data"),
    ({"camera": {**camera_entry(), "position": [float("inf"), 0.0, 0.0]}}, "finite numbers"),
    ({"onnx": red_onnx(24, 32, np.diag([1.0, 1.0, 0.0]))}, "differs by inf")])
def test_what_does_not_fit_is_not_written(tmp_path, changes, word):
    with pytest.raises(BundleError, match=word):
        build_encoder(tmp_path / "e.s2r", **changes)
    assert not list(tmp_path.iterdir())


def test_given_golden_vectors_must_come_out(tmp_path, red):
    onnx, images = red_onnx(24, 32), np.random.default_rng(1).integers(0, 256, (16, 24, 32, 3), np.uint8)
    prediction, features = red.run(images)
    write_encoder(tmp_path / "good.s2r", onnx, **WORDS, golden=(images, prediction, features))
    assert (load_encoder(tmp_path / "good.s2r").golden.images == images).all()
    for golden, word in (((images, prediction + 0.1, features), "prediction: differs"),
                         ((images[:5], prediction[:5], features[:5]), "at least 16"),
                         ((images.astype(float), prediction, features), "uint8")):
        with pytest.raises(BundleError, match=word):
            write_encoder(tmp_path / "bad.s2r", onnx, **WORDS, golden=golden)
    assert [p.name for p in tmp_path.iterdir()] == ["good.s2r"]
