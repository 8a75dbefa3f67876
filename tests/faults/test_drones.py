"""Faults of drones that need no camera: a runner that pauses in the air, a heartbeat that outlives its set points."""

from __future__ import annotations

import shutil
import signal
import time

import numpy as np
import pytest

from sim2real.resources import data_path
from sim2real.ros.context import message_class
from tests.ros.hand_policies import write_policy

LOW = ["--goal=0,0,0.5"]
BEAT = "/fmu/in/offboard_control_mode"


def heights(rig):
    """Heights in [m] by the time that they come."""
    seen = []
    rig.ros.node.create_subscription(message_class("nav_msgs/msg/Odometry"), rig.profile.state.topic,
                                     lambda m: seen.append((time.monotonic(), m.pose.pose.position.z)),
                                     rig.ros.qos("best_effort"))
    return seen


@pytest.mark.fault(42, "drone setpoint gap")
@pytest.mark.slow
@pytest.mark.parametrize("gap", [0.4, 0.6, 2.1])
def test_a_runner_that_pauses_is_replaced_before_the_vehicle_notices(make_rig, hover_bundle, gap):
    """A Crazyflie levels 0.5 s after its last set point and cuts its motors after 2 s: the guard lands it first."""
    rig = make_rig("crazyflie")
    height = heights(rig)
    rig.twin()
    guard = rig.guard()
    node = rig.deploy(hover_bundle, "--require-guard", goals=LOW)
    rig.until(lambda: len(rig.samples) > 100, what="a hundred set points")
    at = time.monotonic()
    node.send_signal(signal.SIGSTOP)
    rig.spin(gap)
    node.send_signal(signal.SIGCONT)
    rig.until(lambda: rig.guard_status[-1][1]["mode"] == "TAKEN_OVER", what="the end of the landing")
    rig.spin(0.5)
    verdict = rig.verdict(at, state="STOP")
    assert verdict.over_bounds == 0.0 and not verdict.resumed
    times = np.array([sample.time for sample in rig.samples])
    assert np.diff(times[times > at - 0.1]).max() < 0.5  # what makes a Crazyflie level by itself
    off = next(sample.time for sample in rig.samples if sample.time > at and sample.command[0] == 0.0)
    assert min(z for t, z in height if t > at) < 0.06 and all(z < 0.1 for t, z in height if t > off)
    by_guard = {sample.publisher for sample in rig.samples if sample.time > at + 0.3}
    assert len(by_guard) == 1  # the runner that woke sends nothing any more
    node.kill()
    assert rig.end(guard)[0] == 1


@pytest.fixture(scope="module")
def px4(tmp_path_factory):
    """An x500 with PX4's heartbeat as a topic of its own (Bool in place of OffboardControlMode), and its bundle."""
    folder = tmp_path_factory.mktemp("px4") / "robot"
    shutil.copytree(data_path("robots") / "x500", folder)
    text = (folder / "robot.yaml").read_text()
    place = "        - {topic: /mavros/setpoint_attitude/thrust"
    assert text.count(place) == 1
    beat = f"        - {{topic: {BEAT}, type: std_msgs/msg/Bool, constants: {{data: true}}}}\n"
    (folder / "robot.yaml").write_text(text.replace(place, beat + place))
    return folder / "robot.yaml", write_policy(folder / "hover.s2r", "x500", "hover")


@pytest.mark.fault(43, "heartbeat without set points")
@pytest.mark.parametrize("end", ["frozen states", "killed"])
def test_heartbeats_leave_with_set_points_or_not_at_all(make_rig, px4, end):
    robot, bundle = px4
    rig = make_rig(robot)
    beats = []
    rig.ros.node.create_subscription(message_class("std_msgs/msg/Bool"), BEAT,
                                     lambda _, info: beats.append(rig._sent(info)), rig.ros.qos("reliable", depth=2000))
    faults = [{"since": "command", "at": 1.0, "for": 0.3, "fault": "silence"}] if end == "frozen states" else []
    rig.twin(*faults)
    node = rig.deploy(bundle)
    begin = rig.begun(1.0)
    rig.after(1.0, 0.2)
    if end == "killed":
        begin = time.monotonic()
        node.kill()
    rig.spin(1.0)
    verdict = rig.verdict(begin, rest_s=None, **({"state": "STOP"} if end == "killed" else {}))
    points = np.array([sample.time for sample in rig.samples])
    assert verdict.over_bounds == 0.0 and len(points) > 10
    # each with its other half in the same tick of 20 ms: never one without the other, never by two timers; the kill, or
    # the beginning or end of listening, may fall between two that belong together
    apart = np.abs(np.array(beats)[:, None] - points)
    for alone in (apart.min(axis=0) > 0.01, apart.min(axis=1) > 0.01):
        assert not alone[1:-1].any() and alone.sum() <= 1
    if end == "killed":
        assert beats[-1] < begin + 0.1 and points[-1] < begin + 0.1
