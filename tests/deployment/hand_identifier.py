"""An identifier whose answers can be worked out by hand, and bundles with it."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from sim2real.deployment.identifier import IdentifierFile
from sim2real.deployment.identifier_manifest import EstimateSection, IdentifierSection
from sim2real.deployment.terms_manifest import ObservationSection
from sim2real.tasks import load_task
from tests.deployment.tiny_policy import build, tiny_onnx

PAYLOAD = EstimateSection(name="payload_mass", unit="kg", low=0.0, high=3.0)
GAIN = EstimateSection(name="stiffness_scale", unit="1", low=0.5, high=2.0, log=True)
BATTERY = EstimateSection(name="battery_voltage_scale", unit="1", low=0.9, high=1.1)


def leaky_onnx(features: int, *, keep: float = 0.5, gain: float = 1.0, outputs=("context", "mean", "deviation"),
               operator: str = "Mul", columns: tuple[int, int] = (0, 1)) -> bytes:
    """memory' = keep * memory + (1 - keep) * features[columns]; context and mean = gain * memory', deviation 0.1."""
    nodes = [helper.make_node("Gather", ["features", "first"], ["now"], axis=1),
             helper.make_node(operator, ["memory", "keep"], ["old"]),
             helper.make_node("Mul", ["now", "take"], ["new"]),
             helper.make_node("Add", ["old", "new"], ["memory_out"]),
             helper.make_node("Mul", ["memory_out", "gain"], ["estimate"]),
             *(helper.make_node("Identity", ["estimate"], [name]) for name in ("context", "mean") if name in outputs)]
    if "deviation" in outputs:
        nodes += [helper.make_node("Mul", ["estimate", "zero"], ["nothing"]),
                  helper.make_node("Add", ["nothing", "tenth"], ["deviation"])]
    constants = {"keep": keep, "take": 1.0 - keep, "gain": gain, "zero": 0.0, "tenth": 0.1}
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "identifier",
        [info("features", TensorProto.FLOAT, ["n", features]), info("memory", TensorProto.FLOAT, ["n", 2])],
        [info(name, TensorProto.FLOAT, ["n", 2]) for name in ("memory_out", *outputs)],
        [*(numpy_helper.from_array(np.float32([value]), name) for name, value in constants.items()),
         numpy_helper.from_array(np.int64(columns), "first")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def hand_identifier(task, **options) -> IdentifierFile:
    """The leaky average of the first two features, as the estimate of payload and gain (a drone: and battery)."""
    context = 2 if "context" in options.get("outputs", ("context",)) else 0
    second = GAIN if task.robot.kind == "arm" else BATTERY
    known = [PAYLOAD, second] if "mean" in options.get("outputs", ("mean",)) else []
    inputs = ObservationSection.of(task.dynamics_terms())
    return IdentifierFile(leaky_onnx(inputs.size, **options),
                          IdentifierSection(inputs=inputs, memory=2, context=context, parameters=known))


def identifying(path, task_id: str = "ur5e-reach", *, policy: bytes | None = None, **options):
    """A bundle at ``path`` whose tiny policy listens to that identifier."""
    task = load_task(task_id)
    identifier = hand_identifier(task, **options)
    size = task.builder(1).size + identifier.section.context
    return build(path, task=task, onnx=policy or tiny_onnx(size, task.action_size), identifier=identifier)
