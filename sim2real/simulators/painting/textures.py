"""Square textures made of numbers, and pictures from a folder: what surfaces and backgrounds are covered with.

A texture is named by its kind and a variant; the same name gives the same pixels everywhere. Their colours are drawn
freely, as in Tobin et al. 2017 ("Domain randomization for transferring deep neural networks ...", section III).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sim2real.errors import BadInputError, MissingDependencyError

PATTERNS = ("gradient", "checker", "noise", "stripes", "wood", "carpet")
DRAWN = ("gradient", "checker", "noise", "stripes")  # kinds that randomization draws, see visual_vocabulary.TEXTURES
VARIANTS = 48  # of each kind
SIZE = 64  # [pixels]
OWN_SIZE = 128  # [pixels] of a thing's own pattern, which is looked at from nearby
_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
_MAX_FILES, _MAX_BYTES = 512, 32 << 20


def texture(kind: str, variant: int, size: int = SIZE) -> np.ndarray:
    """Pixels (size, size, 3) uint8 of a pattern's variant."""
    random = np.random.default_rng([PATTERNS.index(kind), variant])
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
    weight = _WEIGHTS[kind](x, y, random)
    first, second = _colours(kind, random)
    mixed = first + np.atleast_3d(weight) * (second - first)
    return np.round(255.0 * np.clip(mixed, 0.0, 1.0)).astype(np.uint8)


@functools.cache
def bank(kinds: Sequence[str] = DRAWN, size: int = SIZE) -> np.ndarray:
    """All variants of ``kinds``, shape (len(kinds), VARIANTS, size, size, 3) uint8, made once; not to be written to."""
    made = np.stack([[texture(kind, variant, size) for variant in range(VARIANTS)] for kind in kinds])
    made.flags.writeable = False
    return made


def pictures(folder: str | Path, size: int = SIZE) -> np.ndarray:
    """Pictures of a folder as square textures, shape (k, size, size, 3) uint8, in the order of their names.

    Raises:
        BadInputError: No folder, no picture in it, or one that cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInputError(f"expected a folder with pictures, got {folder}; give one that exists")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)[:_MAX_FILES]
    if not files:
        raise BadInputError(f"{folder}: there is no picture ({', '.join(_SUFFIXES)}) in it; put some there")
    return np.stack([_read(path, size) for path in files])


def _read(path: Path, size: int) -> np.ndarray:
    try:
        import cv2
    except ImportError as error:
        raise MissingDependencyError("pictures as textures need OpenCV: pip install 'sim2real[cameras]'") from error
    if path.stat().st_size > _MAX_BYTES:
        raise BadInputError(f"{path}: {path.stat().st_size >> 20} MiB, at most {_MAX_BYTES >> 20} are read; make it "
                            "smaller")
    try:
        found = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (cv2.error, OSError):  # an empty file; one that may not be read
        found = None
    if found is None:
        raise BadInputError(f"{path}: cannot be read as a picture; remove it, or save it as PNG")
    side = min(found.shape[:2])
    top, left = (found.shape[0] - side) // 2, (found.shape[1] - side) // 2
    square = cv2.resize(found[top:top + side, left:left + side], (size, size), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(square[:, :, ::-1])


# ------------------------------------------------------------------ patterns: weights (size, size) of the second colour
def _gradient(x: np.ndarray, y: np.ndarray, random: np.random.Generator) -> np.ndarray:
    angle = random.uniform(0.0, 2.0 * np.pi)
    return np.clip(0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle), 0.0, 1.0)


def _checker(x: np.ndarray, y: np.ndarray, random: np.random.Generator) -> np.ndarray:
    across, down = random.integers(2, 9, 2)
    return ((np.floor(x * across) + np.floor(y * down)) % 2.0)


def _stripes(x: np.ndarray, y: np.ndarray, random: np.random.Generator) -> np.ndarray:
    angle, count, share = random.uniform(0.0, np.pi), random.uniform(2.0, 12.0), random.uniform(0.3, 0.7)
    return ((count * (x * np.cos(angle) + y * np.sin(angle))) % 1.0 < share).astype(float)


def _noise(x: np.ndarray, y: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Octaves of smooth value noise in three channels that go together by half."""
    smooth = random.uniform(0.6, 2.2)  # the larger, the less detail
    common, own = _octaves(len(x), smooth, random, 1), _octaves(len(x), smooth, random, 3)
    return np.clip(0.5 + 0.9 * (0.6 * common + 0.4 * own), 0.0, 1.0)


def _octaves(size: int, smooth: float, random: np.random.Generator, channels: int) -> np.ndarray:
    """Noise about zero whose amplitude falls as frequency^-smooth: white noise filtered in the Fourier domain."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]) * size
    gain = np.where(frequency > 0.0, np.maximum(frequency, 1.0) ** -smooth, 0.0)
    white = np.fft.rfft2(random.standard_normal((channels, size, size)))
    out = np.fft.irfft2(gain * white, s=(size, size))
    return np.moveaxis(out / out.std(axis=(1, 2), keepdims=True) / 2.5, 0, -1)


def _wood(x: np.ndarray, y: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Planks along x with grain."""
    planks = int(random.integers(5, 13))
    plank = np.floor(y * planks).astype(int)
    tone, shift = random.uniform(-0.2, 0.2, planks + 1), random.uniform(0.0, 1.0, planks + 1)
    grain = 0.25 * np.sin(2.0 * np.pi * (3.0 * y * planks + 0.6 * np.sin(2.0 * np.pi * (x + shift[plank]))))
    return np.clip(0.5 + tone[plank] + grain + 0.15 * _octaves(len(x), 0.8, random, 1)[..., 0], 0.0, 1.0)


def _carpet(x: np.ndarray, y: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return np.clip(0.5 + 0.7 * _octaves(len(x), random.uniform(0.0, 0.4), random, 1), 0.0, 1.0)


_WEIGHTS = {"gradient": _gradient, "checker": _checker, "noise": _noise, "stripes": _stripes, "wood": _wood,
            "carpet": _carpet}


def _colours(kind: str, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two colours (3,) between which the weights mix: of a real material bright ones, which its own colour tints."""
    if kind in ("wood", "carpet"):
        return np.full(3, random.uniform(0.55, 0.75)), np.ones(3)
    return random.uniform(0.0, 1.0, 3), random.uniform(0.0, 1.0, 3)
