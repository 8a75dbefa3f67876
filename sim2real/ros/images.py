"""Camera messages as arrays: every common encoding of sensor_msgs/Image, and sensor_msgs/CompressedImage.

Colour and grey pictures become RGB uint8 (height, width, 3), depth becomes float32 (height, width) in [m], NaN where
nothing was measured (REP 118). What cannot be converted exactly is rejected with one line. Messages are taken by
attribute and converted without a copy where that is possible, so results are read only.
"""

from __future__ import annotations

import operator
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim2real.errors import DeploymentError, MissingDependencyError

MAX_BYTES = 64 * 2**20  # of a message, and of the array made of it
MAX_SIDE = 16_384  # pixels
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"\x00\x00\x00\x00IEND\xaeB`\x82"
_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_MAX_SEGMENTS = 1000  # of a JPEG before its size; cameras write about ten


@dataclass(frozen=True)
class Encoding:
    """How pixels lie in a message.

    Attributes:
        kind: "color", "mono" or "depth": encodings of one kind stand in for each other.
        channels: Numbers a pixel.
        dtype: Their type, byte order apart.
        convert: OpenCV's conversion to RGB, "" where none is needed.
    """

    kind: str
    channels: int = 1
    dtype: str = "u1"
    convert: str = ""


# Bayer: ROS names the pattern by its first two rows, OpenCV's old names by the second row's second and third pixel.
ENCODINGS: dict[str, Encoding] = {
    "rgb8": Encoding("color", 3),
    "bgr8": Encoding("color", 3, convert="BGR2RGB"),
    "rgba8": Encoding("color", 4, convert="RGBA2RGB"),
    "bgra8": Encoding("color", 4, convert="BGRA2RGB"),
    "8UC3": Encoding("color", 3),  # names no order of colours: taken as RGB, as rqt_image_view does
    "bayer_rggb8": Encoding("color", convert="BayerBG2RGB"),
    "bayer_bggr8": Encoding("color", convert="BayerRG2RGB"),
    "bayer_gbrg8": Encoding("color", convert="BayerGR2RGB"),
    "bayer_grbg8": Encoding("color", convert="BayerGB2RGB"),
    "mono8": Encoding("mono", convert="GRAY2RGB"),
    "8UC1": Encoding("mono", convert="GRAY2RGB"),
    "mono16": Encoding("mono", dtype="u2", convert="GRAY2RGB"),
    "16UC1": Encoding("depth", dtype="u2"),  # [mm]
    "32FC1": Encoding("depth", dtype="f4"),  # [m]
}


def decode(message: Any, expected: str | None = None) -> np.ndarray:
    """The picture in a sensor_msgs Image or CompressedImage.

    Args:
        message: Anything with the fields of either.
        expected: An encoding; messages of another kind are rejected, those of the same kind converted.

    Returns:
        RGB uint8 (height, width, 3), or depth in [m] as float32 (height, width) with NaN where nothing was measured.

    Raises:
        DeploymentError: The message is damaged, too large, or not what was expected.
        MissingDependencyError: The conversion needs OpenCV.
    """
    encoding, pixels = _unpack(message) if hasattr(message, "encoding") else _decompress(message)
    kind = ENCODINGS[encoding].kind
    if expected is not None and kind != ENCODINGS[expected].kind:
        raise DeploymentError(f"image: expected {expected} or another encoding of kind {ENCODINGS[expected].kind}, got "
                              f"{encoding} ({kind}); correct the driver's setting or 'encoding' in the ros section")
    pixels = _depth(pixels) if kind == "depth" else _colors(pixels, encoding)
    pixels.flags.writeable = False
    return pixels


def cv2() -> Any:
    """OpenCV, loaded where it is needed first; raises MissingDependencyError with what to install."""
    try:
        import cv2 as library
    except ImportError as error:
        raise MissingDependencyError("camera images need OpenCV: pip install opencv-python-headless, or apt install "
                                     f"python3-opencv ({error})") from error
    return library


# ------------------------------------------------------------------------------------------------- sensor_msgs/Image
def _unpack(message: Any) -> tuple[str, np.ndarray]:
    """Encoding and a view (height, width[, channels]) of the message's own pixels, in its byte order."""
    name = message.encoding
    if not isinstance(name, str) or name not in ENCODINGS:
        raise DeploymentError(f"image: unknown encoding {str(name)[:40]!r}; known: {', '.join(ENCODINGS)}")
    encoding = ENCODINGS[name]
    height, width = _size(message.height, message.width)
    step, row = _whole(message.step, "step"), width * encoding.channels * np.dtype(encoding.dtype).itemsize
    data = _bytes(message.data)
    if step < row:
        raise DeploymentError(f"image: step {step} is less than a row of {width} pixels {name}, {row} bytes; "
                              "the driver fills the message wrongly")
    if len(data) != step * height:
        raise DeploymentError(f"image: expected {step * height} bytes ({height} rows of step {step}), got {len(data)}; "
                              "the message is damaged")
    if name.startswith("bayer") and min(height, width) < 3:
        raise DeploymentError(f"image: a bayer pattern needs 3 x 3 pixels at least, got {width} x {height}")
    dtype = np.dtype(encoding.dtype).newbyteorder(">" if message.is_bigendian else "<")
    shape, strides = (height, width), (step, encoding.channels * dtype.itemsize)
    if encoding.channels > 1:
        shape, strides = (*shape, encoding.channels), (*strides, dtype.itemsize)
    return name, np.ndarray(shape, dtype, buffer=data, strides=strides)


