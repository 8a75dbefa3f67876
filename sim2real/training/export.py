"""A training run becomes a policy bundle: the network with its normaliser as ONNX, checked against the original."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from gymnasium import spaces
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from sim2real import rng
from sim2real.deployment.bundle import write_bundle
from sim2real.deployment.encoder import EncoderFile
from sim2real.deployment.seeing import seeing_task
from sim2real.errors import BundleError
from sim2real.parameters import ParameterSpace
from sim2real.tasks.observations import CLIP
from sim2real.training.checkpoints import load_checkpoint
from sim2real.training.config import Resolved, load_run
from sim2real.training.policy import Actor, AsymmetricPolicy

BUNDLE = "policy.s2r"
TOLERANCE = 1e-5
_OPSET, _IR = 17, 8  # read by every onnxruntime since 1.12
_OPERATORS = {nn.Tanh: "Tanh", nn.ELU: "Elu", nn.ReLU: "Relu"}


def export_run(folder: str | Path, output: str | Path | None = None, *, encoder: EncoderFile | None = None,
               options: Mapping[str, Any] | None = None) -> Path:
    """Write the bundle of a run's last checkpoint; by default into the run folder.

    Args:
        folder: Of the run.
        output: Where to.
        encoder: What sees the goals, for a bundle of the task visual-reach.
        options: Of that task.

    Raises:
        RunFolderError: No run folder, or one without a checkpoint.
        BundleError: The ONNX network does not compute what the original does, or the encoder does not fit.
    """
    folder = Path(folder)
    run, record = load_run(folder)
    actor = load_actor(run, load_checkpoint(folder))
    data = to_onnx(actor)
    golden = golden_vectors(actor)
    difference = np.abs(run_onnx(data, golden[0]) - golden[1]).max()
    if not difference <= TOLERANCE:
        raise BundleError(f"the ONNX network differs from the original by {difference:.2g}, at most {TOLERANCE:g} is "
                          "allowed; check the versions of torch and onnxruntime")
    space = ParameterSpace.for_robot(run.task.robot)
    path = Path(output) if output else folder / BUNDLE
    task = run.task if encoder is None else seeing_task(run.task, options)
    write_bundle(path, task, data, encoder=encoder, golden=golden, seed=run.config.seed,
                 git_commit=record.get("git_commit"),
                 training_ranges={} if run.plan is None else run.plan.ranges(space),
                 versions={k: v for k, v in record.get("versions", {}).items() if k in ("torch", "stable-baselines3")})
    return path


def load_actor(run: Resolved, state: dict) -> Actor:
    """The deployed part of a checkpoint's network."""
    ppo, task = run.config.ppo, run.task
    policy = spaces.Box(-CLIP, CLIP, (task.builder(1).size + len(run.known),), np.float32)
    critic = spaces.Box(-CLIP, CLIP, (task.privileged_size,), np.float32)
    whole = AsymmetricPolicy(spaces.Dict(policy=policy, critic=critic) if ppo.asymmetric else policy,
                             spaces.Box(-1.0, 1.0, (task.action_size,), np.float32), lambda _: 0.0,
                             actor=list(ppo.actor), critic=list(ppo.critic), activation=ppo.activation,
                             known=len(run.known), latent=run.latent)
    whole.load_state_dict(state["policy"])
    return whole.actor()


def golden_vectors(actor: Actor, count: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Inputs around what training saw, and the original network's outputs."""
    normal = rng.normal(0, np.arange(count), 0, "evaluation", actor.input_size).astype(np.float32)
    inputs = np.clip(actor.mean.numpy() + 1.5 * normal / actor.scale.numpy(), -CLIP, CLIP).astype(np.float32)
    with torch.no_grad():
        return inputs, actor(torch.as_tensor(inputs)).numpy()


def to_onnx(actor: Actor) -> bytes:
    """clip((x - mean) * scale), the layers, clip: written out node by node, so it depends on no exporter's version."""
    nodes, weights = [], []

    def constant(name: str, value) -> str:
        array = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        weights.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    def node(kind: str, *inputs: str, **attributes) -> str:
        output = f"x{len(nodes)}"
        nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    x = node("Sub", "observation", constant("mean", actor.mean))
    x = node("Mul", x, constant("scale", actor.scale))
    x = node("Clip", x, constant("lowest", -actor.clip), constant("highest", actor.clip))
    for i, layer in enumerate([*actor.layers, actor.head]):
        if isinstance(layer, nn.Linear):
            x = node("Gemm", x, constant(f"weight{i}", layer.weight), constant(f"bias{i}", layer.bias), transB=1)
        else:
            x = node(_OPERATORS[type(layer)], x)
    x = node("Clip", x, constant("minus_one", -1.0), constant("one", 1.0))
    nodes[-1].output[0] = "action"
    graph = helper.make_graph(
        nodes, "policy", [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["n", actor.input_size])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["n", actor.output_size])], weights)
    model = helper.make_model(graph, producer_name="sim2real", opset_imports=[helper.make_opsetid("", _OPSET)])
    model.ir_version = _IR
    onnx.checker.check_model(model)
    return model.SerializeToString()


def run_onnx(data: bytes, inputs: np.ndarray) -> np.ndarray:
    """Outputs (n, A) of an ONNX policy for ``inputs`` (n, columns)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run(["action"], {"observation": inputs})[0]
