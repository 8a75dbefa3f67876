"""Photographs of the KUKA's table with the cube's place: read, checked, and told apart from the cube."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2real.adaptation.sources import SUFFIXES, read_image
from sim2real.errors import BadInputError
from sim2real.files import read_at_most
from sim2real.perception.kuka_renders import Renders, draw_poses, frame_values, pixels_of
from sim2real.simulators.scenes.kuka_scene import BASE_HEIGHT, CUBE_HEIGHT, UPPER
from sim2real.simulators.scenes.visual_scene import VisualScene

LEAST = 8  # photographs: the median of fewer still shows the cube
_ASPECT = 640 / 480
_COLUMNS = ("file", "x_m", "y_m")
_MOST_BYTES, _MOST_METRES = 1 << 20, 10.0


@dataclass(frozen=True)
class Photographs:
    """Lower parts (n, h, w, 3) uint8 of pictures, the cube's centre (n, 2) in [m] for the evaluation, and names."""

    images: np.ndarray
    positions: np.ndarray
    files: tuple[str, ...]


def label_of(ix: int, iy: int) -> tuple[float, float, float]:
    """The cube's centre in the arm's frame in [m] on the photographs' grid: file ``ix-iy.jpg``."""
    return -0.5 - 0.15 * ix, 0.61 - 0.15 * iy, CUBE_HEIGHT - BASE_HEIGHT


def load_photographs(folder: str | Path, labels: str | Path, width: int, height: int) -> Photographs:
    """The photographs of ``folder`` that the CSV file ``labels`` names, brought to so many pixels, their lower part.

    Raises:
        BadInputError: A folder or file that is not there or cannot be read, columns other than file, x_m, y_m (more
            are ignored), labels without a photograph or the other way round, too few, or pictures that are not 4:3.
    """
    folder, labels = Path(folder), Path(labels)
    if not folder.is_dir():
        raise BadInputError(f"{folder}: no such folder; give one with photographs")
    found = sorted(file.name for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    places = read_labels(labels)
    if missing := sorted(set(places) - set(found)):
        raise BadInputError(f"{labels}: {len(missing)} labels without a photograph in {folder}, such as {missing[0]}")
    if unlabelled := sorted(set(found) - set(places)):
        raise BadInputError(f"{labels}: no label for {len(unlabelled)} photographs of {folder}, such as "
                            f"{unlabelled[0]}; add them, or move these files away")
    if len(found) < LEAST:
        raise BadInputError(f"{folder}: {len(found)} photographs are too few; {LEAST} are needed at least")
    images = np.stack([_four_by_three(folder / name, width, height) for name in found])[:, round(UPPER * height):]
    return Photographs(images, np.array([places[name] for name in found]), tuple(found))


def _four_by_three(file: Path, width: int, height: int) -> np.ndarray:
    image = read_image(file)
    if abs(image.shape[1] / image.shape[0] - _ASPECT) > 0.01:
        raise BadInputError(f"{file}: expected a picture of 4:3, as the camera has it, got {image.shape[1]} x "
                            f"{image.shape[0]} pixels")
    return read_image(file, (width, height))


def read_labels(path: Path) -> dict[str, tuple[float, float]]:
    """File name -> (x, y) in [m] of a CSV file with the columns file, x_m and y_m.

    Raises:
        BadInputError: Unreadable, a missing column, a place that is no number, or a file twice; names the line.
    """
    try:
        text = read_at_most(path, _MOST_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: cannot be read as text: {getattr(error, 'strerror', None) or error}") from error
    rows = csv.DictReader(io.StringIO(text))
    if lacking := [name for name in _COLUMNS if name not in (rows.fieldnames or ())]:
        raise BadInputError(f"{path}: no column {lacking[0]}; expected {', '.join(_COLUMNS)} in the first line")
    out: dict[str, tuple[float, float]] = {}
    for row in rows:
        name = row["file"]
        try:
            place = float(row["x_m"]), float(row["y_m"])
        except (TypeError, ValueError):
            place = (math.nan, math.nan)
        if not all(abs(value) < _MOST_METRES for value in place):
            raise BadInputError(f"{path}, line {rows.line_num}: expected metres from the arm's base in x_m and y_m, "
                                f"got {row['x_m']!r} and {row['y_m']!r}")
        if not name or name in out:
            raise BadInputError(f"{path}, line {rows.line_num}: the file {name!r} is named twice, or not at all")
        out[name] = place
    return out


def background_of(images: np.ndarray) -> np.ndarray:
    """What all photographs (n, h, w, 3) of a camera that stands still have in common: each pixel's median."""
    return np.median(images, axis=0).astype(np.uint8)


def pasted(painter, background: np.ndarray, count: int, seed: int) -> Renders:
    """Rendered cubes before the photographs' own background, as the nominal camera sees them.

    Looks and lights of the cube vary as in renders. No photograph's label has a part in it.

    Args:
        painter: Of the scene in twice the background's resolution: edges are averaged.
        background: (h, w, 3) uint8, of ``background_of``.
    """
    import cv2

    scene: VisualScene = painter.scene
    camera = scene.cameras[0]
    poses, positions = draw_poses(count, np.random.default_rng([seed, 2]))
    values = frame_values(scene, count, seed, "camera_*", "focal_scale", "distractor_*")
    color = painter.render(camera.name, poses, values)
    cube = painter.render(camera.name, poses, values, kind="segmentation") == 1 + scene.groups.index("cube")
    height, width = background.shape[:2]
    images = np.empty((count, height, width, 3), np.uint8)
    for k in range(count):
        share = cv2.resize(cube[k].astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)[..., None]
        front = cv2.resize(color[k] * cube[k, ..., None].astype(np.float32), (width, height),
                           interpolation=cv2.INTER_AREA)
        images[k] = np.round(front + (1.0 - share) * background)
    return Renders(images, positions, pixels_of(scene, camera, poses, values, positions))
