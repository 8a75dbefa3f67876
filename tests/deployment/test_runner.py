import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.deployment.envelope import Envelope, EnvelopeLimits
from sim2real.deployment.plausibility import Plausibility
from sim2real.deployment.runner import Runner
from sim2real.deployment.safety import CommandFilter, count_violations
from sim2real.deployment.tracking import TrackingLimits
from sim2real.errors import DeploymentError
from sim2real.tasks import Context
from sim2real.types import RobotState

GOAL = np.array([0.4, 0.1, 0.3])
PERIOD = 0.04


def rest_state(bundle, n=1):
    state = RobotState.zeros(n, bundle.robot.num_joints)
    if bundle.robot.kind == "arm":
        state.joint_position[:] = bundle.robot.home
    else:
        state.position[:, 2] = 1.0
    return state


def started(bundle, n=1, goal=GOAL):
    runner, state = Runner(bundle, n), rest_state(bundle, n)
    runner.reset(state, goal)
    return runner, state


def drive(runner, state, steps, start=0, period=PERIOD, age=0.0):
    """Steps of a robot that follows its commands at once; returns the decisions."""
    out = []
    for k in range(start, start + steps):
        state.time[:] = k * period - age
        out.append(runner.step(state, k * period))
        if state.joint_position.shape[1]:
            state.joint_position[:] = out[-1].command
    return out


def with_policy(bundle, function):
    """The bundle with another network."""
    return dataclasses.replace(bundle, policy=function)


def stream(decisions, start):
    return np.concatenate([np.repeat(start[None], 3, axis=0), [d.command for d in decisions]])


def test_it_is_the_policy_the_task_and_the_filter(arm_bundle):
    """By hand: observation, network, action mapping, filter, in that order."""
    runner, state = started(arm_bundle, 2)
    task = arm_bundle.task
    builder, filter_ = task.builder(2), CommandFilter(arm_bundle.limits, 2, PERIOD)
    filter_.reset(None, state.joint_position)
    last = np.zeros((2, 6))
    for k in range(20):
        state.time[:] = k * PERIOD
        state.joint_position[1] += 0.001  # so that the two differ
        context = Context(state, np.tile(GOAL, (2, 1)), np.full(2, k * PERIOD), filter_.command, filter_.velocity, last)
        observation = builder.build(context) if k else builder.reset(np.arange(2), context)
        last = np.clip(np.asarray(arm_bundle.policy(observation), float), -1.0, 1.0)
        expected = filter_.step(task.desired(last, context))
        decision = runner.step(state, k * PERIOD)
        assert (decision.command == expected).all() and decision.mode.tolist() == ["ACTIVE"] * 2


def test_deterministic_and_inside_limits(arm_bundle):
    streams = []
    for _ in range(2):
        runner, state = started(with_policy(arm_bundle, _noise(6)))
        streams.append(stream(drive(runner, state, 200), runner.bundle.robot.home[None]))
    assert (streams[0] == streams[1]).all()
    assert count_violations(streams[0], arm_bundle.limits, PERIOD) == 0


def _noise(size, scale=5.0):
    rng = np.random.default_rng(0)
    return lambda x: (scale * rng.standard_normal((len(x), size))).astype(np.float32)


def test_saturation_is_flagged(arm_bundle):
    runner, state = started(with_policy(arm_bundle, lambda x: np.full((len(x), 6), 1.5, np.float32)))
    assert drive(runner, state, 1)[0].saturated[0]
    runner, state = started(arm_bundle)
    assert not drive(runner, state, 1)[0].saturated[0]


