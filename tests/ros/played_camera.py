"""A camera's driver that a test plays itself, one message at a time."""

from __future__ import annotations

import array
import time
from typing import Any

from sim2real.ros.context import RosContext, message_class
from sim2real.ros.messages import set_stamp

IMAGE, INFO = "/wrist/image_raw", "/wrist/camera_info"
ENTRY = {"name": "wrist", "width": 64, "height": 48, "fx": 60.0, "fy": 60.0, "cx": 32.0, "cy": 24.0}  # of robot.yaml
TOPICS = {"image": IMAGE, "info": INFO, "rate": "30 Hz"}  # of its ros section


class PlayedCamera:
    """Publishes when it is told to.

    Attributes:
        sent: Images so far.
    """

    def __init__(self, ros: RosContext, qos: str = "reliable"):
        self._kinds = [message_class(f"sensor_msgs/msg/{kind}") for kind in ("Image", "CameraInfo")]
        self._image, self._info = (ros.node.create_publisher(kind, topic, ros.qos(qos)) for kind, topic
                                   in zip(self._kinds, (IMAGE, INFO), strict=True))
        self.sent = 0

    def image(self, stamp: float | None = None, encoding: str = "rgb8", size: tuple[int, int] = (64, 48),
              value: int | None = None, **changes: Any) -> float:
        """Send one image of (width, height), its pixels all ``value``, other fields changed; gives its stamp."""
        width, height = size
        message = self._kinds[0](encoding=encoding, width=width, height=height, step=3 * width)
        message.data = array.array("B", bytes([self.sent % 256 if value is None else value]) * (3 * width * height))
        stamp = time.time() if stamp is None else stamp
        set_stamp(message.header, stamp)
        message.header.frame_id = "wrist_optical"
        for name, content in changes.items():
            setattr(message, name, content)
        self._image.publish(message)
        self.sent += 1
        return stamp

    def info(self, fx: float = 60.0) -> None:
        """Send a CameraInfo."""
        message = self._kinds[1](width=64, height=48, distortion_model="plumb_bob", d=[0.0] * 5)
        message.k = [fx, 0.0, 32.0, 0.0, 60.0, 24.0, 0.0, 0.0, 1.0]
        self._info.publish(message)

    def stream(self, seconds: float, rate: float = 50.0, **options: Any) -> None:
        """Images and infos for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.info()
            self.image(**options)
            time.sleep(1.0 / rate)
