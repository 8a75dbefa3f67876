import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.deployment.safety import CommandFilter
from sim2real.deployment.stream import CommandStream, PeriodMeans
from sim2real.errors import BadInputError
from sim2real.robots import load_robot
from sim2real.tasks import Context
from sim2real.types import RobotState
from tests.deployment.test_safety import KINDS, adversary, random_limits

HOME = load_robot("ur5e").home
UR5E = CommandLimits.from_robot(load_robot("ur5e"))
POLICY = 0.04


def run(stream, points):
    """All commands, with the four equal ones before them that rest means, (steps, C)."""
    out = [stream.command] * 4
    for point in points:
        stream.push(point)
        out += [stream.tick() for _ in range(stream.ticks)]
    return np.array(out)


def wandering(rng, steps=200):
    """Set points as a runner gives them: inside the bounds at the policy's own rate."""
    f = CommandFilter(UR5E, 1, POLICY)
    f.reset(None, HOME[None])
    wanted = HOME + np.cumsum(rng.normal(0.0, 0.03, (steps, 6)), axis=0)
    return np.array([f.step(row[None])[0] for row in wanted])


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(KINDS), st.sampled_from([25.0, 50.0, 125.0, 500.0, 1000.0]))
def test_bounds_hold_at_the_drivers_rate_whatever_is_asked_for(seed, kind, rate):
    """A policy that does its worst, the safety filter at the policy's rate, and the stream behind it."""
    rng = np.random.default_rng(seed)
    limits = random_limits(rng)
    f, stream = CommandFilter(limits, 1, POLICY), CommandStream(POLICY, rate)
    start = rng.uniform(limits.low, limits.high)
    f.reset(None, start[None])
    stream.reset(start)
    worst = adversary(kind, rng, limits, (1, 4))
    hold_from = int(rng.integers(20, 60))
    points = [f.step(worst(k, f), np.array([k > hold_from]))[0] for k in range(70)]
    commands = run(stream, points)
    assert count_violations(commands[:, None], limits, stream.tick_period, tolerance=1e-7) == 0
    assert (commands >= limits.low - 1e-12).all() and (commands <= limits.high + 1e-12).all()


def test_set_points_that_are_held_would_break_the_bounds():
    """What the stream is for."""
    points = wandering(np.random.default_rng(0))
    held = np.repeat(points, 20, axis=0)
    assert count_violations(held[:, None], UR5E, POLICY / 20) > 1000
    stream = CommandStream(POLICY, 500.0)
    stream.reset(HOME)
    assert stream.ticks == 20 and stream.tick_period == pytest.approx(0.002)
    assert count_violations(run(stream, points)[:, None], UR5E, stream.tick_period) == 0


def test_it_comes_one_and_a_half_periods_after_set_points_that_are_held():
    points = HOME + 0.01 * np.arange(20)[:, None]  # a ramp
    stream = CommandStream(POLICY, 500.0)
    stream.reset(HOME)
    commands = run(stream, points)[4:]
    held = np.repeat(points, 20, axis=0)
    late = (held - commands)[100:] / 0.01  # in periods
    assert late.mean() == pytest.approx(1.5, abs=0.03)


def test_it_ends_at_the_last_set_point_to_the_last_bit():
    stream = CommandStream(POLICY, 500.0)
    stream.reset(HOME)
    points = wandering(np.random.default_rng(1), 20)
    run(stream, [*points, points[-1], points[-1]])
    assert not stream.at_rest
    commands = run(stream, [points[-1]] * 2)
    assert stream.at_rest and (commands[-20:] == points[-1]).all() and (stream.velocity == 0.0).all()


def test_at_the_policys_own_rate_set_points_pass_unchanged():
    stream = CommandStream(0.01, 100.0)
    stream.reset(np.zeros(4))
    points = np.random.default_rng(0).normal(size=(9, 4))
    np.testing.assert_array_equal(run(stream, points)[4:], points)
    assert stream.ticks == 1