def test_a_stale_state_holds_and_a_fresh_one_goes_on(arm_bundle):
    runner, state = started(with_policy(arm_bundle, lambda x: np.ones((len(x), 6), np.float32)))
    moving = drive(runner, state, 10)
    assert runner._filter.velocity[0, 0] > 0.5
    frozen = [runner.step(state, (9 + k) * PERIOD) for k in range(1, 12)]  # no new state: 40, 80, 120 ms, ...
    assert [d.mode[0] for d in frozen] == ["ACTIVE"] * 2 + ["HOLD"] * 9
    assert "older than 100 ms" in frozen[-1].cause[0] and frozen[-1].age[0] == pytest.approx(0.44)
    assert (frozen[-1].command == frozen[-2].command).all()  # at rest
    again = drive(runner, state, 5, start=21)
    assert [d.mode[0] for d in again] == ["ACTIVE"] * 5 and again[0].cause[0] == ""
    everything = stream([*moving, *frozen, *again], arm_bundle.robot.home[None])
    assert count_violations(everything, arm_bundle.limits, PERIOD) == 0


def test_a_very_stale_state_stops_until_reset(arm_bundle):
    runner, state = started(arm_bundle)
    drive(runner, state, 10)
    decisions = [runner.step(state, (9 + k) * PERIOD) for k in range(1, 15)]
    assert [d.mode[0] for d in decisions] == ["ACTIVE"] * 2 + ["HOLD"] * 10 + ["STOP"] * 2
    back = drive(runner, state, 10, start=24)
    assert {d.mode[0] for d in back} == {"STOP"} and "500 ms" in back[-1].cause[0]
    assert (back[-1].command == back[0].command).all()
    runner.reset(state, GOAL)
    assert drive(runner, state, 1)[0].mode[0] == "ACTIVE"


@pytest.mark.parametrize("field", ["joint_position", "joint_velocity", "time", "quaternion"])
def test_a_state_that_is_not_finite_holds(arm_bundle, field):
    runner, state = started(arm_bundle, 2)
    drive(runner, state, 3)
    bad = state.copy()
    bad.time[:] = 3 * PERIOD
    getattr(bad, field)[1] = np.nan
    decision = runner.step(bad, 3 * PERIOD)
    assert decision.mode.tolist() == ["ACTIVE", "HOLD"] and np.isfinite(decision.command).all()
    assert "not finite" in decision.cause[1] and decision.clipped[1]
    after = drive(runner, state, 3, start=4)
    assert after[-1].mode.tolist() == ["ACTIVE"] * 2  # and no nan was left in any history
    assert all(np.isfinite(d.command).all() for d in after)


def test_an_action_that_is_not_finite_holds_then_stops(arm_bundle):
    policy = _Broken()
    runner, state = started(with_policy(arm_bundle, policy))
    drive(runner, state, 5)
    policy.broken = True
    decisions = drive(runner, state, 15, start=5)
    assert decisions[0].mode[0] == "HOLD" and "not finite" in decisions[0].cause[0]
    assert decisions[-1].mode[0] == "STOP"
    assert all(np.isfinite(d.command).all() for d in decisions)


def test_a_policy_that_fails_brakes_then_stops(arm_bundle):
    policy = _Broken()
    runner, state = started(dataclasses.replace(arm_bundle, policy=policy))
    drive(runner, state, 5)
    policy.fails = True
    decisions = drive(runner, state, 15, start=5)
    assert (decisions[0].mode[0], decisions[0].cause[0]) == ("HOLD", "the policy failed: out of memory")
    assert decisions[-1].mode[0] == "STOP" and runner.at_rest[0]
    assert all(np.isfinite(d.command).all() for d in decisions)


class _Broken:
    broken = fails = False

    def __call__(self, x):
        if self.fails:
            raise RuntimeError("out of memory\nand more")
        return np.full((len(x), 6), np.nan if self.broken else 0.5, np.float32)


def test_a_state_from_the_future_holds_and_a_clock_that_goes_back_stops(arm_bundle):
    runner, state = started(arm_bundle)
    drive(runner, state, 3)
    state.time[:] = 10.0
    decision = runner.step(state, 3 * PERIOD)
    assert decision.mode[0] == "HOLD" and "future" in decision.cause[0]
    state.time[:] = 0.0
    decision = runner.step(state, 0.0)
    assert decision.mode[0] == "STOP" and "clock" in decision.cause[0]


