"""Images of one domain, from a folder or an array file; bounded, checked, and never unpickled."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2real.errors import BadInputError, MissingDependencyError
from sim2real.files import read_at_most

LEAST_IMAGES = 64  # of each domain: some to train with, some held out for the probe
MOST_IMAGES = 500_000
MOST_BYTES = 8 << 30  # of all pixels of a domain
MOST_FILE_BYTES = 64 << 20  # of one picture
MOST_SIDE = 8192  # pixels of one picture
SUFFIXES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Images:
    """Images of one domain.

    Attributes:
        name: The path that was given, for messages.
        pixels: uint8, shape (n, h, w, 3) RGB, or (n, h, w, 1) where all are grey.
        keys: What labels and pairs call each image: its file name, or its number in the array.
        labels: Labels that came in the same file, (n,) or (n, k); None without any.
    """

    name: str
    pixels: np.ndarray
    keys: tuple[str, ...]
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.pixels)


def load_images(path: str | Path, size: tuple[int, int] | None = None) -> Images:
    """The images at ``path``.

    Args:
        path: A folder of PNG and JPEG files (taken in the order of their names), or a .npy or .npz file with one array
            of uint8 images, (n, h, w), (n, h, w, 1) or (n, h, w, 3). A .npz may hold labels beside it, named ``labels``
            or ``y``.
        size: (width, height) in pixels to bring every image to; by default all must have one size already.

    Raises:
        BadInputError: Nothing there, unreadable, of mixed sizes, too few or too many.
    """
    path = Path(path)
    if path.is_dir():
        images = _from_folder(path, size)
    elif path.suffix.lower() in (".npy", ".npz") and path.is_file():
        images = _from_array(path, size)
    elif path.exists():
        raise BadInputError(f"{path}: expected a folder of PNG or JPEG files, or a .npy or .npz file with images")
    else:
        raise BadInputError(f"{path}: no such folder or file; expected a folder of images, or a .npy or .npz file")
    if len(images) < LEAST_IMAGES:
        raise BadInputError(f"{path}: {len(images)} images are too few; each domain needs {LEAST_IMAGES} at least")
    return images


def match(source: Images, target: Images) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of both domains in one form: (n, h, w, c) and (m, h, w, c), grey only where both are.

    Raises:
        BadInputError: They differ in size.
    """
    a, b = source.pixels, target.pixels
    if a.shape[1:3] != b.shape[1:3]:
        raise BadInputError(f"{source.name} has images of {a.shape[2]} x {a.shape[1]} pixels, {target.name} of "
                            f"{b.shape[2]} x {b.shape[1]}; bring both to one size with --size WIDTHxHEIGHT")
    channels = max(a.shape[3], b.shape[3])
    return tuple(np.repeat(x, 3, axis=3) if x.shape[3] < channels else x for x in (a, b))


# ----------------------------------------------------------------------------------------------------------- folders
def _from_folder(folder: Path, size: tuple[int, int] | None) -> Images:
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
    except OSError as error:
        raise BadInputError(f"{folder}: {error.strerror or error}") from error
    if not files:
        raise BadInputError(f"{folder}: there are no images in it; expected files that end in {', '.join(SUFFIXES)}")
    _bound(folder, len(files), 0)
    pixels: np.ndarray | None = None
    for k, file in enumerate(files):
        image = read_image(file, size)
        if pixels is None:
            _bound(folder, len(files), image.size)
            pixels = np.empty((len(files), *image.shape), np.uint8)
        if image.shape != pixels.shape[1:]:
            raise BadInputError(f"{folder}: {files[0].name} has {pixels.shape[2]} x {pixels.shape[1]} pixels, "
                                f"{file.name} {image.shape[1]} x {image.shape[0]}; expected one size, or give --size "
                                "WIDTHxHEIGHT")
        pixels[k] = image
    return Images(str(folder), _grey_if_all_are(pixels), tuple(file.name for file in files))


