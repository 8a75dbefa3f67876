"""Cameras and frames beside what the profile expects: ``sim2real doctor --robot R --live``. It listens only."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from sim2real.errors import DeploymentError, Sim2RealError
from sim2real.robots import RobotDescription
from sim2real.ros import images
from sim2real.ros.camera_info import InfoWatch, Intrinsics
from sim2real.ros.context import RosContext, message_class
from sim2real.ros.live import Finding, judge_rate
from sim2real.ros.messages import stamp_seconds
from sim2real.ros.profiles import RosProfile
from sim2real.ros.sensor_sections import CameraTopic
from sim2real.ros.transforms import Transforms

_INFO = "sensor_msgs/msg/CameraInfo"


class CameraEar:
    """What comes of one camera while its context is spun.

    Attributes:
        received, walls, stamps: Of each image: reception (monotonic), the machine's time, its stamp, in [s].
        last: The last image, or None.
        info: Watches its CameraInfo.
    """

    def __init__(self, ros: RosContext, topic: CameraTopic, expected: Intrinsics | None):
        self._ros, self._topic = ros, topic
        self.received: list[float] = []
        self.walls: list[float] = []
        self.stamps: list[float] = []
        self.last: Any = None
        self.info = InfoWatch(expected)
        self._listen(topic.image, topic.type, self._take)
        if topic.info is not None:
            self._listen(topic.info, _INFO, self.info.update)

    def _listen(self, topic: str, kind: str, take: Callable[[Any], None]) -> None:
        self._ros.node.create_subscription(message_class(kind), topic, take, self._ros.qos(self._topic.qos, depth=5),
                                           event_callbacks=self._ros.subscription_events(topic))

    def _take(self, message: Any) -> None:
        self.received.append(time.monotonic())
        self.walls.append(time.time())
        self.stamps.append(stamp_seconds(message.header))
        self.last = message

    def network(self) -> tuple[list[str], list[str]]:
        """The types that its topic carries, if anybody publishes there, and other topics of the expected type."""
        node = self._ros.node
        graph = dict(node.get_topic_names_and_types())
        types = list(graph.get(self._topic.image, [])) if node.count_publishers(self._topic.image) else []
        return types, sorted(name for name, kinds in graph.items() if self._topic.type in kinds
                             and name != self._topic.image and node.count_publishers(name))


class LiveSensors:
    """Listens to a profile's cameras and transforms; open it before listening to the robot, judge it after."""

    def __init__(self, ros: RosContext, robot: RobotDescription, profile: RosProfile):
        self._profile, self._missing = profile, ""
        self.cameras = {name: CameraEar(ros, topic, Intrinsics.of(robot, name))
                        for name, topic in profile.cameras.items()}
        self._expected = {name: Intrinsics.of(robot, name) for name in profile.cameras}
        self.transforms: Transforms | None = None
        try:
            self.transforms = Transforms(ros, robot, profile.frames)
        except Sim2RealError as error:  # tf2_msgs
            self._missing = str(error)

    def judge(self) -> list[Finding]:
        """Topic, rate, encoding, size, CameraInfo and clock of each camera; where each frame is."""
        found = []
        for name, topic in self._profile.cameras.items():
            ear = self.cameras[name]
            found += judge_camera(name, topic, self._expected[name], ear, *ear.network())
        if self.transforms is None:
            return [*found, Finding("frames", "missing", self._missing, "install it, or set 'ros.frames.tf: false'")]
        return found + self._judge_frames(self.transforms)

    def _judge_frames(self, transforms: Transforms) -> list[Finding]:
        tree, found = transforms.tree, []
        if transforms.rejected:
            found.append(Finding("frames", "warn", transforms.rejected, "mend who publishes it"))
        expected = [topic.child for topic in self._profile.frames.topics if topic.child is not None]
        for frame in dict.fromkeys([*expected, *tree.known]):
            if tree.is_base(frame):
                continue
            try:
                x, y, z = tree.base_from(frame, time.monotonic()).position
            except DeploymentError as error:
                found.append(Finding(f"frame {frame}", "warn", str(error), "no goal can be given in it"))
            else:
                found.append(Finding(f"frame {frame}", "ok", f"at {x:.3f}, {y:.3f}, {z:.3f} m in {tree.base}"))
        return found


def judge_camera(name: str, topic: CameraTopic, expected: Intrinsics | None, ear: CameraEar, types: list[str],
                 similar: list[str]) -> list[Finding]:
    """Compare what came of a camera with its topic in the profile and its entry in the description."""
    say = partial(Finding, f"camera {name}")
    if not types:
        others = f"; {topic.type} is on {', '.join(similar[:4])}" if similar else ""
        # policies without eyes run all the same; one that needs it does not arm
        return [say("warn", f"nobody publishes {topic.image}{others}",
                    f"start the camera's driver, or correct 'ros.cameras.{name}.image'")]
    if topic.type not in types:
        return [say("missing", f"{topic.image} carries {', '.join(types)}, not {topic.type}",
                    f"correct 'ros.cameras.{name}.type'")]
    if len(ear.received) < 2:
        return [say("missing", f"{topic.image} has a publisher, but {len(ear.received)} images came",
                    f"let the driver stream, or correct 'ros.cameras.{name}.qos'")]
    try:
        pixels = images.decode(ear.last, topic.encoding)
    except Sim2RealError as error:
        return [say("missing", str(error), "policies cannot use it")]
    height, width = pixels.shape[:2]
    encoding = getattr(ear.last, "encoding", None) or f"compressed {str(ear.last.format)[:40]}"
    found = [say("ok", f"{topic.image}, {width} x {height}, {encoding}, {len(ear.received)} images")]
    if expected is not None and (width, height) != (expected.width, expected.height):
        found = [say("missing", f"{width} x {height} pixels; expected {expected.width} x {expected.height}",
                     "set the driver's resolution, or correct 'cameras'")]
    rate = judge_rate(topic.rate, np.array(ear.received), np.array(ear.stamps))
    found.append(Finding(f"camera {name} rate", rate.status, rate.detail,
                         rate.remedy and f"set the driver's rate, or correct 'ros.cameras.{name}.rate'"))
    found.append(_judge_info(name, topic, expected, ear.info))
    age = float(np.median(np.array(ear.walls) - np.array(ear.stamps)))
    if min(ear.stamps) <= 0.0 or abs(age) > topic.max_skew:
        detail = "images have no stamps" if min(ear.stamps) <= 0.0 else (
            f"images are {1e3 * age:.0f} ms old when they come, {1e3 * topic.max_skew:g} ms are allowed")
        found.append(Finding(f"camera {name} clock", "warn", detail, "synchronise the clocks, shorten the exposure, or "
                             f"set 'ros.cameras.{name}.max_skew'"))
    return found


def _judge_info(name: str, topic: CameraTopic, expected: Intrinsics | None, info: InfoWatch) -> Finding:
    say = partial(Finding, f"camera {name} info")
    if topic.info is None:
        return say("warn", "its CameraInfo is not looked at", f"give 'ros.cameras.{name}.info'")
    if not info.seen:
        return say("missing", f"nothing came on {topic.info}", "let the driver publish it, or correct 'info'")
    if info.mismatch or info.changed:
        return say("missing", info.mismatch or info.changed, "a policy that needs this camera would not start")
    if expected is None:
        return say("warn", f"{topic.info}, compared with nothing: the description has no camera {name!r}",
                   f"add {name!r} to 'cameras'")
    return say("ok", f"{topic.info} fits the description")
