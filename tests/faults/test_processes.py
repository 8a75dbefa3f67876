"""Processes that die, hang, are told to end, or are too many."""

from __future__ import annotations

import json
import signal
import time

import numpy as np
import pytest

from tests.ros.ros_processes import ROOT

# A process that has this as its sitecustomize hangs at SIGUSR1 inside a call into C that keeps the interpreter's lock.
HANG = """
import ctypes, signal
signal.signal(signal.SIGUSR1, lambda *_: ctypes.PyDLL(None).sleep(30))
"""


def guarded(make_rig, bundle, interface, **variables):
    """A rig whose arm moves under the eyes of a guard: (rig, twin, guard, runner)."""
    rig = make_rig(interface=interface)
    twin, guard = rig.twin(), rig.guard()
    node = rig.deploy(bundle, "--require-guard", **variables)
    rig.moving()
    return rig, twin, guard, node


@pytest.mark.fault(19, "inference hangs with the GIL")
@pytest.mark.parametrize("interface", ["forward_velocity", pytest.param("forward_position", marks=pytest.mark.slow)])
def test_a_runner_that_hangs_with_the_interpreters_lock(make_rig, reach_bundle, tmp_path, interface):
    (tmp_path / "hang").mkdir()
    (tmp_path / "hang" / "sitecustomize.py").write_text(HANG)
    rig, _, guard, node = guarded(make_rig, reach_bundle, interface, PYTHONPATH=f"{tmp_path / 'hang'}:{ROOT}")
    at = time.monotonic()
    node.send_signal(signal.SIGUSR1)
    rig.spin(1.8)
    verdict = rig.verdict(at, state="STOP")
    assert verdict.rest_s is not None and verdict.rest_s <= 0.5
    assert verdict.over_bounds == 0.0 and not verdict.resumed
    assert "has not beaten for 1" in rig.guard_status[-1][1]["cause"]
    node.kill()
    rig.spin(0.3)
    assert rig.end(guard)[0] == 1


@pytest.mark.fault(20, "runner killed")
@pytest.mark.parametrize("interface", ["forward_velocity", pytest.param("forward_position", marks=pytest.mark.slow)])
def test_a_killed_runner_leaves_the_robot_at_rest_within_half_a_second(make_rig, reach_bundle, interface):
    rig, _, guard, node = guarded(make_rig, reach_bundle, interface)
    at = time.monotonic()
    node.kill()
    rig.spin(1.8)
    verdict = rig.verdict(at, state="STOP")
    assert verdict.rest_s is not None and verdict.rest_s <= 0.5
    assert verdict.over_bounds == 0.0 and not verdict.resumed
    code, out, err = rig.end(guard)
    assert code == 1 and "the guard took over" in err and json.loads(out)["taken_over"]


@pytest.mark.fault(21, "guard killed")
def test_a_runner_whose_guard_dies_stops(make_rig, reach_bundle):
    rig, _, guard, node = guarded(make_rig, reach_bundle, "forward_position")
    at = time.monotonic()
    guard.kill()
    rig.spin(1.8)
    verdict = rig.verdict(at)
    assert verdict.state == "FAULT" and "the guard is gone" in rig.causes(at)
    assert verdict.rest_s is not None and verdict.rest_s <= 0.6
    assert verdict.over_bounds == 0.0 and not verdict.resumed
    code, out, err = rig.end(node)
    assert code == 1 and "the guard is gone" in err and json.loads(out)["limit_violations"] == 0


@pytest.mark.fault(22, "SIGINT, SIGTERM in every state")
@pytest.mark.parametrize("signals", [[signal.SIGINT], pytest.param([signal.SIGTERM], marks=pytest.mark.slow),
                                     [signal.SIGTERM, signal.SIGINT]],
                         ids=["int", "term", "twice"])
def test_a_moving_arm_is_brought_to_rest_by_a_signal(rig, reach_bundle, signals):
    rig.twin()
    node = rig.deploy(reach_bundle)
    at = rig.moving()
    for number in signals:
        node.send_signal(number)
        rig.spin(0.05)
    code, out, err = rig.finished(node)
    rig.spin(0.5)
    verdict = rig.verdict(at)
    assert (code, verdict.state) == (0, "STOP"), err
    assert verdict.rest_s is not None and verdict.rest_s < 1.0 and verdict.over_bounds == 0.0 and not verdict.resumed
    stream = np.array([sample.command for sample in rig.samples])
    assert json.loads(out)["commands"] == len(stream) and np.abs(np.diff(stream[-100:], axis=0)).max() == 0.0


@pytest.mark.fault(22, "SIGINT, SIGTERM in every state")
@pytest.mark.slow
@pytest.mark.parametrize(("state", "number", "expected"), [
    ("UNCONFIGURED", signal.SIGINT, 0), ("UNCONFIGURED", signal.SIGTERM, 0), ("INACTIVE", signal.SIGINT, 0),
    ("INACTIVE", signal.SIGTERM, 0), ("ARMED", signal.SIGINT, 0), ("ARMED", signal.SIGTERM, 0),
    ("HOLD", signal.SIGINT, 0), ("HOLD", signal.SIGTERM, 0), ("FAULT", signal.SIGINT, 1),
    ("FAULT", signal.SIGTERM, 1)])
def test_a_signal_in_every_other_state(rig, reach_bundle, state, number, expected):
    """Without a driver it is unconfigured; a driver that falls silent is a HOLD, and then a FAULT."""
    if state != "UNCONFIGURED":
        silent = {"HOLD": 5.0, "FAULT": 10.0}.get(state)
        rig.twin(*([{"since": "command", "at": 0.5, "fault": "speed_scaling", "to": 0.0, "ramp": 0.0}]
                   if state == "HOLD" else [{"since": "command", "at": 0.5, "for": silent, "fault": "silence"}]
                   if silent else []))
    node = rig.deploy(reach_bundle, arm="")
    if state in ("HOLD", "FAULT"):
        rig.arm()
    elif state == "ARMED":
        rig.until(lambda: rig.modes()[-1:] == ["INACTIVE"])
        assert rig.call("arm") == (True, "")
    words = {"UNCONFIGURED", "CONFIGURING"} if state == "UNCONFIGURED" else {state}  # it waits for the driver
    rig.until(lambda: rig.status and words & {rig.status[-1][1]["state"], rig.status[-1][1]["mode"]},
              what=f"the state {state}")
    at, sent = time.monotonic(), len(rig.samples)
    code, _, err = rig.end(node, number)
    rig.spin(0.3)
    verdict = rig.verdict(at, state="STOP", measured=state != "FAULT")
    assert code == expected, err
    assert verdict.over_bounds == 0.0 and not verdict.resumed
    if state in ("UNCONFIGURED", "INACTIVE", "ARMED", "FAULT"):
        assert len(rig.samples) == sent


@pytest.mark.fault(47, "two runners for one robot")
def test_the_second_runner_of_a_robot_refuses_and_the_first_goes_on(rig, reach_bundle):
    rig.twin()
    first = rig.deploy(reach_bundle)
    rig.moving(0.1)
    second = rig.deploy(reach_bundle, arm="flag")
    code, _, err = rig.finished(second)
    begin = time.monotonic()
    rig.spin(0.5)
    verdict = rig.verdict(begin, state="REFUSE", rest_s=None)
    assert code == 1 and err.count("\n") == 1
    assert "another runner" in err and "stop it first, or use another domain" in err
    assert first.poll() is None and verdict.over_bounds == 0.0
    numbers = [sample.number for sample in rig.samples]
    assert numbers == sorted(set(numbers)) and rig.samples[-1].time > begin + 0.3  # one publisher, which goes on
