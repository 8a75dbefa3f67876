"""Faults of the state messages: the twin's rehearsed ones, and a driver that the test plays where no twin can."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.ros.messages import set_stamp, stamp_seconds
from tests.faults import judge
from tests.faults.entries import fault, slow
from tests.ros.played_driver import permuted


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
    rig.after(1.0, 0.4)
    begin = rig.begun(1.0)
    rig.reaches("ACTIVE", begin + 0.3)
    rig.spin(0.3)
    verdict = rig.verdict(begin, rest_s=rig.rest_s(begin, begin + 0.3))
    assert verdict.state == "HOLD" and verdict.over_bounds == 0.0 and not verdict.resumed
    moved = judge.last_motion(rig.samples, begin + 0.3)
    assert moved > begin + 0.3  # it went on
    assert "older than 100 ms" in rig.causes(begin)


@pytest.mark.fault(4, "joint order permuted")
def test_joints_in_another_order_in_every_message_give_equal_commands(rig, reach_bundle):
    """Two runs over a driver whose joints never move: a command depends on the messages alone.

    They are over before the node would doubt joints that never move.
    """
    runs = []
    for edit in (None, permuted(1)):
        driver = rig.driver(edit)
        node = rig.deploy(reach_bundle, "--duration", "0.9", goals=["--goal=0.45,0.1,0.35"], arm="flag")
        code, _, err = rig.finished(node)
        driver.close()
        assert code == 0, err
        runs.append(driver.commands[driver.commands.count(driver.commands[0]):])  # from the first motion on
    verdict = rig.verdict(0.0, state="ACTIVE", rest_s=None, resumed=False)  # of two runs, one after the other
    moving = 250  # ticks, before a run's time is over
    ordered, permuted_ = (run[:moving] for run in runs)
    assert ordered == permuted_  # bit for bit
    assert len(ordered) == moving and np.abs(np.diff(ordered, axis=0)).max() > 1e-3  # and they do move
    assert verdict.over_bounds == 0.0


@pytest.mark.fault(5, "missing, duplicate, extra joints")
@pytest.mark.parametrize(("name", "parameters", "words"), [
    ("missing_joint", {"joint": "elbow_joint"}, "expected joint 'elbow_joint' once, found it 0 times"),
    slow("duplicate_joint", {"joint": "elbow_joint"}, "expected joint 'elbow_joint' once, found it 2 times"),
    slow("wrong_length", {"field": "position"}, "expected 6 numbers for 6 joint names, got 5"),
    slow("wrong_length", {"field": "velocity", "by": 1}, "expected 6 numbers for 6 joint names, got 7"),
], ids=["missing", "duplicate", "short", "long"])
def test_messages_that_do_not_fit_the_robot_are_rejected_by_name(rig, reach_bundle, name, parameters, words):
    rig.twin(fault(name, 0.8, **{"for": 0.3}, **parameters))
    node = rig.deploy(reach_bundle)
    rig.after(0.8, 0.4)
    begin = rig.begun(0.8)
    rig.reaches("ACTIVE", begin + 0.3)
    verdict = rig.verdict(begin, rest_s=rig.rest_s(begin, begin + 0.3))
    assert verdict.state == "HOLD" and verdict.over_bounds == 0.0
    _, _, err = rig.end(node)
    assert f"message on /joint_states rejected: {words}" in err


@pytest.mark.fault(5, "missing, duplicate, extra joints")
def test_joints_of_others_in_the_message_change_nothing(rig, reach_bundle):
    """Joints go by name; a gripper's or a second arm's may stand between ours."""
    rig.twin(fault("extra_joints", 0.8, **{"for": 0.5}, count=3))
    rig.deploy(reach_bundle)
    rig.after(0.8, 0.8)
    verdict = rig.verdict(rig.begun(0.8), rest_s=None)
    assert verdict.state == "ACTIVE" and verdict.over_bounds == 0.0


@pytest.mark.fault(6, "velocity or effort NaN or empty")
@pytest.mark.parametrize(("name", "parameters", "words"), [
    ("nan", {"field": "velocity"}, "not finite; if the driver leaves velocities out, set 'ros.state.velocity"),
    slow("nan", {"field": "velocity", "joint": "wrist_3_joint"}, "not finite"),
    ("empty", {"field": "velocity"}, "it has no velocities; set 'ros.state.velocity: differentiated'"),
    slow("nan", {"field": "position", "value": "inf"}, "not finite"),
], ids=["nan", "nan-of-one", "empty", "inf-position"])
def test_velocities_that_the_policy_needs_and_does_not_get(rig, reach_bundle, name, parameters, words):
    rig.twin({"at": 0.0, "fault": name, **parameters})
    node = rig.deploy(reach_bundle, "--wait", "6", arm="flag")
    code, _, err = rig.finished(node)
    verdict = rig.verdict(0.0, rest_s=None)
    assert (code, verdict.state) == (1, "REFUSE") and not rig.samples
    assert words in err.strip().splitlines()[-1], err


@pytest.mark.fault(6, "velocity or effort NaN or empty")
def test_efforts_that_the_policy_does_not_need(rig, reach_bundle):
    rig.twin({"at": 0.0, "fault": "nan", "field": "effort"})
    rig.deploy(reach_bundle)
    rig.moving()
    verdict = rig.verdict(0.0, rest_s=None)
    assert verdict.state == "ACTIVE" and verdict.over_bounds == 0.0


@pytest.mark.fault(8, "degrees instead of radians")
def test_degrees_are_caught_before_anything_moves(rig, reach_bundle):
    rig.twin({"at": 0.0, "fault": "degrees"})
    node = rig.deploy(reach_bundle, "--wait", "6", arm="flag")
    code, _, err = rig.finished(node)
    verdict = rig.verdict(0.0, rest_s=None)
    assert (code, verdict.state) == (1, "REFUSE") and not rig.samples
    assert "the driver seems to speak degrees ('scale: 1 deg' in its ros section)" in err


@pytest.mark.fault(9, "NaN or Inf in an observation")
@pytest.mark.parametrize("parameters", [{"field": "position"}, slow({"field": "velocity", "joint": "elbow_joint"}),
                                        slow({"field": "position", "value": "inf", "joint": "wrist_1_joint"})],
                         ids=["nan-positions", "nan-velocity", "inf-position"])
def test_numbers_that_are_none_hold_and_the_policy_goes_on_after_them(rig, reach_bundle, parameters):
    rig.twin(fault("nan", 0.8, **{"for": 0.3}, **parameters))
    rig.deploy(reach_bundle)
    rig.after(0.8, 0.4)
    begin = rig.begun(0.8)
    rig.reaches("ACTIVE", begin + 0.3)
    verdict = rig.verdict(begin, rest_s=rig.rest_s(begin, begin + 0.3))
    assert verdict.state == "HOLD" and verdict.over_bounds == 0.0  # which says that they are all finite, too


@pytest.mark.fault(9, "NaN or Inf in an observation")
def test_numbers_that_stay_none_are_a_fault(rig, reach_bundle):
    rig.twin(fault("nan", 0.8, **{"for": 1.2}))
    rig.deploy(reach_bundle)
    rig.after(0.8, 1.8)
    begin = rig.begun(0.8)
    rig.reaches("FAULT", begin)
    rig.spin(0.3)
    verdict = rig.verdict(begin)
    assert verdict.state == "FAULT" and verdict.over_bounds == 0.0 and not verdict.resumed
    assert verdict.rest_s is not None and verdict.rest_s < 0.6


@pytest.mark.fault(30, "stamps zero, future, past")
def test_whatever_the_stamps_say_reception_decides(rig, reach_bundle):
    kinds = [("stamp_zero", {}), ("stamp_offset", {"by": 10.0}), ("stamp_offset", {"by": -10.0}),
             ("stamp_offset", {"by": 0.3}), ("stamp_offset", {"by": -0.3}), ("stamp_backward", {})]
    rig.twin(*(fault(name, 0.6 + 0.5 * k, **{"for": 0.3}, **parameters)
               for k, (name, parameters) in enumerate(kinds)))
    rig.deploy(reach_bundle)
    rig.after(0.6, 3.1)
    begin = rig.begun(0.6)
    verdict = rig.verdict(begin, rest_s=None)
    assert verdict.state == "ACTIVE" and verdict.over_bounds == 0.0, rig.causes(begin)


@pytest.mark.fault(35, "link loss, reordered, duplicated")
def test_messages_that_were_overtaken_or_come_twice_are_not_used(rig, reach_bundle):
    """Joint 1 of every overtaken message lies 0.5 rad beside: nobody may have looked at it."""
    def edit(message, k):
        if k % 4 == 0:
            set_stamp(message.header, stamp_seconds(message.header) - 0.2)  # long overtaken
            message.position = [message.position[0] + 0.5, *list(message.position)[1:]]
        return [message] * (1 + k % 2)

    runs = []
    for edited in (None, edit):
        driver = rig.driver(edited)
        node = rig.deploy(reach_bundle, "--duration", "0.9", goals=["--goal=0.45,0.1,0.35"], arm="flag")
        code, _, err = rig.finished(node)
        driver.close()
        assert code == 0, err
        runs.append(driver.commands[driver.commands.count(driver.commands[0]):])
    verdict = rig.verdict(0.0, state="ACTIVE", rest_s=None, resumed=False)  # of two runs, one after the other
    assert runs[0][:250] == runs[1][:250] and len(runs[0]) > 250  # bit for bit
    assert verdict.over_bounds == 0.0


@pytest.mark.fault(35, "link loss, reordered, duplicated")
@pytest.mark.parametrize(("gap", "state"), [slow(0.05, "ACTIVE"), (0.3, "HOLD"), (1.0, "FAULT"),
                                            slow(5.0, "FAULT")])
def test_the_link_from_the_driver_is_gone(rig, reach_bundle, gap, state):
    rig.twin(fault("silence", 0.8, **{"for": gap}))
    rig.deploy(reach_bundle)
    rig.after(0.8, gap + 0.6)
    begin = rig.begun(0.8)
    rig.reaches("FAULT" if state == "FAULT" else "ACTIVE", begin + gap if state == "HOLD" else begin)
    verdict = rig.verdict(begin, rest_s=rig.rest_s(begin, begin + gap + 0.25))
    assert verdict.state == state and verdict.over_bounds == 0.0 and not verdict.resumed, rig.modes(begin)
    if state == "FAULT":
        assert verdict.rest_s is not None and verdict.rest_s < 0.6


@pytest.mark.fault(36, "QoS mismatch")
@pytest.mark.parametrize("kind", ["running", "commands"])
def test_a_driver_whose_qos_does_not_fit(rig, reach_bundle, kind):
    """It offers its latched topic without keeping it, or wants commands kept for it, which nobody offers."""
    rig.driver(latched=kind != "running", keep_commands=kind == "commands")
    node = rig.deploy(reach_bundle, "--wait", "6", arm="flag")
    code, _, err = rig.finished(node)
    verdict = rig.verdict(0.0, rest_s=None)
    assert (code, verdict.state) == (1, "REFUSE") and not rig.samples
    topic = "/io_and_status_controller/robot_program_running" if kind == "running" else rig.command.topic
    last = err.strip().splitlines()[-1]
    assert last.startswith("sim2real: error: ") and topic in last and "DURABILITY" in last, err
