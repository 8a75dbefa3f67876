"""Pictures out of messages: golden values by hand for every encoding, and nothing but one line for what is damaged."""

from __future__ import annotations

import array
import sys
from types import SimpleNamespace as Struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim2real.errors import DeploymentError, MissingDependencyError
from sim2real.ros.context import message_class
from sim2real.ros.images import ENCODINGS, MAX_BYTES, decode

BAYER = [name for name in ENCODINGS if name.startswith("bayer")]


def image(encoding, data, height=1, width=2, step=None, big=False):
    row = len(data) // max(height, 1)
    return Struct(encoding=encoding, height=height, width=width, step=row if step is None else step,
                  is_bigendian=int(big), data=array.array("B", bytes(data)))


def real(made):
    """The same as a sensor_msgs/msg/Image."""
    message = message_class("sensor_msgs/msg/Image")()
    for name, value in vars(made).items():
        setattr(message, name, value)
    return message


def compressed(data, form="jpeg"):
    message = message_class("sensor_msgs/msg/CompressedImage")()
    message.format, message.data = form, array.array("B", bytes(data))
    return message


# two pixels: encoding, bytes, big endian, what they are
RED_BLUE = [[[255, 10, 0], [0, 20, 254]]]
GREYS = [[[7, 7, 7], [200, 200, 200]]]
GOLDEN = [
    ("rgb8", [255, 10, 0, 0, 20, 254], False, RED_BLUE),
    ("8UC3", [255, 10, 0, 0, 20, 254], False, RED_BLUE),
    ("bgr8", [0, 10, 255, 254, 20, 0], False, RED_BLUE),
    ("rgba8", [255, 10, 0, 9, 0, 20, 254, 8], False, RED_BLUE),
    ("bgra8", [0, 10, 255, 9, 254, 20, 0, 8], False, RED_BLUE),
    ("mono8", [7, 200], False, GREYS),
    ("8UC1", [7, 200], True, GREYS),  # single bytes have no order
    ("mono16", [0xFF, 0xFF, 0x01, 0x02], False, [[[255] * 3, [2] * 3]]),  # 65535 / 257 = 255; 513 / 257 = 1.996
    ("mono16", [0xFF, 0xFF, 0x02, 0x01], True, [[[255] * 3, [2] * 3]]),
    ("16UC1", [0xE8, 0x03, 0xC4, 0x09], False, [[1.0, 2.5]]),  # 0x03E8 = 1000 mm, 0x09C4 = 2500 mm
    ("16UC1", [0x03, 0xE8, 0x09, 0xC4], True, [[1.0, 2.5]]),
    ("16UC1", [0x00, 0x00, 0x01, 0x00], False, [[np.nan, 0.001]]),  # 0 is "no measurement"
    ("32FC1", [0x00, 0x00, 0x80, 0x3F, 0x00, 0x00, 0x20, 0x40], False, [[1.0, 2.5]]),  # 0x3F800000, 0x40200000
    ("32FC1", [0x3F, 0x80, 0x00, 0x00, 0x40, 0x20, 0x00, 0x00], True, [[1.0, 2.5]]),
    ("32FC1", [0x00, 0x00, 0xC0, 0x7F, 0x00, 0x00, 0x80, 0x7F], False, [[np.nan, np.inf]]),
]


@pytest.mark.parametrize(("encoding", "data", "big", "expected"), GOLDEN)
@pytest.mark.parametrize("make", [lambda m: m, real], ids=["plain", "sensor_msgs"])
def test_golden_values(make, encoding, data, big, expected):
    pixels = decode(make(image(encoding, data, big=big)), encoding)
    depth = ENCODINGS[encoding].kind == "depth"
    assert pixels.dtype == (np.float32 if depth else np.uint8) and pixels.dtype.isnative
    np.testing.assert_array_equal(pixels, np.array(expected, pixels.dtype))
    assert not pixels.flags.writeable


