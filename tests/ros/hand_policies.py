"""Policies that need no training: one linear layer over the observation, written by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sim2real.deployment.bundle import write_bundle
from sim2real.robots import RobotDescription, load_robot
from sim2real.tasks import make_task


def linear_onnx(weight: np.ndarray) -> bytes:
    """``action = observation @ weight`` as an ONNX model."""
    weight = weight.astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["observation", "weight"], ["action"])], "policy",
        [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["n", weight.shape[0]])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["n", weight.shape[1]])],
        [numpy_helper.from_array(weight, "weight")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    return model.SerializeToString()


def columns(task) -> dict[str, slice]:
    """Columns of the newest value of each observation term."""
    found, at = {}, 0
    for row in task.builder(1).describe():
        newest = at
        found[row["name"]] = slice(newest, newest + row["size"])
        at += row["size"] * row["history"]
    return found


def reach_weight(task) -> np.ndarray:
    """Follow the damped least squares step that the observation carries."""
    where, weight = columns(task), np.zeros((task.builder(1).size, task.action_size))
    weight[where["joint_step"]] = 0.4 * np.eye(task.action_size)
    return weight


def hover_weight(task) -> np.ndarray:
    """State feedback in the body frame: position and velocity errors to tilt, tilt to body rates."""
    where, weight = columns(task), np.zeros((task.builder(1).size, 4))
    p, v, up, rate = (where[name].start for name in ("position_error", "velocity_error", "up", "body_rate"))
    heading = where["heading_error"].start
    for axis, sign, action in ((0, 1.0, 2), (1, -1.0, 1)):  # forward by pitching, left by rolling back
        weight[p + axis, action] = sign * 0.25
        weight[v + axis, action] = sign * 0.25
        weight[up + axis, action] = sign * 1.0
        weight[rate + action - 1, action] = -0.1
    weight[p + 2, 0], weight[v + 2, 0] = 1.0, 0.8
    weight[heading, 3] = -0.5
    return weight


def write_policy(path: Path, robot: str | RobotDescription, task_name: str) -> Path:
    """A bundle of the hand-written policy."""
    robot = load_robot(robot) if isinstance(robot, str) else robot
    task = make_task(task_name, robot)
    weight = reach_weight(task) if task_name == "reach" else hover_weight(task)
    write_bundle(path, task, linear_onnx(weight), training_ranges={}, created_by="tests")
    return path


__all__ = ["linear_onnx", "onnx", "write_policy"]
