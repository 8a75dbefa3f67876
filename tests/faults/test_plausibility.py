"""Faults that only a look at the numbers tells: frozen, jumping and stuck sensors and joints, a moved robot."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.cli import main
from sim2real.deployment.runner import HOLD_AGE
from sim2real.deployment.tracking import TrackingLimits
from sim2real.ros.log import read_log
from tests.faults import judge
from tests.faults.entries import fault
from tests.faults.hostile_policies import write_hostile
from tests.ros.hand_policies import linear_onnx, reach_weight


@pytest.fixture(scope="module")
def eager(tmp_path_factory):
    """Policies that want ``gain`` times what the hand-written one does."""
    folder = tmp_path_factory.mktemp("bundles")

    def write(gain):
        return write_hostile(folder / f"{gain:g}.s2r", lambda task: linear_onnx(gain * reach_weight(task)))
    return write


# ---------------------------------------------------------------------- 2
@pytest.mark.fault(2, "states frozen")
@pytest.mark.parametrize(("stamps", "words"), [("frozen", "older than 100 ms"), ("running", "repeated bit for bit")])
def test_frozen_states_hold_while_they_are(rig, reach_bundle, stamps, words):
    rig.twin(fault("freeze", 0.6, stamps=stamps, **{"for": 0.35}))
    rig.deploy(reach_bundle)
    rig.after(0.6, 1.0)
    begin = rig.begun(0.6)
    verdict = rig.verdict(begin, rest_s=rig.rest_s(begin, begin + 0.6))
    assert verdict.state == "HOLD" and verdict.over_bounds == 0.0 and words in rig.causes(begin), rig.causes(begin)
    assert rig.modes(begin)[-1] == "ACTIVE", rig.modes(begin)


@pytest.mark.fault(2, "states frozen")
@pytest.mark.parametrize(("stamps", "words"), [("frozen", "older than 100 ms"), ("running", "repeated bit for bit")])
def test_states_that_stay_frozen_are_a_fault(rig, reach_bundle, stamps, words):
    rig.twin(fault("freeze", 0.6, stamps=stamps))
    rig.deploy(reach_bundle)
    rig.after(0.6, 2.0)
    begin = rig.begun(0.6)
    fault_at = next(at for at, row in rig.status if row["state"] == "FAULT")
    again = judge.last_motion(rig.samples, fault_at) > fault_at
    verdict = rig.verdict(begin, measured=False, resumed=again)  # what is measured is frozen in full motion
    assert verdict.state == "FAULT" and verdict.over_bounds == 0.0 and not verdict.resumed
    assert verdict.rest_s is not None and verdict.rest_s < 0.8 and words in rig.causes(begin)


# ---------------------------------------------------------------------- 7
@pytest.mark.fault(7, "encoder spike")
def test_spikes_are_not_used_and_a_replay_does_not_use_them_either(rig, reach_bundle, tmp_path):
    """50 ms of every message, four times: one or two of the policy's periods look at each, if none is late."""
    rig.twin(*(fault("spike", 0.6 + 0.25 * k, joint="elbow_joint", size=1.0, **{"for": 0.05}) for k in range(4)))
    node = rig.deploy(reach_bundle, "--log", tmp_path / "run.mcap")
    rig.after(0.6, 1.2)
    verdict = rig.verdict(rig.begun(0.6), rest_s=None)
    code, _, err = rig.end(node)
    assert code == 0, err
    log = read_log(tmp_path / "run.mcap")
    oldest = max(said["age"] for said in log["/decision"])
    # a busy machine may stretch a spike, or skip the periods around it, until the last good state is too old
    assert verdict.state == ("ACTIVE" if oldest <= HOLD_AGE else "HOLD") and verdict.over_bounds == 0.0, rig.causes()
    elbow = np.array([row["joint_position"][2] for row in log["/state"]])
    spiked = np.flatnonzero(np.diff(elbow) > 0.7) + 1
    assert 1 <= len(spiked) <= 4  # they were there to be seen
    for said in (log["/decision"][k] for k in spiked):
        assert said["age"] > 0.03  # by the state before
        assert said["mode"] == ("ACTIVE" if said["age"] <= HOLD_AGE else "HOLD")
    assert main(["replay", str(tmp_path / "run.mcap"), "--bundle", str(reach_bundle)]) == 0  # bit for bit


