import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.deployment.safety import CommandFilter, CommandLimits, count_violations
from sim2real.errors import BadInputError

INF = np.inf
UR5E = CommandLimits([-6.28] * 6, [6.28] * 6, [3.14] * 6, [10.0] * 6, [500.0] * 6)


def random_limits(rng, channels=4):
    """Ranges, speeds and times over decades; jerk from very tight to loose, some of it absent."""
    low = rng.uniform(-5.0, 0.0, channels)
    velocity = 10.0 ** rng.uniform(-1, 1, channels)
    acceleration = velocity * 10.0 ** rng.uniform(-0.5, 2, channels)
    jerk = acceleration * 10.0 ** rng.uniform(-0.5, 2.5, channels)
    absent = rng.random(channels)
    return CommandLimits(low, low + 10.0 ** rng.uniform(-1, 1, channels), velocity,
                         np.where(absent < 0.1, INF, acceleration), np.where(absent < 0.2, INF, jerk))


def adversary(kind, rng, limits, shape):
    """A function of the step and the filter that gives desired commands."""
    low, high = limits.low, limits.high
    block = int(rng.integers(1, 60))
    if kind == "random":
        return lambda k, f: rng.uniform(low - 1, high + 1, shape)
    if kind == "nyquist":
        return lambda k, f: np.where(k % 2, high + 9, low - 9) * np.ones(shape)
    if kind == "square":
        return lambda k, f: np.where(k // block % 2, 1e300, -1e300) * np.ones(shape)
    if kind == "walk":
        return lambda k, f: f.command + rng.normal(size=shape) * limits.velocity * f.period
    if kind == "resonant":  # always away from where it is going
        return lambda k, f: np.where(f.velocity > 0, low, high)

    def broken(k, f):
        desired = rng.uniform(low, high, shape) if k // block % 2 else np.where(rng.random(shape) < 0.5, low, high)
        desired[rng.random(shape) < 0.03] = rng.choice([np.nan, INF, -INF])
        return desired
    return broken


def run(filter_, stream, steps):
    """The command stream from rest, with the three equal samples before it that rest means."""
    out = [filter_.command] * 4
    out += [filter_.step(stream(k, filter_)) for k in range(steps)]
    return np.array(out)


KINDS = ("random", "nyquist", "square", "walk", "resonant", "broken")


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(KINDS), st.sampled_from([0.002, 0.008, 0.02, 0.04, 0.1]))
def test_bounds_hold_whatever_comes(seed, kind, period):
    rng = np.random.default_rng(seed)
    limits, n = random_limits(rng), 8
    f = CommandFilter(limits, n, period)
    f.reset(None, rng.uniform(limits.low, limits.high, (n, 4)))
    stream = run(f, adversary(kind, rng, limits, (n, 4)), 150)
    assert count_violations(stream, limits, period, tolerance=1e-9) == 0
    assert (stream >= limits.low).all() and (stream <= limits.high).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(KINDS), st.sampled_from([0.002, 0.02, 0.04]))
def test_hold_comes_to_rest_in_time_and_stays(seed, kind, period):
    rng = np.random.default_rng(seed)
    limits, n = random_limits(rng), 8
    f = CommandFilter(limits, n, period)
    f.reset(None, rng.uniform(limits.low, limits.high, (n, 4)))
    run(f, adversary(kind, rng, limits, (n, 4)), 60)
    # ramp the acceleration away, brake from the highest speed, ramp out: a/J + v/a + a/J at most, and an overshoot
    velocity, jerk = limits.velocity, np.minimum(limits.jerk, 1e12)
    acceleration = np.minimum(limits.acceleration, velocity / period)
    acceleration = np.minimum(acceleration, np.sqrt(2 * velocity * jerk) + jerk * period)
    steps = int(np.max((3 * acceleration / jerk + 2 * velocity / acceleration) / period)) + 6
    for _ in range(min(steps, 20_000)):
        f.step(np.full((n, 4), np.nan))
    rest = f.command
    assert f.at_rest.all() and f.rejected.all()
    assert (f.step(np.full((n, 4), INF)) == rest).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.008, 0.02, 0.04]))
