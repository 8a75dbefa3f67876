"""A policy that reaches for goals becomes one that reaches for what an encoder sees; nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim2real.deployment.bundle import load_bundle, write_bundle
from sim2real.deployment.encoder import EncoderFile
from sim2real.deployment.manifest import Manifest
from sim2real.errors import BundleError
from sim2real.tasks import Task, make_task


def seeing_task(task: Task, options: Mapping[str, Any] | None = None) -> Task:
    """The visual counterpart of ``task``, with its options and these ``options`` on top.

    Raises:
        BundleError: There is none: its observations would be others.
        TaskError: An option that does not fit.
    """
    if task.name not in ("reach", "visual-reach"):
        raise BundleError(f"a policy of task {task.name} cannot take its goals from an encoder; one of reach can")
    return make_task("visual-reach", task.robot, {**task.options, **(options or {})})


def add_encoder(path: str | Path, encoder: EncoderFile, output: str | Path,
                options: Mapping[str, Any] | None = None) -> Manifest:
    """Write the policy of the bundle at ``path`` together with ``encoder`` as a bundle of the task visual-reach.

    Args:
        path: A bundle of the task reach or visual-reach.
        encoder: What sees the goals.
        output: Where to.
        options: Of the task: hover, block_z, area.

    Raises:
        BundleError: The policy or the encoder does not fit.
        TaskError: An option that does not fit.
        StorageError: The file cannot be written.
    """
    bundle = load_bundle(path)
    said = bundle.manifest
    return write_bundle(output, seeing_task(bundle.task, options), bundle.policy.onnx,
                        training_ranges={name: row.model_dump() for name, row in said.training_ranges.items()},
                        golden=(bundle.golden.inputs, bundle.golden.outputs), seed=said.seed,
                        git_commit=said.git_commit, versions=said.versions, created_by=said.created_by,
                        encoder=encoder)
