"""What a bundle says of its policy: a checked model of ``manifest.json``."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sim2real.errors import BundleError

SCHEMA_VERSION = 1
MAX_MANIFEST_BYTES = 2 * 2**20

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=100_000)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RobotSection(_Section):
    """Of which robot; ``hash`` is over its description's files."""

    name: str
    kind: Literal["arm", "drone"]
    hash: str


class TaskSection(_Section):
    """Of which task, with its resolved options."""

    name: str
    options: dict[str, Any]


class TermSection(_Section):
    """One term of the observation, in order; ``clip`` bounds it after scaling."""

    name: str
    size: Count
    scale: Finite
    history: Count
    noise: Finite = 0.0
    clip: Positive


class ObservationSection(_Section):
    """The policy's input."""

    size: Count
    terms: list[TermSection]


class ActionSection(_Section):
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


class LimitsSection(_Section):
    """``CommandLimits.as_dict``: null is no bound."""

    low: list[Finite | None]
    high: list[Finite | None]
    velocity: list[Positive | None]
    acceleration: list[Positive | None]
    jerk: list[Positive | None]
    rest: list[Finite | None]


class RangeSection(_Section):
    """Range of one parameter in training."""

    low: Finite
    high: Finite
    distribution: str


class Manifest(_Section):
    """The contract that a policy carries."""

    schema_version: Literal[1] = SCHEMA_VERSION
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
    versions: dict[str, str]
    seed: int | None = None
    git_commit: str | None = None
    created_by: str
    members: dict[str, Sha256]
    manifest_sha256: Sha256 = "0" * 64

    def sealed(self) -> Manifest:
        """The same with the hash over all its other fields."""
        return self.model_copy(update={"manifest_sha256": self.digest()})

    def digest(self) -> str:
        """SHA-256 over the canonical JSON of every field but the hash itself."""
        return hashlib.sha256(_canonical(self.model_dump(mode="json", exclude={"manifest_sha256"}))).hexdigest()

    def to_bytes(self) -> bytes:
        """``manifest.json``: readable, and always the same for the same content."""
        return (json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True, allow_nan=False) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Read and check ``manifest.json``.

        Raises:
            BundleError: It is damaged, altered, incomplete or of another schema version.
        """
        if len(data) > MAX_MANIFEST_BYTES:
            raise BundleError(f"manifest.json: expected at most {MAX_MANIFEST_BYTES >> 20} MiB, got {len(data)} bytes")
        try:
            raw = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BundleError("manifest.json: not JSON; the bundle is damaged") from error
        version = raw.get("schema_version") if isinstance(raw, dict) else None
        if version != SCHEMA_VERSION:
            raise BundleError(f"manifest.json: expected schema version {SCHEMA_VERSION}, got {version!r}; export the "
                              "policy again with this version of sim2real")
        try:
            manifest = cls.model_validate(raw)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the whole"
            raise BundleError(f"manifest.json: field {where}: {first['msg']}") from error
        if manifest.manifest_sha256 != manifest.digest():
            raise BundleError("manifest.json: its hash does not fit its content; the bundle was altered")
        return manifest


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