def _bytes(data: Any) -> np.ndarray:
    """The bytes (n,) of a message's data, not copied."""
    try:
        flat = np.frombuffer(data, np.uint8)
    except (TypeError, ValueError, BufferError) as error:
        if hasattr(data, "__len__") and len(data) == 0:
            raise DeploymentError("image: the message holds no data; the driver sends empty images") from None
        raise DeploymentError(f"image: expected the data as bytes, got {type(data).__name__} ({error})") from None
    if len(flat) > MAX_BYTES:
        raise DeploymentError(f"image: {len(flat)} bytes are more than {MAX_BYTES}; let the driver send smaller ones")
    return flat


def _whole(value: Any, name: str) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise DeploymentError(f"image: expected {name} as a whole number, got {str(value)[:40]!r}") from None


def _size(height: Any, width: Any) -> tuple[int, int]:
    """Height and width in [pixels] that are possible and fit into memory, three bytes or a float a pixel."""
    height, width = _whole(height, "height"), _whole(width, "width")
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE and 4 * height * width <= MAX_BYTES):
        raise DeploymentError(f"image: expected 1 to {MAX_SIDE} pixels a side and at most {MAX_BYTES // 4} in all, "
                              f"got {width} x {height}")
    return height, width


# ------------------------------------------------------------------------------------------ sensor_msgs/CompressedImage
def _decompress(message: Any) -> tuple[str, np.ndarray]:
    """Encoding and pixels of a JPEG or PNG file; its size is read and bounded before anything is unpacked."""
    data = _bytes(message.data)
    size = _size(*_png_size(data) if data[:8].tobytes() == _PNG else _jpeg_size(data))
    library = cv2()
    try:
        pixels = library.imdecode(data, library.IMREAD_UNCHANGED)  # unlike IMREAD_COLOR it does not turn by EXIF
    except library.error:
        pixels = None
    if pixels is None or pixels.shape[:2] != size:
        raise DeploymentError("image: the compressed data cannot be decoded; the message is damaged")
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype == np.uint16 and channels == 1:
        return ("16UC1" if str(message.format).startswith("16UC1") else "mono16"), pixels.reshape(size)
    if pixels.dtype != np.uint8 or channels not in (1, 3, 4):
        raise DeploymentError(f"image: a compressed image of {channels} channels {pixels.dtype} is not supported; let "
                              "the driver send 8 bit jpeg or png, or 16 bit grey png")
    return {1: "mono8", 3: "bgr8", 4: "bgra8"}[channels], pixels if channels > 1 else pixels.reshape(size)


def _png_size(data: np.ndarray) -> tuple[int, int]:
    """Height and width of a PNG: its first chunk, IHDR, is 13 bytes long."""
    if len(data) < 45 or data[8:16].tobytes() != b"\x00\x00\x00\x0dIHDR" or data[-12:].tobytes() != _PNG_END:
        raise DeploymentError("image: the png is cut off or damaged")
    width, height = struct.unpack(">II", data[16:24])
    return height, width


def _jpeg_size(data: np.ndarray) -> tuple[int, int]:
    """Height and width of a JPEG: of its frame header (ITU T.81, B.2.2), which comes after tables and notes."""
    if data[:3].tobytes() != _JPEG:
        raise DeploymentError("image: expected compressed data that is jpeg or png; compressedDepth and others are not "
                              "supported, take the raw topic")
    if _JPEG_END not in data[-1024:].tobytes():  # some cameras pad after it
        raise DeploymentError("image: the jpeg is cut off")
    at = 2
    for _ in range(_MAX_SEGMENTS):
        if at + 9 > len(data) or data[at] != 0xFF or data[at + 1] == 0xDA:
            break
        marker, length = int(data[at + 1]), struct.unpack(">H", data[at + 2:at + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return struct.unpack(">HH", data[at + 5:at + 9])
        at += 1 if marker == 0xFF else 2 + length
    raise DeploymentError("image: the jpeg has no frame header; the message is damaged")


# ------------------------------------------------------------------------------------------------------- to one form
def _colors(pixels: np.ndarray, encoding: str) -> np.ndarray:
    if pixels.dtype.itemsize == 2:  # to 8 bits as cv_bridge does: full scale stays full scale
        pixels = (pixels * np.float32(1.0 / 257.0) + np.float32(0.5)).astype(np.uint8)
    convert = ENCODINGS[encoding].convert
    if not convert:
        return pixels
    library = cv2()
    return library.cvtColor(pixels, getattr(library, f"COLOR_{convert}"))


def _depth(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype.itemsize == 2:
        metres = np.divide(pixels, np.float32(1000.0), dtype=np.float32)
        metres[pixels == 0] = np.nan
        return metres
    return np.require(pixels.astype(np.float32, copy=False), requirements="A")  # rows may begin between two floats
