"""Posteriors: against closed forms, on ridges, where simulations fail, and as plans that training can draw from."""

import numpy as np
import pytest

from sim2real.errors import BadInputError, SimulationError
from sim2real.identification.posterior.inference import Budget, Posterior, infer, weighted_covariance
from sim2real.identification.posterior.prior import Prior
from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan, Sampler
from sim2real.robots import load_robot
from tests.identification.posterior.doubles import Curved, Linear

METHODS = ("epopt", "npe")


@pytest.fixture(scope="module")
def space():
    return ParameterSpace.for_robot(load_robot("ur5e"))


def in_unit(problem, posterior):
    """Mean and covariance in unit coordinates."""
    unit = problem.prior.to_unit(posterior.samples)
    return posterior.weights @ unit, weighted_covariance(unit, posterior.weights)


# ---------------------------------------------------------------------- against the closed form
@pytest.mark.parametrize(("method", "size"), [
    ("epopt", 2), ("epopt", 6), ("npe", 6), pytest.param("npe", 2, marks=pytest.mark.slow)])
def test_a_linear_problem_has_the_posterior_of_the_closed_form(method, size):
    problem = Linear(np.linspace(0.35, 0.65, size), sigma=0.3, samples=200, log=np.arange(size) % 2 == 1)
    found = infer(problem, method=method, seed=1, budget=Budget(2000, 60.0))
    mean, covariance = problem.exact()
    (at, spread), std = in_unit(problem, found), np.sqrt(np.diag(covariance))
    assert np.abs((at - mean) / std).max() < (0.35 if method == "epopt" else 0.5)
    ratio = np.sqrt(np.diag(spread)) / std
    assert (0.8 if method == "epopt" else 0.7) < ratio.min() and ratio.max() < (1.25 if method == "epopt" else 1.4)
    correlation = covariance / np.outer(std, std)
    found_std = np.sqrt(np.diag(spread))
    np.testing.assert_allclose(spread / np.outer(found_std, found_std), correlation, atol=0.25)
    assert found.temper == 1.0 and found.inflation == 1.0 and found.evaluations <= 2000
    assert found.weights.sum() == pytest.approx(1.0) and (found.shrinkage < 0.4).all()


