"""What else may differ: integrated out as the closed form has it, and found missing where it is left out."""

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.identification.posterior.discrepancy import Discrepancy
from sim2real.identification.posterior.inference import Budget, infer
from sim2real.identification.posterior.likelihood import Likelihood, blocks_of, contradiction
from sim2real.identification.posterior.prior import Prior
from tests.identification.posterior.doubles import Linear

ASKED = 2


def split(problem):
    """The prior of the first two parameters of a problem, and that of the others."""
    prior = problem.prior
    return tuple(Prior(prior.names[at], prior.low[at], prior.high[at], prior.log[at])
                 for at in (slice(0, ASKED), slice(ASKED, None)))


def test_whitening_is_the_inverse_of_the_whole_covariance():
    random = np.random.default_rng(0)
    columns, residual, noise = random.normal(size=(3, 20)), random.normal(size=(5, 20)), 0.7
    columns[2] = columns[0]  # two that do the same
    found = Discrepancy.of(columns)
    expected = np.einsum("ij,ji->i", residual, np.linalg.solve(np.eye(20) + columns.T @ columns / noise, residual.T))
    np.testing.assert_allclose((found.whitened(residual, noise) ** 2).sum(axis=1), expected)
    np.testing.assert_allclose((residual**2).sum(axis=1) - found.explained(found.project(residual), noise), expected)
    nothing = Discrepancy.none(20)
    np.testing.assert_array_equal(nothing.whitened(residual, noise), residual)
    np.testing.assert_array_equal(nothing.explained(nothing.project(residual), noise), np.zeros(5))


def test_looking_around_finds_a_deviation_of_each_of_the_others():
    problem = Linear([0.3, 0.6, 0.9, 0.1, 0.8], sigma=0.5)
    likelihood = Likelihood(problem, *split(problem))
    likelihood.residuals(np.array([[0.3, 0.6], [0.9, 0.9]]))
    before = likelihood.inflation
    assert not likelihood.looked and likelihood.evaluations == 2
    likelihood.look_around()
    # uniform in [0, 1]: variance 1 / 12
    expected = np.linalg.eigvalsh(problem.matrix[:, ASKED:].T @ problem.matrix[:, ASKED:]) / 12.0 / 0.5**2
    np.testing.assert_allclose(np.sort(likelihood.discrepancy.variance), expected, rtol=1e-6)
    assert likelihood.looked and likelihood.evaluations == 2 + 2 * 3 + ASKED
    assert likelihood.inflation < 0.5 * before


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_posterior_is_that_of_the_whole_problem(seed):
    truth = np.random.default_rng(seed).uniform(0.2, 0.8, 8)
    problem = Linear(truth, sigma=0.5, seed=seed)
    prior, others = split(problem)
    found = infer(problem, prior, seed=seed, budget=Budget(2000, 60.0), others=others)
    # all eight with a normal prior of the others' mean and variance; the two asked for are its first block
    precision = problem.matrix.T @ problem.matrix / 0.5**2 + np.diag([0.0] * ASKED + [12.0] * 6)
    pull = problem.matrix.T @ problem.measured / 0.5**2 + np.array([0.0] * ASKED + [6.0] * 6)
    mean, std = np.linalg.solve(precision, pull)[:ASKED], np.sqrt(np.diag(np.linalg.inv(precision)))[:ASKED]
    unit = found.prior.to_unit(found.mean)
    assert np.abs((unit - mean) / std).max() < 0.5
    np.testing.assert_allclose(found.shrinkage / np.sqrt(12.0) / std, 1.0, atol=0.3)


def test_intervals_hold_what_they_say_and_do_not_where_the_others_are_left_out():
    inside = {True: [], False: []}
    for seed in range(40):
        truth = np.random.default_rng(100 + seed).uniform(0.0, 1.0, 8)
        problem = Linear(truth, sigma=0.5, seed=seed, samples=200)
        problem.matrix[:, ASKED:] += problem.matrix[:, :1]  # all of them look like the first
        problem.measured = problem.predict(problem.prior.from_unit(truth[None]))[0] + 0.5 * np.random.default_rng(
            seed).normal(size=200)
        for known in (True, False):
            prior, others = split(problem)
            if not known:
                others = Prior(others.names, np.full(6, 1.0 - 1e-6), np.full(6, 1.0 + 1e-6), others.log)
            found = infer(problem, prior, seed=seed, budget=Budget(1200, 60.0), others=others)
            low, high = found.prior.to_unit(found.interval(0.9).T)
            inside[known].append(((low <= truth[:ASKED]) & (truth[:ASKED] <= high))[0])
    assert 0.78 < np.mean(inside[True]) <= 1.0 and np.mean(inside[False]) < 0.7


def test_blocks_that_contradict_each_other_count_as_fewer():
    random, blocks = np.random.default_rng(5), np.repeat(np.arange(40), 50)
    slope, white = random.normal(size=(3, 2000)), random.normal(size=2000)
    assert contradiction(slope, white, blocks) == 1.0
    # in each block the parameters are others, by 2: estimates scatter as (noise 1 / 50 + 4) over noise 1 / 50
    moved = white + np.einsum("kn,kn->n", slope, 2.0 * random.normal(size=(40, 3))[blocks].T)
    assert contradiction(slope, moved, blocks) == pytest.approx(201.0, rel=0.3)


def test_blocks_are_half_seconds_of_each_recording():
    blocks = blocks_of(np.array([0, 0, 1, 0, 1]), np.array([0.1, 0.6, 0.1, 0.4, 0.2]))
    assert blocks.tolist() == [0, 1, 2, 0, 2]


def test_only_particles_integrate_others_out():
    problem = Linear([0.3, 0.6, 0.9])
    prior, others = split(problem)
    with pytest.raises(BadInputError, match="by epopt only, got method npe"):
        infer(problem, prior, "npe", others=others)
    with pytest.raises(BadInputError, match="got p0, p1 and p0, p1, p2"):
        infer(problem, prior)
