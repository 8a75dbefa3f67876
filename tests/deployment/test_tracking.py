"""Whether joints follow: what legal tracking never does, and what a blocked or moved joint always does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.deployment.limits import CommandLimits
from sim2real.deployment.safety import CommandFilter
from sim2real.deployment.tracking import Tracking, TrackingLimits
from sim2real.errors import BadInputError, RobotDescriptionError
from sim2real.robots import load_robot
from tests.deployment.test_envelope_limits import with_safety

PERIOD = 0.04
ROBOT = load_robot("ur5e")


def tracking(**limits):
    """Of a UR5e: half a second of time, errors of 0.1, leads of 0.5; no joint needs more than 0.5 s to be found out."""
    given = {"time": 0.5, "error": np.full(6, 0.1), "lead": np.full(6, 0.5), **limits}
    out = Tracking(ROBOT, TrackingLimits(**given), patience=0.5, period=PERIOD)
    out.start([0.0] * 6)
    return out


def ramp(judge, speed, seconds, joint_at, begin=0.0):
    """Command the second joint at ``speed``, measured at ``joint_at(t)``; (time, words) of the first stop."""
    for k in range(1, round(seconds / PERIOD) + 1):
        t, q = begin + k * PERIOD, [0.0] * 6
        judge.sent([0.0, speed * k * PERIOD, 0.0, 0.0, 0.0, 0.0])
        q[1] = joint_at(t)
        if said := judge.follow(judge.astray(q), q, t):
            return t, said
    return None


def test_defaults_by_hand():
    limits = TrackingLimits.from_robot(ROBOT)
    # dead times 8 + 2 ms, servo 10 ms, twice (340 + 2) / 9000 s of lag, ten periods of 40 ms
    assert limits.time == pytest.approx(0.010 + 0.010 + 2 * 342 / 9000 + 0.4)
    assert limits.error == pytest.approx(0.05 + np.array([150 / 9000] * 2 + [150 / 6000] + [28 / 500] * 3))
    assert limits.lead == pytest.approx(limits.error + 0.5 * limits.time * np.pi)


def test_a_robot_yaml_says_otherwise():
    limits = TrackingLimits.from_robot(with_safety("ur5e", tracking_time="1.2 s", tracking_error="3 deg"))
    assert limits.time == 1.2 and limits.error == pytest.approx(np.full(6, np.deg2rad(3.0)))


@pytest.mark.parametrize("name, safety, word", [
    ("ur5e", {"tracking_time": 0}, "tracking_time"), ("ur5e", {"tracking_error": "-1 deg"}, "over zero"),
    ("ur5e", {"tracking_error": "1 s"}, "tracking_error"), ("x500", {"tracking_error": 0.1}, "is for arms")])
def test_a_wrong_robot_yaml_is_one_line(name, safety, word):
    with pytest.raises(RobotDescriptionError, match=word):
        with_safety(name, **safety)


@pytest.mark.parametrize("limits, word", [({"time": 0.0}, "time over 0"), ({"time": 1e30}, "up to 10 s"),
                                          ({"error": np.full(6, np.nan)}, "over zero"),
                                          ({"lead": np.full(6, 0.05)}, "at least as much"),
                                          ({"error": np.full(5, 0.1), "lead": np.full(5, 0.5)}, "6 joints")])
def test_wrong_limits(limits, word):
    with pytest.raises(BadInputError, match=word):
        tracking(**limits)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), delay=st.floats(0.0, 0.42), robot=st.sampled_from(["ur5e", "fr3", "so101"]))
def test_legal_motion_is_never_astray(seed, delay, robot):
    """Any command stream inside the limits, followed after any dead time that the window spans, with any error."""
    rng, robot = np.random.default_rng(seed), load_robot(robot)
    limits = TrackingLimits.from_robot(robot)
    judge = Tracking(robot, limits, patience=0.5, period=robot.control_period)
    stream = CommandFilter(CommandLimits.from_robot(robot), 1, robot.control_period)
    stream.reset(None, robot.home[None])
    judge.start(robot.home.tolist())
    sent, wanted = [robot.home] * 20, robot.home
    error = limits.error * rng.uniform(-0.95, 0.95, robot.num_joints)
    for _ in range(100):
        if rng.random() < 0.1:
            wanted = robot.home + rng.uniform(-2.0, 2.0, robot.num_joints)
        sent.append(stream.step(judge.bounded(wanted[None], (sent[-1] + error).tolist()))[0])
        judge.sent(sent[-1].tolist())
        back = delay / robot.control_period
        whole = int(back)
        q = sent[-1 - whole] + (back - whole) * (sent[-2 - whole] - sent[-1 - whole]) + error
        noise = rng.normal(0.0, 1e-4, robot.num_joints)
        assert judge.astray((q + noise).tolist()) == []


def test_a_blocked_joint_is_found_by_name():
    """At 1 rad/s the window's smallest command is 0.1 off after 0.6 s; half a second later it has not moved."""
    t, said = ramp(tracking(), 1.0, 3.0, lambda t: 0.0)
    assert 1.1 <= t <= 1.24 and said.startswith("shoulder_lift_joint does not follow") and "0.100 is usual" in said


