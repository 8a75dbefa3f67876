"""Faults of the robot and its driver, and policies that no robot should follow."""

from __future__ import annotations

import numpy as np
import pytest

from tests.faults import hostile_policies
from tests.faults.entries import fault, slow
from tests.faults.hostile_policies import write_hostile

RUNNING, SCALING = "/io_and_status_controller/robot_program_running", "/speed_scaling_state_broadcaster/speed_scaling"


@pytest.mark.fault(10, "NaN action")
def test_actions_that_are_no_numbers_are_never_sent(rig, tmp_path):
    """The policy is well until the arm's first joint is at -0.6 rad, and gives NaN from there on."""
    rig.twin()
    rig.deploy(write_hostile(tmp_path / "nan.s2r", hostile_policies.nan_beyond))
    begin = rig.begun(0.0)
    rig.reaches("FAULT", begin)
    rig.spin(0.4)
    verdict = rig.verdict(begin)
    assert verdict.state == "FAULT" and verdict.over_bounds == 0.0 and not verdict.resumed
    assert "the policy's observation or action is not finite, for more than 500 ms" in rig.causes(begin)
    stream = np.array([sample.command for sample in rig.samples])
    assert np.isfinite(stream).all() and stream[-1, 0] == pytest.approx(-0.6, abs=0.35)


@pytest.mark.fault(12, "step, sign flip, Nyquist action")
@pytest.mark.parametrize("make", [hostile_policies.nyquist, slow(hostile_policies.steps), hostile_policies.noise],
                         ids=["nyquist", "steps", "noise"])
def test_policies_that_jump_stay_inside_every_bound(rig, tmp_path, make):
    rig.twin()
    rig.deploy(write_hostile(tmp_path / "hostile.s2r", make))
    begin = rig.begun(0.0)
    rig.after(0.0, 2.0)
    verdict = rig.verdict(begin, rest_s=None)
    assert verdict.over_bounds == 0.0 and not verdict.resumed
    stream = np.array([sample.command for sample in rig.samples])
    assert len(stream) > 300 and np.abs(np.diff(stream, axis=0)).max() > 1e-4  # and it does move


@pytest.mark.fault(23, "emergency stop")
@pytest.mark.parametrize(("chatter", "seconds"), [(0.0, 1.0), slow(0.03, 0.6)], ids=["pressed", "chattering"])
def test_an_emergency_stop_is_latched_and_its_release_moves_nothing(rig, reach_bundle, chatter, seconds):
    rig.twin(fault("e_stop", 0.8, **{"for": seconds}, chatter=chatter))
    node = rig.deploy(reach_bundle)
    rig.after(0.8, seconds + 0.6)
    begin = rig.begun(0.8)
    rig.reaches("FAULT", begin)
    verdict = rig.verdict(begin)
    assert verdict.state == "FAULT" and verdict.over_bounds == 0.0 and not verdict.resumed
    assert verdict.rest_s is not None and verdict.rest_s < 1.0
    assert "robot_program_running is False" in rig.causes(begin)
    settled = begin + seconds + (0.2 if chatter else 0.02)  # between two presses it may get nearer to its set point
    assert max(speed for t, speed in rig.speeds if t > settled) < 0.1  # the release moves nothing
    assert not rig.call("activate")[0]  # somebody has to arm it first
    assert rig.end(node)[0] == 1


@pytest.mark.fault(23, "emergency stop")
def test_without_the_topic_of_the_emergency_stop_nothing_moves(rig, reach_bundle):
    rig.twin({"at": 0.0, "fault": "mute", "topic": "robot_program_running"})
    node = rig.deploy(reach_bundle, "--wait", "6", arm="flag")
    code, _, err = rig.finished(node)
    verdict = rig.verdict(0.0, rest_s=None)
    assert (code, verdict.state) == (1, "REFUSE") and not rig.samples
    assert f"nothing came on {RUNNING} (std_msgs/msg/Bool)" in err.strip().splitlines()[-1]


@pytest.mark.fault(24, "speed scaling 100-0-100 %")
@pytest.mark.parametrize("interface", ["forward_position", slow("joint_trajectory")])
def test_speed_scaling_to_zero_holds_and_goes_on_without_a_jump(make_rig, reach_bundle, interface):
    rig = make_rig(interface=interface)
    rig.twin(fault("speed_scaling", 0.8, **{"for": 0.5}, to=0.0, ramp=0.05))
    rig.deploy(reach_bundle)
    rig.after(0.8, 0.6)
    begin = rig.begun(0.8)
    rig.reaches("ACTIVE", begin + 0.5)
    rig.spin(0.5)
    verdict = rig.verdict(begin, rest_s=rig.rest_s(begin, begin + 0.5))
    assert verdict.state == "HOLD" and verdict.over_bounds == 0.0
    assert f"{SCALING} is" in rig.causes(begin)
    assert fastest_of_a_twin_that_keeps_up(rig, begin) < 1.2 * rig.limits.velocity.max()  # nor does the arm jump


def fastest_of_a_twin_that_keeps_up(rig, since):
    """Largest measured speed; not that of a simulation which got no processor for a while, and then finds its set point
    as far ahead as the commands came meanwhile."""
    at = np.array([t for t, _ in rig.speeds])
    stood = at[1:][np.diff(at) > 0.03]
    return max(speed for t, speed in rig.speeds if t > since and not ((stood <= t) & (t < stood + 0.3)).any())


@pytest.mark.fault(45, "command into self, table, ground")
@pytest.mark.parametrize(("goal", "words"), [
    ("0.5,0.1,-0.3", "above the ground"), slow("0.0,0.02,0.15", "from"), slow("0.2,0.0,0.9", "workspace")],
    ids=["ground", "self", "workspace"])
def test_goals_where_the_arm_must_not_be_are_not_reached(rig, reach_bundle, goal, words):
    rig.twin()
    rig.deploy(reach_bundle, goals=[f"--goal={goal}"])
    begin = rig.begun(0.0)
    rig.reaches("FAULT", begin)
    rig.spin(0.4)
    verdict = rig.verdict(begin)
    assert verdict.state == "FAULT" and verdict.over_bounds == 0.0 and not verdict.resumed
    assert words in rig.causes(begin)