@pytest.mark.parametrize(("rate", "ticks"), [(500.0, 20), (30.0, 1), (10.0, 1), (1000.0, 40), (110.0, 4)])
def test_the_nearest_rate_that_divides_the_policys(rate, ticks):
    assert CommandStream(POLICY, rate).ticks == ticks


def test_misuse_is_said():
    stream = CommandStream(POLICY, 100.0)
    stream.reset(HOME)
    with pytest.raises(BadInputError, match="push one"):
        stream.tick()
    with pytest.raises(BadInputError, match="finite set point"):
        stream.push(np.full(6, np.nan))
    stream.push(HOME)
    with pytest.raises(BadInputError, match="after 4 ticks"):
        stream.push(HOME)
    for period, rate in ((0.0, 1.0), (1.0, np.inf), (np.nan, 1.0)):
        with pytest.raises(BadInputError, match="over zero"):
            CommandStream(period, rate)


def test_velocity_and_acceleration_are_differences_of_the_commands():
    stream = CommandStream(POLICY, 500.0)
    stream.reset(HOME)
    commands = run(stream, wandering(np.random.default_rng(2), 10))
    h = stream.tick_period
    np.testing.assert_allclose(stream.velocity, (commands[-1] - commands[-2]) / h)
    np.testing.assert_allclose(stream.acceleration, (commands[-1] - 2 * commands[-2] + commands[-3]) / h**2)


def test_moved_it_goes_on_with_the_same_differences():
    points = wandering(np.random.default_rng(4), 12)
    here, there = (CommandStream(POLICY, 500.0) for _ in range(2))
    offset = np.linspace(-1.0, 1.0, 6)
    for stream in (here, there):
        stream.reset(HOME)
        run(stream, points[:6])
    there.shift(offset)
    np.testing.assert_allclose((there.velocity, there.acceleration), (here.velocity, here.acceleration), atol=1e-9)
    np.testing.assert_allclose(there.points, here.points + offset, atol=1e-15)
    np.testing.assert_allclose(run(there, points[6:] + offset), run(here, points[6:]) + offset, atol=1e-12)
    there.reset(HOME)
    there.shift(offset)
    assert there.at_rest and (there.velocity == 0.0).all()


def context(command):
    n = len(command)
    return Context(RobotState.zeros(n, 6), np.zeros((n, 3)), np.zeros(n), command, np.full_like(command, 9.0),
                   np.zeros((n, 6)))


def test_a_periods_mean_is_that_of_its_ticks():
    points = np.random.default_rng(1).normal(size=(20, 1, 6))
    means, stream = PeriodMeans(1.0), CommandStream(1.0, 4000.0)
    rest = np.full((1, 6), 0.5)
    stream.reset(rest[0])
    seen, last = [means.of(context(rest))], rest
    np.testing.assert_allclose(seen[0].command, rest, atol=1e-12)
    assert np.abs(seen[0].command_velocity).max() < 1e-12
    for point in points:
        stream.push(point[0])
        ticks = np.array([stream.tick() for _ in range(stream.ticks)])
        now = means.of(context(point))
        np.testing.assert_allclose(now.command[0], ticks.mean(axis=0), atol=2e-3)
        np.testing.assert_allclose(now.command_velocity, now.command - last, atol=1e-12)
        last = now.command


def test_means_of_a_stream_that_begins_anew_and_of_one_that_was_moved():
    means, points = PeriodMeans(0.04), np.random.default_rng(2).normal(size=(6, 2, 6))
    for point in points:
        before = means.of(context(point)).command
    means.shift(np.full((2, 6), 0.25))
    means.begin(np.array([1]))
    moved = means.of(context(points[-1] + 0.25))
    np.testing.assert_allclose(moved.command[1], points[-1][1] + 0.25)  # it stands
    assert np.abs(moved.command_velocity[1]).max() < 1e-9
    expected = (points[-3] + 11.0 * points[-2] + 12.0 * points[-1])[0] / 24.0 + 0.25
    np.testing.assert_allclose(moved.command[0], expected)
    np.testing.assert_allclose(moved.command_velocity[0], (expected - before[0] - 0.25) / 0.04)
