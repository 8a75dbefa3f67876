import numpy as np
import pytest

from sim2real.deployment.braking import (
    bound_factors,
    ramp_change,
    ramp_inverse,
    simulate,
    stopping_bound,
    stopping_extent,
    velocity_step,
)


def _states(n, seed):
    """Random bounds over four decades and states from which the velocity bound can be kept."""
    rng = np.random.default_rng(seed)
    v_max = 10.0 ** rng.uniform(-2, 1, n)
    a_max = v_max * 10.0 ** rng.uniform(-2, 0.3, n)
    jerk = a_max * 10.0 ** rng.uniform(-1.7, 0.3, n)
    v = rng.uniform(-1, 1, n) * v_max
    a = rng.uniform(-1, 1, n)
    a = np.where(a > 0, a * np.minimum(a_max, ramp_inverse(v_max - v, jerk)),
                 a * np.minimum(a_max, ramp_inverse(v_max + v, jerk)))
    return v, a, v_max, a_max, jerk


def test_ramp_by_hand():
    # m = 2.5, J = 1: D = 1.5 + 0.5 = 2 and G = 4.5
    assert ramp_change(np.array(2.5), np.array(1.0)) == pytest.approx(2.0)
    assert ramp_inverse(np.array(4.5), np.array(1.0)) == pytest.approx(2.5)
    assert ramp_inverse(np.array(0.0), np.array(1.0)) == 0.0


def test_stopping_extent_by_hand():
    # from v = 3 at a = 0 with J = A = 1: a = -1 three times, v = 2, 1, 0: 3 further
    up, down = stopping_extent(np.array([3.0]), np.array([0.0]), np.array([1.0]), np.array([1.0]))
    assert (up[0], down[0]) == (3.0, 0.0)


def test_ramp_inverse_inverts():
    m, jerk = np.linspace(0.0, 30.0, 1001), np.full(1001, 0.7)
    assert ramp_inverse(m + ramp_change(m, jerk), jerk) == pytest.approx(m, rel=1e-12, abs=1e-12)


def test_closed_form_is_the_simulation():
    v, a, _, a_max, jerk = _states(5000, 1)
    path = simulate(v, a, a_max, jerk, 1500)
    up, down = stopping_extent(v, a, a_max, jerk)
    scale = np.abs(path).max(axis=0) + np.abs(v)
    assert np.abs(up - np.maximum(path.max(axis=0), 0.0)).max() <= 1e-12 * scale.max()
    assert (np.abs(up - np.maximum(path.max(axis=0), 0.0)) / scale).max() < 1e-10
    assert (np.abs(down - np.minimum(path.min(axis=0), 0.0)) / scale).max() < 1e-10


def test_the_bound_is_never_less_than_the_way():
    v, a, _, a_max, jerk = _states(20_000, 4)
    up, down = stopping_extent(v, a, a_max, jerk)
    bound = stopping_bound(v, a, bound_factors(a_max, jerk))
    assert (np.maximum(up, -down) <= bound).all()
    moving = np.abs(v) > 10.0 * a_max
    assert moving.sum() > 100
    assert np.median(bound[moving] / np.maximum(up, -down)[moving]) < 1.5  # and not much more where it counts


def test_braking_ends_exactly_at_rest_without_oscillation():
    v, a, _, a_max, jerk = _states(2000, 2)
    path = simulate(v, a, a_max, jerk, 1500)
    assert (path[-1] == path[-2]).all() and (path[-2] == path[-3]).all()
    steps = np.diff(path, axis=0, prepend=0.0)
    steps = np.where(np.abs(steps) > 1e-12 * np.abs(path).max(axis=0), np.sign(steps), 0.0)
    changes = np.array([np.sum(np.diff(s[s != 0]) != 0) for s in steps.T])
    assert changes.max() <= 1


def test_velocity_step_keeps_the_velocity_bound():
    v, a, v_max, a_max, jerk = _states(2000, 3)
    rng = np.random.default_rng(0)
    for _ in range(200):
        target = rng.choice([-1.0, 1.0, 0.3], len(v)) * v_max
        last, a = a, velocity_step(v, a, target, a_max, jerk)
        v = v + a
        assert (np.abs(v) <= v_max * (1 + 1e-12)).all()
        assert (np.abs(a - last) <= jerk * (1 + 1e-12)).all() and (np.abs(a) <= a_max * (1 + 1e-12)).all()