@pytest.mark.fault(7, "encoder spike")
@pytest.mark.parametrize("size", [0.4, -1.0, 100.0])
def test_an_encoder_that_stays_off_is_a_fault_and_named(rig, reach_bundle, size):
    rig.twin(fault("spike", 0.6, joint="elbow_joint", size=size))
    rig.deploy(reach_bundle)
    rig.after(0.6, 1.8)
    begin = rig.begun(0.6)
    verdict = rig.verdict(begin)
    assert verdict.state == "FAULT" and verdict.over_bounds == 0.0 and not verdict.resumed
    causes = rig.causes(begin)
    # what it could have moved by itself while a busy machine skipped a period is no jump: tracking has more patience
    patience = 0.5 if "jumped by" not in causes and size == 0.4 else 0.0
    assert "elbow_joint jumped by" in causes or (patience and "elbow_joint does not follow" in causes), causes
    assert verdict.rest_s is not None and verdict.rest_s < 0.5 + patience, causes


# ---------------------------------------------------------------------- 11
@pytest.mark.fault(11, "action out of range")
def test_actions_out_of_range_are_clamped_and_flagged(rig, eager, tmp_path):
    """Up to eight times what there is: clipped, said so, and otherwise a good policy."""
    rig.twin()
    node = rig.deploy(eager(10.0), "--log", tmp_path / "run.mcap")
    rig.moving()
    rig.spin(1.0)
    verdict = rig.verdict(0.0, rest_s=None)
    assert verdict.state == "ACTIVE" and verdict.over_bounds == 0.0, rig.causes()
    assert rig.end(node)[0] == 0
    assert sum(row["saturated"] for row in read_log(tmp_path / "run.mcap")["/decision"]) > 10


@pytest.mark.fault(11, "action out of range")
@pytest.mark.parametrize("gain", [1e3, 1e30])
def test_actions_that_stay_far_out_of_range_are_a_fault(rig, eager, gain):
    rig.twin()
    rig.deploy(eager(gain))
    begin = rig.begun(0.0)
    rig.after(0.0, 2.5)
    verdict = rig.verdict(begin)
    assert verdict.state == "FAULT" and verdict.over_bounds == 0.0 and not verdict.resumed
    assert verdict.rest_s is not None and verdict.rest_s < 1.5 and "actions far out of range" in rig.causes(begin)


# ---------------------------------------------------------------------- 13
@pytest.mark.fault(13, "blocked joint")
def test_a_blocked_joint_is_found_and_its_command_does_not_run_away(rig, reach_bundle):
    rig.twin(fault("blocked_joint", 0.6, joint="shoulder_pan_joint"))
    rig.until(lambda: rig.states, what="a state")  # the recorder hears the twin
    rig.deploy(reach_bundle)
    rig.after(0.6, 3.0)
    begin = rig.begun(0.6)
    verdict = rig.verdict(begin)
    assert verdict.state == "FAULT" and verdict.over_bounds == 0.0 and not verdict.resumed
    assert verdict.rest_s is not None and verdict.rest_s < 2.0
    assert "shoulder_pan_joint does not follow" in rig.causes(begin)
    after = [sample.command[0] for sample in rig.samples if sample.time > begin]
    lead = np.abs(np.array(after) - rig.positions[0]).max()
    assert 0.2 < lead < TrackingLimits.from_robot(rig.robot).lead[0]


# ---------------------------------------------------------------------- 34
@pytest.mark.fault(34, "driver restarts at another pose")
@pytest.mark.parametrize(("away", "by"), [(0.2, 0.4), (1.5, -0.4)])
def test_a_driver_that_comes_back_elsewhere_is_a_fault_until_armed_again(rig, reach_bundle, away, by):
    rig.twin(fault("restart", 0.6, joint="shoulder_lift_joint", by=by, **{"for": away}))
    rig.until(lambda: rig.states, what="a state")  # the recorder hears the twin
    rig.deploy(reach_bundle)
    rig.after(0.6, away + 1.2)
    begin = rig.begun(0.6)
    assert "FAULT" in rig.modes(begin), rig.modes(begin)
    assert "it was moved; arm again" in rig.causes(begin) or "older than 100 ms" in rig.causes(begin)
    assert not rig.resumed(begin)
    before, place = len(rig.samples), rig.positions
    rig.arm()
    rig.until(lambda: len(rig.samples) > before + 50, what="commands after arming again")
    first = rig.samples[before].command
    assert first == pytest.approx(place, abs=0.01)  # from where it is now
    # two streams, each inside the bounds; between them nobody commanded, and the second begins where the robot was
    over = max(judge.over_bounds(rows, rig.limits, rig.period) for part in (rig.samples[:before], rig.samples[before:])
               for rows in judge.unbroken(part))
    rig.verdict(begin, rest_s=None, state="FAULT", resumed=False, over_bounds=over)
    assert over == 0.0
