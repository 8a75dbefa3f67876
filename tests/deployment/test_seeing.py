"""Bundles with an encoder in them: made from a policy and an encoder, checked as a whole."""

import hashlib
import json

import numpy as np
import pytest

from sim2real.deployment.archive import pack, unpack
from sim2real.deployment.bundle import inspect_bundle, load_bundle, write_bundle
from sim2real.deployment.encoder import load_encoder
from sim2real.deployment.manifest import Manifest
from sim2real.deployment.seeing import add_encoder, seeing_task
from sim2real.errors import BundleError, TaskError
from sim2real.tasks import load_task
from tests.deployment.hand_encoder import build_encoder, camera_entry, red_onnx
from tests.deployment.tampering import resealed
from tests.deployment.tiny_policy import RANGES, build, tiny_onnx


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return load_encoder(build_encoder(tmp_path_factory.mktemp("encoder") / "encoder.s2r"))


@pytest.fixture(scope="module")
def path(tmp_path_factory, arm_path, encoder):
    path = tmp_path_factory.mktemp("bundle") / "seeing.s2r"
    add_encoder(arm_path, encoder, path, {"hover": 0.2})
    return path


def test_policy_and_encoder_become_one_bundle(path, arm_bundle, encoder):
    bundle = load_bundle(path, "ur5e")
    assert bundle.task.name == "visual-reach" and bundle.task.hover == 0.2
    assert bundle.task.options["episode_seconds"] == arm_bundle.task.options["episode_seconds"]
    x = np.random.default_rng(0).normal(size=(3, bundle.policy.observation_size)).astype(np.float32)
    assert (bundle.policy(x) == arm_bundle.policy(x)).all()
    images = encoder.golden.images
    assert (bundle.encoder(images) == encoder.encoder(images)).all()
    said = bundle.manifest
    assert said.encoder == encoder.manifest.encoder and said.cameras == [camera_entry()]
    assert (said.seed, said.git_commit, said.training_ranges) == (3, "abc", arm_bundle.manifest.training_ranges)
    checks, _ = inspect_bundle(path)
    assert "32 x 24 pixels to block_x, block_y, through camera overview" in checks[-2].detail


def test_a_bundle_without_an_encoder_is_as_it_was(arm_bundle, arm_path):
    assert arm_bundle.encoder is None and arm_bundle.manifest.encoder is None
    raw = json.loads(unpack(arm_path.read_bytes())["manifest.json"])
    assert "encoder" not in raw
    # sealed as before there were encoders: over exactly the fields that stand there
    seal = raw.pop("manifest_sha256")
    text = json.dumps(raw, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == seal


def test_a_task_that_sees_may_go_without_an_encoder(tmp_path):
    bundle = load_bundle(build(tmp_path / "b.s2r", "ur5e-visual-reach"))
    assert bundle.task.name == "visual-reach" and bundle.encoder is None


@pytest.mark.parametrize("changes, word", [
    ({"labels": ["block_x", "height"]}, "task visual-reach needs block_y"),
    ({"unit": "px"}, r"places in \[px\] in frame 'base_link'"),
    ({"frame": "table"}, "in frame 'table'; .* 'base_link'"), ({"camera": None}, "does not say which camera")])
def test_an_encoder_that_does_not_fit_the_task_is_refused(tmp_path, arm_path, changes, word):
    other = load_encoder(build_encoder(tmp_path / "e.s2r", **changes))
    with pytest.raises(BundleError, match=word):
        add_encoder(arm_path, other, tmp_path / "b.s2r")
    assert not (tmp_path / "b.s2r").exists()


def test_only_policies_that_reach_can_see(tmp_path, encoder, drone_bundle):
    with pytest.raises(BundleError, match="task hover cannot take its goals from an encoder; one of reach can"):
        seeing_task(drone_bundle.task)
    task = load_task("ur5e-reach")
    with pytest.raises(BundleError, match="has an encoder, which task reach does not look at"):
        write_bundle(tmp_path / "b.s2r", task, tiny_onnx(task.builder(1).size, 6), training_ranges=RANGES,
                     encoder=encoder)
    with pytest.raises(TaskError, match="unknown option 'hoover'; did you mean hover"):
        seeing_task(task, {"hoover": 0.1})


def _no_network(members, raw):
    del members["encoder.onnx"]


def _not_described(members, raw):
    raw["encoder"] = None


def _other_network(members, raw):
    members["encoder.onnx"] = red_onnx(24, 32, np.diag([2.0, 1.0, 1.0]))


def _hostile_network(members, raw):
    members["encoder.onnx"] = tiny_onnx(4, 2, domain="evil")


def _other_camera(members, raw):
    raw["cameras"][0]["fx"] = 31.0


def _no_camera(members, raw):
    raw["cameras"] = []


def _a_policy_as_encoder(members, raw):
    members["encoder.onnx"] = members["policy.onnx"]


@pytest.mark.parametrize("change, word", [
    (_no_network, "expected encoder.onnx and encoder.golden where"), (_not_described, "expected encoder.onnx and"),
    (_other_network, "golden vectors: prediction: differs"), (_hostile_network, "encoder.onnx: .*custom operator"),
    (_other_camera, "not the encoder's camera overview"), (_no_camera, "the manifest lists 0"),
    (_a_policy_as_encoder, "encoder.onnx: expected one input 'image'")])
def test_what_is_sealed_but_wrong_is_refused(tmp_path, path, change, word):
    bad = resealed(path, tmp_path / "b.s2r", change)
    with pytest.raises(BundleError, match=word):
        load_bundle(bad)


def test_mutations_of_the_encoder_s_part_are_refused(tmp_path, path):
    data, rng = path.read_bytes(), np.random.default_rng(0)
    begin = data.index(b"encoder.onnx")
    for _ in range(50):
        changed = bytearray(data)
        changed[int(rng.integers(begin, len(data)))] ^= 1 << int(rng.integers(8))
        (tmp_path / "bad.s2r").write_bytes(changed)
        with pytest.raises(BundleError):
            load_bundle(tmp_path / "bad.s2r")


def test_a_manifest_that_names_an_encoder_keeps_its_hash(path):
    members = unpack(path.read_bytes())
    manifest = Manifest.from_bytes(members.pop("manifest.json"))
    assert pack({"manifest.json": manifest.to_bytes(), **members}) == path.read_bytes()
