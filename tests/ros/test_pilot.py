"""The flight to where a task begins, and the take-over there."""

from __future__ import annotations

import numpy as np
import pytest
from hand_policies import write_policy

from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.limits import count_violations
from sim2real.ros.pilot import Pilot
from sim2real.simulators import make_simulator
from sim2real.types import RobotState


@pytest.fixture(scope="module")
def hover(tmp_path_factory):
    return load_bundle(write_policy(tmp_path_factory.mktemp("bundle") / "hover.s2r", "crazyflie", "hover"))


@pytest.fixture(scope="module")
def reach(tmp_path_factory):
    return load_bundle(write_policy(tmp_path_factory.mktemp("bundle") / "reach.s2r", "ur5e", "reach"))


def fly(bundle, pilot, sim, seconds, modes, stream, *, fresh=True):
    for _ in range(round(seconds / sim.control_period)):
        now = float(sim.time[0])
        state = sim.state().copy()
        state.time[:] = now if fresh else 0.0
        decision = pilot.step(state, now)
        modes.append(str(decision.mode[0]))
        stream.append(decision.command)
        sim.step(decision.command)


def start(bundle, goal):
    sim = make_simulator("quadrotor", bundle.robot, 1)
    begin = sim.home_state(1)
    begin.position[0, 2] = 1.0
    sim.reset(None, begin)
    pilot = Pilot(bundle)
    pilot.start(sim.state(), np.array(goal), 0.0)
    return sim, pilot


def test_flies_to_where_the_task_begins_then_hands_over(hover):
    goal = np.array([1.5, -1.0, 0.7, 1.8])  # two metres away, turned by 103 degrees
    sim, pilot = start(hover, goal)
    modes, stream = [], []
    fly(hover, pilot, sim, 12.0, modes, stream)
    change = modes.index("ACTIVE")
    assert set(modes[:change]) == {"APPROACH"} and set(modes[change:]) == {"ACTIVE"}
    assert 1.0 < change * sim.control_period < 8.0
    assert np.linalg.norm(sim.true_state().position[0] - goal[:3]) < 0.1
    # one stream, inside the limits, across the take-over too
    assert count_violations(np.array(stream), hover.limits, sim.control_period) == 0


def test_near_the_goal_the_policy_flies_from_the_first_step(hover):
    sim, pilot = start(hover, [0.2, 0.1, 1.2, 0.1])
    modes = []
    fly(hover, pilot, sim, 0.5, modes, [])
    assert set(modes) == {"ACTIVE"}


def test_a_far_goal_while_flying_is_approached_without_a_jump(hover):
    sim, pilot = start(hover, [0.2, 0.1, 1.2, 0.1])
    modes, stream = [], []
    fly(hover, pilot, sim, 1.0, modes, stream)
    pilot.start(sim.state(), np.array([-1.0, 0.5, 1.0, 0.0]), float(sim.time[0]))
    fly(hover, pilot, sim, 1.0, modes, stream)
    assert modes[-1] == "APPROACH"
    assert count_violations(np.array(stream), hover.limits, sim.control_period) == 0


def test_stopping_on_the_way_comes_down(hover):
    sim, pilot = start(hover, [1.5, -1.0, 0.7, 0.0])
    modes, stream = [], []
    fly(hover, pilot, sim, 1.0, modes, stream)
    pilot.stop(sim.state(), "asked to stop")
    fly(hover, pilot, sim, 2.0, modes, stream)
    assert modes[-1] == "STOP"
    assert sim.true_state().linear_velocity[0, 2] == pytest.approx(-0.3, abs=0.1)
    assert count_violations(np.array(stream), hover.limits, sim.control_period) == 0


def test_a_stale_state_on_the_way_is_the_runners_matter(hover):
    sim, pilot = start(hover, [1.5, -1.0, 0.7, 0.0])
    modes = []
    fly(hover, pilot, sim, 0.3, modes, [])
    fly(hover, pilot, sim, 0.1, modes, [], fresh=False)
    assert modes[-1] == "HOLD"


def test_a_state_that_is_not_finite_on_the_way_holds_and_does_not_end_the_loop(hover):
    sim, pilot = start(hover, [1.5, -1.0, 0.7, 0.0])
    modes = []
    fly(hover, pilot, sim, 0.3, modes, [])
    broken = sim.state().copy()
    broken.position[0, 1] = np.nan
    decision = pilot.step(broken, float(sim.time[0]))
    assert decision.mode[0] == "HOLD" and np.isfinite(decision.command).all()
    pilot.stop(broken, "asked to stop")
    assert pilot.step(broken, float(sim.time[0]) + 0.01).mode[0] == "STOP"


