"""Policies that a robot should survive, as small ONNX graphs over the observation of a UR5e's reach task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from sim2real.deployment.bundle import write_bundle
from sim2real.robots import load_robot
from sim2real.tasks import make_task
from tests.ros.hand_policies import columns, reach_weight

SHARP = 1e3  # makes a tanh of anything a switch
GOLDEN = 16  # as many golden vectors as a bundle needs


def _model(nodes: list, tensors: dict[str, np.ndarray], size: int, actions: int) -> bytes:
    graph = helper.make_graph(
        nodes, "policy", [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["n", size])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["n", actions])],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in tensors.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    return model.SerializeToString()


def nyquist(task) -> bytes:
    """Every joint's action is +1 and -1 by turns: as fast as a policy can change its mind."""
    size, weight = task.builder(1).size, np.zeros((task.builder(1).size, task.action_size))
    weight[columns(task)["last_action"]] = -SHARP * np.eye(task.action_size)
    nodes = [helper.make_node("MatMul", ["observation", "weight"], ["turned"]),
             helper.make_node("Add", ["turned", "bias"], ["raw"]), helper.make_node("Tanh", ["raw"], ["action"])]
    return _model(nodes, {"weight": weight, "bias": [0.5 * SHARP]}, size, task.action_size)


def steps(task) -> bytes:
    """Full speed towards the goal, and full speed back the moment it is passed: steps and sign flips."""
    size, weight = task.builder(1).size, np.zeros((task.builder(1).size, task.action_size))
    weight[columns(task)["joint_step"]] = SHARP * np.eye(task.action_size)
    nodes = [helper.make_node("MatMul", ["observation", "weight"], ["raw"]),
             helper.make_node("Tanh", ["raw"], ["action"])]
    return _model(nodes, {"weight": weight}, size, task.action_size)


def noise(task) -> bytes:
    """+1 or -1 of each joint, as good as drawn anew in every period."""
    random, size = np.random.default_rng(0), task.builder(1).size
    nodes = [helper.make_node("MatMul", ["observation", "weight"], ["mixed"]),
             helper.make_node("Sin", ["mixed"], ["waves"]), helper.make_node("Mul", ["waves", "sharp"], ["raw"]),
             helper.make_node("Tanh", ["raw"], ["action"])]
    return _model(nodes, {"weight": 1e4 * random.normal(size=(size, task.action_size)), "sharp": [SHARP]}, size,
                  task.action_size)


def nan_beyond(task, pan: float = -0.6) -> bytes:
    """A good policy whose actions are NaN as soon as the first joint is below ``pan`` [rad]."""
    size, where = task.builder(1).size, columns(task)["joint_position"].start
    signal = np.zeros((size, 1))
    signal[where] = 2.0  # the term is half the angle
    nodes = [helper.make_node("MatMul", ["observation", "signal"], ["pan"]),
             helper.make_node("Add", ["pan", "edge"], ["room"]), helper.make_node("Log", ["room"], ["logarithm"]),
             helper.make_node("Mul", ["logarithm", "nothing"], ["poison"]),
             helper.make_node("MatMul", ["observation", "weight"], ["good"]),
             helper.make_node("Add", ["good", "poison"], ["action"])]
    return _model(nodes, {"signal": signal, "edge": [-pan], "nothing": [0.0], "weight": reach_weight(task)}, size,
                  task.action_size)


def write_hostile(path: Path, make) -> Path:
    """A bundle of ``make(task)``; its golden vectors are ordinary ones."""
    from sim2real.deployment.policy import Policy

    task = make_task("reach", load_robot("ur5e"))
    model = make(task)
    inputs = np.zeros((GOLDEN, task.builder(1).size), np.float32)
    write_bundle(path, task, model, golden=(inputs, Policy(model)(inputs)), training_ranges={}, created_by="tests")
    return path
