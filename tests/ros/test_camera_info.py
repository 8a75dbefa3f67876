"""A camera is the one that the robot's description names, and stays it."""

from __future__ import annotations

import dataclasses

import pytest

from sim2real.errors import RobotDescriptionError
from sim2real.robots import load_robot
from sim2real.ros.camera_info import InfoWatch, Intrinsics
from sim2real.ros.context import message_class

ENTRY = {"name": "wrist", "width": 640, "height": 480, "fx": 600.0, "fy": 610.0, "cx": 320.0, "cy": 240.0,
         "distortion": [0.1, -0.2, 0.0, 0.0, 0.0], "position": [0.0, 0.0, 0.1]}


def info(**changes):
    message = message_class("sensor_msgs/msg/CameraInfo")()
    message.width, message.height = changes.pop("size", (640, 480))
    message.k = changes.pop("k", [600.0, 0.0, 320.0, 0.0, 610.0, 240.0, 0.0, 0.0, 1.0])
    message.d = changes.pop("d", [0.1, -0.2, 0.0, 0.0, 0.0])
    message.distortion_model = changes.pop("model", "plumb_bob")
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def k(fx=600.0, fy=610.0, cx=320.0, cy=240.0):
    return [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]


def watched(*messages, expected=None):
    watch = InfoWatch(Intrinsics(**ENTRY) if expected is None else expected)
    for message in messages:
        watch.update(message)
    return watch


def test_the_description_names_its_cameras():
    robot = dataclasses.replace(load_robot("ur5e"), cameras=(ENTRY,))
    assert Intrinsics.of(robot, "wrist") == Intrinsics(**ENTRY)
    assert Intrinsics.of(robot, "wrist").distortion_model == "plumb_bob"
    assert Intrinsics.of(robot, "head") is None


@pytest.mark.parametrize(("field", "value", "line"), [
    ("fx", 0.0, "field 'cameras.wrist.fx': .*greater than 0"), ("width", "wide", "field 'cameras.wrist.width'"),
    ("fy", None, "field 'cameras.wrist.fy'"), ("cx", float("nan"), "field 'cameras.wrist.cx'"),
])
def test_mistakes_in_the_description_get_one_line(field, value, line):
    robot = dataclasses.replace(load_robot("ur5e"), cameras=({**ENTRY, field: value},))
    with pytest.raises(RobotDescriptionError, match=line) as caught:
        Intrinsics.of(robot, "wrist")
    assert "robot ur5e" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("changes", [
    {}, {"k": k(fx=611.9)}, {"k": k(fy=598.0)}, {"k": k(cx=332.0)}, {"k": k(cy=231.0)},  # 2 % of 600, 610, 640, 480
    {"d": [0.119, -0.2, 0.0, 0.0, 0.0]}, {"d": [0.1, -0.2]},
])
def test_what_is_within_two_percent_fits(changes):
    watch = watched(info(**changes))
    assert watch.seen and watch.mismatch == "" and watch.changed == ""


@pytest.mark.parametrize(("changes", "line"), [
    ({"size": (1280, 720)}, r"the size is \(1280, 720\), expected \(640, 480\)"),
    ({"k": k(fx=612.1)}, "fx is 612.1, expected 600"),
    ({"k": k(fy=597.0)}, "fy is 597, expected 610"),
    ({"k": k(cx=333.0)}, "cx is 333, expected 320"),
    ({"k": k(cy=230.0)}, "cy is 230, expected 240"),
    ({"k": [0.0] * 9}, "no calibration"),
    ({"k": k(fx=float("nan"))}, "not finite"),
    ({"d": [float("inf")] * 5}, "not finite"),
    ({"d": [0.13, -0.2, 0.0, 0.0, 0.0]}, r"D is \(0.13, -0.2, 0, 0, 0\)"),
    ({"d": []}, r"D is \(\), expected"),
    ({"model": "equidistant"}, "the distortion model is equidistant, expected plumb_bob"),
])
def test_another_camera_is_told_with_what_differs(changes, line):
    import re

    text = watched(info(**changes)).mismatch
    assert re.search(line, text) and "\n" not in text


def test_without_distortion_its_model_says_nothing():
    expected = Intrinsics(**{**ENTRY, "distortion": ()})
    assert watched(info(d=[], model=""), expected=expected).mismatch == ""
    assert watched(info(d=[0.0] * 8, model="rational_polynomial"), expected=expected).mismatch == ""


def test_without_an_expectation_anything_fits_that_stays():
    watch = InfoWatch(None)
    assert not watch.seen
    watch.update(info(k=[float("nan")] * 9))
    watch.update(info(k=[float("nan")] * 9))
    assert watch.seen and watch.mismatch == "" and watch.changed == ""


@pytest.mark.parametrize(("changes", "line"), [
    ({"size": (320, 240)}, r"the size was \(640, 480\), is \(320, 240\)"),
    ({"k": k(fx=600.5)}, "K was"), ({"d": [0.1]}, "D was"), ({"model": "equidistant"}, "the distortion model was"),
    ({"binning_x": 2}, "binning was"),
])
def test_a_change_while_running_is_latched(changes, line):
    """Even one within the tolerance: a camera does not change by itself."""
    watch = watched(info(), info(), info(**changes), info())
    assert watch.mismatch == ""
    assert watch.changed.startswith("its CameraInfo changed while running: ") and line.split(" ")[0] in watch.changed
    import re

    assert re.search(line, watch.changed)


def test_headers_and_binning_of_zero_are_no_change():
    """0 and 1 both mean no binning, says the message's definition."""
    first, second = info(), info(binning_x=1, binning_y=1)
    second.header.stamp.sec = 7
    assert watched(first, second).changed == ""