def test_robots_do_not_touch_each_other(arm_bundle):
    alone, state = started(arm_bundle)
    expected = drive(alone, state, 30)
    runner, state = Runner(arm_bundle, 3), rest_state(arm_bundle, 3)
    runner.reset(state, GOAL)
    for k in range(30):
        state.time[:] = [k * PERIOD, 0.0, k * PERIOD]  # the second is frozen
        state.joint_velocity[2] = np.nan if k == 10 else 0.0
        decision = runner.step(state, k * PERIOD)
        assert decision.command[0] == pytest.approx(expected[k].command[0], abs=1e-6)
        state.joint_position[:] = decision.command
    assert decision.mode.tolist() == ["ACTIVE", "STOP", "ACTIVE"]


def test_goals_can_change_while_it_runs(arm_bundle):
    runner, state = started(arm_bundle, 2)
    seen = []
    runner._task = _Spy(arm_bundle.task, seen)
    drive(runner, state, 5)
    runner.set_goal(np.array([[0.3, 0.3, 0.4]]), ids=np.array([1]))
    drive(runner, state, 2, start=5)
    assert (seen[-1].goal == [GOAL, [0.3, 0.3, 0.4]]).all()
    assert seen[-1].time == pytest.approx([6 * PERIOD, PERIOD])


class _Spy:
    def __init__(self, task, seen):
        self._task, self._seen = task, seen

    def __getattr__(self, name):
        return getattr(self._task, name)

    def desired(self, action, context):
        self._seen.append(context)
        return self._task.desired(action, context)


def test_the_stream_may_start_at_the_drivers_command(arm_bundle):
    runner, state = Runner(arm_bundle), rest_state(arm_bundle)
    start = state.joint_position + 0.01
    runner.reset(state, GOAL, command=start)
    assert (runner.command == start).all()
    runner.reset(state, GOAL)
    assert (runner.command == state.joint_position).all()


@pytest.mark.parametrize("call, word", [
    (lambda r, s: r.step(RobotState.zeros(2, 6), 0.0), "shape"), (lambda r, s: r.step(RobotState.zeros(1, 5), 0.0),
                                                                 "joint_position"),
    (lambda r, s: r.step(s, np.nan), "finite seconds"), (lambda r, s: r.set_goal([1.0, 2.0]), "3 finite numbers"),
    (lambda r, s: r.set_goal([1.0, 2.0, np.nan]), "3 finite numbers"),
    (lambda r, s: r.reset(dataclasses.replace(s, joint_position=np.full((1, 6), np.nan)), GOAL), "not finite"),
    (lambda r, s: Runner(r.bundle).step(s, 0.0), "before reset")])
def test_wrong_input_is_an_error(arm_bundle, call, word):
    runner, state = started(arm_bundle)
    with pytest.raises(DeploymentError, match=word):
        call(runner, state)


# ---------------------------------------------------------------------- drones
def hover_goal():
    return np.array([0.0, 0.0, 1.0, 0.0])


def test_a_drone_flies_and_keeps_its_slew_limits(drone_bundle):
    runner, state = started(with_policy(drone_bundle, _noise(4)), 4, hover_goal())
    decisions = drive(runner, state, 50, period=0.02)
    rest = np.tile([drone_bundle.robot.hover_thrust, 0, 0, 0], (4, 1))
    assert count_violations(stream(decisions, rest), drone_bundle.limits, 0.02) == 0
    assert {m for d in decisions for m in d.mode} == {"ACTIVE"}


def test_a_drone_that_holds_levels_out_at_hover_thrust(drone_bundle):
    runner, state = started(drone_bundle, 1, hover_goal())
    state.quaternion[:] = [np.cos(0.2), np.sin(0.2), 0.0, 0.0]  # rolled by 0.4 rad, right side down
    drive(runner, state, 3, period=0.02)
    held = [runner.step(state, 0.04 + 0.02 * k) for k in range(1, 26)]
    assert {d.mode[0] for d in held[6:]} == {"HOLD"}
    rates = np.array([d.command[0, 1] for d in held[6:]])
    assert rates[0] < 0.0 and abs(rates[-1]) < abs(rates[0]) / 2  # back towards level, and ending there
    assert held[-1].command[0, 0] == pytest.approx(drone_bundle.robot.hover_thrust, rel=0.1)


