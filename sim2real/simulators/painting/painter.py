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
from sim2real.simulators.painting import textures
from sim2real.simulators.painting.looks import FLAT, Looks, Views, place_distractors, texture_index
from sim2real.simulators.scenes.visual_scene import Poses, VisualScene

KINDS = ("color", "depth", "segmentation")
_EXACT = 1e-4  # share of the distortion that may be left where it is undone
_MOST_ROUNDS = 16
_SAFE_ROUNDS = 4  # with a slope so small that it does not grow on the way out
_FINER = 2  # what is not mixed is taken from the nearest pixel: from smaller ones
_WIDE = np.float32(3.0)  # of the picture: where such a sight ends
_SPARED = 1.15  # of the picture's size: so much more is drawn with no more pixels
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
        self._drawn = (0, 0)  # the pixels of the last frame

    def render(self, camera: str, poses: Poses, values: np.ndarray | None = None, kind: str = "color",
               progress: Callable[[int], object] | None = None, *, size: tuple[int, int] | None = None) -> np.ndarray:
        """Frames of a camera.

        Args:
            camera: One of the scene's.
            poses: Where everything is in ``n`` frames.
            values: Rows of ``scene.space``, (n, P) or (1, P); default: nominal. The same row gives the same frame.
            kind: "color": (n, height, width, 3) uint8; "depth": along the optical axis in [m], (n, height, width)
                float32, inf where nothing is; "segmentation": (n, height, width) int32, 0 where nothing is, else one
                plus the index in ``scene.groups``.
            progress: Called with the number of frames that are done.
            size: (height, width) in [pixels] of the frames, see ``CameraModel.framed``; default: the camera's.

        Raises:
            BadInputError: An unknown camera or kind, an impossible size, or shapes that do not fit.
            ParameterError: Values of another shape.
        """
        if kind not in KINDS:
            raise BadInputError(unknown("kind", kind, KINDS))
        model = self.scene.camera(camera)
        if size is not None:
            model = model.framed(*size)
        poses.check(self.scene)
        values = self._values(poses.n, values)
        poses = place_distractors(self.scene, poses, values)
        looks, views = Looks.of(self.scene, values), Views.of(self.scene, model, poses, values)
        covers = texture_index(looks.kind, looks.variant, self.num_pictures)
        lens = Lens(model, views, 1 if kind == "color" else _FINER)
        self._prepare(poses, looks)
        shape = (poses.n, model.height, model.width)
        out = np.empty(shape + (3,) if kind == "color" else shape,
                       {"color": np.uint8, "depth": np.float32, "segmentation": np.int32}[kind])
        for i, drawn in enumerate(zip(lens.width.tolist(), lens.height.tolist(), strict=True)):
            if drawn != self._drawn:
                self._resize(*drawn)
                self._drawn = drawn
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
    def _prepare(self, poses: Poses, looks: Looks) -> None:
        """Get ready for frames of these."""

    @abc.abstractmethod
    def _resize(self, width: int, height: int) -> None:
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
    """From a pinhole's pictures to those of a lens: what the lens sees is drawn by a pinhole, and bent.

    The pinhole's picture has as many pixels as the lens's, unless that sees much more. It depends on the frame alone.

    Attributes:
        width, height: Pixels of the pinholes' pictures, (n,).
        intrinsics: Of the pinholes in [pixels], (n, 4): fx, fy, cx, cy.
    """

    def __init__(self, camera: CameraModel, views: Views, finer: int = 1):
        """``finer``: times so many pixels along a side are drawn where they are bent."""
        self._camera, n = camera, len(views.intrinsics)
        self._bent = views.distortion.any(axis=1)
        self.width, self.height = np.full(n, camera.width), np.full(n, camera.height)
        self.intrinsics = views.intrinsics.copy()
        if self._bent.any():
            self._ideal = _ideal_pixels(camera, views)  # (n, height, width, 2)
            size = np.array([camera.width, camera.height])
            # axis by axis: over both at once numpy takes thirty times as long
            first = np.maximum(self._ideal.min(axis=1).min(axis=1) - 0.5, -_MOST_MARGIN * size)
            last = np.minimum(self._ideal.max(axis=1).max(axis=1) + 0.5, (1.0 + _MOST_MARGIN) * size)
            span = last - first
            pixels = finer * np.where(span > _SPARED * size, np.ceil(span).astype(int), size)
            pixels = np.where(self._bent[:, None], pixels, size)
            self.width, self.height = pixels.T
            self._first, self._scale = first, pixels / span
            bent, scale = self._bent, self._scale[self._bent]
            self.intrinsics[bent, :2] *= scale
            self.intrinsics[bent, 2:] = (views.intrinsics[bent, 2:] - first[bent]) * scale

    def bend(self, i: int, picture: np.ndarray, *, nearest: bool) -> np.ndarray:
        """What the lens makes of the pinhole's frame ``i``."""
        if not self._bent[i]:
            return picture
        try:
            import cv2
        except ImportError as error:
            raise MissingDependencyError("lens distortion needs OpenCV: pip install 'sim2real[cameras]'") from error
        # OpenCV counts from pixels' centres
        at = ((self._ideal[i] - self._first[i]) * self._scale[i] - 0.5).astype(np.float32)
        how = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
        if picture.dtype == np.int32:
            return cv2.remap(picture.astype(np.int16), at, None, how, borderMode=cv2.BORDER_REPLICATE)
        return cv2.remap(picture, at, None, how, borderMode=cv2.BORDER_REPLICATE)


