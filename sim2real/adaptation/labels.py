"""Labels and weak pairs of images, from CSV files and arrays."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2real.adaptation.sources import Images, read_arrays
from sim2real.errors import BadInputError, unknown
from sim2real.files import read_at_most

MOST_BYTES = 256 << 20
MOST_NAMES = 64  # that an encoder may tell (deployment/encoder_manifest.py)
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Labels:
    """What is known of some images.

    Attributes:
        rows: Which images, indices (n,).
        names: Of the classes, or of the columns.
        values: Class of each, int64 (n,); or numbers, float32 (n, k).
    """

    rows: np.ndarray
    names: tuple[str, ...]
    values: np.ndarray

    @property
    def classes(self) -> bool:
        """Whether these are classes, not numbers."""
        return self.values.ndim == 1


def load_labels(path: str | Path | None, images: Images, columns: tuple[str, ...] = (), *, like: Labels | None = None
                ) -> Labels:
    """Labels of ``images``.

    Args:
        path: A CSV file with a heading, image names (or numbers of an array's images) in the first column and labels in
            the others; or a .npy file with a row for each image, in the order of their names. None: those that came
            with the images, in the .npz file or as ``labels.csv`` in the folder.
        images: What they are labels of.
        columns: Which columns to use; all by default.
        like: Labels of the other domain, whose names and kind these must have, for a part of the images if need be;
            without it every image must have one.

    One column of words or whole numbers is a class; anything else is numbers to be predicted.

    Raises:
        BadInputError: There are none, or they do not match the images.
    """
    if path is None:
        inside = Path(images.name) / "labels.csv"
        if images.labels is not None:
            return _from_array(images.name, images.labels, images, like)
        if not inside.is_file():
            raise BadInputError(f"{images.name}: there are no labels with it; give them with --labels FILE.csv, "
                                "one row for each image")
        path = inside
    path = Path(path)
    if path.suffix.lower() == ".npy":
        return _from_array(str(path), read_arrays(path)["array"], images, like)
    return _from_csv(path, images, columns, like)


def load_pairs(path: str | Path, source: Images, target: Images) -> np.ndarray:
    """Weak pairs (p, 2) of indices: a CSV file with a heading, and a simulated and a real image's name in each row.

    Raises:
        BadInputError: It cannot be read, or names images that are not there.
    """
    _, rows = read_table(Path(path), 2)
    sides = [_index(path, images, [row[k] for row in rows]) for k, images in enumerate((source, target))]
    return np.stack(sides, axis=1)


def read_table(path: Path, least: int) -> tuple[list[str], list[list[str]]]:
    """Heading and rows of a CSV file with at least ``least`` columns, blanks around cells removed.

    Raises:
        BadInputError: It cannot be read, or a row is longer or shorter than the heading.
    """
    try:
        text = read_at_most(path, MOST_BYTES).decode("utf-8-sig")
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except OSError as error:
        raise BadInputError(f"{path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInputError(f"{path}: cannot be read as CSV in UTF-8: {error}") from error
    if len(rows) < 2 or len(rows[0]) < least:
        raise BadInputError(f"{path}: expected a heading of {least} columns at least, and rows below it")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            raise BadInputError(f"{path}: row {number} has {len(row)} columns, the heading {len(rows[0])}")
    return rows[0], rows[1:]


# ------------------------------------------------------------------------------------------------------------ parts
def _from_csv(path: Path, images: Images, columns: tuple[str, ...], like: Labels | None) -> Labels:
    heading, rows = read_table(path, 2)
    if like is not None and not like.classes:
        columns = like.names
    for name in columns:
        if name not in heading[1:]:
            raise BadInputError(f"{path}: {unknown('column', name, heading[1:])}")
    chosen = [heading.index(name, 1) for name in columns] or list(range(1, len(heading)))
    order = _index(path, images, [row[0] for row in rows])
    if len(set(order)) < len(order):
        twice = next(row[0] for k, row in enumerate(rows) if order[k] in order[:k])
        raise BadInputError(f"{path}: image {twice!r} has two rows; expected one")
    if like is None and len(order) < len(images):
        missing = sorted(set(range(len(images))) - set(order.tolist()))
        raise BadInputError(f"{path}: {len(missing)} of the {len(images)} images of {images.name} have no label, such "
                            f"as {images.keys[missing[0]]!r}; every simulated image needs one")
    cells = [[row[k] for k in chosen] for row in rows]
    if like.classes if like is not None else len(chosen) == 1 and _are_classes([row[0] for row in cells]):
        return _classes(path, order, [row[0] for row in cells], like)
    return _numbers(path, order, tuple(heading[k] for k in chosen), cells, rows)


def _from_array(name: str, values: np.ndarray, images: Images, like: Labels | None) -> Labels:
    if values.ndim not in (1, 2) or values.dtype.kind not in "iufb" or len(values) != len(images):
        raise BadInputError(f"{name}: expected labels (n,) or (n, k) of the {len(images)} images, got {values.dtype} "
                            f"{values.shape}")
    order = np.arange(len(images))
    if values.ndim == 1 and values.dtype.kind in "iub" and (like is None or like.classes):
        return _classes(Path(name), order, [str(int(value)) for value in values], like)
    numbers = values.reshape(len(values), -1).astype(np.float32)
    if not np.isfinite(numbers).all():
        row = int(np.argmin(np.isfinite(numbers).all(1)))
        raise BadInputError(f"{name}: expected finite labels; those of image {images.keys[row]!r} are not")
    names = tuple(f"label{k}" for k in range(numbers.shape[1]))
    if like is not None and like.names != names:
        raise BadInputError(f"{name}: expected the labels {', '.join(like.names)}, got {numbers.shape[1]} numbers an "
                            "image")
    return Labels(order, names, numbers)


def _index(path: str | Path, images: Images, keys: list[str]) -> np.ndarray:
    where = {key: k for k, key in enumerate(images.keys)}
    for key in keys:
        if key not in where:
            raise BadInputError(f"{path}: there is no image {key!r} in {images.name}, which has {len(images)}, such as "
                                f"{images.keys[0]!r}")
    return np.array([where[key] for key in keys], np.int64)


def _are_classes(cells: list[str]) -> bool:
    return not all(_is_number(cell) for cell in cells) or all(cell.lstrip("+-").isdecimal() for cell in cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _classes(path: Path, order: np.ndarray, cells: list[str], like: Labels | None) -> Labels:
    if like is not None:
        for cell in cells:
            if cell not in like.names:
                raise BadInputError(f"{path}: {unknown('class', cell, like.names)}")
        names = like.names
    else:
        names = tuple(sorted(set(cells), key=lambda cell: (len(cell), cell) if cell.isdecimal() else (0, cell)))
    if len(names) < 2:
        raise BadInputError(f"{path}: expected at least 2 classes, got only {names[0]!r}")
    _check_names(path, names)
    number = {name: k for k, name in enumerate(names)}
    return Labels(order, names, np.array([number[cell] for cell in cells], np.int64))


def _check_names(path: str | Path, names: tuple[str, ...]) -> None:
    """Names go into the encoder's manifest: words, each once."""
    for name in names:
        if not 1 <= len(name) <= _LONGEST_NAME or any(letter.isspace() for letter in name):
            raise BadInputError(f"{path}: expected names of labels without blanks, at most {_LONGEST_NAME} letters, "
                                f"got {name[:100]!r}; rename it")
        if names.count(name) > 1:
            raise BadInputError(f"{path}: {name!r} stands there twice; expected each name once")
    if len(names) > MOST_NAMES:
        raise BadInputError(f"{path}: expected at most {MOST_NAMES} labels or classes, got {len(names)}; whole numbers "
                            "that are no classes are written with a decimal point")


def _numbers(path: Path, order: np.ndarray, names: tuple[str, ...], cells: list[list[str]], rows: list[list[str]]
             ) -> Labels:
    _check_names(path, names)
    values = np.empty((len(cells), len(names)), np.float32)
    for k, row in enumerate(cells):
        for j, cell in enumerate(row):
            values[k, j] = float(cell) if _is_number(cell) else np.nan
        if not np.isfinite(values[k]).all():
            raise BadInputError(f"{path}: expected finite numbers for image {rows[k][0]!r}, got {', '.join(row)[:100]}")
    return Labels(order, names, values)
