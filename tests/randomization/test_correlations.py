"""Correlated parameters: each keeps its own distribution, and who comes with whom is as asked for."""

import numpy as np
import pytest

from sim2real.errors import RandomizationError
from sim2real.randomization import LogUniform, Quantiles, RandomizationPlan, Sampler, Term, TruncatedNormal, Uniform
from sim2real.randomization.correlations import Copula
from sim2real.randomization.quantile import normal_quantile

TERMS = (Term("payload_mass", TruncatedNormal(1.5, 0.4, 0.0, 3.0)),
         Term("payload_offset_z", Quantiles((0.0, 0.01, 0.02, 0.03, 0.08))),
         Term("stiffness_scale", LogUniform(0.5, 2.0)), Term("actuator_delay", Uniform(0.0, 0.1)))
PAIRS = {("payload_mass", "payload_offset_z"): -0.8, ("stiffness_scale", "payload_mass"): 0.5}


def draw(plan, space, n, seed=0, episode=0):
    return Sampler(plan, space, n, seed).episode(np.arange(n), np.full(n, episode))


def ranks(x):
    """Normal scores of a sample."""
    return normal_quantile((np.argsort(np.argsort(x)) + 0.5) / len(x))


def test_scores_correlate_as_asked_and_every_distribution_stays(arm, ks):
    plan = RandomizationPlan(TERMS, correlations=PAIRS)
    together, apart = draw(plan, arm, 8000), draw(RandomizationPlan(TERMS), arm, 8000)
    names = [t.parameter for t in TERMS]
    scores = np.array([ranks(together[:, arm.column(name)]) for name in names])
    expected = np.eye(4)
    expected[0, 1] = expected[1, 0] = -0.8
    expected[0, 2] = expected[2, 0] = 0.5
    np.testing.assert_allclose(np.corrcoef(scores), expected, atol=4.5 / np.sqrt(8000))
    for name in names:
        a, b = np.sort(together[:, arm.column(name)]), np.sort(apart[:, arm.column(name)])
        assert ks(a, lambda x, b=b: np.searchsorted(b, x) / 8000) < 1.95 * np.sqrt(2)
        low, high = plan.ranges(arm)[name]["low"], plan.ranges(arm)[name]["high"]
        assert low <= a[0] and a[-1] <= high
    # whoever has no correlation is drawn as before
    np.testing.assert_array_equal(together[:, arm.column("actuator_delay")], apart[:, arm.column("actuator_delay")])


def test_two_columns_by_hand():
    # L = [[1, 0], [0.6, 0.8]]: the median of the first leaves 0.8 z of the second, Phi(0.8 * 0.6745) = 0.70527
    u = Copula({("a", "b"): 0.6}, ["a", "c", "b"]).mix(np.array([[0.5, 0.123, 0.75], [0.975, 0.5, 0.5]]))
    np.testing.assert_allclose(u[0], [0.5, 0.123, 0.70527], atol=1e-5)
    np.testing.assert_allclose(u[1], [0.975, 0.5, 0.88020], atol=1e-5)  # Phi(0.6 * 1.95996)


def test_a_simulation_depends_on_seed_and_episode_alone(arm):
    plan = RandomizationPlan(TERMS, correlations=PAIRS)
    whole = draw(plan, arm, 40, seed=3, episode=5)
    np.testing.assert_array_equal(draw(plan, arm, 7, seed=3, episode=5), whole[:7])
    assert (draw(plan, arm, 40, seed=4, episode=5) != whole)[:, arm.column("payload_mass")].all()


def test_yaml_round_trip_and_base(arm):
    plan = RandomizationPlan(TERMS, correlations=PAIRS)
    assert RandomizationPlan.from_yaml(plan.to_yaml()) == plan
    text = "base: training\nterms: {payload_mass: {uniform: [0, 1]}}\ncorrelations: {payload_mass: {sensor_delay: .3}}"
    assert RandomizationPlan.from_yaml(text, arm).correlations == {("payload_mass", "sensor_delay"): 0.3}


def test_what_no_longer_varies_takes_its_correlations_along(arm):
    plan = RandomizationPlan(TERMS, correlations=PAIRS)
    left = {("stiffness_scale", "payload_mass"): 0.5}
    assert plan.without("payload_offset_z").correlations == left
    assert plan.restricted(["payload_*"]).correlations == {("payload_mass", "payload_offset_z"): -0.8}
    assert plan.fixed({"payload_offset_z": 0.01}).correlations == left
    assert plan.extended(Term("payload_mass", Uniform(0.0, 1.0))).correlations == {}
    assert plan.scaled(0.5, arm).correlations == plan.expanded(arm).correlations == PAIRS
    pattern = RandomizationPlan((Term("joint_damping_scale.*", Uniform(0.9, 1.1)), *TERMS), correlations={
        ("joint_damping_scale.elbow_joint", "payload_mass"): 0.3})
    assert pattern.expanded(arm).correlations == pattern.correlations
    assert draw(pattern.scaled(0.0, arm), arm, 2)[:, arm.column("payload_mass")].tolist() == [0.0, 0.0]


BAD = {
    "payload_mass: {payload_offset_x: 0.5}": "payload_mass and payload_offset_x: unknown parameter that varies per",
    "payload_mass: {payload_offset_z: 1.0}": "expected a number between -1 and 1, got 1",
    "payload_mass: {payload_offset_z: .nan}": "expected a number between -1 and 1, got nan",
    "payload_mass: {payload_offset_z: high}": "correlation of payload_mass and payload_offset_z: expected a number",
    "payload_mass: {payload_mass: 0.5}": "expected two parameters, each pair once",
    "{payload_mass: {stiffness_scale: 0.5}, stiffness_scale: {payload_mass: 0.4}}": "each pair once",
    "payload_mass: 0.5": "correlations of payload_mass: expected a mapping",
    "payload_mass: {wear_a: 0.5}": "unknown parameter",
    "payload_mass: {joint_damping_scale: 0.5}": "joint_damping_scale belongs to a group already",
    "{payload_mass: {payload_offset_z: 0.9, stiffness_scale: 0.9}, payload_offset_z: {stiffness_scale: -0.9}}":
        "correlations of payload_mass, payload_offset_z, stiffness_scale contradict each other",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_correlations_are_one_clear_line(arm, text):
    terms = ("terms: {payload_mass: {uniform: [0, 1]}, payload_offset_z: {quantiles: [0, 1]}, stiffness_scale: "
             "{uniform: [1, 2]}, joint_damping_scale: {uniform: [1, 2], group: wear}}\n")
    body = text if text.startswith("{") else "{" + text + "}"
    with pytest.raises(RandomizationError, match=BAD[text]) as error:
        RandomizationPlan.from_yaml(terms + f"correlations: {body}").resolve(arm)
    assert "\n" not in str(error.value)
