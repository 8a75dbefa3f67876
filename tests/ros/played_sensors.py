"""A camera's driver and a motion capture in processes of their own, which a test disturbs while they run.

``python -m tests.ros.played_sensors camera|table DOMAIN`` takes lines of JSON: what is different from now on.
"""

from __future__ import annotations

import array
import json
import os
import subprocess
import sys
import threading
import time
from typing import Any

from sim2real.ros.context import RosContext, message_class
from sim2real.ros.messages import set_stamp
from sim2real.ros.timing import prefer_this_process
from tests.ros.played_camera import PlayedCamera
from tests.ros.ros_processes import ROOT

TABLE, TRANSFORM = "/table", "geometry_msgs/msg/TransformStamped"
# what may be different: messages a second; whether none are sent, or all with one stamp; how old stamps are [s]; focal
# length in CameraInfo; fields of images, whose "data" is a number of bytes; where the table is in x [m]
USUAL = {"rate": 30.0, "silent": False, "frozen": False, "late": 0.0, "fx": 60.0, "image": {}, "x": 0.0}


class PlayedSensor:
    """One of them, from the test's side.

    Args:
        role: "camera" or "table", whose place in base_link is said as a TransformStamped.
        domain: ROS domain.
        changes: What is different from ``USUAL`` at the start.
    """

    def __init__(self, role: str, domain: int, **changes: Any):
        self._process = subprocess.Popen([sys.executable, "-m", "tests.ros.played_sensors", role, str(domain)],
                                         stdin=subprocess.PIPE, text=True, cwd=ROOT,
                                         env={**os.environ, "PYTHONPATH": str(ROOT)})
        self.set(**changes)

    def set(self, **changes: Any) -> None:
        """From now on it is as usual but for these."""
        self._process.stdin.write(json.dumps({**USUAL, **changes}) + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """Be gone."""
        self._process.stdin.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def main(role: str, domain: int) -> None:
    settings, ending = dict(USUAL), threading.Event()

    def listen() -> None:
        for line in sys.stdin:
            settings.update(json.loads(line))
        ending.set()

    prefer_this_process()  # as the twin: it stands for hardware, which a busy machine does not slow down
    threading.Thread(target=listen, daemon=True).start()
    with RosContext(f"played_{role}", [], domain) as ros:
        send, stamp = (camera if role == "camera" else table)(ros), 0.0
        while not ending.wait(1.0 / settings["rate"]):
            if not settings["silent"]:
                stamp = stamp if settings["frozen"] else time.time() - settings["late"]
                send(settings, stamp)


def camera(ros: RosContext) -> Any:
    driver = PlayedCamera(ros)

    def send(settings: dict[str, Any], stamp: float) -> None:
        image = dict(settings["image"])
        if "data" in image:
            image["data"] = array.array("B", bytes(image["data"]))
        driver.info(settings["fx"])
        driver.image(stamp, **image)

    return send


def table(ros: RosContext) -> Any:
    message = message_class(TRANSFORM)(child_frame_id="table")
    message.header.frame_id = "base_link"
    publisher = ros.node.create_publisher(type(message), TABLE, ros.qos("reliable"))

    def send(settings: dict[str, Any], stamp: float) -> None:
        set_stamp(message.header, stamp)
        message.transform.translation.x = settings["x"]
        publisher.publish(message)

    return send


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
