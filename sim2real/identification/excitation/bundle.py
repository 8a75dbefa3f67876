"""An excitation as a policy bundle: the policy node plays it, with filter, envelope, guard, watchdogs and log."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sim2real.deployment.bundle import write_bundle
from sim2real.deployment.manifest import Manifest
from sim2real.robots import RobotDescription
from sim2real.tasks import make_task
from sim2real.tasks.joint_series import JointSeries

ON_TRACK = 2.5  # full steps from the series up to which it is followed: a period or two that were skipped are made up
SLOW = 0.1  # share of full speed at which an arm that is further away goes home
_OPSET, _IR = 17, 8  # read by every onnxruntime since 1.12


def write_excitation(path: str | Path, robot: RobotDescription, series: JointSeries, *, lead_in: float = 2.0,
                     rest: float = 1.0, seed: int | None = None) -> Manifest:
    """Write the bundle (``.s2r``) that plays ``series`` after ``lead_in`` [s] at home, then stays there.

    Raises:
        BadInputError: The series does not begin and end at rest, or the file cannot be written.
    """
    task = make_task("excite", robot, {
        "sine": series.sine.tolist(), "cosine": series.cosine.tolist(), "period": float(series.period),
        "periods": int(series.periods), "lead_in": float(lead_in), "rest": float(rest)})
    return write_bundle(path, task, follower(robot.num_joints), training_ranges={}, seed=seed,
                        created_by="sim2real excite", versions={"onnx": onnx.__version__})


def follower(joints: int) -> bytes:
    """The ONNX network: along the series, or slowly home where that is far, as after a hold or from another start.

    The series comes by there once a period; what is close to it catches up, at full speed at most.

        action = x where max |x| <= 2.5, else clip(h, -0.1, 0.1);   x, h: steps to the series and to home
    """
    def constant(name: str, value, kind=np.float32):
        return numpy_helper.from_array(np.asarray(value, kind), name)

    nodes = [helper.make_node("Split", ["observation", "parts"], ["series", "home"], axis=1),
             helper.make_node("Abs", ["series"], ["size"]),
             helper.make_node("ReduceMax", ["size"], ["furthest"], axes=[1], keepdims=1),
             helper.make_node("LessOrEqual", ["furthest", "on_track"], ["near"]),
             helper.make_node("Clip", ["home", "slow_down", "slow_up"], ["slowly"]),
             helper.make_node("Where", ["near", "series", "slowly"], ["action"])]
    weights = [constant("parts", [joints, joints], np.int64), constant("on_track", ON_TRACK),
               constant("slow_down", -SLOW), constant("slow_up", SLOW)]
    graph = helper.make_graph(
        nodes, "follower", [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["n", 2 * joints])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["n", joints])], weights)
    model = helper.make_model(graph, producer_name="sim2real", opset_imports=[helper.make_opsetid("", _OPSET)])
    model.ir_version = _IR
    onnx.checker.check_model(model)
    return model.SerializeToString()
