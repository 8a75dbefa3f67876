"""Faults of the state messages: the twin's rehearsed ones, and a driver that the test plays where no twin can."""

from __future__ import annotations

import pytest


def fault(name, at=1.0, **parameters):
    """An entry of a faults file, that long after the first command."""
    return {"since": "command", "at": at, "fault": name, **parameters}


@pytest.mark.fault(1, "no joint state ever")
def test_no_joint_state_ever(rig, reach_bundle):
    node = rig.deploy(reach_bundle, "--wait", "1", arm="flag")  # nobody is there: no twin, no driver
    code, _, err = rig.finished(node)
    verdict = rig.verdict(0.0, rest_s=None)
    assert verdict.state == "REFUSE" and not rig.samples and code == 1
    assert err == ("sim2real: error: no message on /joint_states (sensor_msgs/msg/JointState) within 1 s, 0 publishers "
                   "there; start the driver or `sim2real twin ur5e` in the same ROS domain\n")


@pytest.mark.fault(3, "states dropped")
def test_a_second_of_drops_up_to_half_of_all_changes_nothing(rig, reach_bundle):
    """At 500 Hz even bursts of ten are 20 ms: far from the 100 ms at which it holds."""
    shares = [(0.01, 1), (0.03, 1), (0.1, 1), (0.5, 1), (0.5, 10)]
    rig.twin(*(fault("drop", 1.0 + 0.5 * k, share=share, burst=burst, **{"for": 0.4})
               for k, (share, burst) in enumerate(shares)))
    rig.deploy(reach_bundle)
    rig.after(1.0, 2.5)
    verdict = rig.verdict(rig.begun(1.0), rest_s=None)
    assert verdict.state == "ACTIVE" and verdict.over_bounds == 0.0, rig.causes()
    assert verdict.lost < 10


@pytest.mark.fault(3, "states dropped")
def test_a_burst_past_the_threshold_holds_and_then_goes_on(rig, reach_bundle):
    rig.twin(fault("silence", **{"for": 0.3}))
    rig.deploy(reach_bundle)
    rig.after(1.0, 1.3)
    begin = rig.begun(1.0)
    verdict = rig.verdict(begin, rest_s=rig.rest_s(begin, begin + 0.6))
    assert verdict.state == "HOLD" and verdict.over_bounds == 0.0 and not verdict.resumed
    assert rig.modes(begin)[-1] == "ACTIVE" and rig.speed > 0.05, rig.modes(begin)
    assert "older than 100 ms" in rig.causes(begin)
