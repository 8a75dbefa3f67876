"""Every exception of the package.

A message is one line: what was expected, what came, what to do. The command line prints it as it stands and exits
with the class's ``exit_code``: 2 where the input was bad, 1 where the world failed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 2000  # characters of a message


class Sim2RealError(Exception):
    """Base class; ``exit_code`` is the command line's exit status.

    A message is one printable line of bounded length even where it quotes a file or a network message that is not.
    """

    exit_code = 1

    def __str__(self) -> str:
        text = " ".join(super().__str__().split())
        if len(text) > _LONGEST:
            text = f"{text[:_LONGEST // 2]} ... {text[-_LONGEST // 3:]}"
        return text if text.isprintable() else "".join(
            letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


class BadInputError(Sim2RealError, ValueError):
    """Something the user gave cannot be used as it is."""

    exit_code = 2


class RobotDescriptionError(BadInputError):
    """A robot.yaml or URDF is missing, malformed or physically impossible."""


class ParameterError(BadInputError):
    """An unknown parameter name, or a value outside what is physically possible."""


class RandomizationError(BadInputError):
    """A randomization plan that cannot be carried out."""


class TaskError(BadInputError):
    """An unknown task, or a task that does not fit the robot."""


class BundleError(BadInputError):
    """A policy bundle that is damaged, altered, of another robot or of another schema."""


class RunFolderError(BadInputError):
    """A training run folder without what is needed from it."""


class MissingDependencyError(Sim2RealError):
    """A library or system package that is not installed on this machine."""


class SimulationError(Sim2RealError):
    """A simulator could not be built or went unstable."""


class DeploymentError(Sim2RealError):
    """The deployed policy or its ROS 2 connection failed."""


class StorageError(Sim2RealError):
    """A file could not be written; what was there before is untouched."""


def unknown(kind: str, name: object, known: Iterable[str]) -> str:
    """One line for an unknown ``name`` of some ``kind``, with the nearest known ones."""
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(names) or 'none'}"
    return f"unknown {kind} {str(name)!r}; {hint}"
