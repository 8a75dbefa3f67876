"""What is fuzzed: for each kind of input, seeds, a way to damage them, and what takes them in.

A target is called with a random generator and makes, damages and feeds one input. It returns whether it was accepted;
what is refused comes as a ``Sim2RealError``, and any other exception is a crash. What is accepted and can move a robot
moves one, and ``Unsafe`` is raised where a command is not finite or outside the bounds.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzz_mutations import WORDS, changed_tree, damaged, pick
from sim2real.deployment.archive import pack, unpack
from sim2real.deployment.bundle import Bundle, load_bundle, write_bundle
from sim2real.deployment.limits import count_violations
from sim2real.deployment.manifest import Manifest
from sim2real.deployment.policy import Golden, Policy
from sim2real.deployment.sealed import Sealed
from sim2real.errors import BundleError
from sim2real.robots import RobotDescription, load_robot
from sim2real.tasks import load_task, make_task
from sim2real.types import RobotState

Target = Callable[[np.random.Generator], bool]
RATE = 500.0  # commands per second of the streams that are judged
_STEPS = 8
_ROBOTS = {"ur5e": "ur5e-reach", "crazyflie": "crazyflie-hover"}
_RANGES = {"payload_mass": {"low": 0.0, "high": 1.0, "distribution": "uniform"}}


class Unsafe(Exception):
    """A command that is not finite, or outside its bounds."""


# ------------------------------------------------------------------------------------------------- seeds
def network(inputs: int, outputs: int, weights: np.ndarray | None = None) -> Any:
    """tanh(W x) as an ONNX model."""
    from onnx import TensorProto, helper, numpy_helper

    if weights is None:
        weights = 0.3 * np.random.default_rng(0).standard_normal((inputs, outputs))
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["observation", "W"], ["linear"]),
         helper.make_node("Tanh", ["linear"], ["action"])], "policy",
        [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["n", inputs])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["n", outputs])],
        [numpy_helper.from_array(weights.astype(np.float32), "W")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@cache
def good_bundle(robot: str) -> bytes:
    """The bytes of a whole bundle."""
    return written(load_task(_ROBOTS[robot]))


def written(task: Any) -> bytes:
    path = Path("seed.s2r")
    model = network(task.builder(1).size, task.action_size)
    write_bundle(path, task, model.SerializeToString(), training_ranges=_RANGES)
    return path.read_bytes()


def sealed(members: dict[str, bytes], raw: dict[str, Any], kind: type[Sealed] = Manifest) -> bytes:
    """A file as somebody makes it who knows how: hashes and seal fit whatever is in it."""
    raw = {**raw, "members": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}}
    try:
        content = kind.model_validate(raw).sealed().to_bytes()
    except (ValueError, TypeError, OverflowError):  # no manifest at all: as it stands
        content = json.dumps(raw, default=str).encode("utf-8", "replace")
    return pack({"manifest.json": content, **members})


def opened(data: bytes) -> tuple[dict[str, bytes], dict[str, Any]]:
    members = unpack(data)
    return members, json.loads(members.pop("manifest.json"))


# ------------------------------------------------------------------------------------------------- judges
def load_and_drive(rng: np.random.Generator, data: bytes) -> bool:
    """Write the bytes to a file, load it as ``deploy`` does, and drive a robot with it."""
    Path("fuzzed.s2r").write_bytes(data)
    bundle = load_bundle("fuzzed.s2r")
    _check_network(bundle, data)
    stream = Stream(bundle)
    for k in range(_STEPS):
        stream.step(stream.near_home(rng, 1.0 if k == 3 else 0.01))
    return True


def _check_network(bundle: Bundle, data: bytes) -> None:
    """An opinion of its own on what was let through: nothing external, nothing that is not ONNX's own."""
    import onnx

    model = onnx.load_from_string(unpack(data)["policy.onnx"])
    nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    tensors = [*model.graph.initializer, *(attribute.t for node in nodes for attribute in node.attribute)]
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data for tensor in tensors):
        raise Unsafe("a network with external data was let through")
    if any(node.domain not in ("", "ai.onnx") for node in nodes):
        raise Unsafe("a network with a custom operator was let through")


