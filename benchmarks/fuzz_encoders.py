"""Fuzzed: encoders (``encoder.s2r``), and policy bundles with one in them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzz_mutations import changed_tree, damaged, pick
from benchmarks.fuzz_targets import Target, Unsafe, good_bundle, load_and_drive, opened, sealed
from sim2real.deployment.encoder import GOLDEN, NETWORK, load_encoder, write_encoder
from sim2real.deployment.encoder_manifest import EncoderManifest
from sim2real.deployment.seeing import add_encoder
from sim2real.robots import load_robot

_WORDS = {"labels": ["block_x", "block_y"], "unit": "m"}


@cache
def good_encoder() -> bytes:
    """The bytes of a whole encoder of the UR5e's own camera."""
    from tests.deployment.hand_encoder import build_seeing_encoder

    build_seeing_encoder(Path("seed_encoder.s2r"), load_robot("ur5e"))
    return Path("seed_encoder.s2r").read_bytes()


@cache
def good_seeing() -> bytes:
    """The bytes of a policy with that encoder."""
    Path("seed_policy.s2r").write_bytes(good_bundle("ur5e"))
    Path("seed_encoder.s2r").write_bytes(good_encoder())
    add_encoder("seed_policy.s2r", load_encoder("seed_encoder.s2r"), "seed_seeing.s2r")
    return Path("seed_seeing.s2r").read_bytes()


def load_and_look(rng: np.random.Generator, data: bytes) -> bool:
    """Load the bytes as ``verify`` does, and look at noise with what came of them."""
    Path("fuzzed.s2r").write_bytes(data)
    file = load_encoder("fuzzed.s2r")
    encoder = file.encoder
    pictures = rng.integers(0, 256, (2, encoder.height, encoder.width, 3), dtype=np.uint8)
    try:
        shape = encoder(pictures).shape
    except Exception:  # the process of the camera says so, and the robot holds: tests/ros/vision/test_looking.py
        return True
    if shape != (2, len(file.manifest.encoder.labels)):
        raise Unsafe(f"an encoder gives {shape} for two pictures and {len(file.manifest.encoder.labels)} labels")
    return True


def encoder_bytes(rng: np.random.Generator) -> bool:
    """Whole encoders damaged anywhere, and policies with one."""
    if rng.integers(3) == 0:
        return load_and_drive(rng, damaged(rng, good_seeing()))
    return load_and_look(rng, damaged(rng, good_encoder()))


def encoder_manifest(rng: np.random.Generator) -> bool:
    """Valid JSON with hostile values, sealed; the golden vectors damaged now and then."""
    whole = rng.integers(3) == 0
    members, raw = opened(good_seeing() if whole else good_encoder())
    raw["encoder"] = changed_tree(rng, raw["encoder"])
    if rng.integers(4) == 0:
        members[GOLDEN] = damaged(rng, members[GOLDEN])
    if rng.integers(8) == 0:
        raw = changed_tree(rng, raw)
    raw = raw if isinstance(raw, dict) else {}
    return load_and_drive(rng, sealed(members, raw)) if whole else \
        load_and_look(rng, sealed(members, raw, EncoderManifest))


def encoder_network(rng: np.random.Generator) -> bool:
    """A hostile network, written by this package so that everything else fits."""
    import onnx

    model = onnx.load_from_string(opened(good_encoder())[0][NETWORK])
    graph, way = model.graph, int(rng.integers(6))
    if way == 0:
        data = damaged(rng, model.SerializeToString())
    else:
        _change(rng, way, graph)
        data = model.SerializeToString()
    write_encoder("written.s2r", data, **_WORDS)
    return load_and_look(rng, Path("written.s2r").read_bytes())


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
        tensor.external_data.add(key="location", value=pick(rng, ["/etc/passwd", "../x", "seed_encoder.s2r"]))
    elif way == 4:  # operators
        node.op_type = pick(rng, ["Loop", "If", "Exp", "Floor", "Shape", "Tile", "Identity", "Softmax", "PyOp",
                                  "ReduceSum", "Conv", "Split"])
        node.domain = pick(rng, ["", "", "com.microsoft", "evil"])
    else:  # what the model says of itself
        value = pick(rng, [graph.input[0], *graph.output])
        value.type.tensor_type.elem_type = int(pick(rng, [0, 1, 2, 7, 11, 99]))
        dims = value.type.tensor_type.shape.dim
        dims[int(rng.integers(len(dims)))].dim_value = int(pick(rng, [0, 1, 3, 4096, 2**40, -5]))


KINDS: dict[str, tuple[Target, int]] = {
    "encoder bytes": (encoder_bytes, 600), "encoder manifest": (encoder_manifest, 300),
    "encoder network": (encoder_network, 300),
}
