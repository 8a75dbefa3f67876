import numpy as np
import pytest

from sim2real.simulators.friction import solve_velocity


def solve(inertia, momentum, limit, mode=None):
    inertia, momentum, limit = (np.asarray(x, float) for x in (inertia, momentum, limit))
    mode = np.zeros_like(momentum) if mode is None else np.asarray(mode, float)
    return solve_velocity(inertia, momentum, limit, mode), mode


def test_one_joint_by_hand():
    """2 v = g - p: sticks for |g| <= limit, else the rest of the momentum over the inertia."""
    for momentum, expected in ((0.9, 0.0), (-1.0, 0.0), (3.0, 1.0), (-5.0, -2.0)):
        velocity, mode = solve([[[2.0]]], [[momentum]], [[1.0]])
        assert velocity[0, 0] == pytest.approx(expected)
        assert mode[0, 0] == np.sign(expected)


def test_friction_never_reverses_a_velocity():
    velocity, _ = solve([[[2.0]]], [[0.2]], [[1.0]], [[1.0]])  # was slipping, now has less momentum than friction takes
    assert velocity[0, 0] == 0.0


def test_without_friction_it_is_a_linear_solve():
    inertia = np.array([[[2.0, 0.5], [0.5, 1.0]]])
    velocity, _ = solve(inertia, [[1.0, -1.0]], [[0.0, 0.0]])
    np.testing.assert_allclose(velocity[0], np.linalg.solve(inertia[0], [1.0, -1.0]))


def test_random_problems_meet_the_law_of_coulomb():
    random = np.random.default_rng(0)
    n, joints = 400, 6
    root = random.normal(size=(n, joints, joints))
    inertia = root @ root.transpose(0, 2, 1) + 0.5 * np.eye(joints)
    momentum, limit = 3 * random.normal(size=(n, joints)), random.uniform(0, 2, size=(n, joints))
    limit[:, 2] = 0.0
    velocity, _ = solve(inertia, momentum, limit, np.sign(random.normal(size=(n, joints))))
    impulse = momentum - (inertia @ velocity[..., None])[..., 0]
    moving = np.abs(velocity) > 1e-9
    good = (np.where(moving, np.abs(impulse - limit * np.sign(velocity)) < 1e-9, np.abs(impulse) <= limit + 1e-9)
            ).all(axis=1)
    assert good.mean() > 0.99  # six strongly coupled joints at random are harder than any arm
