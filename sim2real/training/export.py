"""A training run becomes a policy bundle: the network with its normaliser as ONNX, checked against the original."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from sim2real import rng
from sim2real.deployment.bundle import write_bundle
from sim2real.deployment.encoder import EncoderFile
from sim2real.deployment.identifier import IdentifierFile
from sim2real.deployment.seeing import seeing_task
from sim2real.errors import BundleError
from sim2real.tasks.observations import CLIP
from sim2real.training.checkpoints import load_checkpoint
from sim2real.training.config import Resolved, load_run
from sim2real.training.onnx_graph import Graph
from sim2real.training.policy import Actor, AsymmetricPolicy

BUNDLE = "policy.s2r"
TOLERANCE = 1e-5


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
    if run.config.method != "plain":
        raise BundleError(f"{folder}: a policy of method {run.config.method} is told parameters; "
                          + ("only a simulation knows the true ones, so it cannot run on a robot: train up-osi"
                             if run.config.method == "oracle" else "it is exported with its identifier"))
    return write_actor(load_actor(run, load_checkpoint(folder)), run, record, output or folder / BUNDLE,
                       encoder=encoder, options=options)


def write_actor(actor: Actor, run: Resolved, record: Mapping[str, Any], path: str | Path, *,
                encoder: EncoderFile | None = None, options: Mapping[str, Any] | None = None,
                identifier: IdentifierFile | None = None) -> Path:
    """Write a run's network as a bundle to ``path``, with what sees its goals, or infers what it is told."""
    data = to_onnx(actor)
    golden = golden_vectors(actor)
    difference = np.abs(run_onnx(data, golden[0]) - golden[1]).max()
    if not difference <= TOLERANCE:
        raise BundleError(f"the ONNX network differs from the original by {difference:.2g}, at most {TOLERANCE:g} is "
                          "allowed; check the versions of torch and onnxruntime")
    path, space = Path(path), run.task.space
    task = run.task if encoder is None else seeing_task(run.task, options)
    write_bundle(path, task, data, encoder=encoder, identifier=identifier, golden=golden, seed=run.config.seed,
                 git_commit=record.get("git_commit"),
                 training_ranges={} if run.plan is None else run.plan.ranges(space),
                 versions={k: v for k, v in record.get("versions", {}).items() if k in ("torch", "stable-baselines3")})
    return path


def load_actor(run: Resolved, state: dict) -> Actor:
    """The deployed part of a checkpoint's network."""
    whole = build_policy(run, len(run.known), run.latent)
    whole.load_state_dict(state["policy"])
    return whole.actor()


def build_policy(run: Resolved, context: int, latent: int = 0) -> AsymmetricPolicy:
    """The untrained network of a run's settings, with ``context`` columns behind the observation."""
    ppo, task = run.config.ppo, run.task
    policy = spaces.Box(-CLIP, CLIP, (task.builder(1).size + context,), np.float32)
    critic = spaces.Box(-CLIP, CLIP, (task.privileged_size,), np.float32)
    return AsymmetricPolicy(spaces.Dict(policy=policy, critic=critic) if ppo.asymmetric else policy,
                            spaces.Box(-1.0, 1.0, (task.action_size,), np.float32), lambda _: 0.0,
                            actor=list(ppo.actor), critic=list(ppo.critic), activation=ppo.activation, known=context,
                            latent=latent)


def golden_vectors(actor: Actor, count: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Inputs around what training saw, and the original network's outputs."""
    normal = rng.normal(0, np.arange(count), 0, "evaluation", actor.input_size).astype(np.float32)
    inputs = np.clip(actor.mean.numpy() + 1.5 * normal / actor.scale.numpy(), -CLIP, CLIP).astype(np.float32)
    with torch.no_grad():
        return inputs, actor(torch.as_tensor(inputs)).numpy()


def to_onnx(actor: Actor) -> bytes:
    """clip((x - mean) * scale), the layers, clip."""
    graph = Graph("policy")
    x = graph.node("Sub", "observation", graph.constant(actor.mean))
    x = graph.clip(graph.node("Mul", x, graph.constant(actor.scale)), -actor.clip, actor.clip)
    action = graph.clip(graph.layers(x, [*actor.layers, actor.head]), -1.0, 1.0)
    return graph.model({"observation": actor.input_size}, {"action": (action, actor.output_size)})


def run_onnx(data: bytes, inputs: np.ndarray) -> np.ndarray:
    """Outputs (n, A) of an ONNX policy for ``inputs`` (n, columns)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run(["action"], {"observation": inputs})[0]