def test_an_arms_policy_takes_over_where_the_arm_is(reach):
    state = RobotState.zeros(1, 6)
    state.joint_position[0] = reach.robot.home
    pilot = Pilot(reach)
    pilot.start(state, np.array([0.4, 0.1, 0.3]), 0.0)
    assert not pilot.approaching
    assert pilot.command[0].tolist() == reach.robot.home.tolist()
    assert pilot.step(state, 0.0).mode[0] == "ACTIVE"
    pilot.start(state, np.array([0.4, -0.1, 0.3]), 0.04)  # the next goal: the stream goes on
    assert pilot.step(state, 0.04).mode[0] == "ACTIVE" and not pilot.at_rest


# ---------------------------------------------------------------------- doubtful samples
def flown(hover, goal, steps, edit=lambda k, state: state):
    """Modes, commands and the pilot after ``steps`` periods on the way to a far goal, with what it sees edited."""
    sim, pilot = start(hover, goal)
    modes, stream = [], []
    for k in range(steps):
        now = float(sim.time[0])
        state = sim.state().copy()
        state.time[:] = now
        decision = pilot.step(edit(k, state), now)
        modes.append(str(decision.mode[0]))
        stream.append(decision.command)
        sim.step(decision.command)
    assert count_violations(np.array(stream), hover.limits, sim.control_period) == 0
    return modes, np.array(stream), pilot


FAR_AWAY = [1.5, -1.0, 0.7, 0.0]


def jump(first, count, size=1.0):
    def edit(k, state):
        state.position[0, 0] += size * (first <= k < first + count)
        return state
    return edit


def test_a_spike_on_the_way_is_flown_over(hover):
    modes, stream, pilot = flown(hover, FAR_AWAY, 60, jump(30, 2, size=3.0))
    assert set(modes) == {"APPROACH"} and pilot.approaching
    _, undisturbed, _ = flown(hover, FAR_AWAY, 60)
    assert np.abs(stream - undisturbed).max() < 0.3  # rad/s: what 40 ms without news make; the spike itself makes 2


def test_an_approach_goes_on_after_a_hold(hover):
    """The policy was never trained for the way: it must not take over in the middle of it."""
    modes, _, pilot = flown(hover, FAR_AWAY, 60, jump(30, 10))
    assert modes[:34] == ["APPROACH"] * 34 and modes[35:40] == ["HOLD"] * 5 and modes[40:] == ["APPROACH"] * 20
    assert pilot.approaching


def test_a_jump_that_lasts_comes_down(hover):
    modes, _, pilot = flown(hover, FAR_AWAY, 90, jump(30, 100, size=5.0))
    assert modes[-1] == "STOP" and modes.index("STOP") <= 30 + 27 and not pilot.approaching
    assert "APPROACH" not in modes[40:]


def test_frozen_states_on_the_way_hold_then_come_down(hover):
    kept = []

    def freeze(k, state):
        if k < 30:
            return state
        kept.append(state)
        frozen = kept[0].copy()
        frozen.time[:] = state.time
        return frozen

    modes, _, _ = flown(hover, FAR_AWAY, 90, freeze)
    assert modes[30:35] == ["APPROACH"] * 5 and set(modes[37:55]) == {"HOLD"} and modes[-1] == "STOP"


def test_a_new_goal_in_a_spike_looks_from_the_last_good_place(hover):
    """Seen from the spike the goal is near, and the policy would have to fly two metres."""
    sim, pilot = start(hover, [0.2, 0.1, 1.2, 0.1])
    fly(hover, pilot, sim, 0.5, [], [])
    state = sim.state().copy()
    state.time[:] = float(sim.time[0])
    state.position[0] = [2.0, 0.0, 1.0]
    pilot.start(state, np.array([2.0, 0.0, 1.0, 0.0]), float(sim.time[0]))
    assert pilot.approaching


def test_an_arms_pilot_doubts_too(reach):
    state = RobotState.zeros(1, 6)
    state.joint_position[0] = reach.robot.home
    pilot = Pilot(reach)
    pilot.start(state, np.array([0.4, 0.1, 0.3]), 0.0)
    state = state.copy()
    state.joint_position[0, 3] += 1.0
    causes = []
    for k in range(20):
        state.time[:] = 0.04 * (k + 1)
        causes.append(pilot.step(state.copy(), 0.04 * (k + 1)).cause[0])
    assert causes[0] == "" and causes[3].startswith("wrist_1_joint jumped by 1.000 in") and pilot.at_rest