def test_every_encoding_is_tested_by_hand():
    assert {row[0] for row in GOLDEN} | set(BAYER) == set(ENCODINGS)


@pytest.mark.parametrize("encoding", BAYER)
@pytest.mark.parametrize("make", [lambda m: m, real], ids=["plain", "sensor_msgs"])
def test_bayer_patterns_of_one_colour(make, encoding):
    """Every pixel sees (200, 100, 50) through its own filter, so demosaicing finds that colour everywhere."""
    value = {"r": 200, "g": 100, "b": 50}
    first, second = encoding[6:8], encoding[8:10]
    rows = [[value[first[x % 2]] if y % 2 == 0 else value[second[x % 2]] for x in range(6)] for y in range(4)]
    pixels = decode(make(image(encoding, sum(rows, []), 4, 6)), "rgb8")
    np.testing.assert_array_equal(pixels, np.broadcast_to([200, 100, 50], (4, 6, 3)))


def test_sixteen_bit_grey_is_rounded_as_it_should_be():
    values = np.arange(65536, dtype="<u2")
    pixels = decode(image("mono16", values.tobytes(), 256, 256))
    np.testing.assert_array_equal(pixels[..., 0].ravel(), np.rint(np.arange(65536) / 257.0))  # 257 is odd: no ties


@pytest.mark.parametrize(("encoding", "data", "big", "expected"), GOLDEN)
@pytest.mark.parametrize("padding", [1, 2, 7])  # odd ones put 16 bit and float rows between two numbers
def test_padded_rows(encoding, data, big, expected, padding):
    rows = [*data, *[99] * padding] * 2
    pixels = decode(image(encoding, rows, 2, 2, big=big))
    np.testing.assert_array_equal(pixels, np.array([*expected, *expected], pixels.dtype))


@pytest.mark.parametrize(("encoding", "copied"), [("rgb8", False), ("32FC1", False), ("bgr8", True)])
def test_nothing_is_copied_where_nothing_has_to_be_converted(encoding, copied):
    message = image(encoding, bytes(24), 2, 24 // 2 // (4 if encoding == "32FC1" else 3))
    assert np.shares_memory(decode(message), np.frombuffer(message.data, np.uint8)) is not copied


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda b: np.frombuffer(b, np.uint8)])
def test_data_may_be_any_bytes(kind):
    message = image("rgb8", bytes(6))
    message.data = kind(bytes([1, 2, 3, 4, 5, 6]))
    np.testing.assert_array_equal(decode(message), [[[1, 2, 3], [4, 5, 6]]])


@pytest.mark.parametrize(("changes", "line"), [
    ({"encoding": "rgb9"}, "unknown encoding 'rgb9'; known: rgb8, bgr8"),
    ({"encoding": ""}, "unknown encoding ''"),
    ({"encoding": None}, "unknown encoding 'None'"),
    ({"encoding": ["rgb8"]}, "unknown encoding"),
    ({"height": 0}, "expected 1 to 16384 pixels a side .* got 2 x 0"),
    ({"width": 0}, "got 0 x 1"),
    ({"width": -2}, "got -2 x 1"),
    ({"height": 2**32 - 1}, "got 2 x 4294967295"),
    ({"height": 16384, "width": 16384}, "got 16384 x 16384"),
    ({"width": 2.0}, "expected width as a whole number, got '2.0'"),
    ({"step": 5}, "step 5 is less than a row of 2 pixels rgb8, 6 bytes"),
    ({"step": 0}, "step 0 is less than a row"),
    ({"step": 7}, r"expected 7 bytes \(1 rows of step 7\), got 6"),
    ({"step": 2**32 - 1}, "expected 4294967295 bytes"),
    ({"data": b"12345"}, "expected 6 bytes .* got 5"),
    ({"data": b"1234567"}, "expected 6 bytes .* got 7"),
    ({"data": b""}, "image: "),
    ({"data": [1, 2, 3, 4, 5, 6]}, "expected the data as bytes, got list"),
    ({"data": "123456"}, "expected the data as bytes, got str"),
    ({"data": bytes(MAX_BYTES + 1)}, "are more than"),
])
def test_what_is_damaged_is_rejected_with_one_line(changes, line):
    message = image("rgb8", bytes(6))
    for name, value in changes.items():
        setattr(message, name, value)
    with pytest.raises(DeploymentError, match=line) as caught:
        decode(message)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize("encoding", BAYER)
