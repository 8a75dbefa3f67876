import dataclasses

import numpy as np
import pytest

from sim2real.deployment.envelope import Envelope, EnvelopeLimits
from sim2real.deployment.runner import Runner
from sim2real.deployment.safety import CommandFilter, count_violations
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


class _Broken:
    broken = False

    def __call__(self, x):
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
