"""Cameras as gates: which ones a policy needs, what closes them, and what the log says of each decision."""

from __future__ import annotations

import dataclasses
import time
import types

import pytest

from sim2real.errors import BadInputError, RobotDescriptionError
from sim2real.robots import load_robot
from sim2real.ros.camera_gates import CameraGates, open_cameras, required_cameras
from sim2real.ros.camera_info import Intrinsics
from sim2real.ros.log import Recorder, read_log
from sim2real.ros.profiles import RosProfile
from tests.ros.played_camera import ENTRY, TOPICS, PlayedCamera

UR5E = load_robot("ur5e")
ROBOT = dataclasses.replace(UR5E, cameras=(ENTRY,), ros={**UR5E.ros, "cameras": {"wrist": TOPICS, "top": TOPICS}})
PROFILE = RosProfile.for_robot(ROBOT)


def bundle(*cameras):
    """A bundle as far as it is looked at here: what its manifest lists."""
    return types.SimpleNamespace(manifest=types.SimpleNamespace(cameras=list(cameras)))


def test_a_camera_is_required_by_the_command_line_or_by_the_bundle_itself():
    assert required_cameras(bundle(), ROBOT, PROFILE) == {}
    by_hand = required_cameras(bundle(), ROBOT, PROFILE, ["wrist", "top", "wrist"])
    assert by_hand == {"wrist": Intrinsics.model_validate(ENTRY), "top": None}  # nothing is known of "top"
    trained = {**ENTRY, "fx": 75.0}
    by_bundle = required_cameras(bundle(trained), ROBOT, PROFILE, ["top"])
    assert list(by_bundle) == ["wrist", "top"] and by_bundle["wrist"].fx == 75.0  # as it was trained, not as it is here


def test_wrong_ones_are_one_line():
    with pytest.raises(BadInputError, match="robot ur5e: unknown camera 'wirst'; did you mean wrist.; 'cameras' in its "
                                            "ros section says where"):
        required_cameras(bundle(), ROBOT, PROFILE, ["wirst"])
    with pytest.raises(BadInputError, match="unknown camera 'wrist'; known: front"):
        required_cameras(bundle(ENTRY), UR5E, RosProfile.for_robot(UR5E))
    with pytest.raises(RobotDescriptionError, match="the bundle's manifest: field 'cameras.wrist.fx': .* got -1"):
        required_cameras(bundle({**ENTRY, "fx": -1}), ROBOT, PROFILE)


@pytest.mark.parametrize("changes, words", [
    ({"position": [0.1, 0.0, 0.0]}, "is 10 cm and 0 degrees off where"), ({"rpy": [0.0, 0.2, 0.0]}, "0 cm and 11 deg"),
    ({"link": "tool0"}, "on link 'base_link', trained on 'tool0'")])
def test_a_camera_that_is_mounted_elsewhere_is_refused(changes, words):
    required_cameras(bundle({**ENTRY, "position": [0.02, 0.0, 0.03], "rpy": [0.05, 0.0, 0.0]}), ROBOT, PROFILE)
    with pytest.raises(BadInputError, match=words):
        required_cameras(bundle({**ENTRY, **changes}), ROBOT, PROFILE)


@pytest.fixture
def seen(ros):
    """Gates of the wrist's camera, its driver, and the states' stamp, which follows the clock unless it is set."""
    found = types.SimpleNamespace(stamp=None, driver=PlayedCamera(ros))
    found.cameras = open_cameras(ros, PROFILE, required_cameras(bundle(), ROBOT, PROFILE, ["wrist"]))
    found.gates = CameraGates(found.cameras, lambda: time.time() if found.stamp is None else found.stamp)
    yield found
    for camera in found.cameras:
        camera.close()


def until(condition, driver, timeout=20.0, **options):
    end = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        driver.stream(0.03, **options)
    return found


def test_closed_until_images_and_their_info_came_then_hold_without_and_open_again(seen):
    (why,) = seen.gates.closed()
    assert why == "camera wrist: no image yet (/wrist/image_raw)"
    assert seen.gates.judge() == ("hold", "camera wrist: no image yet") and seen.gates.frames == {}
    until(lambda: seen.cameras[0].received or seen.driver.image() is None, seen.driver)
    until(lambda: not seen.gates.closed() and seen.gates.judge() == ("", ""), seen.driver)
    frame = seen.gates.frames["wrist"]
    assert frame.pixels.shape == (48, 64, 3) and frame.number >= 0
    time.sleep(0.15)  # it stops
    assert seen.gates.judge() == ("hold", "camera wrist: the last image is older than 100 ms")
    assert seen.gates.closed() == ["camera wrist: the last image is older than 100 ms (/wrist/image_raw)"]
    assert seen.gates.frames == {}
    until(lambda: seen.gates.judge() == ("", ""), seen.driver)


def test_an_image_that_does_not_fit_the_state_holds(seen):
    until(lambda: not seen.gates.closed() and seen.gates.judge() == ("", ""), seen.driver)

    def apart():
        seen.stamp = time.time() - 0.5  # a state's message that took half a second; images are fresh
        action, why = seen.gates.judge()
        return action == "hold" and " ms apart from the state, at most 70 ms is allowed" in why

    until(apart, seen.driver)


def test_another_camera_stops_and_stays_closed(seen):
    until(lambda: not seen.gates.closed(), seen.driver)
    until(lambda: seen.driver.info(fx=61.0) or seen.cameras[0].fault, seen.driver)
    action, why = seen.gates.judge()
    assert action == "stop" and "camera wrist: its CameraInfo changed while running: K was (60, " in why
    seen.driver.stream(0.2)
    assert seen.gates.closed() == [why] and seen.gates.judge() == ("stop", why)


def test_the_log_says_which_frame_each_decision_had(ros, seen, tmp_path):
    recorder = Recorder(tmp_path / "run.mcap", {})
    gates = CameraGates(seen.cameras, time.time, recorder)
    assert gates.judge()[0] == "hold"
    until(lambda: gates.judge() == ("", ""), seen.driver)
    frame = gates.frames["wrist"]
    recorder.close()
    rows = read_log(tmp_path / "run.mcap")["/frame"]
    first, last = rows[0], rows[-1]
    assert (first["camera"], first["frame"], first["age"]) == ("wrist", -1, None)
    assert first["reason"] == "camera wrist: no image yet"
    assert (last["frame"], last["stamp"], last["reason"]) == (frame.number, frame.stamp, "")
    assert 0.0 <= last["age"] <= 0.1 and abs(last["state_stamp"] - last["stamp"]) <= 0.07
    assert last["age"] == pytest.approx(last["now"] - frame.received)


def test_one_look_costs_a_loop_little(seen):
    until(lambda: seen.gates.judge() == ("", ""), seen.driver)
    took = []
    for _ in range(200):
        begin = time.perf_counter()
        seen.gates.judge()
        took.append(time.perf_counter() - begin)
    assert sorted(took)[100] < 2e-4
