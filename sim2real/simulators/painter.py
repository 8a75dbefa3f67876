"""What painters have in common: the protocol, lens distortion and backgrounds.

A painter draws a ``VisualScene``; engines fill in ``_draw``, a pinhole's picture of one frame. ``docs/vision.md`` says
what each engine can show.
"""

from __future__ import annotations

import abc
from collections.abc import Callable

import numpy as np

from sim2real.cameras import CameraModel, distort
from sim2real.errors import BadInputError, MissingDependencyError, ParameterError, unknown
from sim2real.simulators import textures
from sim2real.simulators.looks import FLAT, Looks, Views, place_distractors, texture_index
from sim2real.simulators.visual_scene import Poses, VisualScene

KINDS = ("color", "depth", "segmentation")
_ROUNDS = 6  # of the fixed point that undoes distortion; exact to 0.01 pixels for what lenses do
_MOST_MARGIN = 1.0  # of the picture's size, drawn on each side for a lens that sees more than a pinhole


class Painter(abc.ABC):
    """Draws frames of one scene; close it, or use it in a ``with`` statement.

    Args:
        scene: What is drawn.

    Attributes:
        engine: "mujoco", "pybullet" or "filament".
        scene: The scene.
        textures: All that surfaces may be covered with, (k, 64, 64, 3) uint8: the drawn patterns' variants, then the
            pictures of the scene's folder.
    """

    engine = ""

    def __init__(self, scene: VisualScene):
        self.scene = scene
        drawn = textures.bank().reshape(-1, textures.SIZE, textures.SIZE, 3)
        found = textures.pictures(scene.texture_folder) if scene.texture_folder is not None else drawn[:0]
        self.textures = np.concatenate([drawn, found])
        self.num_pictures = len(found)

    def render(self, camera: str, poses: Poses, values: np.ndarray | None = None, kind: str = "color",
               progress: Callable[[int], object] | None = None) -> np.ndarray:
        """Frames of a camera.

        Args:
            camera: One of the scene's.
            poses: Where everything is in ``n`` frames.
            values: Rows of ``scene.space``, (n, P) or (1, P); default: nominal. The same row gives the same frame.
            kind: "color": (n, height, width, 3) uint8; "depth": along the optical axis in [m], (n, height, width)
                float32, inf where nothing is; "segmentation": (n, height, width) int32, 0 where nothing is, else one
                plus the index in ``scene.groups``.
            progress: Called with the number of frames that are done.

        Raises:
            BadInputError: An unknown camera or kind, or shapes that do not fit.
            ParameterError: Values of another shape.
        """
        if kind not in KINDS:
            raise BadInputError(unknown("kind", kind, KINDS))
        model = self.scene.camera(camera)
        poses.check(self.scene)
        values = self._values(poses.n, values)
        poses = place_distractors(self.scene, poses, values)
        looks, views = Looks.of(self.scene, values), Views.of(self.scene, model, poses, values)
        covers = texture_index(looks.kind, looks.variant, self.num_pictures)
        lens = Lens(model, views)
        self._prepare(lens.width, lens.height, poses, looks)
        shape = (poses.n, model.height, model.width)
        out = np.empty(shape + (3,) if kind == "color" else shape,
                       {"color": np.uint8, "depth": np.float32, "segmentation": np.int32}[kind])
        for i in range(poses.n):
            picture = self._draw(i, poses, looks, views, covers, lens, kind)
            if kind == "color":
                pixels, empty = picture
                picture = self._with_background(pixels, empty, looks, i)
            out[i] = lens.bend(i, picture, nearest=kind != "color")
            if progress is not None:
                progress(i + 1)
        return out

    def _values(self, n: int, values: np.ndarray | None) -> np.ndarray:
        if values is None:
            return self.scene.space.batch(n)
        values = np.asarray(values, float)
        if values.ndim != 2 or values.shape[1] != len(self.scene.space) or len(values) not in (1, n):
            raise ParameterError(f"expected parameter values of shape ({n}, {len(self.scene.space)}), got "
                                 f"{values.shape}; build them with scene.space.batch")
        return np.broadcast_to(values, (n, values.shape[1]))

    def _with_background(self, pixels: np.ndarray, empty: np.ndarray, looks: Looks, i: int) -> np.ndarray:
        """``pixels`` with the frame's background where ``empty``."""
        if not empty.any():
            return pixels
        kind, variant = looks.background_kind[i], looks.background_variant[i]
        index = int(texture_index(np.array(kind), np.array(variant), self.num_pictures))
        if index >= 0:
            behind = stretched(self.textures[index], pixels.shape[:2])
        else:
            # a flat one: the first pixel of a texture is as good a colour as any
            behind = self.textures[int(variant * (len(self.textures) - 1))][0, 0] if kind == FLAT else \
                np.round(255.0 * np.array(self.scene.background)).astype(np.uint8)
        return np.where(empty[..., None], behind, pixels)

    @abc.abstractmethod
    def _prepare(self, width: int, height: int, poses: Poses, looks: Looks) -> None:
        """Get ready for frames of that many pixels."""

    @abc.abstractmethod
    def _draw(self, i: int, poses: Poses, looks: Looks, views: Views, covers: np.ndarray, lens: Lens,
              kind: str) -> tuple[np.ndarray, np.ndarray] | np.ndarray:
        """Frame ``i`` as a pinhole with ``lens``'s pixels sees it.

        For "color" pixels (height, width, 3) and where nothing is (height, width); else the array itself.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Free the engine; closing twice is fine."""

    def __enter__(self) -> Painter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Lens:
    """From a pinhole's pictures to those of a lens: pictures are drawn with a margin and bent.

    Attributes:
        width, height: Pixels that a pinhole's picture needs.
        centre: Its principal points, (n, 2).
    """

    def __init__(self, camera: CameraModel, views: Views):
        self._camera, self._views = camera, views
        self._bent = views.distortion.any(axis=1)
        left = top = 0
        if self._bent.any():
            self._ideal = _ideal_pixels(camera, views)  # (n, height, width, 2)
            x, y = self._ideal[..., 0], self._ideal[..., 1]
            most = np.array([camera.width, camera.height]) * _MOST_MARGIN
            left = int(np.clip(np.ceil(max(-x.min(), x.max() - camera.width, 0.0)), 0, most[0]))
            top = int(np.clip(np.ceil(max(-y.min(), y.max() - camera.height, 0.0)), 0, most[1]))
        self._left, self._top = left, top
        self.width, self.height = camera.width + 2 * left, camera.height + 2 * top
        self.centre = views.intrinsics[:, 2:] + [left, top]

    def bend(self, i: int, picture: np.ndarray, *, nearest: bool) -> np.ndarray:
        """What the lens makes of the pinhole's frame ``i``."""
        height, width = self._camera.height, self._camera.width
        if not self._bent[i]:
            return picture[self._top:self._top + height, self._left:self._left + width]
        try:
            import cv2
        except ImportError as error:
            raise MissingDependencyError("lens distortion needs OpenCV: pip install 'sim2real[cameras]'") from error
        at = (self._ideal[i] + [self._left - 0.5, self._top - 0.5]).astype(np.float32)  # OpenCV counts from centres
        how = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
        if picture.dtype == np.int32:
            return cv2.remap(picture.astype(np.int16), at, None, how, borderMode=cv2.BORDER_REPLICATE)
        return cv2.remap(picture, at, None, how, borderMode=cv2.BORDER_REPLICATE)


