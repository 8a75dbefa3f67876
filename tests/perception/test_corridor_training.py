"""From a configuration to a file: the encoder gives what the network gave."""

import numpy as np
import pytest

from sim2real.deployment.encoder import load_encoder
from sim2real.errors import BadInputError
from sim2real.perception.corridor_training import CorridorConfig, save, train
from sim2real.perception.flight import HEADINGS, HORIZON


def test_a_trained_predictor_is_the_same_from_its_file(tmp_path):
    seen = []
    trained = train(CorridorConfig(images=260, epochs=1, seed=2, workers=1), lambda done, text: seen.append(done))
    assert seen == sorted(seen) and seen[-1] == 1.0
    assert trained.report["test_images"] == 396  # corridors of eight views; the last of training is left out
    save(trained, tmp_path / "corridor.s2r")
    file = load_encoder(tmp_path / "corridor.s2r")
    said = file.manifest.encoder
    assert said.labels[0] == "free_+56" and said.labels[7] == "free_+0" and len(said.labels) == len(HEADINGS)
    assert (said.unit, said.width, said.height, said.camera.name) == ("m", 64, 48, "front")
    assert said.training["task"] == "corridor" and said.training["auc"] == trained.report["auc"]
    images = np.random.default_rng(0).integers(0, 256, (5, 48, 64, 3), np.uint8)
    np.testing.assert_allclose(file.encoder(images), trained.predictor(images), atol=1e-4 * HORIZON)


@pytest.mark.parametrize(("change", "message"), [
    ({"randomization": "defualt"}, "--randomization: unknown choice 'defualt'; did you mean default"),
    ({"images": 100}, "expected 256 to 200000 images and at least 1 epoch, got 100 and 16"),
    ({"epochs": 0}, "at least 1 epoch, got 10000 and 0"),
])
def test_what_cannot_be_trained_is_refused_before_anything_is_rendered(change, message):
    with pytest.raises(BadInputError, match=message):
        train(CorridorConfig(**change))
