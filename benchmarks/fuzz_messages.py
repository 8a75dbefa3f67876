"""Fuzzed while a robot is driven: state messages, their bytes on the wire, images."""

from __future__ import annotations

import array
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzz_mutations import FLOATS, WORDS, damaged, pick
from benchmarks.fuzz_targets import Stream, Target, Unsafe, good_bundle
from sim2real.deployment.bundle import load_bundle
from sim2real.errors import DeploymentError
from sim2real.robots import load_robot
from sim2real.ros.context import import_ros, message_class
from sim2real.ros.messages import CommandReader, StateReader
from sim2real.ros.profiles import RosProfile
from sim2real.types import RobotState

_ROBOTS = ("ur5e", "crazyflie")
_NUMBERS = [*FLOATS, 1e-3, 3.2, -7.0, 720.0]
_MIME = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM", b"II*\x00", b"RIFF\x00\x00\x00\x00WEBP", b""]


class Driven:
    """A robot under way whose states come as messages, good ones and others by turns."""

    def __init__(self, robot: str):
        path = Path(f"{robot}.s2r")
        path.write_bytes(good_bundle(robot))
        self.stream = Stream(load_bundle(path))
        self.robot = load_robot(robot)
        self.profile = RosProfile.for_robot(self.robot)
        self.reader = StateReader(self.robot, self.profile)
        self._now = 0.0

    def good(self) -> Any:
        """A message as the driver sends it."""
        message = message_class(self.profile.state.type)()
        state = self.stream.near_home(np.random.default_rng(0), 0.0)
        if self.robot.kind == "arm":
            message.name = list(self.robot.joint_names)
            message.position, message.velocity = state.joint_position[0].tolist(), [0.0] * 6
        else:
            message.pose.pose.position.z = message.pose.pose.orientation.w = 1.0
        return message

    def feed(self, message: Any) -> bool:
        """One control period with that message, and one with a good one; whether it was taken."""
        taken = self._step(message)
        self._step(self.good())
        return taken

    def _step(self, message: Any) -> bool:
        self._now += self.stream.drive.stream.tick_period
        try:
            state: RobotState | None = self.reader.read(message, self._now)
        except DeploymentError as error:
            _check_words(error)
            state = None
        self.stream.step(self.stream.near_home(np.random.default_rng(0), 0.0) if state is None else state)
        return state is not None


def _check_words(error: Exception) -> None:
    if "\n" in str(error) or len(str(error)) > 2000:
        raise ValueError(f"the words about a message are {len(str(error))} long or have line breaks")


@cache
def driven(robot: str) -> Driven:
    """One for all inputs: what one message leaves behind meets the next."""
    return Driven(robot)


# ------------------------------------------------------------------------------------------------- messages
def fields_of(message: Any) -> list[tuple[Any, str]]:
    """(message, field) of everything in a message."""
    found, stack = [], [message]
    while stack:
        node = stack.pop()
        for name in node.get_fields_and_field_types():
            found.append((node, name))
            value = getattr(node, name)
            if hasattr(value, "get_fields_and_field_types"):
                stack.append(value)
    return found


def change_message(rng: np.random.Generator, message: Any) -> None:
    """Give some fields values that their types allow and that nobody expects."""
    for _ in range(int(rng.choice([1, 1, 2, 5]))):
        node, name = pick(rng, fields_of(message))
        value = getattr(node, name)
        if isinstance(value, float):
            setattr(node, name, float(pick(rng, _NUMBERS)))
        elif isinstance(value, bool):
            setattr(node, name, not value)
        elif isinstance(value, int):
            for number in (int(pick(rng, [0, 1, 2, 255, 2**16, 2**31 - 1, -1, -2**31, 2**32 - 1])), 0):
                try:
                    setattr(node, name, number)
                    break
                except (AssertionError, OverflowError):
                    continue
        elif isinstance(value, str):
            setattr(node, name, pick(rng, WORDS).encode("utf-8", "replace").decode())
        elif isinstance(value, list) and node.get_fields_and_field_types()[name].startswith("sequence<string"):
            words = [pick(rng, WORDS).encode("utf-8", "replace").decode() for _ in range(3)]
            setattr(node, name, pick(rng, [[], value[::-1], value[:-1], value * 2, (value * 334)[:3000], words,
                                           [*value[:-1], ""], [*value[1:], value[-1] if value else ""]]))
        elif isinstance(value, array.array):
            old = list(value)
            more = old * 334 if len(old) < 10_000 else old
            new = pick(rng, [[], old[:-1], old + old[:100], more, [pick(rng, _NUMBERS) for _ in old[:100]],
                             [*old[1:], pick(rng, _NUMBERS)] if old else [1.0] * 6])
            setattr(node, name, new if value.typecode == "d" else [int(np.nan_to_num(x)) % 256 for x in new])