def test_a_constant_target_is_reached_without_much_overshoot(seed, period):
    rng = np.random.default_rng(seed)
    limits, n = random_limits(rng), 8
    f = CommandFilter(limits, n, period)
    start = rng.uniform(limits.low, limits.high, (n, 4))
    goal = rng.uniform(limits.low, limits.high, (n, 4))
    goal[0], goal[1] = limits.low, limits.high
    f.reset(None, start)
    distance = np.abs(goal - start)
    a = np.minimum(limits.acceleration, limits.velocity / period)
    j = np.minimum(limits.jerk, a / period)
    time_needed = distance / limits.velocity + 2 * (limits.velocity / a + a / j) + 4 * np.cbrt(distance / j)
    steps = int(1.5 * time_needed.max() / period) + 40
    stream = run(f, lambda k, f: goal, min(steps, 30_000))
    assert np.abs(stream[-1] - goal).max() <= 1e-6
    assert (stream[-1] == stream[-2]).all() and not f.clipped.any()
    overshoot = ((stream - goal) * np.sign(goal - start)).max(axis=0)
    assert (overshoot <= 0.05 * distance + 2 * j * period**3).all()


def test_a_rate_limit_alone_is_followed_exactly():
    limits = CommandLimits([0.0], [1.0], [10.0], [INF], [INF])
    f = CommandFilter(limits, 1, 0.01)
    f.reset(None, [[0.5]])
    assert [round(float(f.step([[0.75]])[0, 0]), 12) for _ in range(4)] == [0.6, 0.7, 0.75, 0.75]
    assert f.step([[0.7]])[0, 0] == pytest.approx(0.7, abs=1e-15) and not f.clipped[0]


def test_a_ramp_is_followed_without_lag():
    f = CommandFilter(UR5E, 1, 0.04)
    f.reset(None, np.zeros((1, 6)))
    for k in range(60):
        out = f.step(np.full((1, 6), 0.04 * k))
    assert out == pytest.approx(np.full((1, 6), 0.04 * 59), abs=1e-9) and not f.clipped[0]


def test_a_far_target_is_approached_at_the_velocity_limit():
    f = CommandFilter(UR5E, 1, 0.04)
    f.reset(None, np.full((1, 6), -6.0))
    speeds = []
    for _ in range(60):
        f.step(np.full((1, 6), 6.0))
        speeds.append(f.velocity[0, 0])
    assert max(speeds) == pytest.approx(3.14, rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(KINDS))
def test_a_batch_is_bit_for_bit_its_robots(seed, kind):
    rng = np.random.default_rng(seed)
    limits, n = random_limits(rng), 9
    batch = CommandFilter(limits, n, 0.02)
    start = rng.uniform(limits.low, limits.high, (n, 4))
    batch.reset(None, start)
    single = [CommandFilter(limits, 1, 0.02) for _ in range(n)]
    for i, f in enumerate(single):
        f.reset(None, start[i:i + 1])
    stream = adversary(kind, rng, limits, (n, 4))
    for k in range(60):
        desired = stream(k, batch)
        together = batch.step(desired)
        for i, f in enumerate(single):
            assert (f.step(desired[i:i + 1])[0] == together[i]).all()
            assert f.clipped[0] == batch.clipped[i] and f.rejected[0] == batch.rejected[i]


def test_reset_of_some_leaves_the_others_and_forgets_everything():
    rng = np.random.default_rng(0)
    f, g = CommandFilter(UR5E, 4, 0.04), CommandFilter(UR5E, 4, 0.04)
    desired = rng.normal(size=(30, 4, 6))
    for h in (f, g):
        h.reset(None, np.zeros((4, 6)))
        for d in desired:
            h.step(d)
    f.reset(np.array([1, 3]), np.full((2, 6), 0.5))
    assert (f.command[[1, 3]] == 0.5).all() and (f.velocity[[1, 3]] == 0).all()
    assert (f.command[[0, 2]] == g.command[[0, 2]]).all()
    fresh = CommandFilter(UR5E, 2, 0.04)
    fresh.reset(None, np.full((2, 6), 0.5))
    for d in desired:
        got = f.step(d)
        assert (got[[0, 2]] == g.step(d)[[0, 2]]).all() and (got[[1, 3]] == fresh.step(d[[1, 3]])).all()
    f.reset(None, np.zeros((4, 6)))
    f.reset(None, np.zeros((4, 6)))
    assert (f.command == 0).all() and f.at_rest.all()


def test_a_returned_command_is_the_callers():
    f = CommandFilter(UR5E, 1, 0.04)
    f.reset(None, np.zeros((1, 6)))
    out = f.step(np.ones((1, 6)))
    out[:] = 99.0
    assert f.command.max() < 1.0


