"""A bundle that reaches without training: the observation carries the joint step to the goal, the policy takes it."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.tasks import load_task
from tests.deployment.tiny_policy import build, tiny_onnx


def servo_onnx(task, gain: float = 0.4) -> bytes:
    """action = tanh(gain * joint_step)."""
    builder = task.builder(1)
    weights = np.zeros((builder.size, task.action_size))
    column = 0
    for row in builder.describe():
        width = row["size"] * row["history"]
        if row["name"] == "joint_step":
            weights[column:column + row["size"]] = gain * np.eye(task.action_size)
        column += width
    assert weights.any(), "the task has no joint_step term"
    return tiny_onnx(builder.size, task.action_size, weights=weights)


@pytest.fixture(scope="session")
def servo_path(tmp_path_factory):
    """Path of that bundle, for ur5e-reach."""
    task = load_task("ur5e-reach")
    return build(tmp_path_factory.mktemp("servo") / "servo.s2r", task=task, onnx=servo_onnx(task))
