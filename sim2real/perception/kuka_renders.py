"""Renders of the KUKA's table with labels: what varies from one to the next, and where the cube is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim2real.cameras import CameraModel
from sim2real.randomization.distributions import LogUniform, Uniform
from sim2real.randomization.plan import RandomizationPlan
from sim2real.randomization.terms import Term
from sim2real.randomization.visual import draw_frames
from sim2real.simulators.painting.looks import Views
from sim2real.simulators.scenes.kuka_scene import (
    CUBE,
    CUBE_HEIGHT,
    DARK_TAPES,
    TABLE_HEIGHT,
    TABLE_X,
    TABLE_Y,
    WHITE_TAPES,
    nominal_values,
)
from sim2real.simulators.scenes.visual_scene import Poses, VisualScene


@dataclass(frozen=True)
class Renders:
    """Pictures (n, h, w, 3) uint8; the cube's centre (n, 2) in [m]; its pixel (n, 2) over width and height, in [0, 1]
    where it is in the picture."""

    images: np.ndarray
    positions: np.ndarray
    pixels: np.ndarray

    def part(self, which: slice) -> Renders:
        """Some of them."""
        return Renders(self.images[which], self.positions[which], self.pixels[which])


def joined(first: Renders, second: Renders) -> Renders:
    """Both sets as one, ``first`` first."""
    return Renders(*(np.concatenate([getattr(first, name), getattr(second, name)])
                     for name in ("images", "positions", "pixels")))


def kuka_plan(scene: VisualScene) -> RandomizationPlan:
    """What varies from render to render: looks, lights, and the camera about where it is.

    The camera is off by at most 2 cm, 1.5 degrees and 3 % of its focal length, so that a calibration that is wrong by
    as much is covered. The cube is light in most renders.
    """
    terms = [Term(f"camera_{axis}", Uniform(-0.02, 0.02)) for axis in "xyz"]
    terms += [Term(f"camera_{axis}", Uniform(-0.026, 0.026)) for axis in ("pitch", "yaw", "roll")]
    terms += [Term("focal_scale", LogUniform(0.97, 1.03)), Term("texture_kind.cube", Uniform(0.0, 2.0))]
    terms += [Term(f"color_{channel}.cube", Uniform(0.7, 1.0)) for channel in ("red", "green", "blue")]
    terms += [Term("texture_kind.white_tape", Uniform(0.0, 2.0)), Term("texture_kind.dark_tape", Uniform(0.0, 2.0))]
    return RandomizationPlan.default(scene.space).without("lens_*").extended(*terms)


def draw_poses(count: int, random: np.random.Generator, *, varied: bool = True) -> tuple[Poses, np.ndarray]:
    """Poses of ``count`` frames, and the cube's centre (count, 2) in [m].

    The cube is anywhere on the table, its centre up to 2 cm beyond the edge, turned freely. Only if ``varied`` do its
    sides, the tapes and the arm (near upright) vary, too.
    """
    x = random.uniform(TABLE_X[0] - 0.02, TABLE_X[1] + 0.02, count)
    y = random.uniform(TABLE_Y[0] - 0.02, TABLE_Y[1] + 0.02, count)
    sides = np.full((count, 3), CUBE)
    joints = np.zeros((count, 7))
    places: dict[str, np.ndarray] = {}
    if varied:
        sides *= random.uniform(0.88, 1.18, (count, 1)) * random.uniform(0.94, 1.06, (count, 3))
        joints = random.uniform(-0.15, 0.15, (count, 7))
        for name in [*(f"white_tape_{k}" for k in range(WHITE_TAPES)), *(f"dark_tape_{k}" for k in range(DARK_TAPES))]:
            places[name] = _turned(random.uniform(*TABLE_X, count), random.uniform(*TABLE_Y, count),
                                   np.full(count, TABLE_HEIGHT + 0.0005), random)
    places["cube"] = _turned(x, y, TABLE_HEIGHT + 0.5 * sides[:, 2], random)
    return Poses(count, joints, None, places, {"cube": sides}), np.stack([x, y], axis=1)


def _turned(x: np.ndarray, y: np.ndarray, z: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Poses (n, 7) at these places, each turned about the vertical by anything."""
    half = 0.5 * random.uniform(-np.pi, np.pi, len(x))
    return np.stack([x, y, z, np.cos(half), np.zeros_like(x), np.zeros_like(x), np.sin(half)], axis=1)


def frame_values(scene: VisualScene, count: int, seed: int, *fixed: str) -> np.ndarray:
    """Values (count, P) of frames after the plan, less the terms that ``fixed`` names."""
    plan = kuka_plan(scene)
    return draw_frames(plan.without(*fixed) if fixed else plan, scene.space, np.arange(count), seed)


def pixels_of(scene: VisualScene, camera: CameraModel, poses: Poses, values: np.ndarray, positions: np.ndarray
              ) -> np.ndarray:
    """Pixels (n, 2), over width and height, of cubes at ``positions`` (n, 2) as each frame's camera sees them."""
    views = Views.of(scene, camera, poses, values)
    centres = np.concatenate([positions, np.full((len(positions), 1), CUBE_HEIGHT)], axis=1)
    seen = np.einsum("nji,nj->ni", views.axes, centres - views.position)  # in the optical frame
    pixels = views.intrinsics[:, :2] * seen[:, :2] / seen[:, 2:] + views.intrinsics[:, 2:]
    return pixels / [camera.width, camera.height]


def render(painter, count: int, seed: int, *, varied: bool = True, progress: Callable[[int], object] | None = None
           ) -> Renders:
    """``count`` renders by a painter or a pool of them: all that the plan names varies, or only the cube's pose."""
    scene: VisualScene = painter.scene
    camera = scene.cameras[0]
    poses, positions = draw_poses(count, np.random.default_rng([seed, int(varied)]), varied=varied)
    values = frame_values(scene, count, seed) if varied else np.tile(nominal_values(scene), (count, 1))
    images = painter.render(camera.name, poses, values, progress=progress)
    return Renders(images, positions, pixels_of(scene, camera, poses, values, positions))
