"""Encoders: sizes, bounded features, and the spatial softmax."""

import numpy as np
import pytest
import torch
from torch import nn

from sim2real.adaptation.networks import ENCODERS, Network, SpatialSoftmax, make_network
from sim2real.errors import BadInputError


@pytest.mark.parametrize("name", [*ENCODERS, "auto"])
@pytest.mark.parametrize(("height", "width", "channels"), [(16, 16, 1), (28, 28, 1), (33, 47, 3), (64, 96, 3)])
def test_every_encoder_takes_every_size(name, height, width, channels):
    network = make_network(name, height, width, channels, 3, classes=False)
    images = np.random.default_rng(0).integers(0, 256, (5, height, width, channels), dtype=np.uint8)
    predictions, features = network.predict(images, chunk=2)
    assert predictions.shape == (5, 3) and features.shape == (5, network.feature_size)
    assert np.allclose(predictions[:2], network.predict(images[:2])[0], atol=1e-5)


def test_features_have_a_norm_of_at_most_sqrt_f_whatever_the_weights():
    network = make_network("small", 16, 16, 3, 2, classes=True)
    images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    for factor in (1.0, 1e4):
        with torch.no_grad():
            for weight in network.parameters():
                weight *= factor
        norms = np.linalg.norm(network.predict(images)[1], axis=1)
        assert (norms <= np.sqrt(network.feature_size) * 1.001).all()
    assert norms == pytest.approx(np.sqrt(network.feature_size), rel=1e-3)


def test_labels_come_back_in_their_own_units():
    network = make_network("small", 16, 16, 1, 2, classes=False)
    images = np.zeros((1, 16, 16, 1), np.uint8)
    scaled = network.predict(images)[0]
    network.label_mean.copy_(torch.tensor([10.0, -1.0]))
    network.label_scale.copy_(torch.tensor([2.0, 0.5]))
    assert network.predict(images)[0] == pytest.approx(scaled * [2.0, 0.5] + [10.0, -1.0], abs=1e-5)


def test_probabilities_sum_to_one():
    network = make_network("small", 16, 16, 1, 4, classes=True)
    assert network.predict(np.zeros((3, 16, 16, 1), np.uint8))[0].sum(1) == pytest.approx(1.0)


def test_spatial_softmax_finds_a_blob_within_half_a_pixel():
    height, width, sigma = 24, 40, 2.0
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    for row, column in ((12.3, 20.0), (7.5, 30.25), (16.0, 8.75)):
        blob = 12.0 * torch.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * sigma**2))
        place = SpatialSoftmax(height, width)(blob[None, None])[0]
        found = (place[0] + 1) / 2 * (width - 1), (place[1] + 1) / 2 * (height - 1)
        assert found == (pytest.approx(column, abs=0.5), pytest.approx(row, abs=0.5))


def test_a_network_of_the_users_own_layers():
    network = Network([nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 7)], 8, 8, 3, 2, False)
    assert network.feature_size == 7 and network.predict(np.zeros((1, 8, 8, 3), np.uint8))[0].shape == (1, 2)


def test_too_small_images_are_refused():
    with pytest.raises(BadInputError, match="12 x 15 pixels are too small for the encoder lenet, which takes 16 x 16"):
        make_network("lenet", 15, 12, 1, 10, True)