def test_a_joint_that_is_pushed_away_is_found():
    t, _ = ramp(tracking(), 0.0, 3.0, lambda t: -0.2 * min(t, 1.0))
    assert 1.0 <= t <= 1.12


@pytest.mark.parametrize("share", [0.07, 0.1, 0.5])
def test_a_slow_joint_follows(share):
    """As with a turned down speed slider: far off, but on its way with more than 2 % of its limit of pi."""
    assert ramp(tracking(), 1.0, 6.0, lambda t: share * t) is None


def test_a_joint_that_comes_back_begins_anew():
    judge = tracking()
    assert ramp(judge, 1.0, 1.0, lambda t: 0.0) is None and judge.led_astray
    assert judge.follow([], [0.0] * 6, 1.0) == "" and not judge.led_astray


@pytest.mark.parametrize("waited", [0.0, 0.3, 0.6])
def test_patience_does_not_run_out_while_something_keeps_the_robot(waited):
    """0.45 s astray, then kept for a while, which does not count; kept for over half a second, patience begins anew."""
    judge, q = tracking(), [0.0] * 6
    judge.start([0.0, 9.0, 0.0, 0.0, 0.0, 0.0])
    astray = judge.astray(q)
    assert judge.follow(astray, q, 0.0) == "" and judge.follow(astray, q, 0.45) == ""
    assert judge.follow(astray, q, 0.45 + waited, held=waited) == "" and judge.led_astray
    assert judge.follow(astray, q, 0.48 + waited) == ""
    assert bool(judge.follow(astray, q, 0.52 + waited)) == (waited <= 0.5)
    assert judge.follow(astray, q, 1.1 + waited) or waited <= 0.5


# ---------------------------------------------------------------------- the lead
def desired(value):
    return np.array([[0.0, value, 0.0, 0.0, 0.0, 0.0]])


def test_the_command_is_held_at_its_lead():
    judge, q = tracking(), [0.0] * 6
    inside = desired(0.49)
    assert judge.bounded(inside, q) is inside
    assert judge.bounded(desired(9.0), q) == pytest.approx(desired(0.5))
    assert judge.bounded(desired(-9.0), q) == pytest.approx(desired(-0.5))


def test_the_command_waits_and_is_not_dragged():
    """An overloaded arm sinks: a command that followed it down would let it sink on and on."""
    judge, q = tracking(), [0.0] * 6
    judge.sent([0.0, 0.7, 0.0, 0.0, 0.0, 0.0])
    assert judge.bounded(desired(0.9), q) == pytest.approx(desired(0.7))
    assert judge.bounded(desired(0.6), q) == pytest.approx(desired(0.6))  # back is always open
    assert judge.bounded(desired(-0.9), q) == pytest.approx(desired(-0.5))


def test_a_joint_that_is_astray_gets_no_further():
    judge, q = tracking(), [0.0] * 6
    ramp(judge, 1.0, 0.7, lambda t: 0.0)
    assert judge.led_astray and judge._window[-1][1] == pytest.approx(0.72)
    assert judge.bounded(desired(0.8), q) == pytest.approx(desired(0.72))
    assert judge.bounded(desired(-0.8), q) == pytest.approx(desired(-0.1))


def test_a_blocked_joint_in_the_loop_bounds_the_command():
    """A policy that wants to go on at full speed, behind the filter, which rounds a corner by some milliradians."""
    limits = TrackingLimits.from_robot(ROBOT)
    judge = Tracking(ROBOT, limits, patience=0.5, period=PERIOD)
    stream = CommandFilter(CommandLimits.from_robot(ROBOT), 1, PERIOD)
    stream.reset(None, np.zeros((1, 6)))
    judge.start([0.0] * 6)
    q, largest = [0.0] * 6, 0.0
    for k in range(100):
        judge.sent(stream.command[0].tolist())
        judge.follow(judge.astray(q), q, k * PERIOD)
        largest = max(largest, float(stream.step(judge.bounded(desired(6.0), q))[0, 1]))
    assert 0.5 < largest <= 1.01 * limits.lead[1]
