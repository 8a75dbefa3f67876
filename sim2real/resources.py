"""Where the robots, launch files and assets lie: inside an installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

from sim2real.errors import BadInputError, StorageError, unknown

KINDS = ("robots", "launch", "assets")


def data_path(kind: str, *, package: Path | None = None) -> Path:
    """The folder of a ``kind`` of data files (``robots``, ``launch``, ``assets``).

    ``<package>/_data/<kind>`` of an installed package comes before ``<kind>`` beside the package in a checkout.
    """
    if kind not in KINDS:
        raise BadInputError(unknown("kind of data files", kind, KINDS))
    package = package or Path(__file__).resolve().parent
    for folder in (package / "_data" / kind, package.parent / kind):
        if folder.is_dir():
            return folder
    raise StorageError(f"expected the folder {package / '_data' / kind} or {package.parent / kind}, found neither; "
                       "reinstall the package")
