"""Labelled images of a thing that lies somewhere on a table: rendered by any engine, the same for the same seed.

What a frame shows depends on (seed, its number) and on what is described alone; the number of processes changes no
byte.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sim2real import __version__, rng, rotations
from sim2real.errors import BadInputError, unknown
from sim2real.files import atomic_path
from sim2real.perception.domains import Domain
from sim2real.perception.postures import draw_postures
from sim2real.randomization.images import ImageRandomizer
from sim2real.randomization.visual import draw_frames
from sim2real.simulators.painting.paint_pool import PaintPool, make_painter, part_of
from sim2real.simulators.scenes.visual_scene import Poses, VisualScene

MOST_IMAGES = 200_000
MOST_BYTES = 4 << 30  # of all pixels of a data set
# the sequence R2 (Roberts 2018, "The unreasonable effectiveness of quasirandom sequences"): powers of the real root of
# x^3 = x + 1, whose multiples fill a square more evenly than random numbers do
_EVENLY = np.array([0.7548776662466927, 0.5698402909980532])
_FEW, _CHUNK = 256, 64  # frames; the pool's processes draw as many at once


@dataclass(frozen=True)
class Placing:
    """What is elsewhere in each frame.

    Attributes:
        thing: A box of the scene that stands on the table, turned anyhow about the vertical.
        region: Where its centre is: x from, to, y from, to, in the robot's base frame in [m].
        edge: Its edges are between these two lengths in [m].
        joint_spread: How far each joint is at most from home in [rad].
        reaching: Share of frames in which the arm reaches over the region, see ``draw_postures``.
    """

    thing: str
    region: tuple[float, float, float, float]
    edge: tuple[float, float]
    joint_spread: float = 0.0
    reaching: float = 0.0


@dataclass(frozen=True)
class Frames:
    """Images and where the thing is in them.

    Attributes:
        images: RGB uint8, shape (n, height, width, 3).
        labels: x and y of its centre in the robot's base frame in [m], float32, shape (n, 2).
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


def draw_poses(scene: VisualScene, placing: Placing, count: int, seed: int) -> tuple[Poses, np.ndarray]:
    """Poses of ``count`` frames, and labels (count, 2): see ``Frames``. Places are spread evenly over the region.

    Raises:
        BadInputError: The scene has no such thing.
    """
    if placing.thing not in (names := [thing.name for thing in scene.things]):
        raise BadInputError(unknown("thing", placing.thing, names))
    start = rng.uniform(seed, np.zeros(1, int), 0, "goal", 4)[0, 2:]
    u = rng.uniform(seed, np.arange(count), 0, "goal", 2)
    low, high = np.array(placing.region[::2]), np.array(placing.region[1::2])
    labels = low + (start + np.arange(count)[:, None] * _EVENLY) % 1.0 * (high - low)
    edge = placing.edge[0] + u[:, 0] * (placing.edge[1] - placing.edge[0])
    base = np.tile(scene.robot_quaternion, (count, 1))
    place = rotations.rotate(base, np.column_stack([labels, 0.5 * edge])) + np.array(scene.robot_position)
    yaw = np.pi * u[:, 1]
    zero = np.zeros(count)
    turn = rotations.multiply(base, np.column_stack([np.cos(0.5 * yaw), zero, zero, np.sin(0.5 * yaw)]))
    joints = None
    if scene.robot is not None:
        joints = draw_postures(scene.robot, labels, placing.region, placing.joint_spread, placing.reaching, seed)
    return Poses(count, joints, places={placing.thing: np.column_stack([place, turn])},
                 sizes={placing.thing: np.repeat(edge[:, None], 3, axis=1)}), labels.astype(np.float32)


def render_dataset(scene: VisualScene, placing: Placing, domain: Domain, count: int, seed: int, *, workers: int = 0,
                   cache: str | Path | None = None, progress: Callable[[int], object] | None = None) -> Frames:
    """``count`` labelled images of the scene's first camera, as ``domain`` looks.

    Args:
        scene: As it is described; the domain may repaint it.
        placing: What is elsewhere in each frame.
        domain: Engine and looks.
        count: Number of images.
        seed: Places and looks follow from it.
        workers: Processes; default: one a core.
        cache: Folder for files of data sets: what was rendered before is read.
        progress: Called with the number of frames that are done.

    Raises:
        BadInputError: Too many images, or things and parameters that the scene does not have.
        StorageError: The cache cannot be written.
    """
    scene, camera = domain.paint(scene), scene.cameras[0]
    if not 1 <= count <= MOST_IMAGES or count * camera.width * camera.height * 3 > MOST_BYTES:
        raise BadInputError(f"expected 1 to {MOST_IMAGES} images of at most {MOST_BYTES >> 30} GiB together, got "
                            f"{count} of {camera.width} x {camera.height} pixels; ask for fewer")
    poses, labels = draw_poses(scene, placing, count, seed)
    path = None
    if cache is not None:
        path = Path(cache) / f"{domain.name}-{count}-{_fingerprint(scene, placing, domain, count, seed)}.npz"
        if (images := _read(path, (count, camera.height, camera.width, 3))) is not None:
            return Frames(images, labels)
    values = draw_frames(domain.plan(scene.space), scene.space, np.arange(count), seed)
    images = _render(scene, domain.engine, poses, values, workers, progress)
    if domain.image:
        effects = ImageRandomizer(seed=seed)
        images = effects.apply(images, effects.space.batch(count, domain.image))
    if path is not None:
        with atomic_path(path) as temporary:
            np.savez(temporary, images=images)
    return Frames(images, labels)


def _render(scene: VisualScene, engine: str, poses: Poses, values: np.ndarray, workers: int,
            progress: Callable[[int], object] | None) -> np.ndarray:
    """Images of the scene's first camera; a few are not worth other processes."""
    name = scene.cameras[0].name
    if workers != 1 and poses.n > _FEW:
        with PaintPool(engine, scene, workers) as pool:
            return pool.render(name, poses, values, progress)
    parts = [slice(k, min(k + _CHUNK, poses.n)) for k in range(0, poses.n, _CHUNK)]
    out = []
    with make_painter(engine, scene) as painter:
        for part in parts:
            out.append(painter.render(name, part_of(poses, part), values[part]))
            if progress is not None:
                progress(part.stop)
    return np.concatenate(out)


def _fingerprint(scene: VisualScene, placing: Placing, domain: Domain, count: int, seed: int) -> str:
    """Changes with whatever the images depend on."""
    robot = scene.robot.hash if scene.robot is not None else ""
    things = [repr(part) for part in (scene.cameras, scene.things, scene.lights, scene.ambient, scene.background,
                                      scene.distractor_region, scene.centre, scene.extent, placing,
                                      replace(domain, name="", shift=""))]
    text = json.dumps([__version__, robot, *things, count, seed])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The images in a file of the cache; None where there is none that is whole."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            images = archive["images"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return images if images.shape == shape and images.dtype == np.uint8 else None
