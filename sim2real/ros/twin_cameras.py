"""The twin's cameras: pictures of the simulated robot as their drivers would publish them.

A process of their own draws and sends, so that the plant keeps its rate: the twin only writes its true state into a
pipe and never waits. How late an image is, is told by its stamp: that of the state it shows.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sim2real.errors import BadInputError, DeploymentError
from sim2real.robots import RobotDescription
from sim2real.ros.context import RosContext
from sim2real.ros.profiles import RosProfile
from sim2real.types import RobotState

ENCODINGS = ("rgb8", "bgr8", "rgba8", "bgra8", "mono8")  # that the twin can send
_START_SECONDS = 60.0
_CLOSE_SECONDS = 3.0


class TwinCameras:
    """Publishes all cameras of a profile; close it.

    Args:
        ros: The twin's context, whose domain and remappings count.
        robot: The robot, from ``path``.
        path: Its name or robot.yaml, for the other process.
        profile: Its profile.
        arguments: ROS arguments.
        scene: What stands around the robot, one of ``simulators.scenes.SCENES``.
        painter: Who draws: "mujoco" or "pybullet".

    Raises:
        BadInputError: The profile has no camera, or one with an encoding that is not drawn.
        DeploymentError: The other process could not start: no MuJoCo, no OpenGL.
    """

    def __init__(self, ros: RosContext, robot: RobotDescription, path: str, profile: RosProfile,
                 arguments: Sequence[str] = (), *, scene: str = "robot", painter: str = "mujoco"):
        if not profile.cameras:
            raise BadInputError(f"robot {robot.name} has no cameras in its ros section; add some, or leave --cameras "
                                "out")
        for name, topic in profile.cameras.items():
            if topic.type == "sensor_msgs/msg/Image" and topic.encoding not in ENCODINGS:
                raise BadInputError(f"camera {name}: the twin sends {', '.join(ENCODINGS)}, not {topic.encoding}; run "
                                    "it without --cameras")
        self.names = tuple(profile.cameras)
        self._period = 1.0 / max(topic.rate for topic in profile.cameras.values())
        self._next = 0.0
        self._changes: dict[str, dict[str, Any]] = {}
        settings = {"robot": path, "domain": ros.context.get_domain_id(), "arguments": list(arguments),
                    "node": f"{ros.node.get_name()}_cameras", "scene": scene, "painter": painter}
        self._process = subprocess.Popen([sys.executable, "-m", "sim2real.ros.twin_camera_process",
                                          json.dumps(settings)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         start_new_session=True)
        assert self._process.stdin is not None
        self._pipe = self._process.stdin.fileno()
        self._wait_ready()
        os.set_blocking(self._pipe, False)

    def _wait_ready(self) -> None:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode()
        if line.strip() != "ready":
            self.close()
            raise DeploymentError(f"the twin's cameras do not start: {line.strip() or 'their process ended'}")

    def change(self, camera: str, changes: Mapping[str, Any]) -> None:
        """From now on ``camera`` is as its driver has it but for ``changes``: faults, see ``twin_camera_process``."""
        self._changes[camera] = dict(changes)
        self._send({"camera": camera, "changes": self._changes[camera]})

    def place(self, thing: str, pose: Sequence[float]) -> None:
        """From now on ``thing`` of the scene is at ``pose``: position [m], and quaternion if it is turned."""
        self._send({"place": thing, "pose": list(pose)})

    def show(self, true_state: Callable[[], RobotState], now: float) -> None:
        """Let the cameras see what is true at ``now`` [s]; more often than they look costs nothing."""
        if now < self._next:
            return
        self._next, state = now + 0.9 * self._period, true_state()
        self._send({"stamp": time.time(), "joints": state.joint_position[0].tolist(),
                    "position": state.position[0].tolist(), "quaternion": state.quaternion[0].tolist()})

    def _send(self, line: dict[str, Any]) -> None:
        with contextlib.suppress(BlockingIOError, BrokenPipeError):  # it does not keep up, or has died: images say so
            os.write(self._pipe, json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        """End the process; closing twice is fine."""
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        try:
            self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
