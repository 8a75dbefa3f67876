"""Faults of the cameras and of frames: a twin moves the arm, the test plays the camera and the motion capture."""

from __future__ import annotations

import shutil
import time

import pytest
import yaml

from sim2real.resources import data_path
from sim2real.ros.log import read_log
from tests.ros.played_camera import ENTRY, TOPICS
from tests.ros.played_sensors import TABLE, TRANSFORM, PlayedSensor

APART = "ms apart from the state, at most 70 ms is allowed"
STALE = "goal: frame 'table': where 'table' is in 'base_link' is known of"
SIDES = [[0.45, y, 0.35] for y in (-0.3, 0.3)] * 20  # clear of everything, whenever it brakes


@pytest.fixture
def seeing(tmp_path):
    """A UR5e's robot.yaml with a camera, and a topic that says where a table is."""
    folder = shutil.copytree(data_path("robots") / "ur5e", tmp_path / "ur5e")
    content = yaml.safe_load((folder / "robot.yaml").read_text())
    content["cameras"] = [ENTRY]
    content["ros"]["cameras"] = {"wrist": TOPICS}
    content["ros"]["frames"] = {"topics": [{"topic": TABLE, "type": TRANSFORM}]}
    (folder / "robot.yaml").write_text(yaml.safe_dump(content))
    return folder / "robot.yaml"


@pytest.fixture
def camera(domain):
    """A camera's driver that behaves."""
    running = PlayedSensor("camera", domain)
    yield running
    running.close()


@pytest.fixture
def mocap(domain):
    """A motion capture that says where the table is."""
    running = PlayedSensor("table", domain)
    yield running
    running.close()


def moving(rig, bundle, *arguments, goals=None):
    """A twin, and a policy that moves it; once it is at speed."""
    goals = [f"--goal={','.join(map(str, goal))}" for goal in SIDES] if goals is None else goals
    rig.twin()
    node = rig.deploy(bundle, *arguments, goals=goals)
    rig.moving()
    return node


def refused(rig, bundle, *arguments, **options):
    """The one line with which deploy ends before anything was sent."""
    rig.twin()
    code, _, err = rig.finished(rig.deploy(bundle, *arguments, arm="flag", **options), timeout=60.0)
    verdict = rig.verdict(0.0, rest_s=None)
    assert (verdict.state, code) == ("REFUSE", 1) and not rig.samples and err.count("sim2real: error: ") == 1
    return err


def stopped_for_good(rig, source, **changes):
    """The causes once ``source`` was changed for good; it comes to rest and stays there, though all is well again."""
    begin = time.monotonic()
    source.set(**changes)
    rig.until(lambda: rig.status[-1][1]["state"] == "FAULT", 10.0, "a FAULT")
    source.set()
    rig.spin(1.0)
    verdict = rig.verdict(begin)
    assert verdict.state == "FAULT" and verdict.over_bounds == 0.0 and not verdict.resumed, rig.causes(begin)
    assert verdict.rest_s < 2.0
    return rig.causes(begin)


def disturbed(rig, source, line, **changes):
    """Change ``source`` until it holds for ``line``, then let all be well again: it drives on by itself.

    On a busy machine it may hold for other reasons, too; then again.
    """
    begin = time.monotonic()
    for _ in range(5):
        source.set(**changes)
        rig.until(lambda: rig.status[-1][1]["mode"] != "ACTIVE", 5.0, f"HOLD after {changes}")
        rig.spin(0.0 if line in rig.causes(begin) else 0.2)  # ~/status tells another cause that late; 0.5 s is a STOP
        source.set()
        rig.until(lambda: rig.status[-1][1]["mode"] in ("ACTIVE", "FAULT"), 5.0, f"driving on after {changes}")
        modes = rig.modes(begin)
        assert "HOLD" in modes and modes[-1] == "ACTIVE", (changes, modes, rig.causes(begin))
        if line in rig.causes(begin):
            return
    raise AssertionError(f"it never held for {line!r}: {rig.causes(begin)}")


@pytest.mark.fault(26, "camera absent, frozen, slow, late")
def test_it_does_not_start_without_its_camera(make_rig, seeing, reach_bundle):
    err = refused(make_rig(seeing), reach_bundle, "--require-camera", "wrist", "--wait", "4")
    assert err.endswith("sim2real: error: camera wrist: no image yet (/wrist/image_raw)\n")


@pytest.mark.fault(26, "camera absent, frozen, slow, late")
def test_a_camera_that_goes_freezes_slows_down_or_lags_holds_until_it_is_well(make_rig, seeing, camera, reach_bundle):
    rig = make_rig(seeing)
    moving(rig, reach_bundle, "--require-camera", "wrist")
    begin = time.monotonic()
    old = "camera wrist: the "  # last image is older than 100 ms, or, before that, further from the state than 70 ms
    disturbed(rig, camera, old, silent=True)
    disturbed(rig, camera, old, frozen=True)
    disturbed(rig, camera, old, rate=3.0)
    disturbed(rig, camera, APART, late=0.3)
    verdict = rig.verdict(begin, rest_s=None)
    assert verdict.state == "HOLD" and verdict.over_bounds == 0.0 and not verdict.resumed


