"""What a bundle says of its policy: a checked model of ``manifest.json``."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from sim2real.deployment.encoder_manifest import EncoderSection
from sim2real.deployment.identifier_manifest import IdentifierSection
from sim2real.deployment.sealed import Count, Finite, Positive, Sealed, Section
from sim2real.deployment.terms_manifest import ObservationSection
from sim2real.errors import BundleError


class RobotSection(Section):
    """Of which robot; ``hash`` is over its description's files."""

    name: str
    kind: Literal["arm", "drone"]
    hash: str


class TaskSection(Section):
    """Of which task, with its resolved options."""

    name: str
    options: dict[str, Any]


class ActionSection(Section):
    """The policy's output and what it means: command = base + offset + scale * clip(action), per channel.

    ``joint_increment``: the base is the last command [rad]; ``thrust_and_rates``: zero; [N], [rad/s]. Actions below
    zero have ``scale_negative``.
    """

    type: Literal["joint_increment", "thrust_and_rates"]
    size: Count
    scale: list[Finite]
    scale_negative: list[Finite]
    offset: list[Finite]
    clip: Positive


class LimitsSection(Section):
    """``CommandLimits.as_dict``: null is no bound."""

    low: list[Finite | None]
    high: list[Finite | None]
    velocity: list[Positive | None]
    acceleration: list[Positive | None]
    jerk: list[Positive | None]
    rest: list[Finite | None]


class RangeSection(Section):
    """Range of one parameter in training."""

    low: Finite
    high: Finite
    distribution: str


class Manifest(Sealed):
    """The contract that a policy carries."""

    robot: RobotSection
    joints: list[str]
    task: TaskSection
    control_period: Positive
    observation: ObservationSection
    action: ActionSection
    gains: dict[str, list[Finite]]
    limits: LimitsSection
    cameras: list[dict[str, Any]] = []
    training_ranges: dict[str, RangeSection]
    seed: int | None = None
    git_commit: str | None = None
    encoder: EncoderSection | None = None
    identifier: IdentifierSection | None = None

    _later: ClassVar[tuple[str, ...]] = ("encoder", "identifier")

    @property
    def policy_inputs(self) -> int:
        """Columns of the policy's input: its observation, then what it gets of the identifier."""
        return self.observation.size + (0 if self.identifier is None else self.identifier.context)

    @classmethod
    def _check_kind(cls, raw: dict[str, Any]) -> None:
        if raw.get("kind") == "encoder":
            raise BundleError("this is an encoder, not a policy; sim2real export RUN --encoder FILE puts it into a "
                              "policy's bundle")