def test_a_drone_that_stops_comes_down_slowly(drone_bundle):
    runner, state = started(drone_bundle, 1, hover_goal())
    drive(runner, state, 3, period=0.02)
    blind = [runner.step(state, 0.04 + 0.02 * k) for k in range(1, 60)]
    hover = drone_bundle.robot.hover_thrust
    assert blind[-1].mode[0] == "STOP" and 0.9 * hover < blind[-1].command[0, 0] < hover
    state.linear_velocity[:, 2] = -0.6  # seen again, and falling faster than wanted
    assert drive(runner, state, 5, start=62, period=0.02)[-1].command[0, 0] > hover
    assert (np.abs(blind[-1].command[0, 1:]) < 0.01).all()  # level by then


# ---------------------------------------------------------------------- the envelope
def enveloped(bundle, q=None, goal=GOAL, **limits):
    envelope = Envelope(bundle.robot, dataclasses.replace(EnvelopeLimits.from_robot(bundle.robot), **limits),
                        command_limits=bundle.limits)
    runner, state = Runner(bundle, envelope=envelope), rest_state(bundle)
    if q is not None:
        state.joint_position[:] = q
    runner.reset(state, goal)
    return runner, state, envelope


def test_a_policy_that_drives_into_the_ground_is_stopped_above_it(arm_bundle):
    """Shoulder down at full speed: STOP, latched, and the clearance is kept to where braking ends."""
    down = with_policy(arm_bundle, lambda observation: np.array([[0.0, 1.0, 0.0, 0.0, 0.0, 0.0]]))
    runner, state, envelope = enveloped(down, clearance=0.03)
    decisions = drive(runner, state, 150)
    assert decisions[-1].mode[0] == "STOP"
    assert "30.0 mm are kept" in decisions[-1].cause[0] and runner.at_rest.all()
    gaps = [envelope.capsules.clearance(d.command[0]).distance for d in decisions]
    assert min(gaps) >= 0.028  # looked at five places on the way to rest: 2 mm between them
    assert count_violations(stream(decisions, rest_state(down).joint_position), down.limits, PERIOD) == 0
    plain = Runner(down)  # without an envelope it goes through the floor
    state = rest_state(down)
    plain.reset(state, GOAL)
    assert min(envelope.capsules.clearance(d.command[0]).distance for d in drive(plain, state, 150)) < 0.0


def test_joints_stay_off_their_limits_by_the_margin(arm_bundle):
    turn = with_policy(arm_bundle, lambda observation: np.array([[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]]))
    runner, state, _ = enveloped(turn, low=np.full(3, -np.inf), high=np.full(3, np.inf))
    decisions = drive(runner, state, 400)
    assert all(d.mode[0] == "ACTIVE" for d in decisions)
    assert decisions[-1].command[0, 0] == pytest.approx(turn.robot.position_high[0] - 0.1, abs=1e-6)


def test_a_measured_state_outside_latches_a_stop(arm_bundle):
    runner, state, _ = enveloped(arm_bundle)
    drive(runner, state, 3)
    state.joint_position[0, 2] = arm_bundle.robot.position_high[2] - 0.01  # somebody pushed it
    decision, = drive(runner, state, 1, start=3)
    assert decision.mode[0] == "STOP" and decision.cause[0].startswith("measured: ")


def test_a_drone_beyond_its_geofence_comes_down(drone_bundle):
    runner, state, envelope = enveloped(drone_bundle, goal=np.array([0.0, 0.0, 1.0, 0.0]))
    assert drive(runner, state, 2, period=0.02)[-1].mode[0] == "ACTIVE"
    state.position[0, 0] = envelope.limits.high[0] + 0.1
    decision, = drive(runner, state, 1, start=2, period=0.02)
    assert decision.mode[0] == "STOP" and "geofence" in decision.cause[0]


