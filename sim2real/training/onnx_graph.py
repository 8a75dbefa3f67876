"""ONNX graphs written out node by node, so that they depend on no exporter's version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

_OPSET, _IR = 17, 8  # read by every onnxruntime since 1.12
_OPERATORS = {nn.Tanh: "Tanh", nn.ELU: "Elu", nn.ReLU: "Relu"}


class Graph:
    """A graph in the making: ``node`` and the others return names of values, ``model`` the finished bytes."""

    def __init__(self, name: str):
        self._name, self._nodes, self._weights = name, [], []

    def constant(self, value: torch.Tensor | float | Sequence[int]) -> str:
        """A tensor as it is, a number (as float32), or a list of whole numbers (as int64: sizes and indices)."""
        if isinstance(value, torch.Tensor):
            kept = np.array(value.detach().numpy(), order="C")
        else:
            kept = np.array(value, np.int64 if isinstance(value, (list, tuple)) else np.float32)
        name = f"c{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(kept, name))
        return name

    def node(self, kind: str, *inputs: str, **attributes) -> str:
        """The output of a new operator."""
        return self.nodes(kind, 1, *inputs, **attributes)[0]

    def nodes(self, kind: str, outputs: int, *inputs: str, **attributes) -> list[str]:
        """All outputs of a new operator."""
        names = [f"x{len(self._nodes)}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def linear(self, x: str, weight: torch.Tensor, bias: torch.Tensor) -> str:
        """x W^T + b."""
        return self.node("Gemm", x, self.constant(weight), self.constant(bias), transB=1)

    def clip(self, x: str, low: float, high: float) -> str:
        """Values inside [low, high]."""
        return self.node("Clip", x, self.constant(low), self.constant(high))

    def layers(self, x: str, modules: Sequence[nn.Module]) -> str:
        """Linear layers and activations, one after another."""
        for layer in modules:
            x = self.linear(x, layer.weight, layer.bias) if isinstance(layer, nn.Linear) else self.node(
                _OPERATORS[type(layer)], x)
        return x

    def split(self, x: str, sizes: Sequence[int]) -> list[str]:
        """Columns of ``x`` in blocks of ``sizes``."""
        return self.nodes("Split", len(sizes), x, self.constant(list(sizes)), axis=1)

    def model(self, inputs: Mapping[str, int], outputs: Mapping[str, tuple[str, int]]) -> bytes:
        """The finished model.

        Args:
            inputs: Columns of each input (n, columns).
            outputs: Name -> (value, columns).
        """
        nodes = self._nodes + [helper.make_node("Identity", [value], [name]) for name, (value, _) in outputs.items()]
        columns = {name: size for name, (_, size) in outputs.items()}
        graph = helper.make_graph(nodes, self._name, _values(inputs), _values(columns), self._weights)
        model = helper.make_model(graph, producer_name="sim2real", opset_imports=[helper.make_opsetid("", _OPSET)])
        model.ir_version = _IR
        onnx.checker.check_model(model)
        return model.SerializeToString()


def _values(columns: Mapping[str, int]) -> list:
    return [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", size]) for name, size in columns.items()]
