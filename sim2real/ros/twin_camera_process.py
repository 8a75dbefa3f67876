"""The process behind ``twin_cameras``: draws what the simulated cameras see and publishes it.

``python -m sim2real.ros.twin_camera_process SETTINGS`` reads lines of JSON: the robot's true state and where the block
stands, of which only the newest is drawn, and what is to be wrong with a camera. It ends when its standard input does.

What can be wrong: ``absent``; ``frozen`` (the same image and stamp again); ``rate`` [Hz]; ``late`` [s] (images come so
much later); ``scale`` of the size; ``focal`` factor in CameraInfo.
"""

from __future__ import annotations

import array
import json
import os
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sim2real.cameras import CameraModel
from sim2real.errors import Sim2RealError
from sim2real.robots import load_robot
from sim2real.ros.camera_info import Intrinsics
from sim2real.ros.context import RosContext, message_class
from sim2real.ros.images import ENCODINGS, cv2
from sim2real.ros.messages import set_stamp
from sim2real.ros.profiles import RosProfile
from sim2real.ros.sensor_sections import CameraTopic
from sim2real.types import RobotState

if TYPE_CHECKING:
    from sim2real.simulators.painting.painter import Painter
    from sim2real.simulators.scenes.visual_scene import Poses


@dataclass
class _Shot:
    """An image on its way: when it is due [s] (monotonic), its stamp [s] and its pixels (height, width, 3)."""

    due: float
    stamp: float
    pixels: np.ndarray