def test_an_envelope_is_one_robots(arm_bundle):
    with pytest.raises(DeploymentError, match="one robot's"):
        Runner(arm_bundle, 2, envelope=Envelope(arm_bundle.robot))


# ---------------------------------------------------------------------- plausibility
def judged(bundle, goal=GOAL):
    """A runner that doubts what it is told, as on a robot."""
    judge = Plausibility(bundle.robot, bundle.task.control_period, hold_age=0.1, stop_age=0.5)
    runner, state = Runner(bundle, plausibility=judge), rest_state(bundle)
    runner.reset(state, goal)
    return runner, state


def steady(bundle, value=0.3):
    return with_policy(bundle, lambda x: np.full((len(x), 6), value, np.float32))


def run(bundle, steps, edit=lambda k, state: state, policy=None):
    """Steps of a robot that follows at once, with what the runner sees edited; (decisions, the runner)."""
    runner, state = judged(bundle if policy is None else with_policy(bundle, policy))
    out = []
    for k in range(steps):
        state.time[:] = k * PERIOD
        out.append(runner.step(edit(k, state.copy()), k * PERIOD))
        state.joint_velocity[:] = (out[-1].command - state.joint_position) / PERIOD
        state.joint_position[:] = out[-1].command
    start = rest_state(bundle).joint_position
    assert count_violations(stream(out, start), bundle.limits, PERIOD) == 0
    return out, runner


def modes(decisions):
    return [str(d.mode[0]) for d in decisions]


def offset(first, last, size=1.0, joint=2):
    """An encoder that is off in the steps ``first`` to ``last``."""
    def edit(k, state):
        if first <= k <= last:
            state.joint_position[0, joint] += size
        return state
    return edit


@settings(max_examples=30, deadline=None)
@given(at=st.integers(1, 30), count=st.integers(1, 2), joint=st.integers(0, 5),
       size=st.floats(0.5, 1e6) | st.floats(-1e6, -0.5))
def test_a_spike_is_as_if_no_state_had_come(arm_bundle, at, count, joint, size):
    def lost(k, state):
        if at <= k < at + count:
            return seen[at - 1]
        seen[k] = state
        return state

    seen = {}
    spiked, _ = run(arm_bundle, 36, offset(at, at + count - 1, size, joint))
    expected, _ = run(arm_bundle, 36, lost)
    assert all((a.command == b.command).all() for a, b in zip(spiked, expected, strict=True))
    assert set(modes(spiked)) == {"ACTIVE"}


def test_a_spike_that_lasts_holds_then_stops_and_names_the_joint(arm_bundle):
    decisions, runner = run(steady(arm_bundle), 60, offset(10, 59))
    assert modes(decisions)[:24] == ["ACTIVE"] * 12 + ["HOLD"] * 10 + ["STOP"] * 2  # the last good is of step 9
    assert set(modes(decisions)[24:]) == {"STOP"} and runner.at_rest.all()
    assert "elbow_joint jumped by 1." in decisions[-1].cause[0] and "for more than 500 ms" in decisions[-1].cause[0]


def test_frozen_states_hold_while_the_command_moves_and_stop(arm_bundle):
    kept = {}

    def freeze(k, state):
        kept.setdefault("state", state) if k >= 10 else None
        if k < 10 or k > until:
            return state
        frozen = kept["state"].copy()
        frozen.time[:] = state.time
        return frozen

    until = 16
    decisions, _ = run(steady(arm_bundle), 30, freeze)
    assert modes(decisions) == ["ACTIVE"] * 13 + ["HOLD"] * 4 + ["ACTIVE"] * 13
    assert "bit for bit" in decisions[14].cause[0]
    kept.clear()
    until = 100
    decisions, runner = run(steady(arm_bundle), 40, freeze)
    assert modes(decisions)[-1] == "STOP" and runner.at_rest.all() and "bit for bit" in decisions[-1].cause[0]
    assert modes(decisions).index("STOP") <= 26


