"""What is rejected, what holds and what stops, sample by sample; the runner's side is in test_runner.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.deployment.limits import CommandLimits
from sim2real.deployment.plausibility import WILD, Plausibility
from sim2real.deployment.safety import CommandFilter
from sim2real.robots import load_robot
from sim2real.types import RobotState

PERIOD = 0.04


class Arm:
    """A UR5e that follows at once, one sample a period, and its judge."""

    def __init__(self):
        self.judge = Plausibility(load_robot("ur5e"), PERIOD, hold_age=0.1, stop_age=0.5)
        self.q, self.v, self.command, self.time = np.zeros(6), np.zeros(6), np.zeros(6), 0.0
        self.judge.start(self.state(), self.command)

    def state(self, off=0.0):
        state = RobotState.zeros(1, 6)
        state.time[0], state.joint_position[0], state.joint_velocity[0] = self.time, self.q, self.v
        state.joint_position[0, 2] += off
        return state

    def step(self, speed=0.0, off=0.0, pause=PERIOD, held=False, follows=True):
        """A sample after ``pause``, the elbow ``off`` from where it is; what is said of it."""
        self.time += pause
        self.command = self.command + speed * PERIOD
        if follows:
            self.q, self.v = self.command, np.full(6, speed)
        self.judge.look(self.state(off), self.command, held)
        return self.judge.rejected, self.judge.hold, self.judge.stop


NOTHING = "", "", ""


# ---------------------------------------------------------------------- spikes
def test_a_spike_is_rejected_and_what_follows_is_believed():
    arm = Arm()
    assert arm.step(0.5) == NOTHING
    rejected, hold, stop = arm.step(0.5, off=1.0)
    assert rejected.startswith("elbow_joint jumped by 1.020 in 40 ms") and not hold and not stop
    assert arm.step(0.5) == NOTHING


def test_the_same_sample_again_is_judged_as_before():
    arm = Arm()
    said = arm.step(0.5, off=1.0)
    assert said[0] and arm.step(0.5, off=1.0, pause=0.0) == said


def test_a_jump_that_lasts_is_not_believed_by_waiting():
    """1 rad would fit into what the joint can do in 200 ms; it is rejected all the same until it is gone."""
    arm = Arm()
    for _ in range(12):
        assert arm.step(off=1.0)[0]
    assert arm.step() == NOTHING


def test_a_smaller_jump_that_lasts_is_not_believed_either():
    """0.4 rad fit into 100 ms of full speed, but no command explains where the joint is then."""
    arm = Arm()
    for _ in range(12):
        assert arm.step(off=0.4)[0]


def test_spikes_again_and_again_stop():
    arm = Arm()
    stops = [arm.step(off=float(k % 2))[2] for k in range(60)]
    first = next(k for k, stop in enumerate(stops) if stop)
    assert 36 <= first <= 46 and "again and again, the last one because elbow_joint jumped" in stops[first]


def test_a_spike_now_and_then_never_stops():
    arm = Arm()
    assert not any(arm.step(off=float(k % 12 == 0))[2] for k in range(3000))


def test_a_velocity_that_no_joint_has_is_rejected():
    arm = Arm()
    arm.v[0] = 20.0
    assert arm.step(follows=False)[0].startswith("shoulder_pan_joint is said to move at 20.00 per second")


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_numbers_that_are_none_are_not_its_matter(number):
    arm = Arm()
    assert arm.step(off=number) == NOTHING and arm.step(off=1.0)[0] and arm.step() == NOTHING


# ---------------------------------------------------------------------- frozen
def test_a_moving_robot_whose_samples_repeat_holds():
    arm = Arm()
    for _ in range(5):
        arm.step(0.5)
    said = [arm.step(0.5, follows=False)[1] for _ in range(5)]
    assert said[:2] == ["", ""] and "repeated bit for bit for 120 ms, while shoulder_pan_joint should move" in said[2]
    assert all(said[2:]) and arm.step(0.5)[1] == ""


def test_a_robot_at_rest_may_repeat_itself():
    arm = Arm()
    assert all(arm.step() == NOTHING for _ in range(200))


def test_a_robot_that_begins_to_move_late_is_not_frozen():
    """A quantised encoder at rest, 240 ms of dead time: the command is on its way long before the joints are."""
    arm = Arm()
    arm.step()
    assert all(arm.step(0.3, follows=False) == NOTHING for _ in range(6))
    arm.command = arm.command.copy()
    assert arm.step(0.3) == NOTHING


def test_a_robot_at_rest_that_never_moves_holds():
    arm = Arm()
    said = [arm.step(1.0, follows=False)[1] for _ in range(20)]
    assert said[:12] == [""] * 12 and "while it should move" in said[-1]


# ---------------------------------------------------------------------- elsewhere
def test_a_robot_that_is_elsewhere_after_a_pause_stops():
    arm = Arm()
    rejected, hold, stop = arm.step(off=0.3, pause=0.3)
    words = ("after 300 ms without states elbow_joint is 0.300 off where it was told to be: it was moved; arm again "
             "from where it is")
    assert (rejected, hold, stop) == (words, "", "")
    assert arm.step(off=0.25) == (words, "", words)  # the second sample that says so


def test_a_single_spike_after_a_pause_is_but_a_spike():
    arm = Arm()
    assert arm.step(off=0.3, pause=0.3)[0] and arm.step() == NOTHING


def test_a_robot_that_is_where_it_was_told_to_be_after_a_pause_goes_on():
    arm = Arm()
    for _ in range(10):
        arm.step(2.0)
    assert arm.step(2.0, pause=0.3) == NOTHING


def test_a_spike_after_a_pause_is_not_believed_while_something_holds_the_robot():
    """As on an overloaded machine: late, held for it, and a spike that fits into the pause."""
    arm = Arm()
    assert "without states" in arm.step(off=1.0, pause=0.25, held=True)[0]
    assert arm.step() == NOTHING


def test_a_wrong_sample_that_was_believed_does_not_make_the_right_ones_wrong():
    arm = Arm()
    arm.step(pause=0.09, off=0.4)  # fits into 90 ms
    assert arm.judge.rejected == "" and arm.step() == NOTHING


def test_a_robot_that_is_kept_by_something_outside_need_not_follow():
    arm = Arm()
    assert all(arm.step(0.5, follows=False, held=True)[2] == "" for _ in range(50))
    assert arm.step(follows=False, held=True, pause=0.3)[2] == ""


# ---------------------------------------------------------------------- blocked
def test_a_joint_that_does_not_follow_stops():
    arm = Arm()
    arm.step()
    for _ in range(40):
        arm.time += PERIOD
        arm.command = arm.command + 0.5 * PERIOD
        arm.q = np.where(np.arange(6) == 3, arm.q, arm.command)
        arm.judge.look(arm.state(), arm.command)
        if arm.judge.stop:
            break
    assert arm.judge.stop.startswith("wrist_1_joint does not follow") and 1.1 <= arm.time <= 1.5


# ---------------------------------------------------------------------- actions
def test_wild_actions_stop_only_when_they_last():
    arm = Arm()
    wild, large = np.array([0.0, -2.0 * WILD]), np.array([0.9 * WILD, 0.0])
    assert [arm.judge.act(wild, 0.04 * k) for k in range(12)] == [""] * 12
    assert arm.judge.act(large, 0.48) == ""
    assert [arm.judge.act(wild, 0.52 + 0.04 * k) for k in range(13)] == [""] * 13
    assert "far out of range for 520 ms (20, where [-1, 1] is all there is)" in arm.judge.act(wild, 1.04)
    assert all(arm.judge.act(large, 2.0 + 0.04 * k) == "" for k in range(100))


# ---------------------------------------------------------------------- legal motion
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), robot=st.sampled_from(["ur5e", "fr3", "so101"]), delay=st.integers(0, 8),
       late=st.floats(0.0, 0.4))
def test_no_legal_motion_is_doubted(seed, robot, delay, late):
    """Any stream inside the limits, followed after up to 8 periods, noise, a quantum, losses, uneven reception."""
    rng, robot = np.random.default_rng(seed), load_robot(robot)
    judge = Plausibility(robot, PERIOD, hold_age=0.1, stop_age=0.5)
    stream = CommandFilter(CommandLimits.from_robot(robot), 1, PERIOD)
    stream.reset(None, robot.home[None])
    sent, wanted, quantum = [robot.home] * 10, robot.home, robot.sensors.position_quantum or 1e-4
    state = RobotState.zeros(1, robot.num_joints)
    state.joint_position[0] = robot.home
    judge.start(state, robot.home)
    for k in range(1, 100):
        if rng.random() < 0.1:
            wanted = robot.home + rng.uniform(-2.0, 2.0, robot.num_joints)
        q, before = sent[-1 - delay], sent[-2 - delay]
        state = RobotState.zeros(1, robot.num_joints)
        state.time[0] = PERIOD * (k + late * (rng.random() - 0.5))
        noisy = q + rng.normal(0.0, 2.5 * robot.sensors.position_noise, robot.num_joints)
        state.joint_position[0] = np.round(noisy / quantum) * quantum
        state.joint_velocity[0] = (q - before) / PERIOD
        if rng.random() > 0.03:
            judge.look(state, sent[-1])
            assert (judge.rejected, judge.hold, judge.stop) == NOTHING, k
        sent.append(stream.step(judge.bounded(wanted[None]))[0])