def test_a_bayer_pattern_too_small_to_fill_in_is_rejected(encoding):
    with pytest.raises(DeploymentError, match="3 x 3 pixels at least, got 2 x 2"):
        decode(image(encoding, bytes(4), 2, 2))


@pytest.mark.parametrize(("encoding", "expected", "fits"), [
    ("bgr8", "rgb8", True), ("bayer_rggb8", "rgb8", True), ("mono16", "mono8", True), ("32FC1", "16UC1", True),
    ("mono8", "rgb8", False), ("32FC1", "rgb8", False), ("16UC1", "mono16", False), ("rgb8", "16UC1", False)])
def test_another_encoding_of_the_same_kind_is_converted_others_are_rejected(encoding, expected, fits):
    form = ENCODINGS[encoding]
    message = image(encoding, bytes(9 * form.channels * np.dtype(form.dtype).itemsize), 3, 3)
    if fits:
        assert decode(message, expected).shape[:2] == (3, 3)
    else:
        with pytest.raises(DeploymentError, match=f"expected {expected} .* got {encoding}"):
            decode(message, expected)


def survives(message):
    """Decode: a picture of the right form, or one line."""
    try:
        pixels = decode(message)
    except DeploymentError as error:
        assert "\n" not in str(error)
        return False
    assert pixels.dtype in (np.uint8, np.float32) and pixels.size <= MAX_BYTES
    pixels.tobytes()  # reads every byte: a view past the end of the buffer would show
    return True


anything = st.one_of(st.integers(-2, 9), st.integers(0, 2**32 - 1), st.sampled_from([2**31, 2**63, 2**80]))


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.sampled_from(sorted(ENCODINGS)), st.text(max_size=8)), anything, anything, anything,
       st.integers(0, 255), st.binary(max_size=200))
def test_random_headers_and_buffers(encoding, height, width, step, big, data):
    survives(Struct(encoding=encoding, height=height, width=width, step=step, is_bigendian=big, data=data))


def test_two_thousand_mutated_messages():
    rng = np.random.default_rng(7)
    good = 0
    for k in range(2000):
        name = sorted(ENCODINGS)[k % len(ENCODINGS)]
        height, width = (int(x) for x in rng.integers(3, 12, 2))
        row = width * ENCODINGS[name].channels * np.dtype(ENCODINGS[name].dtype).itemsize
        step = row + int(rng.integers(0, 4))
        message = real(image(name, rng.bytes(step * height), height, width, step, bool(rng.integers(2))))
        for _ in range(int(rng.integers(0, 3))):
            what = rng.integers(6)
            if what == 0:
                message.height = int(rng.choice([0, 1, height + 1, 2**32 - 1, int(rng.integers(2**32))]))
            elif what == 1:
                message.width = int(rng.choice([0, 1, width + 1, 2**32 - 1, int(rng.integers(2**32))]))
            elif what == 2:
                message.step = int(rng.choice([0, 1, step - 1, step + 1, 2**32 - 1, int(rng.integers(2**32))]))
            elif what == 3:
                message.encoding = str(rng.choice([*ENCODINGS, "rgb16", "yuv422", "RGB8", "\x00"]))
            elif what == 4:
                message.data = message.data[:int(rng.integers(len(message.data) + 1))]
            else:
                message.is_bigendian = int(rng.integers(256))
        good += survives(message)
    assert 500 < good < 1500  # the untouched third and harmless changes; damage is found


