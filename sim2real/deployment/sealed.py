"""Manifests in general: JSON that is checked field by field, and sealed with a hash over itself."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sim2real.errors import BundleError

SCHEMA_VERSION = 1
MAX_MANIFEST_BYTES = 2 * 2**20

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=100_000)]


class Section(BaseModel):
    """A part of a manifest: nothing in it that is not named, and nothing that changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Whole = TypeVar("Whole", bound="Sealed")


class Sealed(Section):
    """A whole manifest, with its version and a hash over all its other fields.

    Optional fields that came after a kind's first version are named in ``_later``: where they are empty, a manifest is
    as it was before there were any, its hash too.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    versions: dict[str, str]
    created_by: str
    members: dict[str, Sha256]
    manifest_sha256: Sha256 = "0" * 64

    _later: ClassVar[tuple[str, ...]] = ()

    def sealed(self: Whole) -> Whole:
        """The same with the hash over all its other fields."""
        return self.model_copy(update={"manifest_sha256": self.digest()})

    def digest(self) -> str:
        """SHA-256 over the canonical JSON of every field but the hash itself."""
        fields = self.to_dict()
        del fields["manifest_sha256"]
        return hashlib.sha256(_canonical(fields)).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as in ``manifest.json``."""
        fields = self.model_dump(mode="json")
        return {name: value for name, value in fields.items() if name not in self._later or value is not None}

    def to_bytes(self) -> bytes:
        """``manifest.json``: readable, and always the same for the same content."""
        return (json.dumps(self.to_dict(), indent=1, sort_keys=True, allow_nan=False) + "\n").encode()

    @classmethod
    def from_bytes(cls: type[Whole], data: bytes) -> Whole:
        """Read and check ``manifest.json``.

        Raises:
            BundleError: It is damaged, altered, incomplete, of another schema version, or of another kind of file.
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
        cls._check_kind(raw)
        try:
            manifest = cls.model_validate(raw)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the whole"
            raise BundleError(f"manifest.json: field {where}: {first['msg']}") from error
        if manifest.manifest_sha256 != manifest.digest():
            raise BundleError("manifest.json: its hash does not fit its content; the bundle was altered")
        return manifest

    @classmethod
    def _check_kind(cls, raw: dict[str, Any]) -> None:
        """Raise BundleError where ``raw`` is of another kind of file."""


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
