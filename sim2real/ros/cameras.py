"""A robot's cameras beside the control loop: images that fit a state, or the reason why there is none.

Taking and decoding happen in a process of the camera's own; here a thread copies the pixels of the newest image, and
the loop only looks at what is there.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from sim2real.errors import DeploymentError
from sim2real.ros.camera_info import Intrinsics
from sim2real.ros.context import RosContext
from sim2real.ros.pairing import Frame, Pairing
from sim2real.ros.profiles import CameraTopic
from sim2real.ros.shared_frames import SharedFrames
from sim2real.ros.vision.eye import Eye
from sim2real.ros.vision.looking import predicted, share

_CLOSE_SECONDS = 3.0


class Camera:
    """One camera of a robot; close it, or use it in a ``with`` statement.

    Args:
        ros: The context whose domain it listens in.
        name: Of the camera, for messages to people.
        topic: Of the robot's profile (``profile.cameras[name]``).
        intrinsics: What its CameraInfo has to say (``Intrinsics.of(robot, name)``); None: anything that stays.
        arguments: ROS arguments as of ``RosContext``: remappings.
        max_age: Oldest reception of a frame in [s]; default: the topic's.
        max_skew: Largest difference of a frame's and a state's stamps in [s]; default: the topic's.
        eye: Whose encoder looks at the frames, in the camera's process, and which takes what it says; None: nobody's.

    Attributes:
        reason: Why the last ``latest`` gave None: a cause for HOLD, "" if it gave a frame.
        fault: What ended the camera's use for good: its CameraInfo is another one than expected or has changed, or its
            process died. Latched; "" if none.
        received: Images that were decoded.
        dropped: Images that were sent and never taken: lost, or replaced by newer ones (known from ROS 2 Iron on).
        rejected: Images that could not be used.
    """

    def __init__(self, ros: RosContext, name: str, topic: CameraTopic, intrinsics: Intrinsics | None = None, *,
                 arguments: Sequence[str] = (), max_age: float | None = None, max_skew: float | None = None,
                 eye: Eye | None = None):
        max_age = topic.max_age if max_age is None else max_age
        max_skew = topic.max_skew if max_skew is None else max_skew
        if not (max_age > 0.0 and max_skew > 0.0):
            raise DeploymentError(f"camera {name}: expected max_age and max_skew over zero, got {max_age:g} s and "
                                  f"{max_skew:g} s")
        if eye is not None and topic.encoding != "rgb8":
            raise DeploymentError(f"camera {name}: its encoder takes colours, the profile asks for {topic.encoding}; "
                                  "give 'encoding: rgb8' in the ros section")
        self.name, self.topic, self._eye = name, topic, eye
        self.reason = self.fault = ""
        self.received = self.dropped = self.rejected = 0
        self._warn: Callable[[str], object] = ros.node.get_logger().warning
        self._pairing = Pairing(max_age, max_skew)
        self._told_by_age = False
        self._rejection, self._rejected_at = "", 0.0
        self._problem = ""
        self._info_seen = self._closing = False
        self._frames = SharedFrames()
        self._process = self._start(ros, intrinsics, arguments)
        self._thread = threading.Thread(target=self._listen, name=f"camera {name}", daemon=True)
        self._thread.start()

    def _start(self, ros: RosContext, intrinsics: Intrinsics | None, arguments: Sequence[str]) -> subprocess.Popen:
        self._pipe, theirs = os.pipe()
        network = None if self._eye is None else share(self._eye.encoder)
        passed = [fd for fd in (self._frames.descriptor, theirs, network) if fd is not None]
        settings = {
            "node": re.sub(r"\W", "_", f"camera_{self.name}"), "domain": ros.context.get_domain_id(),
            "arguments": list(arguments), "topic": self.topic.model_dump(),
            "intrinsics": None if intrinsics is None else intrinsics.model_dump(),
            "memory": self._frames.descriptor, "pipe": theirs, "encoder": network, "parent": os.getpid()}
        try:  # a session of its own: Ctrl-C is for the control loop, which needs its cameras until the robot stands
            return subprocess.Popen([sys.executable, "-m", "sim2real.ros.camera_process", json.dumps(settings)],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
                                    pass_fds=passed)
        finally:
            for descriptor in passed[1:]:
                os.close(descriptor)

    def latest(self, state_stamp: float, now: float) -> Frame | None:
        """The newest frame that fits a state; never waits, and never raises.

        Args:
            state_stamp: Of the state's message in [s]; zero or far off the local clock: reception alone decides.
            now: Of the monotonic clock in [s].

        Returns:
            The frame, or None with ``reason``.
        """
        frame = None if self.fault else self._pairing.latest(state_stamp, now)
        self.reason = ""
        if frame is None:
            self.reason = self.fault or self._say_reason(now)
        elif self._pairing.by_age and not self._told_by_age:
            self._told_by_age = True
            self._warn(f"camera {self.name}: {self._pairing.by_age}; images are paired by when they were received")
        return frame

    def wait_ready(self, timeout: float) -> None:
        """Wait up to ``timeout`` [s] for a fresh image, and for a CameraInfo that fits where one is to be checked.

        Raises:
            DeploymentError: They did not come, or the camera is another one than expected; one line with what to do.
        """
        end = time.monotonic() + timeout
        while missing := self.missing(time.monotonic()):
            if self.fault or time.monotonic() > end:
                raise DeploymentError(self.fault or f"{missing}; within {timeout:g} s nothing usable came: start the "
                                      "camera's driver, or correct 'cameras' in the ros section")
            time.sleep(0.02)

    def missing(self, now: float) -> str:
        """Why it cannot be used at ``now`` [s] (monotonic): no fresh image, no CameraInfo that fits; "" if it can."""
        if self.fault:
            return self.fault
        if self._pairing.latest(0.0, now) is None:
            return f"{self._say_reason(now)} ({self.topic.image})"
        waiting = self.topic.info is not None and not self._info_seen
        return f"camera {self.name}: no CameraInfo yet ({self.topic.info})" if waiting else ""

    @property
    def reordered(self) -> int:
        """Images that came after a newer one and were left out."""
        return self._pairing.reordered

    def _say_reason(self, now: float) -> str:
        reason = f"camera {self.name}: {self._pairing.reason}"
        if now - self._rejected_at < 1.0:
            return f"{reason}; what comes is rejected: {self._rejection}"
        return f"{reason}; {self._problem}" if self._problem else reason

    def close(self) -> None:
        """End the camera's process; closing twice is fine."""
        if self._closing:
            return
        self._closing = True
        self._process.terminate()
        try:
            self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join()
        self._frames.close()

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # ------------------------------------------------------------------ the listening thread
    def _listen(self) -> None:
        with os.fdopen(self._pipe, "rb") as pipe:
            for line in pipe:
                with contextlib.suppress(ValueError):  # cut off where its process was killed
                    self._take(json.loads(line))
        if not self._closing and not self.fault:
            self.fault = f"camera {self.name}: its process ended ({self._process.wait()}); start again"

    def _take(self, line: dict[str, Any]) -> None:
        if "frame" in line:
            self.received, self.dropped = line["frame"] + 1, line["dropped"]
            pixels = self._frames.read(line["frame"], tuple(line["shape"]), line["dtype"])
            if pixels is not None:  # else newer ones are on their way already
                self._pairing.add(Frame(pixels, line["stamp"], line["received"], line["frame_id"], line["frame"]))
        elif "looked" in line:
            assert self._eye is not None
            self._eye.add(predicted(line, time.monotonic()))
        elif "rejected" in line:
            if not self._rejection:
                self._warn(f"camera {self.name}: {line['text']}")
            self.rejected, self._rejection, self._rejected_at = line["rejected"], line["text"], time.monotonic()
        elif "info" in line:
            self._info_seen = True
            if wrong := line["mismatch"] or line["changed"]:
                self.fault = self.fault or f"camera {self.name}: {wrong}"
        elif "problem" in line:
            self._problem = line["problem"]
            self._warn(f"camera {self.name}: {self._problem}")
        else:
            self.fault = self.fault or f"camera {self.name}: {line['failed']}"
