"""A network and a bundle small enough to make in every test: a tanh of a linear layer over the observation."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from sim2real.deployment.bundle import write_bundle
from sim2real.tasks import load_task

RANGES = {"payload_mass": {"low": 0.0, "high": 2.0, "distribution": "uniform"}}


def tiny_onnx(observation: int, action: int, *, gain: float = 0.1, seed: int = 0, weights: np.ndarray | None = None,
              domain: str = "") -> bytes:
    """tanh(W x), dynamic batch."""
    if weights is None:
        weights = gain * np.random.default_rng(seed).standard_normal((observation, action))
    nodes = [helper.make_node("MatMul", ["observation", "W"], ["linear"]),
             helper.make_node("Tanh", ["linear"], ["action"], domain=domain)]
    graph = helper.make_graph(
        nodes, "policy", [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["n", observation])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["n", action])],
        [numpy_helper.from_array(weights.astype(np.float32), "W")])
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def build(path, task_id: str = "ur5e-reach", *, task=None, **options):
    """A bundle of a tiny policy for ``task_id`` at ``path``."""
    task = task or load_task(task_id)
    data = options.pop("onnx", None) or tiny_onnx(task.builder(1).size, task.action_size)
    write_bundle(path, task, data, training_ranges=RANGES, **options)
    return path
