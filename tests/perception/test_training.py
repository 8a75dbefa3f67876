import json

import numpy as np
import pytest

from sim2real.deployment.encoder import load_encoder
from sim2real.errors import BadInputError, StorageError, TaskError
from sim2real.perception import training
from sim2real.perception.dataset import Frames
from sim2real.perception.examine import examine
from sim2real.perception.locate import summary
from sim2real.perception.training import LocateConfig, align, learn, save, train

TINY = LocateConfig("ur5e-locate", width=32, images=320, randomization="none", epochs=20, workers=1)


@pytest.fixture(scope="module")
def result():
    steps = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_TEST_IMAGES", 100)
        found = train(TINY, lambda done, text: steps.append(done))
    assert steps == sorted(steps) and steps[-1] == 1.0
    return found


@pytest.fixture(scope="module")
def path(result, tmp_path_factory):
    save(result, file := tmp_path_factory.mktemp("locate") / "encoder.s2r")
    return file


def test_a_tiny_training_beats_the_mean(result):
    tests = result.task.render(result.task.source(False), 200, 77, workers=1)
    mean = summary(np.tile(tests.labels.mean(axis=0), (200, 1)), tests.labels)["error_mean_m"]
    assert summary(result.network.predict(tests.images)[0], tests.labels)["error_mean_m"] < 0.5 * mean
    assert 0.0 < result.report["error_median_m"] < result.report["error_p95_m"]
    assert result.report["images"] == 320 and "domain_accuracy" not in result.report


def test_the_file_says_the_same_as_the_network(result, path):
    file = load_encoder(path)
    images = result.task.render(result.task.source(False), 20, 5, workers=1).images
    np.testing.assert_allclose(file.encoder(images), result.network.predict(images)[0], atol=1e-4)
    said = file.manifest.encoder
    assert (said.labels, said.unit, said.frame) == (["block_x", "block_y"], "m", "base_link")
    assert (said.width, said.height, said.camera.name, said.camera.width) == (32, 24, "front", 128)
    assert said.training["task"] == "ur5e-locate" and said.training["error_mean_m"] == result.report["error_mean_m"]


def test_examine_measures_on_a_twin(path):
    found = examine(path, episodes=40, shift="mild", workers=1)
    assert found["engine"] == "pybullet" and found["twin"] == "mild" and "TinyRenderer" in found["shift"]
    assert 0.0 < found["error_median_m"] <= found["error_p95_m"]
    assert 0.12 < found["error_of_the_mean_m"] < 0.22  # of a region of 0.34 m x 0.64 m
    again = examine(path, episodes=40, shift="mild", workers=1)
    assert again["error_mean_m"] == found["error_mean_m"]
    json.dumps(found)


def test_images_are_aligned_with_those_of_a_twin(monkeypatch):
    monkeypatch.setattr(training, "_TEST_IMAGES", 100)
    monkeypatch.setattr(training, "_TWIN_IMAGES", 100)
    few = LocateConfig("ur5e-locate", width=32, images=256, randomization="images", epochs=1, real="twin:mild",
                       workers=1)
    found = train(few)
    assert 0.0 <= found.report["domain_accuracy"] <= 1.0 and found.config.method is None


def test_the_same_seed_gives_the_same_network():
    frames = Frames(np.random.default_rng(0).integers(0, 256, (64, 24, 32, 3), dtype=np.uint8),
                    np.random.default_rng(1).uniform(0, 1, (64, 2)).astype(np.float32))
    config = LocateConfig("ur5e-locate", epochs=1, batch_size=32)
    first, second = (learn(frames, config, effects=True) for _ in range(2))
    np.testing.assert_array_equal(first.predict(frames.images)[0], second.predict(frames.images)[0])
    before = first.predict(frames.images)[0]
    aligned = align(first, frames, frames.images[:32], config, effects=False).predict(frames.images)[0]
    assert not np.array_equal(aligned, before)
    np.testing.assert_array_equal(first.predict(frames.images)[0], before)  # the network given is as it was


@pytest.mark.parametrize(("changes", "text"), [
    ({"images": 255}, "expected at least 256 images and 1 epoch, got 255"),
    ({"epochs": 0}, "and 0"),
    ({"randomization": "scenes"}, "did you mean scene"),
    ({"encoder": "wide"}, "--encoder: unknown encoder 'wide'"),
    ({"method": "mmd"}, "give unlabelled ones with --real"),
    ({"method": "mdm", "real": "x"}, "unknown method 'mdm'"),
    ({"real": "twin:ful"}, "unknown twin 'ful'"),
    ({"real": "no/such/folder"}, "no such folder"),
    ({"camera": "tabel"}, "unknown camera 'tabel'"),
    ({"width": 8}, "expected a width of 32"),
])
def test_bad_input_is_refused_before_anything_is_rendered(changes, text, monkeypatch):
    monkeypatch.setattr(training.Locate, "render", None)
    with pytest.raises(BadInputError, match=text):
        train(LocateConfig(**{"task": "ur5e-locate", **changes}))
    with pytest.raises(TaskError):
        train(LocateConfig("ur5e-look"))


def test_too_few_real_images(tmp_path):
    with pytest.raises(BadInputError, match="no images"):
        train(LocateConfig("ur5e-locate", real=str(tmp_path)))
    np.savez(tmp_path / "few.npz", images=np.zeros((3, 24, 32, 3), np.uint8))
    with pytest.raises(BadInputError, match="3 images are too few"):
        train(LocateConfig("ur5e-locate", width=32, real=str(tmp_path / "few.npz")))


def test_nothing_is_half_written(result, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError):
        save(result, tmp_path / "file" / "encoder.s2r")
    assert (tmp_path / "file").read_text() == "x"
