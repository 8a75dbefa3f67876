"""Encoders and heads: uint8 images in, features of bounded size and predictions out.

The last layer of every encoder is a LayerNorm without gain and bias, so features have zero mean and norm sqrt(f).
Without it adversarial objectives let them blow up: a larger feature fools a classifier as well as a like one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from sim2real.errors import BadInputError

LEAST_SIDE = 8  # pixels


class SpatialSoftmax(nn.Module):
    """Where each channel is brightest: expected (x, y) in [-1, 1] under its softmax, (n, c, h, w) -> (n, 2 c).

    Levine et al. 2016, "End-to-end training of deep visuomotor policies".
    """

    def __init__(self, height: int, width: int):
        super().__init__()
        y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
        self.register_buffer("places", torch.stack([x.flatten(), y.flatten()], dim=1))  # (h w, 2)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return (maps.flatten(2).softmax(2) @ self.places).flatten(1)


class Network(nn.Module):
    """An encoder, and a head on its features.

    Args:
        layers: Layers of the encoder up to its features, (n, channels, height, width) -> (n, f), without the LayerNorm.
        height, width, channels: Of the images: 3 for RGB, 1 for grey.
        predictions: Number of labels or classes, k.
        classes: Whether it predicts classes, not numbers.

    Attributes:
        feature_size, prediction_size: f and k.
        label_mean, label_scale: Of numbers, (k,): the head's output is (label - mean) / scale.
    """

    def __init__(self, layers: Sequence[nn.Module], height: int, width: int, channels: int, predictions: int,
                 classes: bool):
        super().__init__()
        self.height, self.width, self.channels, self.classes = height, width, channels, classes
        encoder = nn.Sequential(*layers)
        with torch.no_grad():
            self.feature_size = encoder(torch.zeros(1, channels, height, width)).shape[1]
        self.encoder = encoder.append(nn.LayerNorm(self.feature_size, elementwise_affine=False))
        self.prediction_size = predictions
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(self.feature_size, predictions))
        self.register_buffer("label_mean", torch.zeros(predictions))
        self.register_buffer("label_scale", torch.ones(predictions))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The head's outputs (n, k), logits or scaled labels, and features (n, f) of images (n, h, w, c) uint8."""
        features = self.encoder(images.permute(0, 3, 1, 2).float() / 127.5 - 1.0)
        return self.head(features), features

    @torch.no_grad()
    def predict(self, images: np.ndarray, chunk: int = 256) -> tuple[np.ndarray, np.ndarray]:
        """Class probabilities or labels in their own units (n, k), and features (n, f)."""
        parts = [self(torch.from_numpy(images[k:k + chunk])) for k in range(0, len(images), chunk)]
        outputs, features = (torch.cat(part) for part in zip(*parts, strict=True))
        outputs = outputs.softmax(1) if self.classes else outputs * self.label_scale + self.label_mean
        return outputs.numpy(), features.numpy()


def lenet(height: int, width: int, channels: int) -> list[nn.Module]:
    """LeNet as ADDA and others use it for digits: two 5x5 convolutions with pooling, 500 features."""
    size = 50 * (((height - 4) // 2 - 4) // 2) * (((width - 4) // 2 - 4) // 2)
    return [nn.Conv2d(channels, 20, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.ReLU(),
            nn.Flatten(), nn.Linear(size, 500)]


def small(height: int, width: int, channels: int) -> list[nn.Module]:
    """For images of up to about 48 pixels: three 3x3 convolutions, 128 features."""
    height, width = _halved(height, 2), _halved(width, 2)
    return [nn.Conv2d(channels, 32, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, stride=2, padding=1),
            nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(32 * height * width, 128)]


def deep(height: int, width: int, channels: int) -> list[nn.Module]:
    """For images of 64 to 160 pixels: five convolutions down to a sixteenth, 128 features."""
    height, width = _halved(height, 4), _halved(width, 4)
    return [*_stem(channels), nn.Conv2d(64, 64, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64 * height * width, 128)]


def where(height: int, width: int, channels: int) -> list[nn.Module]:
    """``deep`` with a spatial softmax in place of its last layers: for positions of things in the image."""
    height, width = _halved(height, 3), _halved(width, 3)
    return [*_stem(channels), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1),
            SpatialSoftmax(height, width), nn.Linear(128, 128)]


def fine(height: int, width: int, channels: int) -> list[nn.Module]:
    """``where`` with maps at a quarter of the images' sides, a quarter of the arithmetic: for small things."""
    height, width = _halved(height, 2), _halved(width, 2)
    return [nn.Conv2d(channels, 16, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1),
            SpatialSoftmax(height, width), nn.Linear(64, 64)]


def _stem(channels: int) -> list[nn.Module]:
    """Three halvings with 32, 64 and 64 channels."""
    return [nn.Conv2d(channels, 32, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(), nn.Conv2d(64, 64, 3, stride=2, padding=1), nn.ReLU()]


def _halved(side: int, times: int) -> int:
    """A side after convolutions of stride 2 with padding."""
    for _ in range(times):
        side = (side + 1) // 2
    return side


ENCODERS: dict[str, Callable[[int, int, int], list[nn.Module]]] = {
    "lenet": lenet, "small": small, "deep": deep, "where": where, "fine": fine}


def make_network(name: str, height: int, width: int, channels: int, predictions: int, classes: bool) -> Network:
    """A network by the name of its encoder; ``auto`` is small for sides of up to 48 pixels, deep beyond.

    Raises:
        BadInputError: The images are too small for it.
    """
    if name == "auto":
        name = "small" if max(height, width) <= 48 else "deep"
    least = {"lenet": 16}.get(name, LEAST_SIDE)
    if min(height, width) < least:
        raise BadInputError(f"images of {width} x {height} pixels are too small for the encoder {name}, which takes "
                            f"{least} x {least} at least")
    return Network(ENCODERS[name](height, width, channels), height, width, channels, predictions, classes)