def read_image(file: Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """One PNG or JPEG file of 8 bits a channel as RGB uint8 (h, w, 3); its size is known before it is decoded.

    Args:
        file: The file.
        size: (width, height) to bring it to, by averaging where it shrinks.

    Raises:
        BadInputError: It cannot be read, is too large, or has more than 8 bits a channel.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError("pictures need the package pillow: pip install pillow") from error
    try:
        with Image.open(io.BytesIO(read_at_most(file, MOST_FILE_BYTES)), formats=("PNG", "JPEG")) as picture:
            if max(picture.size) > MOST_SIDE:
                raise BadInputError(f"{file}: {picture.width} x {picture.height} pixels are too many; at most "
                                    f"{MOST_SIDE} a side are read")
            if picture.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK"):
                raise BadInputError(f"{file}: expected 8 bits a channel, got a picture of mode {picture.mode}; convert "
                                    "it")
            picture = picture.convert("RGB")
            if size is not None and picture.size != size:
                picture = picture.resize(size, Image.Resampling.BOX if picture.width > size[0] else
                                         Image.Resampling.BILINEAR)
            return np.asarray(picture)
    except BadInputError:
        raise
    except OSError as error:
        raise BadInputError(f"{file}: cannot be read as a picture: {error.strerror or 'it is damaged or cut off'}; "
                            "replace or remove it") from error
    except Exception as error:  # pillow's decoders raise what they like on damaged files
        raise BadInputError(f"{file}: cannot be read as a picture: {error}; replace or remove it") from error


# ------------------------------------------------------------------------------------------------------------ arrays
def _from_array(path: Path, size: tuple[int, int] | None) -> Images:
    arrays = read_arrays(path)
    pictures = {name: array for name, array in arrays.items() if array.dtype == np.uint8 and array.ndim in (3, 4)}
    if len(pictures) != 1:
        found = ", ".join(f"{name} {array.dtype} {array.shape}" for name, array in arrays.items()) or "nothing"
        raise BadInputError(f"{path}: expected one array of uint8 images (n, h, w) or (n, h, w, 3), got {found}"[:500])
    (name, pixels), = pictures.items()
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    if pixels.shape[3] not in (1, 3) or pixels.size == 0:
        raise BadInputError(f"{path}: expected images with 1 or 3 channels last, got the shape {pixels.shape}")
    labels = next((arrays[key] for key in ("labels", "y") if key in arrays and key != name), None)
    if size is not None and (pixels.shape[2], pixels.shape[1]) != size:
        pixels = _resized(pixels, size)
    return Images(str(path), _grey_if_all_are(pixels), tuple(map(str, range(len(pixels)))), labels)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .npz file by name, or the one of a .npy file; sizes are known before anything is unpacked.

    Raises:
        BadInputError: It cannot be read, is too large, or holds Python objects.
    """
    try:
        if path.suffix.lower() == ".npy":
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            _bound(path, len(array) if array.ndim else 0, array[:1].size * array.itemsize if array.ndim else 0)
            return {"array": np.array(array)}
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > 16 or sum(member.file_size for member in members) > MOST_BYTES:
                raise BadInputError(f"{path}: expected at most 16 arrays of {MOST_BYTES >> 30} GiB together")
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except BadInputError:
        raise
    except (OSError, ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile, NotImplementedError) as error:
        raise BadInputError(f"{path}: cannot be read as an array file without Python objects: {error}") from error


def _resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    from PIL import Image

    way = Image.Resampling.BOX if pixels.shape[2] > size[0] else Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(image.squeeze()).resize(size, way)).reshape(size[1], size[0], -1)
                     for image in pixels])


def _bound(path: Path, count: int, bytes_each: int) -> None:
    if count > MOST_IMAGES or count * bytes_each > MOST_BYTES:
        raise BadInputError(f"{path}: {count} images of {bytes_each} bytes are too many; at most {MOST_IMAGES} images "
                            f"and {MOST_BYTES >> 30} GiB are read")


def _grey_if_all_are(pixels: np.ndarray) -> np.ndarray:
    """One channel is enough where red, green and blue are equal everywhere."""
    if pixels.shape[3] == 3 and (pixels[..., :1] == pixels[..., 1:]).all():
        return np.ascontiguousarray(pixels[..., :1])
    return pixels