@dataclass
class SimulatedCamera:
    """One camera: its topics, what it sees, what is wrong with it."""

    name: str
    topic: CameraTopic
    model: CameraModel
    info: Intrinsics | None
    changes: dict[str, Any] = field(default_factory=dict)
    next: float = 0.0
    last: _Shot | None = None
    waiting: deque[_Shot] = field(default_factory=deque)

    def connect(self, ros: RosContext) -> None:
        """Make its publishers."""
        self._image = message_class(self.topic.type)
        self._images = ros.node.create_publisher(self._image, self.topic.image, ros.qos(self.topic.qos))
        self._infos = None
        if self.topic.info is not None:
            self._info = message_class("sensor_msgs/msg/CameraInfo")
            self._infos = ros.node.create_publisher(self._info, self.topic.info, ros.qos(self.topic.qos))

    def look(self, painter: Painter, poses: Poses, stamp: float, now: float) -> None:
        """Draw and send what is due at ``now`` [s]."""
        if now >= self.next:
            period = 1.0 / self.changes.get("rate", self.topic.rate)
            self.next = now + period if now - self.next > period else self.next + period
            if not self.changes.get("absent"):
                self._shoot(painter, poses, stamp, now)
        while self.waiting and self.waiting[0].due <= now:
            self._publish(self.waiting.popleft())

    def _shoot(self, painter: Painter, poses: Poses, stamp: float, now: float) -> None:
        if not (self.changes.get("frozen") and self.last is not None):
            scale = self.changes.get("scale", 1.0)
            size = max(1, round(scale * self.model.height)), max(1, round(scale * self.model.width))
            self.last = _Shot(0.0, stamp, painter.render(self.name, poses, size=size)[0])
        self.waiting.append(replace(self.last, due=now + self.changes.get("late", 0.0)))

    def _publish(self, shot: _Shot) -> None:
        height, width = shot.pixels.shape[:2]
        if self.topic.type.endswith("CompressedImage"):
            jpeg = cv2().imencode(".jpg", shot.pixels[:, :, ::-1])[1].tobytes()
            message = self._image(format="rgb8; jpeg compressed bgr8", data=_bytes(jpeg))
        else:
            pixels = encode(shot.pixels, self.topic.encoding)
            message = self._image(height=height, width=width, encoding=self.topic.encoding, data=_bytes(pixels),
                                  step=len(pixels) // height)
        set_stamp(message.header, shot.stamp)
        message.header.frame_id = f"{self.name}_optical"
        self._images.publish(message)
        if self._infos is not None:
            info = self._camera_info(width, height)
            info.header = message.header
            self._infos.publish(info)

    def _camera_info(self, width: int, height: int) -> Any:
        model = "plumb_bob" if self.info is None else self.info.distortion_model
        # as its driver would be calibrated, whatever size the images are
        seen = self.model.resized(width, height) if self.info is None else self.info
        fx, fy, cx, cy, d = seen.fx, seen.fy, seen.cx, seen.cy, seen.distortion
        factor = self.changes.get("focal", 1.0)
        k = [factor * fx, 0.0, cx, 0.0, factor * fy, cy, 0.0, 0.0, 1.0]
        return self._info(width=width, height=height, distortion_model=model, d=list(d) or [0.0] * 5, k=k,
                          r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
                          p=[k[0], 0.0, cx, 0.0, 0.0, k[4], cy, 0.0, 0.0, 0.0, 1.0, 0.0])


def encode(pixels: np.ndarray, encoding: str) -> bytes:
    """RGB uint8 (height, width, 3) as the bytes of one of ``twin_cameras.ENCODINGS``."""
    if encoding == "mono8":  # Rec. 601, as OpenCV
        return np.round(pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8).tobytes()
    if encoding.startswith("bgr"):
        pixels = pixels[:, :, ::-1]
    if ENCODINGS[encoding].channels == 4:
        pixels = np.concatenate([pixels, np.full_like(pixels[:, :, :1], 255)], axis=2)
    return pixels.tobytes()


def _bytes(data: bytes) -> Any:
    return array.array("B", data)


class _Newest:
    """The lines of standard input: the newest state, where the block is, and changes in their order."""

    def __init__(self) -> None:
        self.state: dict[str, Any] | None = None
        self.places: dict[str, np.ndarray] = {}
        self.changes: deque[dict[str, Any]] = deque()
        self.ended = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            row = json.loads(line)
            if "camera" in row:
                self.changes.append(row)
            elif "place" in row:
                self.places = {row["place"]: np.array([row["pose"]])}
            else:
                self.state = row
        self.ended.set()


def main(settings: dict[str, Any]) -> None:
    """Publish until standard input ends."""
    from sim2real.simulators.painting.paint_pool import make_painter
    from sim2real.simulators.scenes.by_name import make_scene
    from sim2real.simulators.scenes.robot_scene import robot_poses
    from sim2real.simulators.scenes.visual_scene import Poses

    os.nice(5)  # the processor is the plant's first
    robot = load_robot(settings["robot"])
    profile = RosProfile.for_robot(robot)
    scene = make_scene(settings["scene"], robot, profile.cameras)
    cameras = {name: SimulatedCamera(name, topic, scene.camera(name), Intrinsics.of(robot, name))
               for name, topic in profile.cameras.items()}
    quick = {"shadows": "none", "samples": 0} if settings["painter"] == "mujoco" else {}  # software draws it
    with RosContext(settings["node"], settings["arguments"], settings["domain"]) as ros, \
            make_painter(settings["painter"], scene, **quick) as painter:
        for camera in cameras.values():
            camera.connect(ros)
            painter.render(camera.name, Poses(1))  # what is missing is missed now
        newest = _Newest()
        print("ready", flush=True)
        shortest = 0.25 / max(camera.topic.rate for camera in cameras.values())
        while not newest.ended.wait(shortest):
            while newest.changes:
                row = newest.changes.popleft()
                cameras[row["camera"]].changes = row["changes"]
            row = newest.state
            if row is None:
                continue
            state = RobotState.zeros(1, robot.num_joints)
            state.joint_position[0], state.position[0] = row["joints"], row["position"]
            state.quaternion[0] = row["quaternion"]
            poses = robot_poses(robot, state)
            poses.places = newest.places
            for camera in cameras.values():
                camera.look(painter, poses, row["stamp"], time.monotonic())


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except Sim2RealError as error:
        print(error, flush=True)
        sys.exit(1)
