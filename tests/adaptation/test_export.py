"""ONNX encoders compute what their networks do, through the file that a robot loads."""

import numpy as np
import pytest
import torch

from sim2real.adaptation.export import golden_vectors, to_onnx
from sim2real.adaptation.networks import ENCODERS, make_network
from sim2real.deployment.encoder import load_encoder, write_encoder
from sim2real.errors import BundleError


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize(("channels", "classes"), [(1, True), (3, False)])
def test_the_file_says_what_the_network_says(tmp_path, name, channels, classes):
    torch.manual_seed(0)
    network = make_network(name, 33, 48, channels, 3, classes)
    network.label_mean.fill_(0.5)
    network.label_scale.fill_(2.0)
    write_encoder(tmp_path / "e.s2r", to_onnx(network), labels=["a", "b", "c"], unit="m",
                  golden=golden_vectors(network))
    encoder = load_encoder(tmp_path / "e.s2r").encoder
    images = np.random.default_rng(1).integers(0, 256, (4, 33, 48, channels), dtype=np.uint8)
    expected = network.predict(images)
    found = encoder.run(np.repeat(images, 3, axis=3) if channels == 1 else images)
    for ours, theirs in zip(expected, found, strict=True):
        assert theirs == pytest.approx(ours, abs=1e-4)


def test_a_network_for_grey_images_averages_the_channels():
    network = make_network("small", 16, 16, 1, 2, False)
    from sim2real.deployment.encoder import Encoder

    colour = np.zeros((1, 16, 16, 3), np.uint8)
    colour[..., 0] = 90
    grey = np.full((1, 16, 16, 1), 30, np.uint8)
    assert Encoder(to_onnx(network))(colour) == pytest.approx(network.predict(grey)[0], abs=1e-5)


def test_another_networks_golden_vectors_are_refused(tmp_path):
    torch.manual_seed(0)
    one, other = (make_network("small", 16, 16, 3, 2, False) for _ in range(2))
    with pytest.raises(BundleError, match="differs by"):
        write_encoder(tmp_path / "e.s2r", to_onnx(one), labels=["a", "b"], unit="m", golden=golden_vectors(other))
    assert not (tmp_path / "e.s2r").exists()
