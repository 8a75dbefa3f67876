"""Cameras as gates of a policy: closed until fresh images came, HOLD without them, STOP where a camera has changed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from sim2real.cameras import CameraModel
from sim2real.deployment.bundle import Bundle
from sim2real.errors import BadInputError, unknown
from sim2real.robots import RobotDescription
from sim2real.ros.camera_info import Intrinsics
from sim2real.ros.cameras import Camera
from sim2real.ros.context import RosContext
from sim2real.ros.log import Recorder
from sim2real.ros.pairing import Frame
from sim2real.ros.profiles import RosProfile
from sim2real.ros.vision.eye import Eye

_OFF, _TURNED = 0.05, 5.0  # [m], [deg] by which a camera may be mounted elsewhere than it was trained


def required_cameras(bundle: Bundle, robot: RobotDescription, profile: RosProfile, also: Iterable[str] = ()
                     ) -> dict[str, Intrinsics | None]:
    """Cameras without which the robot may not move, and what their CameraInfo has to say.

    Those that the bundle's manifest lists, as the policy was trained with them, and ``also``, as the robot's
    description on this machine has them.

    Raises:
        BadInputError: The profile has no topics for one of them, or it is mounted elsewhere than where it was trained.
        RobotDescriptionError: Its entry in the description is wrong.
    """
    trained = {entry.get("name"): Intrinsics.parse(entry, "the bundle's manifest")
               for entry in bundle.manifest.cameras}
    found: dict[str, Intrinsics | None] = {}
    for name in dict.fromkeys([*map(str, trained), *also]):
        if name not in profile.cameras:
            raise BadInputError(f"robot {robot.name}: {unknown('camera', name, profile.cameras)}; 'cameras' in its ros "
                                "section says where each camera's driver publishes")
        found[name] = trained[name] if name in trained else Intrinsics.of(robot, name)
    for entry in bundle.manifest.cameras:
        _check_mounting(CameraModel.from_entry(entry, "the bundle's manifest"), robot)
    return found


def _check_mounting(trained: CameraModel, robot: RobotDescription) -> None:
    """Raise BadInputError where the description has the camera elsewhere, so that all it shows is elsewhere, too."""
    here = CameraModel.of(robot, trained.name)
    if here is None:
        return
    off = float(np.linalg.norm(np.subtract(here.position, trained.position)))
    turned = math.degrees(2.0 * math.acos(min(1.0, abs(float(np.dot(here.quaternion, trained.quaternion))))))
    if here.link != trained.link or off > _OFF or turned > _TURNED:
        links = [repr(camera.link or robot.model.root) for camera in (here, trained)]
        raise BadInputError(f"robot {robot.name}: camera {trained.name} is {100.0 * off:.0f} cm and {turned:.0f} "
                            f"degrees off where its encoder was trained (on link {links[0]}, trained on {links[1]}); "
                            "mount it there, or correct 'cameras'")


def open_cameras(ros: RosContext, profile: RosProfile, required: Mapping[str, Intrinsics | None],
                 arguments: Sequence[str] = (), eye: Eye | None = None) -> list[Camera]:
    """The cameras ``required``, each with a process of its own; all or none. Close them.

    One of them is the ``eye``'s, if there is one.
    """
    cameras: list[Camera] = []
    try:
        for name, intrinsics in required.items():
            cameras.append(Camera(ros, name, profile.cameras[name], intrinsics, arguments=arguments,
                                  eye=eye if eye is not None and eye.camera == name else None))
    except BaseException:
        for camera in cameras:
            camera.close()
        raise
    return cameras


class CameraGates:
    """The cameras of a policy, looked at once for each of its decisions.

    Args:
        cameras: Open ones.
        state_stamp: Gives the stamp of the last state's message in [s]; images have to fit it.
        recorder: Where it is told which frame each decision had, or None.
        clock: Monotonic, in [s].

    Attributes:
        frames: By camera, what the last decision had; without those that had none.
    """

    def __init__(self, cameras: Sequence[Camera], state_stamp: Callable[[], float], recorder: Recorder | None = None,
                 clock: Callable[[], float] = time.monotonic):
        self._cameras, self._state_stamp, self._recorder, self._clock = cameras, state_stamp, recorder, clock
        self.frames: dict[str, Frame] = {}

    def closed(self) -> list[str]:
        """One sentence for each camera that cannot be used."""
        now = self._clock()
        return [why for camera in self._cameras if (why := camera.missing(now))]

    def judge(self) -> tuple[str, str]:
        """("stop", why) for a camera that has changed, ("hold", why) without a frame that fits, or ("", "")."""
        now, stamp = self._clock(), self._state_stamp()
        frames = {camera.name: camera.latest(stamp, now) for camera in self._cameras}
        self.frames = {name: frame for name, frame in frames.items() if frame is not None}
        if self._recorder is not None:
            for camera in self._cameras:
                self._recorder.put("/frame", _row(camera, frames[camera.name], stamp, now))
        faults = [camera.fault for camera in self._cameras if camera.fault]
        if faults:
            return "stop", faults[0]
        reasons = [camera.reason for camera in self._cameras if camera.reason]
        return ("hold", reasons[0]) if reasons else ("", "")


def _row(camera: Camera, frame: Frame | None, state_stamp: float, now: float) -> dict[str, object]:
    """What the log says of one camera and one decision: the frame's number (-1: none), stamp and age, and why not."""
    nan = float("nan")
    return {"camera": camera.name, "frame": -1 if frame is None else frame.number,
            "stamp": nan if frame is None else frame.stamp, "age": nan if frame is None else now - frame.received,
            "state_stamp": state_stamp, "now": now, "reason": camera.reason, "received": camera.received,
            "dropped": camera.dropped, "rejected": camera.rejected}