# ------------------------------------------------------------------------------------------------- compressed
@pytest.fixture(scope="module")
def cv2():
    import cv2 as library

    return library


def smooth(height=24, width=32):
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([4 * x, 6 * y, np.full_like(x, 60)], axis=-1).astype(np.uint8)


def test_png_is_exact_and_jpeg_is_close(cv2):
    rgb = smooth()
    png = cv2.imencode(".png", rgb[..., ::-1])[1]
    np.testing.assert_array_equal(decode(compressed(png, "bgr8; png compressed bgr8"), "rgb8"), rgb)
    jpeg = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    assert np.abs(decode(compressed(jpeg), "rgb8").astype(int) - rgb).max() <= 12
    assert decode(compressed([*jpeg, *bytes(100)])).shape == (24, 32, 3)  # padded by the camera
    grey = cv2.imencode(".png", rgb[..., 0])[1]
    np.testing.assert_array_equal(decode(compressed(grey), "mono8"), np.repeat(rgb[..., :1], 3, axis=2))
    alpha = cv2.imencode(".png", np.dstack([rgb[..., ::-1], rgb[..., :1]]))[1]
    np.testing.assert_array_equal(decode(compressed(alpha)), rgb)


def test_depth_in_a_png(cv2):
    png = cv2.imencode(".png", np.array([[0, 1500]], np.uint16))[1]
    np.testing.assert_array_equal(decode(compressed(png, "16UC1; png compressed "), "16UC1"),
                                  np.array([[np.nan, 1.5]], np.float32))
    np.testing.assert_array_equal(decode(compressed(png, "mono16; png compressed "))[0, :, 0], [0, 6])  # 1500 / 257


def test_compressed_data_that_is_damaged_is_rejected(cv2):
    png, jpeg = (cv2.imencode(form, smooth())[1].tobytes() for form in (".png", ".jpg"))
    for data, line in [(b"", "no data|jpeg or png"), (b"GIF89a" + bytes(100), "expected compressed data that is jpeg"),
                       (png[:-20], "png is cut off"), (png[:60] + png[70:], "cannot be decoded"),
                       (jpeg[:len(jpeg) // 2], "jpeg is cut off"), (b"\xff\xd8\xff\xd9", "no frame header"),
                       (b"\xff\xd8" + b"\xff\xe0\x00\x02" * 10**6 + b"\xff\xd9", "no frame header")]:
        with pytest.raises(DeploymentError, match=line):
            decode(compressed(data))


def test_a_bomb_is_not_unpacked(cv2):
    """A size of 60000 x 60000 in the header of a small file is refused before anything is allocated."""
    png = bytearray(cv2.imencode(".png", smooth())[1].tobytes())
    png[16:24] = (60000).to_bytes(4, "big") * 2
    jpeg = bytearray(cv2.imencode(".jpg", smooth())[1].tobytes())
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at:at + 4] = (60000).to_bytes(2, "big") * 2
    for data in (png, jpeg):
        with pytest.raises(DeploymentError, match="got 60000 x 60000"):
            decode(compressed(data))


def test_mutated_files(cv2):
    rng = np.random.default_rng(3)
    files = [cv2.imencode(form, smooth())[1].tobytes() for form in (".png", ".jpg")]
    good = 0
    for k in range(300):
        data = bytearray(files[k % 2])
        for _ in range(int(rng.integers(1, 4))):
            data[int(rng.integers(len(data)))] = int(rng.integers(256))
        good += survives(compressed(data[:len(data) - int(rng.integers(0, 3)) * 40]))
    assert good < 200


def test_without_opencv_the_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert decode(image("rgb8", bytes(6))).shape == (1, 2, 3)  # needs none
    with pytest.raises(MissingDependencyError, match="pip install opencv-python-headless"):
        decode(image("bgr8", bytes(6)))
