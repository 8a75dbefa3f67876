"""The encoder in the camera's process: what it is shown over real DDS, and what it says of it."""

from __future__ import annotations

import array
import dataclasses
import os
import threading
import time
import types

import numpy as np
import pytest
from onnx import helper

from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.encoder import Encoder, load_encoder
from sim2real.deployment.seeing import add_encoder
from sim2real.errors import DeploymentError
from sim2real.robots import load_robot
from sim2real.ros.camera_gates import CameraGates, open_cameras, required_cameras
from sim2real.ros.profiles import RosProfile
from sim2real.ros.vision.eye import Eye
from sim2real.ros.vision.looking import Looking, fitted, opened, predicted, share
from tests.deployment.hand_encoder import build_encoder, red_onnx
from tests.deployment.tiny_policy import build
from tests.ros.played_camera import ENTRY, TOPICS, PlayedCamera

UR5E = load_robot("ur5e")
ROBOT = dataclasses.replace(UR5E, cameras=(ENTRY,), ros={**UR5E.ros, "cameras": {"wrist": TOPICS}})
PROFILE = RosProfile.for_robot(ROBOT)
TO_TABLE = np.array([[0.0, 0.005, 0.3], [0.01, 0.0, -0.25], [0.0, 0.0, 1.0]])  # x = 0.3 + v / 200, y = u / 100 - 0.25


def red_square(left, top, width=64, height=48, size=4):
    """A grey picture (height, width, 3) with a red square whose upper left corner is at pixel (left, top)."""
    pixels = np.full((height, width, 3), 100, np.uint8)
    pixels[top:top + size, left:left + size] = (220, 10, 10)
    return pixels


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """Makes bundles whose encoder looks through the wrist's camera."""
    folder = tmp_path_factory.mktemp("looking")
    build(folder / "reach.s2r")

    def make(name, onnx, camera=ENTRY):
        build_encoder(folder / f"{name}-encoder.s2r", onnx=onnx, camera=camera)
        add_encoder(folder / "reach.s2r", load_encoder(folder / f"{name}-encoder.s2r"), folder / f"{name}.s2r",
                    {"area": [0.3, 0.5, -0.25, 0.25]})
        return load_bundle(folder / f"{name}.s2r")

    return make


def played(ros, bundle, profile=PROFILE):
    """An eye, its open camera and what plays it; close the camera."""
    eye = Eye(bundle, 30.0)
    cameras = open_cameras(ros, profile, required_cameras(bundle, ROBOT, profile), eye=eye)
    return types.SimpleNamespace(eye=eye, camera=cameras[0], driver=PlayedCamera(ros),
                                 gates=CameraGates(cameras, time.time))


def play(seen, condition, pixels=None, timeout=20.0, **options):
    """Send a picture again and again, each with a stamp of its own, until ``condition()``."""
    if pixels is not None:
        options["data"] = array.array("B", pixels.tobytes())
        options["size"] = (pixels.shape[1], pixels.shape[0])
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"it did not happen in time: {seen.eye.closed()}, {seen.gates.closed()}"
        seen.driver.stream(0.03, **options)


@pytest.fixture
def seen(ros, bundles):
    found = played(ros, bundles("plain", red_onnx(48, 64, TO_TABLE)))
    yield found
    found.camera.close()


def test_what_a_camera_sees_becomes_a_goal(seen):
    assert "no estimate yet" in seen.eye.closed()[0]
    play(seen, lambda: not seen.eye.closed() and not seen.gates.closed(), red_square(20, 10))
    # the square's centre is pixel (22, 12): x = 0.3 + 0.06, y = 0.22 - 0.25; the goal is 0.12 m over the block's 0.03
    np.testing.assert_allclose(seen.eye.goal, [0.36, -0.03, 0.15], atol=1e-4)
    play(seen, lambda: abs(seen.eye.goal[1] - 0.17) < 1e-3, red_square(40, 10))
    assert seen.eye.estimates.moved == 1 and seen.eye.judge() == ("", "")
    assert 0.0 < seen.eye.latency.quantile(0.5) < 0.5 and 0.0 < seen.eye.took.quantile(0.5) < 0.2
    time.sleep(0.5)
    action, why = seen.eye.judge()  # it stops
    assert action == "hold" and why.startswith("encoder of camera wrist: the last estimate is ")


def test_a_block_outside_the_region_holds_and_is_named(seen):
    # the square's centre is pixel (62, 12): y = 0.37
    play(seen, lambda: "outside the area" in seen.eye.judge()[1], red_square(60, 10))
    assert "encoder of camera wrist: the block is seen at (0.36, 0.37) m, outside" in seen.eye.closed()[0]
    assert seen.eye.goal is None
    play(seen, lambda: not seen.eye.closed(), red_square(20, 10))


