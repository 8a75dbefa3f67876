"""How whole ONNX networks are damaged, whatever they are for."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.fuzz_mutations import damaged, pick


def changed_network(rng: np.random.Generator, onnx_bytes: bytes) -> bytes:
    """A hostile variant of a network: bytes, numbers, sizes, external data, operators, or what it says of itself."""
    import onnx

    model, way = onnx.load_from_string(onnx_bytes), int(rng.integers(6))
    if way == 0:
        return damaged(rng, onnx_bytes)
    _change(rng, way, model.graph)
    return model.SerializeToString()


def _change(rng: np.random.Generator, way: int, graph: Any) -> None:
    from onnx import TensorProto, numpy_helper

    tensor, node = pick(rng, list(graph.initializer)), pick(rng, list(graph.node))
    if way == 1 and tensor.data_type == TensorProto.FLOAT:  # numbers
        value = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(
            np.full_like(value, pick(rng, [np.nan, np.inf, 3e38, 1e-40, 1e4])), tensor.name))
    elif way == 2:  # sizes that lie
        tensor.dims.append(int(pick(rng, [0, -1, 2**31, 2**62, 7])))
    elif way == 3:  # external data
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=pick(rng, ["/etc/passwd", "../x", "seed.s2r"]))
    elif way == 4:  # operators
        node.op_type = pick(rng, ["Loop", "If", "Exp", "Floor", "Shape", "Tile", "Identity", "Softmax", "PyOp",
                                  "ReduceSum", "Conv", "Split"])
        node.domain = pick(rng, ["", "", "com.microsoft", "evil"])
    else:  # what the model says of itself
        value = pick(rng, [graph.input[0], *graph.output])
        value.type.tensor_type.elem_type = int(pick(rng, [0, 1, 2, 7, 11, 99]))
        dims = value.type.tensor_type.shape.dim
        dims[int(rng.integers(len(dims)))].dim_value = int(pick(rng, [0, 1, 3, 4096, 2**40, -5]))