def test_hold_mask_and_rest_values():
    limits = CommandLimits([0.0, -1.0], [1.0, 1.0], [5.0, 5.0], [INF, INF], [INF, INF], rest=[0.4, np.nan])
    f = CommandFilter(limits, 2, 0.1)
    f.reset(None, np.full((2, 2), 0.9))
    out = f.step(np.full((2, 2), 0.8), hold=np.array([True, False]))
    assert out == pytest.approx(np.array([[0.4, 0.9], [0.8, 0.8]]))
    assert f.clipped.tolist() == [True, False] and not f.rejected.any()
    out = f.step(np.array([[np.nan, 0.0], [0.7, 0.7]]))
    assert f.rejected.tolist() == [True, False] and out[0] == pytest.approx([0.4, 0.9])


def test_outside_the_bounds_a_reset_is_clipped_and_said():
    f = CommandFilter(UR5E, 1, 0.04)
    f.reset(None, np.full((1, 6), 7.0))
    assert f.command == pytest.approx(np.full((1, 6), 6.28)) and f.clipped[0]


@pytest.mark.parametrize("call", [
    lambda f: f.step(np.zeros(6)), lambda f: f.step(np.zeros((2, 6))), lambda f: f.reset(None, np.zeros((1, 5))),
    lambda f: f.reset(None, np.full((1, 6), np.nan)), lambda f: CommandFilter(UR5E, 0, 0.04),
    lambda f: CommandFilter(UR5E, 1, 0.0)])
def test_wrong_shapes_and_values_are_refused(call):
    with pytest.raises(BadInputError, match="expected"):
        call(CommandFilter(UR5E, 1, 0.04))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(KINDS), st.sampled_from([0.002, 0.02, 0.04]))
def test_wherever_the_streams_are_moved_they_stay_inside_and_their_rates_go_on(seed, kind, period):
    rng = np.random.default_rng(seed)
    limits, n = random_limits(rng), 3
    f = CommandFilter(limits, n, period)
    f.reset(None, rng.uniform(limits.low, limits.high, (n, 4)))
    worst, total, unmoved, before = adversary(kind, rng, limits, (n, 4)), np.zeros((n, 4)), [f.command] * 4, f.command
    for k in range(150):
        if rng.random() < 0.3:
            offset = rng.normal(size=(n, 4)) * 10.0 ** rng.uniform(-4, 2)
            rates, now = (f.velocity, f.acceleration), f.command
            moved = f.shift(offset, before[None])
            np.testing.assert_array_equal((f.velocity, f.acceleration), rates)
            np.testing.assert_allclose(f.command, now + moved, atol=1e-15)
            for at in (f.command, before + moved):
                assert (at >= limits.low).all() and (at <= limits.high).all()
            assert (moved * offset >= 0.0).all() and (np.abs(moved) <= np.abs(offset)).all()
            total += moved
        before = f.command
        command = f.step(worst(k, f), None if k < 120 else np.ones(n, bool))
        assert (command >= limits.low).all() and (command <= limits.high).all()
        unmoved.append(command - total)
    anywhere = CommandLimits(limits.low - 1e3, limits.high + 1e3, limits.velocity, limits.acceleration, limits.jerk)
    assert count_violations(np.array(unmoved), anywhere, period, tolerance=1e-7) == 0


def test_it_is_moved_as_far_as_it_can_still_stop_and_no_further():
    f = CommandFilter(UR5E, 1, 0.04)
    f.reset(None, np.zeros((1, 6)))
    for _ in range(30):
        f.step(np.full((1, 6), 6.28))
    room = 6.28 - f.command[0, 0]
    moved = f.shift(np.full((1, 6), 9.0), f.command[None])
    assert (0.0 < moved).all() and (moved < room - 0.4).all()  # 3 rad/s are braked by 10 rad/s2 over 0.45 rad
    held = [f.step(np.full((1, 6), np.nan))[0, 0] for _ in range(30)]
    assert 6.28 - 1e-6 < held[-1] <= 6.28
    assert f.shift(np.full((1, 6), 0.1), f.command[None]).max() < 1e-6  # there it stays
    assert f.shift(np.full((1, 6), -0.1), f.command[None]) == pytest.approx(-0.1)


def test_a_shift_of_the_wrong_shape_or_no_number_is_said():
    f = CommandFilter(UR5E, 1, 0.04)
    for offset in (np.zeros((1, 5)), np.full((1, 6), np.inf)):
        with pytest.raises(BadInputError, match=r"expected a finite offset of shape \(1, 6\)"):
            f.shift(offset, f.command[None])
    with pytest.raises(BadInputError, match=r"points of shape \(3,\)"):
        f.shift(np.zeros((1, 6)), np.zeros((4, 3)))
