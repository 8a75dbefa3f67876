"""An encoder network: ONNX bytes in, predictions and features of pictures out, on one thread of onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim2real.deployment.encoder_manifest import MAX_FEATURES, MAX_PREDICTIONS, MAX_SIDE
from sim2real.deployment.network import open_network
from sim2real.errors import BadInputError, BundleError

_WHERE = "encoder.onnx"


class Encoder:
    """Looks at any number of pictures.

    Args:
        onnx: Bytes of the model: one input "image" (n, height, width, 3) uint8, RGB, which it normalises itself;
            outputs "prediction" (n, k) and "features" (n, f), float32.

    Attributes:
        height, width: Of the pictures in [pixels].
        prediction_size, feature_size: Columns of both outputs.
        num_operators: Size of the graph.
        onnx: As given.

    Raises:
        BundleError: It is damaged, contains what a network must not, or has other inputs or outputs.
    """

    def __init__(self, onnx: bytes):
        self.onnx = bytes(onnx)
        self._session, self.num_operators = open_network(onnx, _WHERE)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        names = [value.name for value in inputs], sorted(value.name for value in outputs)
        if names != (["image"], ["features", "prediction"]):
            raise BundleError(f"{_WHERE}: expected one input 'image' and the outputs 'prediction' and 'features', got "
                              f"{', '.join(names[0])[:200]} and {', '.join(names[1])[:200]}")
        self.height, self.width = self._picture(inputs[0])
        columns = {value.name: self._columns(value) for value in outputs}
        self.prediction_size, self.feature_size = columns["prediction"], columns["features"]

    @staticmethod
    def _picture(value: Any) -> tuple[int, int]:
        shape = value.shape
        if value.type != "tensor(uint8)" or len(shape) != 4 or isinstance(shape[0], int) or shape[3] != 3 \
                or not all(isinstance(side, int) and 1 <= side <= MAX_SIDE for side in shape[1:3]):
            raise BundleError(f"{_WHERE}: expected 'image' as uint8 (any number of pictures, height, width, 3), sides "
                              f"of at most {MAX_SIDE} pixels, got {value.type} {shape}")
        return shape[1], shape[2]

    @staticmethod
    def _columns(value: Any) -> int:
        most = MAX_PREDICTIONS if value.name == "prediction" else MAX_FEATURES
        shape = value.shape
        if value.type != "tensor(float)" or len(shape) != 2 or isinstance(shape[0], int) \
                or not isinstance(shape[1], int) or not 1 <= shape[1] <= most:
            raise BundleError(f"{_WHERE}: expected {value.name!r} as float32 (any number of pictures, 1 to {most} "
                              f"columns), got {value.type} {shape}")
        return shape[1]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Predictions (n, k) float32 of RGB pictures (n, height, width, 3) uint8."""
        return self.run(images)[0]

    def features(self, images: np.ndarray) -> np.ndarray:
        """Features (n, f) float32 of RGB pictures (n, height, width, 3) uint8."""
        return self.run(images)[1]

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predictions (n, k) and features (n, f) of RGB pictures (n, height, width, 3) uint8.

        Raises:
            BadInputError: Pictures of another size or type.
        """
        images = np.ascontiguousarray(images)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (self.height, self.width, 3):
            raise BadInputError(f"expected pictures of shape (n, {self.height}, {self.width}, 3), uint8 RGB, got "
                                f"{images.shape} {images.dtype}")
        prediction, features = self._session.run(["prediction", "features"], {"image": images})
        return prediction, features
