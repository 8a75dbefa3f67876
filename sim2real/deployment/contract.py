"""What a task promises of observations and actions, as a bundle's manifest records it and a loader compares it."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from typing import Any

import numpy as np

from sim2real import __version__
from sim2real.deployment.checks import hashes
from sim2real.deployment.encoder_manifest import EncoderSection
from sim2real.deployment.identifier_manifest import IdentifierSection
from sim2real.deployment.limits import CommandLimits
from sim2real.deployment.manifest import (
    ActionSection,
    LimitsSection,
    Manifest,
    RangeSection,
    RobotSection,
    TaskSection,
)
from sim2real.deployment.policy import MIN_GOLDEN, TOLERANCE, Golden, Policy
from sim2real.deployment.terms_manifest import ObservationSection
from sim2real.errors import BundleError
from sim2real.tasks import Context, Task
from sim2real.types import RobotState


def action_section(task: Task) -> ActionSection:
    """What actions do, asked of the task itself: its command for -1, 0 and 1 from the middle of the range."""
    robot = task.robot
    state = RobotState.zeros(3, robot.num_joints)
    base = np.zeros(task.command_size)
    if robot.kind == "arm":
        middle = (robot.position_low + robot.position_high) / 2
        base = np.where(np.isfinite(middle), middle, robot.home)
        state.joint_position[:] = base
    zeros = np.zeros((3, task.command_size))
    context = Context(state, np.zeros((3, task.goal_size)), np.zeros(3), zeros + base, zeros,
                      np.zeros((3, task.action_size)))
    minus, zero, plus = task.desired(np.array([[-1.0], [0.0], [1.0]]) * np.ones(task.action_size), context)
    return ActionSection(type="joint_increment" if robot.kind == "arm" else "thrust_and_rates", size=task.action_size,
                         scale=(plus - zero).tolist(), scale_negative=(zero - minus).tolist(),
                         offset=(zero - base).tolist(), clip=1.0)


def gains(task: Task) -> dict[str, list[float]]:
    """Gains of the controllers below the policy, as it was trained with them."""
    robot = task.robot
    if robot.kind == "arm":
        return {"stiffness": robot.stiffness.tolist(), "damping": robot.damping_gain.tolist()}
    return {f"rate_{name}": np.asarray(robot.rotors.rate_gains)[:, i].tolist() for i, name in enumerate("pid")}


def new_manifest(task: Task, policy: Policy, members: Mapping[str, bytes],
                 training_ranges: Mapping[str, Mapping[str, Any]], *, seed: int | None, git_commit: str | None,
                 versions: Mapping[str, str], created_by: str, encoder: EncoderSection | None = None,
                 identifier: IdentifierSection | None = None) -> Manifest:
    """The sealed manifest of a new bundle."""
    robot = task.robot
    observation = ObservationSection.of(task.terms())
    context = 0 if identifier is None else identifier.context
    expected = (observation.size + context, task.action_size)
    if (policy.observation_size, policy.action_size) != expected:
        more = f", {context} of them from its identifier," if context else ""
        raise BundleError(f"the network maps {policy.observation_size} to {policy.action_size} numbers, task "
                          f"{task.name} of {robot.name} needs {expected[0]}{more} to {expected[1]}")
    own = {"sim2real": __version__, "python": platform.python_version(),
           **{name: importlib.metadata.version(name) for name in ("numpy", "onnxruntime")}}
    return Manifest(
        robot=RobotSection(name=robot.name, kind=robot.kind, hash=robot.hash), joints=list(robot.joint_names),
        task=TaskSection(name=task.name, options=dict(task.options)), control_period=task.control_period,
        observation=observation, action=action_section(task), gains=gains(task),
        limits=LimitsSection(**CommandLimits.from_robot(robot).as_dict()),
        cameras=[] if encoder is None or encoder.camera is None else [encoder.camera.model_dump()], encoder=encoder,
        identifier=identifier,
        training_ranges={name: RangeSection(low=float(r["low"]), high=float(r["high"]),
                                            distribution=str(r["distribution"]))
                         for name, r in training_ranges.items()},
        versions={**own, **versions}, seed=seed, git_commit=git_commit,
        created_by=created_by or f"sim2real {__version__}",
        members=hashes(members),
    ).sealed()


def check_task(manifest: Manifest, task: Task) -> None:
    """Raise BundleError where this version of the package would observe or act otherwise than in training."""
    if list(task.robot.joint_names) != manifest.joints:
        raise BundleError(f"joints: the manifest says {', '.join(manifest.joints)}, the robot has "
                          f"{', '.join(task.robot.joint_names)}")
    if not np.isclose(task.control_period, manifest.control_period, rtol=1e-9, atol=0.0):
        raise BundleError(f"control period: the manifest says {manifest.control_period:g} s, "
                          f"the task {task.control_period:g} s")
    manifest.observation.check(ObservationSection.of(task.terms()))
    mine, action = action_section(task), manifest.action
    rows = ("scale", "scale_negative", "offset")
    same = (mine.type, mine.size, mine.clip) == (action.type, action.size, action.clip) and all(
        len(getattr(action, r)) == mine.size and np.allclose(getattr(mine, r), getattr(action, r), 1e-9, 1e-12)
        for r in rows)
    if not same:
        raise BundleError("actions mean something else in this version of sim2real than where the policy was trained")


def check_encoder(manifest: Manifest, task: Task) -> None:
    """Raise BundleError where the bundle's encoder cannot say what the task's goals are made of."""
    encoder = manifest.encoder
    assert encoder is not None
    if not task.sees:
        raise BundleError(f"it has an encoder, which task {task.name} does not look at; visual-reach does")
    if missing := [label for label in task.sees if label not in encoder.labels]:
        raise BundleError(f"its encoder predicts {', '.join(encoder.labels)}; task {task.name} needs "
                          f"{', '.join(missing)}; train it on pictures that are labelled so")
    places = ("", "world", task.robot.model.root)
    if encoder.unit != "m" or encoder.frame not in places:
        raise BundleError(f"its encoder predicts places in [{encoder.unit}] in frame {encoder.frame!r}; task "
                          f"{task.name} needs [m] in {task.robot.model.root!r} or 'world', the robot's base")
    if encoder.camera is None:
        raise BundleError("its encoder does not say which camera it looks through; write it with camera=, an entry of "
                          "the robot description's 'cameras'")
    if manifest.cameras != [encoder.camera.model_dump()]:
        raise BundleError(f"cameras: the manifest lists {len(manifest.cameras)} that are not the encoder's camera "
                          f"{encoder.camera.name}; export it again")


def golden_for(policy: Policy, golden: tuple[np.ndarray, np.ndarray] | None) -> Golden:
    """Golden vectors for a new bundle: the given ones, if ``policy`` reproduces them, or its own."""
    if golden is None:
        return Golden.of(policy)
    given = Golden(*(np.asarray(array, np.float32) for array in golden))
    if len(given.inputs) < MIN_GOLDEN:
        raise BundleError(f"expected at least {MIN_GOLDEN} golden vectors, got {len(given.inputs)}")
    error = given.max_error(policy)
    if not error <= TOLERANCE:
        raise BundleError(f"the ONNX network differs from the original by {error:.2g} on the golden vectors, at most "
                          f"{TOLERANCE:g} is allowed; the conversion is wrong")
    return given