def test_a_blocked_joint_stops_and_its_command_has_waited(arm_bundle):
    start = rest_state(arm_bundle).joint_position[0]

    def block(k, state):
        state.joint_position[0, 0], state.joint_velocity[0, 0] = start[0], 0.0
        return state

    # nothing but the lead limit keeps this policy from running away
    bundle = dataclasses.replace(steady(arm_bundle), task=_Eager(arm_bundle.task))
    decisions, runner = run(bundle, 60, block)
    assert modes(decisions)[-1] == "STOP" and "shoulder_pan_joint does not follow" in decisions[-1].cause[0]
    lead = max(abs(d.command[0, 0] - start[0]) for d in decisions)
    assert lead <= 1.01 * TrackingLimits.from_robot(arm_bundle.robot).lead[0] and runner.at_rest.all()


class _Eager:
    """A task whose actions are steps of the command, without a lead of their own."""

    def __init__(self, task):
        self._task = task

    def __getattr__(self, name):
        return getattr(self._task, name)

    def desired(self, action, context):
        return context.command + 0.1 * action


def test_a_robot_that_is_elsewhere_after_a_pause_stops_at_once(arm_bundle):
    runner, state = judged(steady(arm_bundle))
    drive(runner, state, 10)
    for k in range(10, 16):
        decision = runner.step(state, k * PERIOD)  # nothing comes
    assert decision.mode[0] == "HOLD"
    state.joint_position[0, 1] -= 0.4
    held, = drive(runner, state, 1, start=16)
    state.joint_position[0, 1] -= 0.4
    decision, = drive(runner, state, 1, start=17)
    assert held.mode[0] == "HOLD" and decision.mode[0] == "STOP" and "shoulder_lift_joint is 0.2" in decision.cause[0]
    assert "arm again" in decision.cause[0]


def test_wild_actions_stop_and_large_ones_are_clipped(arm_bundle):
    decisions, _ = run(arm_bundle, 40, policy=lambda x: np.full((len(x), 6), 9.0, np.float32))
    assert set(modes(decisions)) == {"ACTIVE"} and all(d.saturated[0] for d in decisions)
    decisions, _ = run(arm_bundle, 40, policy=lambda x: np.full((len(x), 6), -1e5, np.float32))
    assert modes(decisions)[:13] == ["ACTIVE"] * 13 and modes(decisions)[13:] == ["STOP"] * 27
    assert "far out of range" in decisions[-1].cause[0]


def test_a_state_that_is_not_finite_holds_at_once_all_the_same(arm_bundle):
    decisions, _ = run(steady(arm_bundle), 12, offset(5, 6, np.nan))
    assert modes(decisions) == ["ACTIVE"] * 5 + ["HOLD"] * 2 + ["ACTIVE"] * 5
    assert "not finite" in decisions[5].cause[0]


def test_a_drones_spike_is_as_if_no_state_had_come(drone_bundle):
    def fly(edit):
        runner, state = judged(drone_bundle, hover_goal())
        out = []
        for k in range(20):
            state.time[:] = 0.02 * k
            state.position[0, 0] = 0.001 * k
            out.append(runner.step(edit(k, state.copy()), 0.02 * k))
        return out

    def spike(k, state):
        state.position[0, 1] += 2.0 * (k == 7)
        return state

    def lost(k, state):
        state.time[:] -= 0.02 * (k == 7)
        state.position[0, 0] -= 0.001 * (k == 7)
        return state

    spiked, expected = fly(spike), fly(lost)
    assert all((a.command == b.command).all() for a, b in zip(spiked, expected, strict=True))


def test_a_plausibility_is_one_robots(arm_bundle):
    with pytest.raises(DeploymentError, match="one robot's"):
        Runner(arm_bundle, 2, plausibility=Plausibility(arm_bundle.robot, PERIOD, hold_age=0.1, stop_age=0.5))
