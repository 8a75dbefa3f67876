"""What ``sim2real doctor --live`` says of cameras and frames: of made-up messages, and of a driver on the network."""

from __future__ import annotations

import dataclasses
import time
import types

import numpy as np
import pytest

from sim2real.robots import load_robot
from sim2real.ros.camera_info import InfoWatch, Intrinsics
from sim2real.ros.frames import Pose
from sim2real.ros.live_cameras import LiveSensors, judge_camera
from sim2real.ros.profiles import RosProfile
from sim2real.ros.sensor_sections import CameraTopic
from tests.ros.played_camera import ENTRY, TOPICS, PlayedCamera

KIND = "sensor_msgs/msg/Image"
UR5E = load_robot("ur5e")


def image(width=64, height=48, encoding="rgb8"):
    return types.SimpleNamespace(width=width, height=height, encoding=encoding, step=3 * width, is_bigendian=0,
                                 data=bytes(3 * width * height))


def info(fx=60.0):
    roi = types.SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    return types.SimpleNamespace(width=64, height=48, k=[fx, 0, 32.0, 0, 60.0, 24.0, 0, 0, 1], d=[], binning_x=0,
                                 distortion_model="plumb_bob", binning_y=0, roi=roi)


def heard(n=30, rate=30.0, age=0.02, last=None, infos=(60.0,), expected=ENTRY, stamped=True):
    received = [k / rate for k in range(n)]
    watch = InfoWatch(Intrinsics.model_validate(expected) if expected else None)
    for fx in infos:
        watch.update(info(fx))
    return types.SimpleNamespace(received=received, walls=[1e9 + t for t in received], info=watch,
                                 stamps=[1e9 + t - age if stamped else 0.0 for t in received], last=last or image())


def rows(ear, expected=ENTRY, types_=(KIND,), similar=(), **topics):
    found = judge_camera("wrist", CameraTopic(**{**TOPICS, **topics}),
                         Intrinsics.model_validate(expected) if expected else None, ear, list(types_), list(similar))
    return {finding.name: finding for finding in found}


def test_a_good_camera_has_nothing_to_mend():
    found = rows(heard())
    assert list(found) == ["camera wrist", "camera wrist rate", "camera wrist info"]
    assert {f.status for f in found.values()} == {"ok"} and not any(f.remedy for f in found.values())
    assert found["camera wrist"].detail == "/wrist/image_raw, 64 x 48, rgb8, 30 images"


@pytest.mark.parametrize(("arguments", "name", "status", "words"), [
    ({"types_": (), "similar": ("/cam/image",)}, "camera wrist", "warn", "sensor_msgs/msg/Image is on /cam/image"),
    ({"types_": ("std_msgs/msg/String",)}, "camera wrist", "missing", "carries std_msgs/msg/String"),
    ({"ear": {"n": 1}}, "camera wrist", "missing", "but 1 images came"),
    ({"ear": {"last": image(encoding="h264")}}, "camera wrist", "missing", "unknown encoding 'h264'"),
    ({"ear": {"last": image(32)}}, "camera wrist", "missing", "32 x 48 pixels; expected 64 x 48"),
    ({"ear": {"rate": 10.0}}, "camera wrist rate", "warn", "10 Hz"),
    ({"ear": {"infos": ()}}, "camera wrist info", "missing", "nothing came on /wrist/camera_info"),
    ({"ear": {"infos": (70.0,)}}, "camera wrist info", "missing", "fx is 70, expected 60"),
    ({"ear": {"infos": (60.0, 60.5)}}, "camera wrist info", "missing", "changed while running"),
    ({"ear": {"expected": None}, "expected": None}, "camera wrist info", "warn", "compared with nothing"),
    ({"info": None}, "camera wrist info", "warn", "not looked at"),
    ({"ear": {"age": 0.2}}, "camera wrist clock", "warn", "200 ms old"),
    ({"ear": {"stamped": False}}, "camera wrist clock", "warn", "no stamps"),
])
def test_what_does_not_fit_is_named_with_a_remedy(arguments, name, status, words):
    found = rows(heard(**arguments.pop("ear", {})), **arguments)[name]
    assert found.status == status and words in found.detail and found.remedy


def test_a_driver_on_the_network_and_frames(ros):
    frames = {"fixed": {"shelf": {"parent": "base_link", "position": [0.1, 0.2, 0.3]}},
              "topics": [{"topic": "/mocap", "type": "geometry_msgs/msg/PoseStamped", "child": "table"}]}
    robot = dataclasses.replace(UR5E, cameras=(ENTRY,), ros={**UR5E.ros, "cameras": {"wrist": TOPICS},
                                                            "frames": frames})
    sensors = LiveSensors(ros, robot, RosProfile.for_robot(robot))
    driver = PlayedCamera(ros)
    end = time.monotonic() + 20.0
    while len(sensors.cameras["wrist"].received) < 20 or not sensors.cameras["wrist"].info.seen:
        assert time.monotonic() < end
        driver.stream(0.02)
        ros.spin_once(0.01)
    sensors.transforms.tree.put("base_link", "cup", Pose(np.ones(3), np.array([1.0, 0, 0, 0])), time.monotonic() - 9.0)
    found = {finding.name: finding for finding in sensors.judge()}
    assert found["camera wrist"].status == found["camera wrist info"].status == "ok"
    assert found["frame shelf"].detail == "at 0.100, 0.200, 0.300 m in base_link"
    assert found["frame table"].status == found["frame cup"].status == "warn"
    assert "no transform connects it" in found["frame table"].detail and "of 90" in found["frame cup"].detail