def test_an_image_again_tells_nothing_new(seen):
    play(seen, lambda: not seen.eye.closed(), red_square(20, 10))
    before, stamp = seen.eye.predictions, time.time()
    play(seen, lambda: "frozen" in seen.gates.judge()[1], red_square(20, 10), stamp=stamp)
    assert seen.eye.predictions <= before + 3  # those on their way, and the first with that stamp
    time.sleep(0.4)
    assert seen.eye.judge()[0] == "hold"


def test_images_of_another_size_hold_and_are_named(seen):
    play(seen, lambda: not seen.eye.closed(), red_square(20, 10))
    play(seen, lambda: seen.eye.closed() and "got 32 x 24" in str(seen.gates.judge()), red_square(5, 5, 32, 24))
    assert "image: expected 64 x 48 pixels, got 32 x 24" in seen.gates.judge()[1]
    assert "the last estimate is" in seen.eye.judge()[1]


def test_an_encoder_that_goes_wrong_holds_and_is_named(ros, bundles):
    """Sane on golden pictures, not a number where a little red is seen: the root of (s - 1) (s - 4), s from 1 to 4."""
    node = helper.make_node
    wrong = [node("Flatten", ["strength"], ["flat"], axis=1), node("Clip", ["flat", "low", "high"], ["s"]),
             node("Sub", ["s", "low"], ["over_low"]), node("Sub", ["s", "high"], ["over_high"]),
             node("Mul", ["over_low", "over_high"], ["product"]), node("Sqrt", ["product"], ["root"]),
             node("Add", ["place", "root"], ["prediction"])]
    bundle = bundles("wrong", red_onnx(48, 64, TO_TABLE, after=wrong, numbers={"low": 1.0, "high": 4.0}))
    found = played(ros, bundle)
    try:
        play(found, lambda: found.eye.predictions > 5, red_square(20, 10, size=8))
        action, why = found.eye.judge()
        assert action == "hold" and why == "encoder of camera wrist: no estimate yet: its output is not finite"
        assert found.eye.goal is None
    finally:
        found.camera.close()


@pytest.mark.slow
def test_larger_images_are_averaged_down(ros, bundles):
    large = {**ENTRY, "width": 128, "height": 96, "fx": 120.0, "fy": 120.0, "cx": 64.0, "cy": 48.0}
    found = played(ros, bundles("large", red_onnx(48, 64, TO_TABLE), large))
    try:
        play(found, lambda: not found.eye.closed(), red_square(40, 20, 128, 96, 8))
        np.testing.assert_allclose(found.eye.goal, [0.36, -0.03, 0.15], atol=1e-4)
    finally:
        found.camera.close()


def test_a_grey_camera_is_refused(ros, bundles):
    grey = dataclasses.replace(ROBOT, ros={**UR5E.ros, "cameras": {"wrist": {**TOPICS, "encoding": "mono8"}}})
    with pytest.raises(DeploymentError, match="its encoder takes colours, the profile asks for mono8"):
        played(ros, bundles("plain", red_onnx(48, 64, TO_TABLE)), RosProfile.for_robot(grey))


# ---------------------------------------------------------------------- without ROS
def test_the_newest_picture_is_looked_at_and_what_waited_is_not():
    said, go = [], threading.Event()

    class Slow(Encoder):
        def __call__(self, images):
            go.wait(5.0)
            return super().__call__(images)

    looking = Looking(Slow(red_onnx(48, 64)), lambda **line: said.append(line))
    for number in range(4):
        looking.show(number, red_square(10 * number, 0), 1.0 + number, 2.0)
        time.sleep(0.02)
    looking.show(9, red_square(0, 0), 4.0, 2.0)  # the same stamp once more
    go.set()
    while len(said) < 2:
        time.sleep(0.01)
    time.sleep(0.05)
    assert [line["looked"] for line in said] == [0, 3]
    prediction = predicted(said[1], 7.0)
    np.testing.assert_allclose(prediction.values, [32.0, 2.0], atol=1e-3)
    assert (prediction.stamp, prediction.received, prediction.known, prediction.failure) == (4.0, 2.0, 7.0, "")


def test_a_failure_is_told():
    said = []
    looking = Looking(Encoder(red_onnx(48, 64)), lambda **line: said.append(line))
    looking.show(0, np.zeros((48, 64), np.uint8), 0.0, 0.0)  # no colours
    while not said:
        time.sleep(0.01)
    assert predicted(said[0], 0.0).values is None and "it failed: expected pictures of shape" in said[0]["failure"]


def test_a_network_is_handed_over_without_a_name():
    encoder = Encoder(red_onnx(24, 32))
    descriptor = share(encoder)
    assert opened(descriptor).onnx == encoder.onnx
    os.close(descriptor)


def test_pictures_are_fitted():
    large = red_square(40, 20, 128, 96, 8)
    np.testing.assert_array_equal(fitted(large, 48, 64), red_square(20, 10))
    assert fitted(large, 96, 128) is large and fitted(large, 192, 256).shape == (192, 256, 3)
