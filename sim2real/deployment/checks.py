"""Reading a file in named steps, each on what the ones before it made: all at once, or one by one for a report."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from sim2real.deployment.archive import MAX_BYTES, unpack
from sim2real.deployment.sealed import Whole
from sim2real.errors import BundleError, Sim2RealError

T = TypeVar("T")


@dataclass(frozen=True)
class Check:
    """One line of ``sim2real verify``; ``ok`` is None where it was not reached."""

    name: str
    ok: bool | None
    detail: str


class Loading(Generic[T]):
    """The checks of one file's bytes, in order; each returns what to say of it.

    Args:
        data: The bytes.

    Attributes:
        steps: Their names, and the methods that make them.
        members: Of the archive, once it is read.
    """

    steps: tuple[tuple[str, Callable[[], str]], ...]
    members: dict[str, bytes]

    def __init__(self, data: bytes):
        self._data = data

    @property
    def sha256(self) -> str:
        """Hash of the whole file."""
        return hashlib.sha256(self._data).hexdigest()

    def read_archive(self) -> str:
        """The first step."""
        self.members = unpack(self._data)
        return f"{len(self.members)} members, {len(self._data)} bytes"

    def read_manifest(self, kind: type[Whole], what: str) -> Whole:
        """The manifest, which is a member no more afterwards; ``what`` the file should be."""
        if "manifest.json" not in self.members:
            raise BundleError(f"there is no manifest.json in it; this is not {what}")
        return kind.from_bytes(self.members.pop("manifest.json"))

    def result(self) -> T:
        """What was made; after all steps."""
        raise NotImplementedError

    def run(self) -> T:
        """Make all steps; the first that fails raises BundleError."""
        for _, step in self.steps:
            try:
                step()
            except BundleError:
                raise
            except Sim2RealError as error:  # a robot or task that this version of the package does not take
                raise BundleError(str(error)) from error
        return self.result()

    def inspect(self) -> tuple[list[Check], T | None]:
        """Every step one by one, and the result if all are good."""
        checks: list[Check] = []
        for name, step in self.steps:
            if checks and not checks[-1].ok:
                checks.append(Check(name, None, "not reached"))
                continue
            try:
                checks.append(Check(name, True, step()))
            except Sim2RealError as error:
                checks.append(Check(name, False, str(error)))
        return checks, self.result() if checks[-1].ok else None


def read_file(path: str | Path) -> bytes:
    """The bytes of a file, at most one more than are allowed; raises BundleError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror or error}") from error


def hashes(members: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each member."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}


def check_hashes(members: Mapping[str, bytes], listed: Mapping[str, str], needed: tuple[str, ...]) -> str:
    """Raise BundleError unless there are exactly the ``listed`` members, with these hashes, and all ``needed`` ones."""
    if set(listed) != set(members):
        odd = ", ".join(sorted(set(listed) ^ set(members)))
        raise BundleError(f"its members differ from those that the manifest lists: {odd}")
    for name, digest in hashes(members).items():
        if digest != listed[name]:
            raise BundleError(f"member {name}: its SHA-256 differs from the manifest's; it was altered")
    for name in needed:
        if name not in listed:
            raise BundleError(f"there is no {name} in it; export it again")
    return f"SHA-256 of {len(listed)} members"
