"""An encoder with its head as ONNX: uint8 images in, predictions and features out, pixels normalised inside.

Written out node by node as in training/export.py, so it depends on no exporter's version.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from sim2real.adaptation.networks import Network, SpatialSoftmax
from sim2real.deployment.encoder_golden import patterns

_OPSET, _IR = 17, 8  # read by every onnxruntime since 1.12


def to_onnx(network: Network) -> bytes:
    """The model: ``image`` (n, h, w, 3) uint8 RGB -> ``prediction`` (n, k) and ``features`` (n, f) float32.

    Predictions are labels in their own units, or probabilities of classes. A network for grey images averages the
    channels. Whether onnxruntime computes from it what the network does is checked where it is written, by
    ``golden_vectors`` (deployment/encoder.py).
    """
    graph = _Graph()
    x = graph.node("Cast", "image", to=TensorProto.FLOAT)
    if network.channels == 1:
        x = graph.node("ReduceMean", x, axes=[3], keepdims=1)
    x = graph.node("Transpose", x, perm=[0, 3, 1, 2])
    x = graph.node("Div", x, graph.constant(127.5))
    x = graph.node("Sub", x, graph.constant(1.0))
    for layer in network.encoder:
        x = graph.layer(layer, x)
    graph.node("Identity", x, name="features")
    for layer in network.head:
        x = graph.layer(layer, x)
    if network.classes:
        graph.node("Softmax", x, axis=1, name="prediction")
    else:
        x = graph.node("Mul", x, graph.constant(network.label_scale))
        graph.node("Add", x, graph.constant(network.label_mean), name="prediction")
    return graph.model(network)


class _Graph:
    """Nodes and weights of a chain of layers."""

    def __init__(self):
        self._nodes, self._weights = [], []

    def constant(self, value, dtype=np.float32) -> str:
        name = f"c{len(self._weights)}"
        array = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(array, dtype), name))
        return name

    def node(self, kind: str, *inputs: str, name: str = "", **attributes) -> str:
        name = name or f"x{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def layer(self, layer: nn.Module, x: str) -> str:
        """The output of ``layer`` on ``x``; every layer that networks.py uses is here."""
        if isinstance(layer, nn.Conv2d):
            pads = [*layer.padding, *layer.padding]
            return self.node("Conv", x, self.constant(layer.weight), self.constant(layer.bias), pads=pads,
                             strides=list(layer.stride))
        if isinstance(layer, nn.Linear):
            return self.node("Gemm", x, self.constant(layer.weight), self.constant(layer.bias), transB=1)
        if isinstance(layer, nn.MaxPool2d):
            return self.node("MaxPool", x, kernel_shape=[layer.kernel_size] * 2, strides=[layer.stride] * 2)
        if isinstance(layer, nn.LayerNorm):
            return self.node("LayerNormalization", x, self.constant(torch.ones(layer.normalized_shape)), axis=-1,
                             epsilon=layer.eps)
        if isinstance(layer, SpatialSoftmax):
            x = self.node("Reshape", x, self.constant([0, 0, -1], np.int64))
            return self.node("Flatten", self.node("MatMul", self.node("Softmax", x, axis=2),
                                                  self.constant(layer.places)))
        return self.node({nn.ReLU: "Relu", nn.Flatten: "Flatten"}[type(layer)], x)

    def model(self, network: Network) -> bytes:
        image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", network.height, network.width, 3])
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in
                   (("prediction", network.prediction_size), ("features", network.feature_size))]
        graph = helper.make_graph(self._nodes, "encoder", [image], outputs, self._weights)
        model = helper.make_model(graph, producer_name="sim2real", opset_imports=[helper.make_opsetid("", _OPSET)])
        model.ir_version = _IR
        onnx.checker.check_model(model)
        return model.SerializeToString()


def golden_vectors(network: Network) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures (n, h, w, 3), and what the original network says of them: predictions (n, k), features (n, f)."""
    images = patterns(network.height, network.width)
    if network.channels == 1:
        images = np.repeat(images[..., :1], 3, axis=3)
    return images, *network.predict(np.ascontiguousarray(images[..., :network.channels]))
