"""A camera's own process: takes its messages, decodes them, puts the pixels into shared memory and looks at them.

rclpy holds the interpreter's lock while it takes a large message, for milliseconds: in the control loop's process that
would delay the loop. ``python -m sim2real.ros.camera_process SETTINGS`` is started by ``cameras.Camera`` alone, which
reads what happens as lines of JSON from a pipe. It ends when it is told to, or when its parent has died.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from typing import Any

import numpy as np

from sim2real.deployment.encoder_network import Encoder
from sim2real.errors import DeploymentError, Sim2RealError
from sim2real.ros import images
from sim2real.ros.camera_info import InfoWatch, Intrinsics
from sim2real.ros.context import RosContext, StopSignal, import_ros, message_class
from sim2real.ros.messages import stamp_seconds
from sim2real.ros.profiles import CameraTopic
from sim2real.ros.shared_frames import SLOT_BYTES, SharedFrames
from sim2real.ros.vision.looking import Looking, opened

_LOOK = 0.05  # [s] between looks whether to end
_REJECTED_EVERY = 0.2  # [s]: a flood of images that are bad in one way is told so often


class CameraProcess:
    """One camera's subscriptions.

    Args:
        ros: A context of this process.
        topic: Where its driver publishes.
        expected: Its intrinsics, None where the robot's description does not say.
        frames: Where the pixels go.
        pipe: Where the lines go: a file descriptor.
        encoder: What looks at each of them, or None.
    """

    def __init__(self, ros: RosContext, topic: CameraTopic, expected: Intrinsics | None, frames: SharedFrames,
                 pipe: int, encoder: Encoder | None = None):
        self._topic, self._frames, self._pipe = topic, frames, pipe
        self._looking = None if encoder is None else Looking(encoder, self._say)
        self._size = None if expected is None else (expected.height, expected.width)
        self._watch = InfoWatch(expected)
        self._number = self._rejected = self._dropped = 0
        self._rejected_at, self._rejection = -np.inf, ""
        self._sequence: int | None = None
        self._gap = 0.5 / topic.rate  # [s] at least between two images that are taken
        self._next = 0.0
        images.cv2().setNumThreads(1)  # the other processors are the control loop's
        self._subscribe(ros)

    def _subscribe(self, ros: RosContext) -> None:
        policy_name = import_ros("rclpy.qos").qos_policy_name_from_kind
        # from Iron on, rclpy tells when a message arrived and how many were sent: without, an image counts as old as
        # it can be, and drops are not known
        informed = hasattr(import_ros("rclpy.subscription").Subscription, "CallbackType")
        for name, kind, callback in (
                (self._topic.image, self._topic.type, self._take if informed else lambda m: self._take(m, None)),
                (self._topic.info, "sensor_msgs/msg/CameraInfo", self._take_info)):
            if name is None:
                continue
            events = ros.subscription_events(name)
            events.incompatible_qos = lambda event, name=name: self._say(
                problem=f"topic {name}: the publisher's QoS does not fit: {policy_name(event.last_policy_kind)}; "
                        "correct 'qos' in the ros section")
            ros.node.create_subscription(message_class(kind), name, callback, ros.qos(self._topic.qos),
                                         event_callbacks=events)

    def pause(self) -> None:
        """Wait until the next image may be taken; what comes meanwhile replaces the one in the middleware."""
        time.sleep(max(0.0, min(self._next - time.monotonic(), self._gap)))

    def _take(self, message: Any, info: dict[str, Any] | None) -> None:
        now = time.monotonic()
        age = self._gap if info is None else 1e-9 * (time.time_ns() - info["received_timestamp"])
        received = now - min(max(age, 0.0), self._gap)  # no longer than this process looked away
        self._next = now + self._gap
        self._count_dropped(info)
        try:
            pixels = images.decode(message, self._topic.encoding)
            self._check_size(pixels)
        except DeploymentError as error:
            self._reject(str(error), now)
            return
        self._frames.write(self._number, pixels)
        stamp = stamp_seconds(message.header)
        self._say(frame=self._number, shape=pixels.shape, dtype=pixels.dtype.str, received=received,
                  stamp=stamp, frame_id=message.header.frame_id[:80], dropped=self._dropped)
        if self._looking is not None:
            self._looking.show(self._number, pixels, stamp, received)
        self._number += 1

    def _count_dropped(self, info: dict[str, Any] | None) -> None:
        """By the publisher's numbers: lost on the way, or replaced by a newer one before they were taken."""
        sequence = (info or {}).get("publication_sequence_number")
        if sequence is None:
            return
        if self._sequence is not None and sequence > self._sequence:
            self._dropped += sequence - self._sequence - 1
        self._sequence = sequence

    def _check_size(self, pixels: np.ndarray) -> None:
        self._size = self._size or pixels.shape[:2]
        if pixels.shape[:2] != self._size:
            raise DeploymentError("image: expected {1} x {0} pixels, got {3} x {2}; set the driver's resolution".format(
                *self._size, *pixels.shape[:2]))
        if pixels.nbytes > SLOT_BYTES:
            raise DeploymentError(f"image: {pixels.nbytes} bytes when decoded, at most {SLOT_BYTES} are passed on; let "
                                  "the driver send smaller ones")

    def _reject(self, text: str, now: float) -> None:
        self._rejected += 1
        if now - self._rejected_at >= _REJECTED_EVERY or text != self._rejection:
            self._rejected_at, self._rejection = now, text
            self._say(rejected=self._rejected, text=text)

    def _take_info(self, message: Any) -> None:
        before = self._watch.seen, self._watch.changed
        self._watch.update(message)
        if (self._watch.seen, self._watch.changed) != before:
            self._say(info=True, mismatch=self._watch.mismatch, changed=self._watch.changed)

    def _say(self, **line: Any) -> None:
        os.write(self._pipe, json.dumps(line).encode() + b"\n")  # shorter than PIPE_BUF: whole or not at all


def _stand_back() -> None:
    """Leave the processor to the control loop, whose priority this process has inherited."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, 0, 0)  # as ordinary work: a policy that needs images needs them in time


def main(settings: dict[str, Any]) -> None:
    """Serve one camera until SIGTERM, or until the parent is gone."""
    _stand_back()
    pipe, parent = settings["pipe"], settings["parent"]
    topic = CameraTopic.model_validate(settings["topic"])
    expected = None if settings["intrinsics"] is None else Intrinsics.model_validate(settings["intrinsics"])
    try:
        with StopSignal() as stop, RosContext(settings["node"], settings["arguments"], settings["domain"]) as ros:
            encoder = None if settings["encoder"] is None else opened(settings["encoder"])
            camera = CameraProcess(ros, topic, expected, SharedFrames(settings["memory"]), pipe, encoder)
            while not stop.is_set and os.getppid() == parent:
                ros.spin_once(_LOOK)
                camera.pause()
    except BrokenPipeError:
        return  # nobody listens any more
    except Sim2RealError as error:
        os.write(pipe, json.dumps({"failed": str(error)[:2000]}).encode() + b"\n")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
