"""The commands of the guard, without ROS: from where a runner's stream breaks off to rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real import rotations
from sim2real.deployment.heartbeat import MOVING, Snapshot
from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.deployment.safety import CommandFilter
from sim2real.parameters import ParameterSpace
from sim2real.robots import load_robot
from sim2real.ros.profiles import RosProfile
from sim2real.ros.takeover import BRIDGE, REPEAT, STALE, ArmTakeOver, DroneTakeOver, take_over
from sim2real.ros.twin_plant import TwinPlant, step_period, with_step
from sim2real.simulators import make_simulator

PERIOD = 0.01
UR5E = load_robot("ur5e")
LIMITS = CommandLimits.from_robot(UR5E)


def snapshot(command, velocity=None, acceleration=None, period=PERIOD):
    zeros = np.zeros(len(command))
    return Snapshot(1, 0.0, MOVING, np.array(command, float), zeros if velocity is None else velocity,
                    zeros if acceleration is None else acceleration, period)


def play(action, steps=400, state=None):
    """Commands (T, C) until it is over, and what each said stood before it."""
    pairs = []
    for k in range(steps):
        pair = action.step(state, k * action.period)
        if pair is None:
            break
        pairs.append(pair)
    assert len(pairs) < steps, "it never ended"
    return np.array([now for now, _ in pairs]), np.array([before for _, before in pairs])


def broken_stream(seed, steps, period=PERIOD):
    """A filtered stream (T, 6) towards targets that jump, and what its runner said last."""
    random = np.random.default_rng(seed)
    safety = CommandFilter(LIMITS, 1, period)
    safety.reset(None, UR5E.home[None])
    target, rows = UR5E.home, []
    for k in range(steps):
        if k % 25 == 0:
            target = random.uniform(LIMITS.low, LIMITS.high)
        rows.append(safety.step(target[None])[0])
    return np.array(rows), snapshot(rows[-1], safety.velocity[0], safety.acceleration[0], period)


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), steps=st.integers(5, 200), period=st.sampled_from([0.002, 0.005, 0.01]))
def test_after_a_short_pause_the_stream_keeps_every_bound_over_the_seam(seed, steps, period):
    stream, last = broken_stream(seed, steps, period)
    rest, before = play(ArmTakeOver(UR5E, "position", last, period + 0.9 * BRIDGE), 2000)
    whole = np.concatenate([stream, rest])
    assert count_violations(whole[:, None], LIMITS, period) == 0
    assert (before[0] == stream[-1]).all() and (before[1:] == rest[:-1]).all()
    still = round(REPEAT / period)
    assert (rest[-still:] == rest[-1]).all() and len(rest) - still < 0.7 / period  # brakes, then says it for a second


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), steps=st.integers(5, 200), pause=st.floats(0.0, 5.0))
def test_velocities_go_on_from_the_old_ones_to_zero_inside_the_bounds(seed, steps, pause):
    _, last = broken_stream(seed, steps)
    now, before = play(ArmTakeOver(UR5E, "velocity", last, pause))
    velocity = (now - before) / PERIOD
    stood = [last.velocity] * 2 if pause > PERIOD + BRIDGE else []  # the driver kept it up meanwhile
    whole = np.concatenate([[*stood, last.velocity], velocity])
    assert (np.abs(whole) <= LIMITS.velocity * (1 + 1e-9)).all()
    assert (np.abs(np.diff(whole, axis=0)) <= LIMITS.acceleration * PERIOD * (1 + 1e-6)).all()
    assert (np.abs(np.diff(whole, 2, axis=0)) <= LIMITS.jerk * PERIOD**2 * (1 + 1e-6)).all()
    assert (velocity[-round(REPEAT / PERIOD):] == 0.0).all()


@pytest.mark.parametrize("quantity", ["position", "velocity"])
def test_a_busy_machine_does_not_put_off_the_rest(quantity):
    """With nine of ten periods left out it is at rest when it would have been."""
    _, last = broken_stream(3, 40, 0.002)
    whole, sparse = (ArmTakeOver(UR5E, quantity, last, 0.002) for _ in range(2))
    for k in range(1001):
        whole.step(None, 0.002 * k)
        if k % 10 == 0:
            now, before = sparse.step(None, 0.002 * k)
            expected = whole._q if quantity == "position" else whole._v
            np.testing.assert_allclose(now if quantity == "position" else now - before, expected, atol=1e-12)
        if whole.at_rest:
            break
    assert whole.at_rest and k < 250 and whole.skipped == 0 and sparse.skipped > 0.5 * k
    away = ArmTakeOver(UR5E, "position", last, 0.002)  # the guard itself was away: the joints stand meanwhile
    first, _ = away.step(None, 0.0)
    later, _ = away.step(None, 0.2)
    assert (later == first).all() and away.at_rest


def test_after_a_longer_pause_a_position_is_held_where_the_joints_stand_already():
    stream, last = broken_stream(3, 40)
    assert np.abs(last.velocity).max() > 0.5
    rest, _ = play(ArmTakeOver(UR5E, "position", last, 0.11))
    assert (rest == stream[-1]).all() and len(rest) == pytest.approx(REPEAT / PERIOD, abs=2)


def test_an_old_position_is_not_gone_back_to_but_an_old_velocity_is_ended():
    _, last = broken_stream(3, 40)
    assert len(play(ArmTakeOver(UR5E, "position", last, STALE + 0.1))[0]) == 0
    assert len(play(ArmTakeOver(UR5E, "velocity", last, STALE + 0.1))[0]) > 100


def test_only_zero_velocities_are_said_again():
    _, last = broken_stream(3, 40)
    action = ArmTakeOver(UR5E, "velocity", last, 0.1)
    play(action)
    assert action.step(None, 1000.0) is None
    action.again(1000.0)
    now, before = action.step(None, 1000.5)
    assert (now == before).all() and action.repeats
    assert action.step(None, 1000.0 + REPEAT + 0.01) is None
    assert not ArmTakeOver(UR5E, "position", last, 0.1).repeats


def test_the_bounds_hold_and_a_command_outside_them_is_not_a_reason_to_jump():
    speed = np.array([0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
    near, outside = UR5E.home.copy(), UR5E.home.copy()
    near[0], outside[0] = LIMITS.high[0] - 1e-3, LIMITS.high[0] + 0.4
    rest, _ = play(ArmTakeOver(UR5E, "position", snapshot(near, speed), 0.01))
    assert rest[-1, 0] == LIMITS.high[0]
    rest, _ = play(ArmTakeOver(UR5E, "position", snapshot(outside, speed), 0.01))
    assert (rest == outside).all()


def test_numbers_that_are_none_are_not_sent():
    broken = UR5E.home.copy()
    broken[2] = np.nan
    assert len(play(ArmTakeOver(UR5E, "position", snapshot(broken), 0.01))[0]) == 0
    wild = np.array([np.nan, np.inf, 0.5, 0.0, 0.0, 0.0])
    now, before = play(ArmTakeOver(UR5E, "velocity", snapshot(UR5E.home, wild, wild), 0.01))
    velocity = (now - before) / PERIOD
    assert np.isfinite(velocity).all() and np.abs(velocity).max() <= 0.6 and (velocity[-1] == 0.0).all()


@pytest.mark.parametrize(("runners", "guards"), [(0.04, 0.01), (0.005, 0.005), (0.001, 0.002)])
def test_goes_on_at_the_runners_rate_within_reason(runners, guards):
    assert take_over(UR5E, "position", snapshot(UR5E.home, period=runners), 0.0).period == guards


# ------------------------------------------------------------------------------------------------- drones
@pytest.fixture
def drone():
    """A Crazyflie in the air as a twin's plant."""
    robot = load_robot("crazyflie")
    profile = RosProfile.for_robot(robot)
    space = ParameterSpace.for_robot(robot)
    values = space.batch(1, {"sensor_delay": 0.0})[0]
    sim = make_simulator("quadrotor", with_step(robot, step_period(profile.state.rate, robot.kind)[0]), 1, threads=1)
    plant = TwinPlant(sim, robot, profile, values)
    plant.start(0.0)
    plant.receive([(0.0, np.zeros(4))], 0.0)  # unlocks
    yield robot, plant
    plant.close()


