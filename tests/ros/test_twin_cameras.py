"""The twin's cameras as their drivers would publish them, what is wrong with them when a fault is rehearsed."""

from __future__ import annotations

import dataclasses
import shutil
import time
import types

import numpy as np
import pytest
import yaml

from sim2real.errors import BadInputError
from sim2real.resources import data_path
from sim2real.robots import load_robot
from sim2real.ros import images
from sim2real.ros.camera_info import InfoWatch, Intrinsics
from sim2real.ros.context import message_class
from sim2real.ros.messages import stamp_seconds
from sim2real.ros.profiles import RosProfile
from sim2real.ros.twin_camera_process import encode
from sim2real.ros.twin_cameras import ENCODINGS, TwinCameras
from tests.ros.played_camera import ENTRY, IMAGE, INFO, TOPICS

UR5E = load_robot("ur5e")


def robot_file(folder, **topics):
    """A UR5e with a camera."""
    folder = shutil.copytree(data_path("robots") / "ur5e", folder / "ur5e")
    content = yaml.safe_load((folder / "robot.yaml").read_text())
    content["cameras"] = [ENTRY]
    content["ros"]["cameras"] = {"wrist": {**TOPICS, **topics}}
    (folder / "robot.yaml").write_text(yaml.safe_dump(content))
    return folder / "robot.yaml"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_decodes_to_what_was_drawn(encoding):
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)
    data = encode(pixels, encoding)
    message = types.SimpleNamespace(encoding=encoding, height=5, width=7, step=len(data) // 5, is_bigendian=0,
                                    data=data)
    if encoding == "mono8":
        grey = np.round(pixels @ [0.299, 0.587, 0.114]).astype(np.uint8)
        pixels = np.repeat(grey[:, :, None], 3, axis=2)
    np.testing.assert_array_equal(images.decode(message, encoding), pixels)


def test_what_cannot_be_drawn_is_refused_in_one_line(ros):
    fr3 = load_robot("fr3")
    with pytest.raises(BadInputError, match="robot fr3 has no cameras in its ros section"):
        TwinCameras(ros, fr3, "fr3", RosProfile.for_robot(fr3))
    deep = dataclasses.replace(UR5E, ros={**UR5E.ros, "cameras": {"wrist": {**TOPICS, "encoding": "16UC1"}}})
    with pytest.raises(BadInputError, match="camera wrist: the twin sends rgb8, .*, not 16UC1"):
        TwinCameras(ros, deep, "ur5e", RosProfile.for_robot(deep))


def test_a_twin_publishes_images_and_info_and_rehearses_their_faults(processes, ros, wait, tmp_path):
    faults = [{"at": at, "for": 1.5, "fault": name} for at, name in
              ((10.0, "camera_size"), (12.0, "camera_frozen"), (14.0, "camera_exchanged"), (16.0, "camera_absent"))]
    (tmp_path / "faults.yaml").write_text(yaml.safe_dump(faults))
    seen, infos, states = [], [], []
    listen = ros.node.create_subscription
    listen(message_class("sensor_msgs/msg/Image"), IMAGE, lambda m: seen.append((time.monotonic(), m)),
           ros.qos("reliable", depth=50))
    listen(message_class("sensor_msgs/msg/CameraInfo"), INFO, infos.append, ros.qos("reliable", depth=50))
    listen(message_class("sensor_msgs/msg/JointState"), "/joint_states",
           lambda m: states.append(stamp_seconds(m.header)), ros.qos("best_effort", depth=50))
    twin = processes.start("twin", robot_file(tmp_path, encoding="bgr8"), "--engine", "mujoco", "--nominal",
                           "--cameras", "--faults", tmp_path / "faults.yaml")
    wait(lambda: len(seen) >= 5 and infos and len(states) > 200, 60.0)
    message, first = seen[4][1], infos[0]
    assert (message.width, message.height, message.encoding, message.step) == (64, 48, "bgr8", 192)
    assert message.header.frame_id == "wrist_optical" and images.decode(message, "rgb8").shape == (48, 64, 3)
    assert np.median(np.diff(states)) == pytest.approx(0.002, rel=0.1)  # the plant keeps its rate
    watch = InfoWatch(Intrinsics.model_validate(ENTRY))
    watch.update(first)
    assert watch.mismatch == ""

    wait(lambda: seen[-1][1].width == 32 and infos[-1].width == 32, 40.0)
    wait(lambda: seen[-1][1].width == 64)
    stamps = [stamp_seconds(m.header) for _, m in seen]
    wait(lambda: len({stamp_seconds(m.header) for _, m in seen[-8:]}) == 1)
    assert stamps == sorted(stamps)
    wait(lambda: infos[-1].k[0] == pytest.approx(66.0))
    watch.update(infos[-1])
    assert "K was (60, 0, 32, " in watch.changed
    wait(lambda: infos[-1].k[0] == 60.0)
    wait(lambda: time.monotonic() - seen[-1][0] > 0.7)
    count = len(seen)
    wait(lambda: len(seen) > count)  # it is back
    code, _, err = processes.end(twin)
    assert code == 0, err


def test_mistakes_are_one_line(tmp_path, capsys):
    from sim2real.cli import main

    (tmp_path / "faults.yaml").write_text("- {at: 1 s, fault: camera_absent}\n")
    assert main(["twin", "fr3", "--cameras", "--engine", "mujoco"]) == 2
    assert "robot fr3 has no cameras in its ros section" in capsys.readouterr().err
    assert main(["twin", "ur5e", "--engine", "mujoco", "--faults", str(tmp_path / "faults.yaml")]) == 2
    assert "the faults file has faults of cameras; add --cameras" in capsys.readouterr().err
    (tmp_path / "faults.yaml").write_text("- {at: 1 s, fault: camera_absent, camera: wirst}\n")
    robot = robot_file(tmp_path)
    assert main(["twin", str(robot), "--engine", "mujoco", "--faults", str(tmp_path / "faults.yaml")]) == 2
    assert "entry 1 (camera_absent): unknown camera 'wirst'; did you mean wrist" in capsys.readouterr().err
