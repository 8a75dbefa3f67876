"""Columns of log files: CSV (also of lists), JSON, npz; each also packed with gzip. Nothing is unpickled."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2real.errors import BadInputError

MOST_BYTES = 512 << 20  # of a file, unpacked
SUFFIXES = (".csv", ".json", ".npz")


@dataclass(frozen=True)
class Table:
    """Name -> values (n,) or (n, k) of each column, and of what stands once."""

    columns: dict[str, np.ndarray]
    constants: dict[str, float]


def read_table(path: Path) -> Table:
    """The columns of a file.

    Raises:
        BadInputError: It cannot be read, is too large, of another kind, or its rows do not fit together.
    """
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if f".{kind}" not in SUFFIXES:
        raise BadInputError(f"{path}: expected a log as {', '.join(SUFFIXES)}, packed with gzip or not")
    data = _bytes(path)
    try:
        table = {"csv": _csv, "json": _json, "npz": _npz}[kind](data)
    except (UnicodeDecodeError, ValueError, KeyError, csv.Error, zipfile.BadZipFile, RecursionError) as error:
        raise BadInputError(f"{path}: not readable as {kind}: {error}") from error
    lengths = {len(values) for values in table.columns.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise BadInputError(f"{path}: expected columns of one length with at least a row, got lengths "
                            f"{sorted(lengths)}")
    return table


def _bytes(path: Path) -> bytes:
    try:
        with (gzip.open(path) if path.suffix == ".gz" else open(path, "rb")) as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > MOST_BYTES:
        raise BadInputError(f"{path}: more than {MOST_BYTES >> 20} MiB unpacked; cut it into parts")
    return data


def _csv(data: bytes) -> Table:
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    if not rows:
        raise ValueError("it is empty")
    head, rows = rows[0], [row for row in rows[1:] if row]
    for number, row in enumerate(rows, 2):
        if len(row) != len(head):
            raise ValueError(f"row {number} has {len(row)} fields, the heading {len(head)}")
    columns = {}
    for name, cells in zip(head, zip(*rows, strict=True), strict=False):
        if (values := _numbers(cells)) is not None:
            columns[name.strip()] = values
    return Table(columns, {})


def _numbers(cells: tuple[str, ...]) -> np.ndarray | None:
    """Cells as numbers, an empty one as NaN, or lists of as many numbers each; None where they are words."""
    try:
        if cells[0].lstrip().startswith("["):
            values = np.array([json.loads(cell) for cell in cells], float)
            return values if values.ndim == 2 else None
        return np.array([cell if cell.strip() else "nan" for cell in cells]).astype(float)
    except (ValueError, TypeError):
        return None


def _json(data: bytes) -> Table:
    """A list of rows, or an object in which one is; its other numbers are constants."""
    whole = json.loads(data)
    lists = [(None, whole)] if isinstance(whole, list) else [
        (name, value) for name, value in whole.items() if isinstance(value, list)] if isinstance(whole, dict) else []
    if len(lists) != 1 or not all(isinstance(row, dict) for row in lists[0][1]):
        raise ValueError("expected a list of rows, or an object with one such list")
    rows = lists[0][1]
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {}
    for name in names:
        cells = [row.get(name, np.nan) for row in rows]
        try:
            columns[name] = np.array([np.nan if cell is None else cell for cell in cells], float)
        except (ValueError, TypeError):
            continue
    constants = {name: float(value) for name, value in (whole if isinstance(whole, dict) else {}).items()
                 if isinstance(value, (int, float))}
    return Table(columns, constants)


def _npz(data: bytes) -> Table:
    columns, constants = {}, {}
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        if sum(member.file_size for member in archive.zip.infolist()) > MOST_BYTES:
            raise ValueError(f"its arrays have more than {MOST_BYTES >> 20} MiB together")
        for name in archive.files:
            values = archive[name]
            if values.dtype.kind not in "fiub":
                continue
            if values.ndim == 0:
                constants[name] = float(values)
            elif values.ndim <= 2:
                columns[name] = values.astype(float)
    return Table(columns, constants)
