"""Golden vectors of an encoder: pictures, and what it said of them where it was made.

The member's bytes are the pictures, then the predictions, then the features, each row by row; the network says how
large a picture and a row are, so there is nothing to parse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2real.deployment.encoder_network import Encoder
from sim2real.deployment.network import first_line
from sim2real.deployment.policy import MIN_GOLDEN
from sim2real.errors import BundleError

TOLERANCE = 1e-4  # of a number, or of one if that is more: sums over a picture's pixels round in any order
MAX_BYTES = 128 * 2**20
_WHERE = "golden vectors"


@dataclass(frozen=True)
class GoldenImages:
    """Pictures (n, height, width, 3) uint8 and the predictions (n, k) and features (n, f) that they must give."""

    images: np.ndarray
    predictions: np.ndarray
    features: np.ndarray

    @classmethod
    def of(cls, encoder: Encoder) -> GoldenImages:
        """What ``encoder`` says of patterns and of noise."""
        images = patterns(encoder.height, encoder.width)
        try:
            return cls(images, *encoder.run(images))
        except Exception as error:  # onnxruntime's exceptions have no common base of their own
            raise BundleError(f"encoder.onnx: the network fails on pictures: {first_line(error)}") from error

    @classmethod
    def given(cls, encoder: Encoder, images: np.ndarray, predictions: np.ndarray, features: np.ndarray
              ) -> GoldenImages:
        """What the original network said; raises BundleError unless ``encoder`` says the same."""
        golden = cls(np.ascontiguousarray(images), np.ascontiguousarray(predictions, np.float32),
                     np.ascontiguousarray(features, np.float32))
        n, h, w = len(golden.images), encoder.height, encoder.width
        shapes = (golden.images.shape, golden.predictions.shape, golden.features.shape)
        expected = ((n, h, w, 3), (n, encoder.prediction_size), (n, encoder.feature_size))
        if n < MIN_GOLDEN or golden.images.dtype != np.uint8 or shapes != expected:
            raise BundleError(f"{_WHERE}: expected at least {MIN_GOLDEN} pictures (n, {h}, {w}, 3) uint8, predictions "
                              f"(n, {encoder.prediction_size}) and features (n, {encoder.feature_size}), got "
                              f"{golden.images.dtype} {', '.join(map(str, shapes))}")
        golden.check(encoder)
        return golden

    def check(self, encoder: Encoder) -> str:
        """How well ``encoder`` gives them now, as a batch and one by one.

        Raises:
            BundleError: It does not, or fails on them.
        """
        try:
            together = encoder.run(self.images)
            alone = [np.concatenate(parts) for parts in
                     zip(*(encoder.run(image[None]) for image in self.images), strict=True)]
        except Exception as error:
            raise BundleError(f"{_WHERE}: the network fails on them: {first_line(error)}") from error
        largest = 0.0
        for name, expected, *found in (("prediction", self.predictions, together[0], alone[0]),
                                       ("features", self.features, together[1], alone[1])):
            if any(values.shape != expected.shape for values in found):  # declared otherwise: the runtime lets it pass
                raise BundleError(f"encoder.onnx: gives {name} of shape {found[0].shape}, where it declares "
                                  f"{expected.shape}; export it again")
            error = float("inf")
            if np.isfinite([expected, *found]).all():
                error = float((np.abs(np.stack(found) - expected) / np.maximum(1.0, np.abs(expected))).max())
            if not error <= TOLERANCE:
                raise BundleError(f"{_WHERE}: {name}: differs by {error:.2g}, at most {TOLERANCE:g} is allowed; the "
                                  "conversion is wrong, or this machine computes something else than was trained")
            largest = max(largest, error)
        return f"{len(self.images)} pictures, largest error {largest:.1e}"

    def to_bytes(self) -> bytes:
        """The member of the file."""
        return b"".join((self.images.tobytes(), self.predictions.astype("<f4").tobytes(),
                         self.features.astype("<f4").tobytes()))

    @classmethod
    def from_bytes(cls, data: bytes, encoder: Encoder) -> GoldenImages:
        """Read the member; raises BundleError where it is not of this network."""
        pixels = encoder.height * encoder.width * 3
        row = pixels + 4 * (encoder.prediction_size + encoder.feature_size)
        n, rest = divmod(len(data), row)
        if rest or n < MIN_GOLDEN or len(data) > MAX_BYTES:
            raise BundleError(f"{_WHERE}: expected at least {MIN_GOLDEN} times {row} bytes, at most "
                              f"{MAX_BYTES >> 20} MiB, got {len(data)} bytes; the file is damaged, or of another "
                              "network")
        images = np.frombuffer(data, np.uint8, n * pixels).reshape(n, encoder.height, encoder.width, 3)
        numbers = np.frombuffer(data, "<f4", offset=n * pixels).astype(np.float32)
        split = n * encoder.prediction_size
        return cls(images, numbers[:split].reshape(n, -1), numbers[split:].reshape(n, -1))


def patterns(height: int, width: int) -> np.ndarray:
    """Pictures (16, height, width, 3) uint8: black, grey, white, gradients, coloured blocks and noise."""
    rng = np.random.default_rng(0)
    down, right = np.linspace(0, 255, height)[:, None, None], np.linspace(0, 255, width)[None, :, None]
    flat = [np.zeros(3), np.full(3, 128.0), np.full(3, 255.0), np.array([255.0, 0.0, 0.0]), np.array([0.0, 255.0, 0.0])]
    images = [np.broadcast_to(colour, (height, width, 3)) for colour in flat]
    images += [np.broadcast_to(ramp, (height, width, 3)) for ramp in (down, right, 255.0 - 0.5 * (down + right))]
    for _ in range(4):
        coarse = rng.integers(0, 256, (4, 4, 3))
        images.append(coarse[np.arange(height)[:, None] * 4 // height, np.arange(width)[None] * 4 // width])
    images += list(rng.integers(0, 256, (4, height, width, 3)))
    return np.ascontiguousarray(np.stack(images), np.uint8)