class Stream:
    """A robot that is driven by a bundle, and the judge of every command at the driver's rate."""

    def __init__(self, bundle: Bundle):
        self.bundle = bundle
        self._begin()

    def _begin(self) -> None:
        from sim2real.ros.drive import Drive

        bundle = self.bundle
        self.drive, self._now = Drive(bundle, RATE), 1.0
        state = self.near_home(np.random.default_rng(0), 0.0)
        state.time[0] = self._now
        uniforms = np.full((1, bundle.task.goal_uniforms), 0.5)
        self.drive.start(state, bundle.task.sample_goal(uniforms)[0], self._now)
        self._last = [self.drive.stream.command] * 4  # at rest

    def near_home(self, rng: np.random.Generator, spread: float) -> RobotState:
        """A measured state of the robot, about where it starts."""
        robot = self.bundle.robot
        state = RobotState.zeros(1, robot.num_joints)
        state.position[0], state.quaternion[0] = [0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]
        if robot.kind == "arm":
            state.joint_position[0] = robot.home
            state.joint_velocity[0] = spread * rng.standard_normal(robot.num_joints)
        else:
            state.linear_velocity[0] = spread * rng.standard_normal(3)
        return state

    def step(self, state: RobotState) -> str:
        """One control period from ``state`` on; returns the mode."""
        self._now += self.bundle.task.control_period
        state.time[0] = self._now
        decision = self.drive.step(state, self._now)
        commands = [self.drive.tick() for _ in range(self.drive.stream.ticks)]
        rows = np.array([*self._last, *commands])
        if not np.isfinite(rows).all():
            raise Unsafe("a command is not finite")
        if count := count_violations(rows[:, None], self.bundle.limits, self.drive.stream.tick_period):
            raise Unsafe(f"{count} numbers of the commands are outside the bounds")
        self._last = list(rows[-4:])
        if str(decision.mode[0]) == "STOP":
            self._begin()
        return str(decision.mode[0])


# ------------------------------------------------------------------------------------------------- bundles
class Bomb:
    """Says so if anybody ever unpickles it."""

    def __reduce__(self) -> tuple:
        return open, ("executed", "w")


def bundle_bytes(rng: np.random.Generator) -> bool:
    """Noise, and whole bundles damaged anywhere."""
    if rng.integers(8) == 0:
        head = pick(rng, [b"", b"PK\x03\x04", b"PK\x05\x06", b"\x80\x04", b"\x08\x08"])
        return load_and_drive(rng, head + rng.bytes(int(rng.integers(3000))))
    return load_and_drive(rng, damaged(rng, good_bundle(pick(rng, list(_ROBOTS)))))