def _ideal_pixels(camera: CameraModel, views: Views) -> np.ndarray:
    """Where in a pinhole's picture each pixel's centre of the lens's picture comes from, (n, height, width, 2).

    x = (x' - tangential(x)) / radial(x) is iterated from x', as OpenCV's undistortPoints does.
    """
    out = np.empty((len(views.intrinsics), camera.height, camera.width, 2), np.float32)
    v, u = np.mgrid[0:camera.height, 0:camera.width].astype(np.float32) + np.float32(0.5)
    all_rounds = _rounds(camera, views)
    for rounds in np.unique(all_rounds):
        rows = np.flatnonzero(all_rounds == rounds)
        fx, fy, cx, cy = (views.intrinsics[rows, k, None, None].astype(np.float32) for k in range(4))
        coefficients = tuple(views.distortion[rows, k, None, None].astype(np.float32) for k in range(5))
        x1, y1 = (u - cx) / fx, (v - cy) / fy
        x, y = x1, y1
        for _ in range(rounds):
            there_x, there_y = distort(x, y, coefficients)
            x, y = x + (x1 - there_x), y + (y1 - there_y)
            if rounds > _SAFE_ROUNDS:  # a lens that sees round corners has no inverse there; this stays bounded
                x, y = (np.clip(z, _WIDE * z1.min((1, 2), keepdims=True), _WIDE * z1.max((1, 2), keepdims=True))
                        for z, z1 in ((x, x1), (y, y1)))
        out[rows, ..., 0], out[rows, ..., 1] = fx * x + cx, fy * y + cy
    return out


def _rounds(camera: CameraModel, views: Views) -> np.ndarray:
    """How often to iterate, (n,): each time the error falls at least by the distortion's slope in a corner."""
    fx, fy, cx, cy = views.intrinsics.T
    x, y = np.maximum(cx, camera.width - cx) / fx, np.maximum(cy, camera.height - cy) / fy
    r2 = x * x + y * y
    k1, k2, p1, p2, k3 = np.abs(views.distortion).T
    slope = r2 * (3.0 * k1 + r2 * (5.0 * k2 + r2 * 7.0 * k3)) + 6.0 * np.sqrt(r2) * (p1 + p2)
    needed = np.ceil(np.log(_EXACT) / np.log(np.clip(slope, _EXACT, 0.9)))
    return np.where(slope > 0.0, np.clip(needed, 1, _MOST_ROUNDS), 0).astype(int)


def stretched(texture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A texture as a picture of ``size`` (height, width), each pixel the nearest one's."""
    rows = (np.arange(size[0]) * texture.shape[0]) // size[0]
    columns = (np.arange(size[1]) * texture.shape[1]) // size[1]
    return texture[rows[:, None], columns]