def _ideal_pixels(camera: CameraModel, views: Views) -> np.ndarray:
    """Where in a pinhole's picture each pixel's centre of the lens's picture comes from, (n, height, width, 2).

    x = (x' - tangential(x)) / radial(x) is iterated from x', as OpenCV's undistortPoints does.
    """
    fx, fy, cx, cy = (views.intrinsics[:, k, None, None].astype(np.float32) for k in range(4))
    v, u = np.mgrid[0:camera.height, 0:camera.width].astype(np.float32) + np.float32(0.5)
    x1, y1 = (u - cx) / fx, (v - cy) / fy
    coefficients = tuple(views.distortion[:, k, None, None].astype(np.float32) for k in range(5))
    x, y = x1.copy(), y1.copy()
    for _ in range(_ROUNDS):
        there_x, there_y = distort(x, y, coefficients)
        x, y = x + (x1 - there_x), y + (y1 - there_y)
    return np.stack([fx * x + cx, fy * y + cy], axis=-1)


def stretched(texture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A texture as a picture of ``size`` (height, width), each pixel the nearest one's."""
    rows = (np.arange(size[0]) * texture.shape[0]) // size[0]
    columns = (np.arange(size[1]) * texture.shape[1]) // size[1]
    return texture[rows[:, None], columns]
