"""What an ONNX file must not contain, found by walking its protobuf, before any runtime sees it.

Refused: tensors stored outside the file (they would be read from any path), operators other than those of plain
networks, and nesting or sizes that are out of reason. Field numbers: onnx/onnx.proto (ONNX 1.16).

The operators that pass have no control flow, draw no random numbers, and make no integer or shape of what is observed.
So a network that ran once for one robot, with the golden vectors, does the same work on the same shapes for any other
observation: it cannot begin to hang or to fail later. ``Cast`` passes only where it makes floating point numbers, as of
the pixels of an image.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim2real.errors import BundleError

MAX_DEPTH = 16
MAX_NODES = 10_000
_STANDARD = (b"", b"ai.onnx")
OPERATORS = frozenset(b"""
    Abs Acos Acosh Add And Asin Asinh Atan Atanh AveragePool BatchNormalization Ceil Celu Clip Concat Constant
    ConstantOfShape Conv ConvTranspose Cos Cosh CumSum DepthToSpace Div Dropout Einsum Elu Equal Erf Exp Expand Flatten
    Floor GRU Gather Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GroupNormalization HardSigmoid
    HardSwish Identity InstanceNormalization LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax
    LpNormalization MatMul Max MaxPool Mean MeanVarianceNormalization Min Mish Mul Neg Not Or PRelu Pad Pow
    RMSNormalization RNN Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin
    ReduceProd ReduceSum ReduceSumSquare Relu Reshape Round Selu Shape Sigmoid Sign Sin Sinh Slice Softmax Softplus
    Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Swish Tan Tanh ThresholdedRelu Tile Transpose Unsqueeze Where Xor
""".split())
_CAST, _FLOATS = b"Cast", (1, 10, 11)  # float32, float16, float64

# message -> {field: message inside}; only the ways to nodes and tensors
_NESTED: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}


def check_onnx(data: bytes, name: str = "policy.onnx") -> int:
    """The number of operators of an ONNX model; ``name`` is what messages call it.

    Raises:
        BundleError: It is damaged, or contains what a network must not.
    """
    try:
        return _count_operators(data)
    except BundleError as error:
        raise BundleError(f"{name}: {error}") from None


def _count_operators(data: bytes) -> int:
    nodes, refused = 0, None
    stack = [("model", memoryview(data), 0)]
    has_graph = False
    while stack:
        kind, message, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise BundleError(f"nested deeper than {MAX_DEPTH} levels; a network is a plain graph")
        has_graph |= kind == "graph"
        nodes += kind == "node"
        if nodes > MAX_NODES:
            raise BundleError(f"more than {MAX_NODES} operators; a network is a small graph")
        operators, attributes = [], []
        for field, value in _fields(message):
            if kind == "tensor" and (field == 13 or (field == 14 and value != 0)):
                raise BundleError("has external data; export it as one self-contained file")
            if kind == "node" and field == 7 and bytes(_bytes(value)) not in _STANDARD:
                raise BundleError(f"has a custom operator of domain {bytes(_bytes(value))[:40]!r}; "
                                  "only standard ONNX operators are run")
            if kind == "node" and field == 4:
                operators.append(bytes(_bytes(value)))
            if kind == "node" and field == 5:
                attributes.append(_bytes(value))
            if field in _NESTED[kind]:
                stack.append((_NESTED[kind][field], _bytes(value), depth + 1))
        for operator in operators:
            if operator not in OPERATORS and not (operator == _CAST and _makes_floats(attributes)):
                refused = operator[:40].decode("utf-8", "replace")
    if not has_graph:
        raise BundleError("there is no graph in it; it is damaged")
    if refused is not None:
        raise BundleError(f"has an operator {refused!r}, which is not one of plain networks: control flow, random "
                          "numbers, and shapes or indices that depend on the observation are not run")
    return nodes


def _makes_floats(attributes: list[memoryview]) -> bool:
    """Whether a Cast with these attributes gives floating point numbers, whatever it is given.

    Every integer in them has to be such a type's number: where a field stands twice, runtimes differ in which counts.
    """
    fields = [field for attribute in attributes for field in _fields(attribute)]
    numbers = [value for field, value in fields if field == 3]
    return bool(numbers) and all(value in _FLOATS for value in numbers) and all(field != 21 for field, _ in fields)


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise BundleError("a field has the wrong type; it is damaged")
    return value


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field numbers and values (integers, or bytes) of one protobuf message."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        wire = key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if wire == 2:
            size, at = _varint(message, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise BundleError("not a protobuf message; it is damaged")
        if at + size > end:
            raise BundleError("a field is longer than the file; it is damaged")
        yield key >> 3, message[at:at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise BundleError("a number does not end; it is damaged")