def fly(plant, action, now, blind=False, longest=60.0):
    """Let it act on the plant until it is over; rows of time, height, climb rate, cosine of the tilt and thrust."""
    rows, end = [], now + longest
    while now < end:
        state = plant.true_state().copy()
        state.time[0] = now
        pair = action.step(None if blind else state, now)
        if pair is None:
            return np.array(rows)
        plant.receive([(0.0, pair[0])], now)
        up = rotations.rotate(state.quaternion[0], np.array([0.0, 0.0, 1.0]))[2]
        rows.append((now, state.position[0, 2], state.linear_velocity[0, 2], up, pair[0][0]))
        now += action.period
        plant.advance(now)
    raise AssertionError("it never landed")


def test_a_drone_levels_comes_down_slowly_and_stops_its_motors(drone):
    robot, plant = drone
    rolling = np.array([robot.hover_thrust, 2.0, 0.0, 0.0])
    now = 0.02
    while now < 0.22:  # the runner's last words: it rolls
        plant.receive([(0.0, rolling)], now)
        now += 0.01
        plant.advance(now)
    action = take_over(robot, "position", snapshot(rolling), 0.02)
    rows = fly(plant, action, now)
    assert isinstance(action, DroneTakeOver) and action.at_rest and not action.repeats
    assert rows[0, 3] < 0.97 and (rows[100:, 3] > 0.99).all()  # level within a second
    assert rows[-1, 1] < 0.05 and rows[:, 2].min() > -0.7  # on the ground, and it did not drop there
    off = rows[:, 4] == 0.0
    assert off.sum() == pytest.approx(REPEAT / action.period, abs=3) and off[-1]
    assert rows[off, 1].max() < 0.05  # motors off only down there


def test_a_drone_without_a_state_comes_down_blind_and_stops_its_motors(drone):
    robot, plant = drone
    rows = fly(plant, take_over(robot, "position", snapshot([robot.hover_thrust, 0.0, 0.0, 0.0]), 0.02), 0.02,
               blind=True)
    assert rows[rows[:, 4] == 0.0, 1].max() < 0.05 and rows[:, 2].min() > -1.0


def test_motors_that_were_off_stay_off():
    robot = load_robot("crazyflie")
    commands, _ = play(take_over(robot, "position", snapshot(np.zeros(4)), 0.02))
    assert len(commands) and not commands.any()