@pytest.mark.fault(26, "camera absent, frozen, slow, late")
def test_a_camera_that_stays_away_stops_for_good(make_rig, seeing, camera, reach_bundle):
    rig = make_rig(seeing)
    moving(rig, reach_bundle, "--require-camera", "wrist")
    causes = stopped_for_good(rig, camera, silent=True)
    assert "camera wrist: the last image is older than 100 ms, for more than 500 ms" in causes
    assert rig.call("arm") == (True, "")  # it sees again: a person may let it go on


@pytest.mark.fault(27, "images of another encoding, size, step or length")
def test_images_are_converted_exactly_or_rejected_by_name(make_rig, seeing, camera, reach_bundle, tmp_path):
    rig = make_rig(seeing)
    node = moving(rig, reach_bundle, "--require-camera", "wrist", "--log", tmp_path / "run.mcap")
    begin = time.monotonic()
    camera.set(image={"encoding": "bgr8"})
    rig.spin(0.5)
    camera.set()
    assert "rejected" not in rig.causes(begin)
    for image, line in (
            ({"encoding": "mono8", "step": 64, "data": 64 * 48}, "got mono8"),
            ({"encoding": "h264"}, "unknown encoding 'h264'"), ({"step": 10}, "step 10 is less than a row"),
            ({"data": 100}, "got 100"),
            ({"size": (32, 48)}, "expected 64 x 48 pixels, got 32 x 48"),
            ({"height": 2**31, "width": 2**31}, "expected 1 to 16384 pixels a side")):
        disturbed(rig, camera, line, image=image)
    verdict = rig.verdict(begin, rest_s=None)
    assert verdict.state == "HOLD" and verdict.over_bounds == 0.0 and not verdict.resumed
    code, _, err = rig.end(node)
    assert code == 0, err
    rows = read_log(tmp_path / "run.mcap")["/frame"]
    assert rows[-1]["rejected"] >= 6 and {row["camera"] for row in rows} == {"wrist"}
    used = [row["frame"] for row in rows if row["frame"] >= 0]
    assert len(used) > 10 and used == sorted(used)


@pytest.mark.fault(28, "CameraInfo changes")
def test_a_camera_that_is_exchanged_is_a_fault(make_rig, seeing, camera, reach_bundle):
    rig = make_rig(seeing)
    moving(rig, reach_bundle, "--require-camera", "wrist")
    causes = stopped_for_good(rig, camera, fx=66.0)
    assert "camera wrist: its CameraInfo changed while running: K was (60, " in causes
    done, why = rig.call("arm")
    assert not done and "its CameraInfo changed while running" in why


@pytest.mark.fault(28, "CameraInfo changes")
def test_another_camera_than_the_description_says_is_refused(make_rig, seeing, camera, reach_bundle):
    camera.set(fx=80.0)
    err = refused(make_rig(seeing), reach_bundle, "--require-camera", "wrist", "--wait", "8")
    assert "its CameraInfo differs from the robot description: fx is 80, expected 60" in err


@pytest.mark.fault(29, "image and state do not fit")
def test_images_that_are_too_far_from_the_state_are_not_paired(make_rig, seeing, camera, reach_bundle):
    rig = make_rig(seeing)
    moving(rig, reach_bundle, "--require-camera", "wrist")
    begin = time.monotonic()
    disturbed(rig, camera, APART, late=0.15)
    verdict = rig.verdict(begin, rest_s=None)
    assert verdict.state == "HOLD" and verdict.over_bounds == 0.0 and not verdict.resumed


# ------------------------------------------------------------------------------------------------- frames
@pytest.fixture
def framed_goals(tmp_path):
    """Goals on both sides, in the table's frame."""
    path = tmp_path / "goals.yaml"
    path.write_text(yaml.safe_dump([{"goal": goal, "frame": "table"} for goal in SIDES]))
    return ["--goals", str(path)]


@pytest.mark.fault(33, "transform missing or stale")
def test_it_does_not_start_without_the_frame_of_its_goal(make_rig, seeing, reach_bundle, framed_goals):
    err = refused(make_rig(seeing), reach_bundle, "--wait", "4", goals=framed_goals)
    assert "goal: frame 'table': no transform connects it to 'base_link'; frames that were placed: none" in err


@pytest.mark.fault(33, "transform missing or stale")
def test_a_stale_transform_holds_and_names_the_frame(make_rig, seeing, mocap, reach_bundle, framed_goals):
    rig = make_rig(seeing)
    moving(rig, reach_bundle, goals=framed_goals)
    begin = time.monotonic()
    for change in ("silent", "frozen"):
        disturbed(rig, mocap, STALE, **{change: True})
    verdict = rig.verdict(begin, rest_s=None)
    assert verdict.state == "HOLD" and verdict.over_bounds == 0.0 and not verdict.resumed


@pytest.mark.fault(33, "transform missing or stale")
def test_a_transform_that_stays_away_stops_for_good(make_rig, seeing, mocap, reach_bundle, framed_goals):
    rig = make_rig(seeing)
    moving(rig, reach_bundle, goals=framed_goals)
    causes = stopped_for_good(rig, mocap, silent=True)
    assert STALE in causes and "for more than 500 ms" in causes
