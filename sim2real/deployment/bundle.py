"""Policy bundles (``.s2r``): one file with a policy and everything needed to run it, checked before it is used.

The file is read once; every check and everything built afterwards uses those bytes, so a file that is swapped later has
no effect. Nothing is unpickled and nothing is written to disk. docs/bundle.md describes the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.deployment.archive import MAX_BYTES, pack
from sim2real.deployment.checks import Check, Loading, check_hashes, read_file
from sim2real.deployment.contract import action_section, check_encoder, check_task, golden_for, new_manifest
from sim2real.deployment.encoder import GOLDEN, NETWORK, EncoderFile, check_network
from sim2real.deployment.encoder_golden import GoldenImages
from sim2real.deployment.encoder_network import Encoder
from sim2real.deployment.identifier import GOLDEN as IDENTIFIER_GOLDEN
from sim2real.deployment.identifier import GoldenSequence, IdentifierFile, check_identifier
from sim2real.deployment.identifier_network import NETWORK as IDENTIFIER
from sim2real.deployment.identifier_network import Identifier
from sim2real.deployment.limits import CommandLimits
from sim2real.deployment.manifest import Manifest
from sim2real.deployment.policy import TOLERANCE, Golden, Policy
from sim2real.errors import BundleError
from sim2real.files import atomic_write_bytes
from sim2real.robots import RobotDescription, load_robot
from sim2real.tasks import Task, make_task

MAX_GOLDEN_BYTES = 16 << 20

__all__ = ["Bundle", "Check", "Manifest", "Policy", "action_section", "inspect_bundle", "load_bundle", "write_bundle"]


@dataclass(frozen=True)
class Bundle:
    """A checked policy with its robot and task, ready to run.

    Attributes:
        manifest: What the bundle says of itself.
        robot, task: Rebuilt from the bundle alone.
        limits: Bounds of the command stream.
        policy: Observations (n, size) to actions (n, A).
        golden: Observations, and the actions that the policy gave for them where it was exported.
        sha256: Hash of the whole file.
        encoder: Pictures of the camera in ``manifest.encoder`` to what its labels say; None where nothing is looked at.
        identifier: What estimates the robot's parameters, or tells the policy of them; None where nothing does.
    """

    manifest: Manifest
    robot: RobotDescription
    task: Task
    limits: CommandLimits
    policy: Policy
    golden: Golden
    sha256: str
    encoder: Encoder | None = None
    identifier: Identifier | None = None


def write_bundle(path: str | Path, task: Task, onnx: bytes, *, training_ranges: Mapping[str, Mapping[str, Any]],
                 golden: tuple[np.ndarray, np.ndarray] | None = None, seed: int | None = None,
                 git_commit: str | None = None, versions: Mapping[str, str] | None = None,
                 created_by: str = "", encoder: EncoderFile | None = None,
                 identifier: IdentifierFile | None = None) -> Manifest:
    """Write the policy ``onnx`` for ``task`` to ``path``, whole or not at all.

    Args:
        path: Where to, usually ``*.s2r``.
        task: The task with its robot and options.
        onnx: The network with its normaliser: one input (n, observation and the identifier's context), one output
            (n, action), float32.
        training_ranges: Of every parameter, ``{name: {"low", "high", "distribution"}}``.
        golden: Inputs and the outputs that the original network gives, at least 16; by default this network's own.
        seed, git_commit, created_by: Of the training run.
        versions: Versions of other packages, besides those of this one, numpy and onnxruntime.
        encoder: What tells the task's goals from a camera's pictures.
        identifier: What tells the robot's parameters from how it moves.

    Raises:
        BundleError: The network does not fit the task, or does not give the golden outputs.
        StorageError: The file cannot be written.
    """
    policy = Policy(onnx)
    members = {"policy.onnx": bytes(onnx), "golden.json": golden_for(policy, golden).to_bytes(),
               **{f"robot/{name}": bytes(data) for name, data in task.robot.files.items()}}
    if encoder is not None:
        members |= {NETWORK: encoder.encoder.onnx, GOLDEN: encoder.golden.to_bytes()}
    if identifier is not None:
        members |= identifier.members()
    manifest = new_manifest(task, policy, members, training_ranges, seed=seed, git_commit=git_commit,
                            versions=versions or {}, created_by=created_by,
                            encoder=None if encoder is None else encoder.manifest.encoder,
                            identifier=None if identifier is None else identifier.section)
    data = pack({"manifest.json": manifest.to_bytes(), **members})
    if len(data) > MAX_BYTES:
        raise BundleError(f"the bundle would have {len(data) >> 20} MiB, at most {MAX_BYTES >> 20} are allowed; "
                          "use a smaller network")
    _Loading(data, None).run()  # what would be refused later is refused now
    atomic_write_bytes(path, data)
    return manifest


def load_bundle(path: str | Path, robot: RobotDescription | str | Path | None = None) -> Bundle:
    """Read, check and build the bundle at ``path``.

    Args:
        path: The ``.s2r`` file.
        robot: The robot that it is to run on (a description, a name or a path): another one's bundle is refused.

    Raises:
        BundleError: It is not a bundle, damaged, altered, of another schema, or for another robot.
    """
    try:
        return _Loading(read_file(path), robot).run()
    except BundleError as error:
        raise BundleError(f"bundle {path}: {error}") from error


def inspect_bundle(path: str | Path, robot: RobotDescription | str | Path | None = None
                   ) -> tuple[list[Check], Bundle | None]:
    """Every check that ``load_bundle`` makes, one by one, and the bundle if all are good."""
    try:
        return _Loading(read_file(path), robot).inspect()
    except BundleError as error:
        return [Check("file", False, str(error))], None


class _Loading(Loading[Bundle]):
    def __init__(self, data: bytes, robot: RobotDescription | str | Path | None):
        super().__init__(data)
        self._wanted, self.encoder, self.identifier = robot, None, None
        self.steps = (
            ("archive", self.read_archive), ("manifest", self._manifest), ("hashes", self._hashes),
            ("robot", self._robot), ("task", self._task), ("limits", self._limits), ("onnx", self._onnx),
            ("golden vectors", self._golden), ("encoder", self._encoder),
            ("identifier", self._identifier))

    def result(self) -> Bundle:
        return Bundle(self.manifest, self.robot, self.task, self.limits, self.policy, self.golden,
                      self.sha256, self.encoder, self.identifier)

    def _manifest(self) -> str:
        self.manifest = self.read_manifest(Manifest, "a policy bundle")
        return f"schema {self.manifest.schema_version}, by {self.manifest.created_by}"

    def _hashes(self) -> str:
        return check_hashes(self.members, self.manifest.members, ("policy.onnx", "golden.json", "robot/robot.yaml"))

    def _robot(self) -> str:
        files = {name.removeprefix("robot/"): data for name, data in self.members.items() if name.startswith("robot/")}
        self.robot, said = RobotDescription.from_files(files), self.manifest.robot
        if (self.robot.name, self.robot.kind, self.robot.hash) != (said.name, said.kind, said.hash):
            raise BundleError(f"its robot description is {self.robot.name} ({self.robot.hash[:12]}), the manifest says "
                              f"{said.name} ({said.hash[:12]})")
        if self._wanted is not None:
            wanted = self._wanted if isinstance(self._wanted, RobotDescription) else load_robot(self._wanted)
            if wanted.name != self.robot.name:
                raise BundleError(f"it is for robot {self.robot.name}, not for {wanted.name}; use a policy that was "
                                  f"trained for {wanted.name}")
            if wanted.hash != self.robot.hash:
                raise BundleError(f"it was trained for another description of {wanted.name} ({self.robot.hash[:12]}, "
                                  f"now {wanted.hash[:12]}); train again, or use the description it was trained for")
        return f"{self.robot.name}, {self.robot.hash[:12]}"

    def _task(self) -> str:
        self.task = make_task(self.manifest.task.name, self.robot, self.manifest.task.options)
        check_task(self.manifest, self.task)
        return f"{self.task.name}: {self.manifest.observation.size} observations, {self.manifest.action.size} actions"

    def _limits(self) -> str:
        self.limits = CommandLimits.from_dict(self.manifest.limits.model_dump())
        if not self.limits.within(CommandLimits.from_robot(self.robot)):
            raise BundleError("its limits exceed those of the robot's description; export it again")
        return f"inside those of {self.robot.name}, {len(self.limits)} channels"

    def _onnx(self) -> str:
        self.policy = Policy(self.members["policy.onnx"])
        expected = (self.manifest.policy_inputs, self.manifest.action.size)
        if (self.policy.observation_size, self.policy.action_size) != expected:
            raise BundleError(f"policy.onnx maps {self.policy.observation_size} to {self.policy.action_size} numbers, "
                              f"expected {expected[0]} to {expected[1]}")
        return f"{self.policy.num_operators} standard operators, nothing external"

    def _golden(self) -> str:
        if len(self.members["golden.json"]) > MAX_GOLDEN_BYTES:
            raise BundleError(f"golden.json: expected at most {MAX_GOLDEN_BYTES >> 20} MiB, got "
                              f"{len(self.members['golden.json'])} bytes; 32 vectors are enough")
        golden = self.golden = Golden.from_bytes(self.members["golden.json"], self.policy)
        try:
            shape = self.policy(golden.inputs[:1]).shape
            self.golden_error = golden.max_error(self.policy)
        except Exception as error:  # onnxruntime's exceptions have no common base of their own
            raise BundleError(f"golden vectors: the network fails on them: {' '.join(str(error).split())[:200]}"
                              ) from error
        if shape != (1, self.policy.action_size):  # declared otherwise: onnxruntime lets that pass
            raise BundleError(f"policy.onnx: gives an output of shape {shape}, where it declares "
                              f"{(1, self.policy.action_size)}; export it again")
        if not self.golden_error <= TOLERANCE:
            raise BundleError(f"golden vectors: outputs differ by {self.golden_error:.2g}, at most {TOLERANCE:g} is "
                              "allowed; this machine computes something else than was trained")
        return f"{len(golden.inputs)} vectors, largest error {self.golden_error:.1e}"

    def _encoder(self) -> str:
        section = self.manifest.encoder
        if (NETWORK in self.members, GOLDEN in self.members) != (section is not None,) * 2:
            raise BundleError(f"expected {NETWORK} and {GOLDEN} where the manifest describes an encoder, and else "
                              "neither; export it again")
        if section is None:
            return "none: it looks at no camera"
        check_encoder(self.manifest, self.task)
        encoder = Encoder(self.members[NETWORK])
        words = check_network(section, encoder)
        checked = GoldenImages.from_bytes(self.members[GOLDEN], encoder).check(encoder)
        self.encoder = encoder
        return f"{words}, through camera {section.camera.name}; {checked}"

    def _identifier(self) -> str:
        section = self.manifest.identifier
        if (IDENTIFIER in self.members, IDENTIFIER_GOLDEN in self.members) != (section is not None,) * 2:
            raise BundleError(f"expected {IDENTIFIER} and {IDENTIFIER_GOLDEN} where the manifest describes an "
                              "identifier, and else neither; export it again")
        if section is None:
            return "none: nothing is estimated while it runs"
        identifier = Identifier(self.members[IDENTIFIER])
        words = check_identifier(section, identifier, self.task)
        checked = GoldenSequence.from_bytes(self.members[IDENTIFIER_GOLDEN], identifier).check(identifier)
        self.identifier = identifier
        return f"{words}; {checked}"