def test_the_density_of_particles_is_the_likelihoods():
    problem = Linear([0.4, 0.6], sigma=0.3)
    found = infer(problem, seed=2)
    mean, covariance = problem.exact()
    away = problem.prior.to_unit(found.samples) - mean
    expected = -0.5 * np.einsum("ij,jk,ik->i", away, np.linalg.inv(covariance), away)
    np.testing.assert_allclose(found.log_density - found.log_density.max(), expected - expected.max(), atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_what_a_log_does_not_tell_stays_as_wide_as_the_prior(method):
    problem = Linear([0.3, 0.6, 0.5], sigma=0.3)
    problem.matrix[:, 2] = 0.0  # the third has no effect
    problem.measured = problem.matrix @ np.array([0.3, 0.6, 0.5]) + 0.3 * np.random.default_rng(1).normal(size=60)
    found = infer(problem, method=method, seed=3, budget=Budget(1600, 60.0))
    assert found.shrinkage[2] == pytest.approx(1.0, abs=0.15) and (found.shrinkage[:2] < 0.6).all()
    low, high = problem.prior.to_unit(found.interval(0.9).T)[:, 2]
    assert low < 0.12 and high > 0.88


def test_parameters_that_trade_off_are_found_together():
    truth = np.array([0.4, 0.7, 0.8])
    problem = Curved(truth, sigma=0.5, samples=100)
    problem.measured = problem.predict(problem.prior.from_unit(truth[None]))[0] + 0.5 * np.random.default_rng(
        0).normal(size=100)
    found = infer(problem, seed=1)
    unit = problem.prior.to_unit(found.samples)
    product = unit[:, 0] * unit[:, 1]
    # only the product is told: 0.28, far better than either factor
    assert found.weights @ product == pytest.approx(0.28, abs=0.12)
    assert np.sqrt(found.weights @ (product - found.weights @ product) ** 2) < 0.5 * 0.29 * found.shrinkage[0]
    assert found.correlation[0, 1] < -0.5


# ---------------------------------------------------------------------- robust
def test_unstable_simulations_are_lived_with_and_none_stable_is_said():
    class Fragile(Linear):
        def predict(self, values):
            out = super().predict(values)
            out[self.prior.to_unit(values)[:, 0] > 0.7] = np.nan
            return out

    found = infer(Fragile([0.4, 0.6], sigma=0.3), seed=1)
    assert np.isfinite(found.samples).all() and found.temper == 1.0
    assert found.prior.to_unit(found.samples)[:, 0].max() <= 0.7

    class Broken(Linear):
        def predict(self, values):
            return np.full((len(values), 60), np.nan)

    for method in METHODS:
        with pytest.raises(SimulationError, match="none of .* simulations of the prior was stable"):
            infer(Broken([0.4, 0.6]), method=method)


def test_a_wrong_simulator_makes_the_posterior_wider_not_wrong():
    problem = Linear([0.5, 0.5], sigma=0.05, samples=400)
    honest = infer(problem, seed=1)
    problem.measured = problem.measured + 0.5 * np.sin(np.arange(400) / 30.0)  # what no parameter explains
    wrong = infer(problem, seed=1)
    assert wrong.inflation > 100.0 and (wrong.std > 5.0 * honest.std).all()
    low, high = problem.prior.to_unit(wrong.interval(0.95).T)
    assert (low < 0.5).all() and (high > 0.5).all()


def test_weights_that_cannot_bear_the_likelihood_are_said_to_be_tempered():
    problem = Linear(np.full(8, 0.5), sigma=0.01, samples=400)
    problem.measured = problem.matrix @ np.full(8, 0.5)
    found = infer(problem, seed=1, budget=Budget(128, 60.0))  # one round: the prior alone
    assert found.evaluations == 128 and found.temper < 0.01 and found.effective_size > 15.0


@pytest.mark.parametrize("method", METHODS)
def test_the_seed_decides_everything(method):
    def values(seed):
        return infer(Linear([0.4, 0.6], sigma=0.3), method=method, seed=seed, budget=Budget(400, 60.0)).mean

    np.testing.assert_array_equal(values(5), values(5))
    assert not np.array_equal(values(5), values(6))


def test_budget_and_progress():
    told = []
    found = infer(Linear(np.full(6, 0.5), sigma=0.02), seed=1, budget=Budget(500, 60.0),
                  progress=lambda share, text: told.append((share, text)))
    assert found.evaluations <= 500 and told and all(0.0 < share <= 1.0 for share, _ in told)
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    slow = infer(Linear(np.full(6, 0.5), sigma=0.02), seed=1, budget=Budget(10**6, 1e-6))
    assert slow.evaluations == 128  # no second round is begun
    for evaluations, seconds in ((0, 1.0), (10, 0.0), (10, float("nan"))):
        with pytest.raises(BadInputError, match="budget: expected"):
            Budget(evaluations, seconds)
    with pytest.raises(BadInputError, match="unknown method 'npee'; did you mean npe"):
        infer(Linear([0.5]), method="npee")
    with pytest.raises(BadInputError, match="npe of 2 parameters needs at least 160 evaluations, got 100"):
        infer(Linear([0.5, 0.5]), method="npe", budget=Budget(100, 60.0))
    with pytest.raises(BadInputError, match="laplace needs a problem of recordings"):
        infer(Linear([0.5]), method="laplace")


# ---------------------------------------------------------------------- numbers of a posterior
PRIOR = Prior(("payload_mass", "payload_offset_z", "stiffness_scale"), np.array([0.0, 0.0, 0.5]),
              np.array([4.0, 0.1, 2.0]), np.array([False, False, True]))


def normal_posterior(n=4000):
    """A payload that trades off with its offset (correlation -0.9), and a stiffness of its own."""
    random = np.random.default_rng(0)
    z = random.normal(size=(n, 3))
    z[:, 1] = -0.9 * z[:, 0] + np.sqrt(1 - 0.81) * z[:, 1]
    samples = np.array([2.0, 0.05, 1.0]) + z * np.array([0.2, 0.005, 0.05])
    return Posterior(PRIOR, samples, np.full(n, 1.0 / n), None, "epopt")


def test_numbers_by_hand():
    weights = np.array([0.5, 0.25, 0.25])
    p = Posterior(Prior(("a",), np.zeros(1), np.full(1, 4.0), np.zeros(1, bool)), np.array([[1.0], [3.0], [2.0]]),
                  weights, None, "npe")
    assert p.mean.tolist() == [1.75] and p.covariance.tolist() == [[0.6875]]
    assert p.effective_size == pytest.approx(1 / 0.375)
    # in the middle of each sample's weight stand the shares 0.25 (1), 0.625 (2), 0.875 (3)
    np.testing.assert_allclose(p.quantile(np.array([0.25, 0.4375, 0.625, 0.99])), [[1.0, 1.5, 2.0, 3.0]])
    np.testing.assert_allclose(p.interval(0.25), [[1.0 + 0.125 / 0.375, 2.0]])
    # systematic resampling: 0.5, 0.25, 0.25 of 400
    assert np.unique(p.draw(400, seed=1), return_counts=True)[1].tolist() == [200, 100, 100]


def test_a_plan_draws_what_the_posterior_says(space):
    plan = normal_posterior().as_plan(space, keep=0.0)
    values = Sampler(plan, space, 8000, seed=1).episode(np.arange(8000), np.zeros(8000, int))
    mass, offset, stiffness = (values[:, space.column(name)] for name in PRIOR.names)
    assert mass.mean() == pytest.approx(2.0, abs=0.02) and mass.std() == pytest.approx(0.2, rel=0.08)
    assert offset.std() == pytest.approx(0.005, rel=0.08) and stiffness.std() == pytest.approx(0.05, rel=0.08)
    assert np.corrcoef(mass, offset)[0, 1] == pytest.approx(-0.9, abs=0.04)
    assert abs(np.corrcoef(mass, stiffness)[0, 1]) < 0.06
    others = [i for i, name in enumerate(space.names) if name not in PRIOR.names]
    np.testing.assert_array_equal(values[:, others], np.tile(space.nominal[others], (8000, 1)))
    assert RandomizationPlan.from_yaml(plan.to_yaml()) == plan


def test_a_share_of_the_prior_stays(space):
    plan = normal_posterior().as_plan(space, keep=0.2, correlated=False)
    assert not plan.correlations
    mass = Sampler(plan, space, 8000, 1).episode(np.arange(8000), np.zeros(8000, int))[:, space.column("payload_mass")]
    # outside of five standard deviations lies the kept prior alone: 0.2 of what is outside [1, 3] of [0, 4]
    assert np.mean(np.abs(mass - 2.0) > 1.0) == pytest.approx(0.2 * 0.5, abs=0.02)
    whole = normal_posterior().as_plan(space, keep=1.0, correlated=False).ranges(space)["stiffness_scale"]
    assert whole["low"] == pytest.approx(0.5, rel=0.01) and whole["high"] == pytest.approx(2.0, rel=0.01)


def test_epopts_source_distribution_is_a_table_of_truncated_normals(space):
    plan = normal_posterior().as_plan(space, keep=0.0, shape="normal", correlated=False)
    terms = {t.parameter: t.distribution for t in plan.terms}
    assert {d.kind for d in terms.values()} == {"normal"}
    row = terms["payload_mass"]
    assert row.mean == pytest.approx(2.0, abs=0.02) and row.std == pytest.approx(0.2, rel=0.05)
    assert (row.low, row.high) == (0.0, 4.0)


def test_other_terms_of_a_base_stay(space):
    plan = normal_posterior().as_plan(space, base=RandomizationPlan.default(space))
    assert set(plan.ranges(space)) == set(RandomizationPlan.default(space).ranges(space))
    assert plan.ranges(space)["payload_mass"]["distribution"] == "quantiles"


def test_a_sure_posterior_makes_a_plan_too(space):
    p = Posterior(PRIOR, np.array([[2.0, 0.05, 1.0]]), np.ones(1), None, "npe")
    plan = p.as_plan(space, keep=0.0, correlated=False)
    assert plan.ranges(space)["payload_mass"]["low"] == plan.ranges(space)["payload_mass"]["high"] == 2.0


@pytest.mark.parametrize(("named", "words"), [
    ({"keep": 1.5}, "keep: expected a share"), ({"keep": float("nan")}, "keep"),
    ({"shape": "normel"}, "unknown shape 'normel'; did you mean normal")])
def test_impossible_plans_are_refused(space, named, words):
    with pytest.raises(BadInputError, match=words):
        normal_posterior(50).as_plan(space, **named)