def bundle_archive(rng: np.random.Generator) -> bool:
    """What zip programs, pickles and tricksters make."""
    members = unpack(good_bundle("ur5e"))
    way, buffer = int(rng.integers(8)), io.BytesIO()
    if way == 0:
        return load_and_drive(rng, pickle.dumps(Bomb(), protocol=int(rng.integers(6))))
    if way == 1:  # a pickle in the place of a member
        members[pick(rng, list(members))] = pickle.dumps(Bomb())
        return load_and_drive(rng, pack(members))
    if way == 2:  # names that lead elsewhere, or are too many
        members[pick(rng, [*WORDS[:-8], "../x", "/abs", "robot/../../x"])[:199] or "x"] = rng.bytes(20)
        return load_and_drive(rng, pack(members))
    if way == 3:  # noise in the directory and in the headers, with checksums that still fit
        data = bytearray(pack(members))
        for _ in range(int(rng.integers(1, 6))):
            at = data.rfind(b"PK", 0, int(rng.integers(4, len(data))))
            data[at + int(rng.integers(4, 30))] = int(rng.integers(256))
        return load_and_drive(rng, bytes(data))
    compression = pick(rng, [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    with zipfile.ZipFile(buffer, "w", compression, allowZip64=True) as archive:
        for name, data in members.items():
            archive.writestr(name, data if way < 6 else bytes(1 << 20))  # a thousandth of its size, when packed
        archive.comment = rng.bytes(int(rng.integers(20)))
    return load_and_drive(rng, damaged(rng, buffer.getvalue()) if way == 4 else buffer.getvalue())


def bundle_manifest(rng: np.random.Generator) -> bool:
    """Valid JSON with hostile values, sealed."""
    members, raw = opened(good_bundle(pick(rng, list(_ROBOTS))))
    if rng.integers(3) == 0:
        section = pick(rng, ["limits", "action", "task", "observation", "gains"])
        raw[section] = changed_tree(rng, raw[section])
    elif rng.integers(6) == 0:
        members["golden.json"] = json.dumps(changed_tree(rng, json.loads(members["golden.json"])), default=str).encode(
            "utf-8", "replace")
    else:
        raw = changed_tree(rng, raw)
    return load_and_drive(rng, sealed(members, raw if isinstance(raw, dict) else {}))


def bundle_robot(rng: np.random.Generator) -> bool:
    """A hostile robot description, in a bundle that its author made with this package, so that everything else fits."""
    import yaml

    robot = load_robot(pick(rng, list(_ROBOTS)))
    files = dict(robot.files)
    if rng.integers(3) == 0:
        name = next(name for name in files if name != "robot.yaml")
        files[name] = damaged(rng, files[name])
    else:
        files["robot.yaml"] = yaml.safe_dump(changed_tree(rng, yaml.safe_load(files["robot.yaml"])),
                                             allow_unicode=True).encode("utf-8", "replace")
    changed = RobotDescription.from_files(files)
    return load_and_drive(rng, written(make_task("reach" if changed.kind == "arm" else "hover", changed)))


def bundle_network(rng: np.random.Generator) -> bool:
    """A hostile network with golden vectors of its own, sealed."""
    members, raw = opened(good_bundle(pick(rng, list(_ROBOTS))))
    model = network(raw["observation"]["size"], raw["action"]["size"])
    members["policy.onnx"] = data = _changed_network(rng, model)
    try:
        members["golden.json"] = Golden.of(Policy(data)).to_bytes()
    except BundleError:
        raise
    except Exception:  # it loads and cannot run: the old vectors stay, and the loader has to find out
        pass
    return load_and_drive(rng, sealed(members, raw))


def _changed_network(rng: np.random.Generator, model: Any) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    graph, way = model.graph, int(rng.integers(9))
    weights = numpy_helper.to_array(graph.initializer[0])
    if way == 0:
        return damaged(rng, model.SerializeToString())
    if way == 1:  # numbers
        weights = np.where(rng.random(weights.shape) < 0.1, np.float32(pick(rng, [np.nan, np.inf, 3e38, 1e-40, 1e4])),
                           weights)
        graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "W"))
    elif way == 2:  # sizes that lie
        graph.initializer[0].dims[int(rng.integers(2))] = int(pick(rng, [0, -1, 1, 2**31, 2**62, 7]))
    elif way == 3:  # external data
        tensor = graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", pick(rng, WORDS[:8])), ("offset", "0"), ("length", "999999")):
            tensor.external_data.add(key=key, value=value.replace("\x00", ""))
    elif way == 4:  # operators
        node = pick(rng, list(graph.node))
        node.op_type = pick(rng, ["Loop", "If", "Scan", "Exp", "Sqrt", "Log", "Reciprocal", "Floor", "Shape", "Tile",
                                  "Transpose", "Identity", "Softmax", "ReduceSum", "Expand", "ConstantOfShape", "PyOp"])
        node.domain = pick(rng, ["", "", "", "ai.onnx", "com.microsoft", "evil", "ai.onnx.ml"])
    elif way == 5:  # what the model says of itself
        value = pick(rng, [graph.input[0], graph.output[0]])
        value.type.tensor_type.elem_type = int(pick(rng, [0, 1, 2, 7, 8, 10, 11, 16, 99]))
        dim = value.type.tensor_type.shape.dim[int(rng.integers(2))]
        dim.dim_value = int(pick(rng, [0, 1, 3, 2**40, -5]))
    elif way == 6:  # sizes that grow: from the network itself to more than any machine has
        big = int(pick(rng, [1000, 2**20, 2**33, 2**50]))
        graph.initializer.append(helper.make_tensor("big", TensorProto.INT64, [2], [big, 1]))
        graph.node.insert(0, helper.make_node(pick(rng, ["ConstantOfShape", "Tile"]),
                                              ["big"] if rng.integers(2) else ["W", "big"], ["huge"]))
        graph.node.append(helper.make_node("ReduceSum", ["huge"], ["unused"]))
    elif way == 7:  # after the layers: what is in no training
        for node in graph.node:
            node.output[:] = ["inner" if name == "action" else name for name in node.output]
        kind = pick(rng, ["Exp", "Reciprocal", "Log", "Sqrt", "Neg", "Round", "Transpose", "Identity", "Sign"])
        for k in range(int(rng.integers(1, 5))):
            graph.node.append(helper.make_node(kind, [f"m{k - 1}" if k else "inner"], [f"m{k}"]))
        graph.node[-1].output[0] = "action"
    else:
        model.opset_import[0].version = int(pick(rng, [0, 1, 5, 7, 13, 21, 99, -1]))
        model.ir_version = int(pick(rng, [0, 3, 8, 10, 99]))
        model.graph.name = pick(rng, WORDS).encode("utf-8", "replace").decode().replace("\x00", "")
    return model.SerializeToString()


KINDS: dict[str, tuple[Target, int]] = {  # with the share of each
    "bundle bytes": (bundle_bytes, 2500), "bundle archive": (bundle_archive, 500),
    "bundle manifest": (bundle_manifest, 1000), "bundle robot": (bundle_robot, 500),
    "bundle network": (bundle_network, 1000),
}