def states(rng: np.random.Generator) -> bool:
    """State messages with hostile fields."""
    robot = driven(pick(rng, _ROBOTS))
    message = robot.good()
    change_message(rng, message)
    return robot.feed(message)


def wire(rng: np.random.Generator) -> bool:
    """The same as damaged bytes, as the network may bring them."""
    serialization = import_ros("rclpy.serialization")
    robot = driven(pick(rng, _ROBOTS))
    message = robot.good()
    kind, data = type(message), bytearray(serialization.serialize_message(message))
    data = data[:4] + damaged(rng, bytes(data[4:])) if rng.integers(4) else damaged(rng, bytes(data))
    try:
        message = serialization.deserialize_message(bytes(data), kind)
    except Exception:  # rclpy's own; a subscription drops such a message
        return False
    return robot.feed(message)


def commands(rng: np.random.Generator) -> bool:
    """What a twin is told, as its driver would be."""
    robot = driven(pick(rng, _ROBOTS))
    command = robot.profile.command(pick(rng, list(robot.profile.commands)))
    message = message_class(command.type)()
    change_message(rng, message)
    if hasattr(message, "points") and rng.integers(2):
        point = message_class("trajectory_msgs/msg/JointTrajectoryPoint")()
        change_message(rng, point)
        message.joint_names, message.points = list(robot.robot.joint_names), [point] * int(rng.integers(1, 3))
    return len(CommandReader(robot.robot, robot.profile, command).read(message)) > 0


def images(rng: np.random.Generator) -> bool:
    """Raw and compressed images whose fields, sizes and bytes do not fit each other."""
    from sim2real.ros.images import ENCODINGS, decode

    if rng.integers(2):
        height, width = (int(n) for n in rng.integers(1, 40, 2))
        encoding = pick(rng, list(ENCODINGS))
        step = width * ENCODINGS[encoding].channels * np.dtype(ENCODINGS[encoding].dtype).itemsize
        message = message_class("sensor_msgs/msg/Image")()
        message.height, message.width, message.step, message.encoding = height, width, step, encoding
        message.is_bigendian, message.data = int(rng.integers(2)), array.array("B", rng.bytes(height * step))
        change_message(rng, message) if rng.integers(4) else None
    else:
        message = message_class("sensor_msgs/msg/CompressedImage")()
        message.format = pick(rng, ["jpeg", "png", "rgb8; jpeg compressed bgr8", "16UC1; compressedDepth png", ""])
        message.data = array.array("B", damaged(rng, pick(rng, _pictures())) if rng.integers(6)
                                   else pick(rng, _MIME) + rng.bytes(int(rng.integers(2000))))
    try:
        pixels = decode(message, pick(rng, [None, None, "rgb8", "16UC1"]))
    except DeploymentError as error:
        _check_words(error)
        raise
    if not (pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3
            or pixels.dtype == np.float32 and pixels.ndim == 2):
        raise Unsafe(f"a picture of {pixels.dtype} {pixels.shape}")
    int(np.nansum(pixels[::7], dtype=float))  # every byte of it is there
    return True


@cache
def _pictures() -> list[bytes]:
    import cv2

    rng = np.random.default_rng(0)
    made = []
    for shape, dtype, ends in (((24, 32, 3), np.uint8, (".jpg", ".png")), ((24, 32), np.uint8, (".jpg", ".png")),
                               ((24, 32), np.uint16, (".png",)), ((24, 32, 4), np.uint8, (".png",))):
        pixels = rng.integers(0, np.iinfo(dtype).max, shape).astype(dtype)
        made += [bytes(cv2.imencode(end, pixels)[1]) for end in ends]
    return made


def camera_infos(rng: np.random.Generator) -> bool:
    """CameraInfo with hostile fields."""
    from sim2real.ros.camera_info import InfoWatch, Intrinsics

    entry = {"name": "c", "width": 640, "height": 480, "fx": 600.0, "fy": 600.0, "cx": 320.0, "cy": 240.0}
    watch = InfoWatch(Intrinsics.parse(entry, "here"))
    message = message_class("sensor_msgs/msg/CameraInfo")()
    message.width, message.height, message.distortion_model = 640, 480, "plumb_bob"
    message.k = [600.0, 0.0, 320.0, 0.0, 600.0, 240.0, 0.0, 0.0, 1.0]
    for _ in range(3):
        watch.update(message)
        change_message(rng, message)
    return not (watch.mismatch or watch.changed)


KINDS: dict[str, tuple[Target, int]] = {
    "state messages": (states, 1000), "wire": (wire, 1000), "command messages": (commands, 500),
    "images": (images, 1000), "camera infos": (camera_infos, 200),
}
