"""Estimates: hidden values are found inside their intervals, and what a recording cannot tell is said."""

import numpy as np
import pytest

from sim2real.errors import BadInputError, SimulationError
from sim2real.identification.offline.estimation import identify, trading_groups
from sim2real.identification.offline.narrowed import narrowed_plan
from sim2real.identification.offline.prediction import prediction_errors
from sim2real.identification.offline.problem import make_problem
from sim2real.randomization import RandomizationPlan
from sim2real.robots import load_robot
from tests.identification.twins import DELAY, record_arm, record_drone

UR5E, CRAZYFLIE = load_robot("ur5e"), load_robot("crazyflie")
HIDDEN = {"payload_mass": 2.2, "stiffness_scale": 0.8, "joint_friction_scale": 1.6, "actuator_delay": 0.022}


def problem_of(recording, names, **options):
    known = {"sensor_delay": 0.004} if "actuator_delay" in names else DELAY
    options = {"horizon": 1.0, "threads": 1, "fixed": known, **options}
    return make_problem([recording], UR5E, names, **options)


@pytest.fixture(scope="module")
def found():
    """An arm of the other engine."""
    problem, judge, _ = problem_of(record_arm(UR5E, HIDDEN, engine="pybullet", seed=3), list(HIDDEN), held_out=0.3)
    yield problem, judge, identify(problem)
    problem.close()
    judge.close()


def test_hidden_values_of_another_engine_are_found(found):
    problem, judge, estimate = found
    truth = np.array(list(HIDDEN.values()))
    assert estimate.value[:3] == pytest.approx(truth[:3], rel=0.02) and estimate.identifiable.all()
    assert estimate.value[3] == pytest.approx(truth[3], abs=0.002)  # half the cycle of this log's driver
    width = (estimate.high - estimate.low) / (problem.high - problem.low)
    assert (estimate.low <= truth).sum() >= 3 and (truth <= estimate.high).sum() >= 3 and (width < 0.1).all()


def test_predictions_of_what_was_held_out_get_better_at_each_horizon(found):
    _, judge, estimate = found
    ahead = prediction_errors(judge, np.stack([judge.nominal, estimate.value]))
    assert [each.horizon for each in ahead] == pytest.approx([0.004, 0.1, 0.5, 1.796])
    assert ahead[-1].whole and not ahead[0].whole
    assert all(each.errors[1] < 0.05 * each.errors[0] for each in ahead[1:])


def test_the_plan_is_narrow_where_something_was_told_and_the_default_elsewhere(found):
    problem, _, estimate = found
    plan = RandomizationPlan.from_yaml(narrowed_plan(estimate, problem.space).to_yaml(), problem.space)
    before, after = (each.ranges(problem.space) for each in (RandomizationPlan.default(problem.space), plan))
    assert set(after) == set(before)
    for name, row in after.items():
        if name not in HIDDEN:
            assert row == before[name]
            continue
        k = problem.names.index(name)
        assert row["distribution"] == "normal"
        assert [row["low"], row["high"]] == pytest.approx([estimate.low[k], estimate.high[k]])


def test_a_common_factor_of_all_forces_is_not_told_by_positions():
    """Mass, armature, friction and gains times c move alike: no interval may be narrow, and the pairs are named."""
    names = ["link_mass_scale", "stiffness_scale", "damping_gain_scale", "joint_friction_scale", "joint_damping_scale",
             "armature_scale"]
    problem, _, _ = problem_of(record_arm(UR5E, {}, seed=1), names)
    estimate = identify(problem)
    problem.close()
    stiffness, mass = names.index("stiffness_scale"), names.index("link_mass_scale")
    assert not estimate.identifiable[mass]
    assert estimate.std_shares[stiffness] > 0.05 and estimate.low[stiffness] < 1.0 < estimate.high[stiffness]
    assert any({"link_mass_scale", "stiffness_scale"} == {one, other} for one, other, _ in estimate.trades)
    assert {"link_mass_scale", "stiffness_scale"} <= set(trading_groups(estimate)[0])


def test_what_the_motion_never_asks_for_keeps_the_priors_width():
    problem, _, _ = problem_of(record_arm(UR5E, {}, seed=2), ["effort_limit_scale", "payload_mass"])
    estimate = identify(problem)
    problem.close()
    assert estimate.identifiable.tolist() == [False, True]
    assert estimate.std_shares[0] == pytest.approx(12.0**-0.5, rel=0.05)
    assert "effort_limit_scale: {uniform" in narrowed_plan(estimate, problem.space).to_yaml()


def test_a_drone_is_identified_from_thrust_and_rates():
    hidden = {"mass": 0.031, "drag_x": 0.012, "motor_time_constant": 0.05}
    recording = record_drone(CRAZYFLIE, hidden)
    problem, judge, _ = make_problem([recording], CRAZYFLIE, [*hidden, "thrust_coefficient"], held_out=0.25, threads=1)
    estimate = identify(problem)
    ahead = prediction_errors(judge, np.stack([judge.nominal, estimate.value]))
    # only their ratio is told: a thrust that is commanded moves mass / thrust_coefficient
    ratio = estimate.value[0] / estimate.value[3] / (hidden["mass"] / problem.space["thrust_coefficient"].nominal)
    assert ratio == pytest.approx(1.0, abs=0.01) and estimate.trades[0][:2] == ("mass", "thrust_coefficient")
    assert estimate.std_shares[0] > 0.05  # of the range: by the prior alone
    assert estimate.value[1] == pytest.approx(hidden["drag_x"], rel=0.1)
    assert estimate.value[2] == pytest.approx(hidden["motor_time_constant"], rel=0.15)
    assert ahead[2].horizon == 0.5 and ahead[2].errors[1] < 0.3 * ahead[2].errors[0]
    problem.close()
    judge.close()


@pytest.mark.parametrize("method", ["cma", pytest.param("sysid", marks=pytest.mark.slow)])
def test_the_other_methods_find_it_too(method):
    hidden = {"payload_mass": 2.0, "joint_friction_scale": 1.5}
    problem, _, _ = problem_of(record_arm(UR5E, hidden, seconds=4.0), list(hidden))
    estimate = identify(problem, method)
    problem.close()
    assert estimate.method == method
    assert estimate.value == pytest.approx(list(hidden.values()), rel=0.03)


def test_unknown_methods_and_simulations_that_run_away():
    problem, _, _ = problem_of(record_arm(UR5E, {}, seconds=4.0), ["payload_mass"])
    with pytest.raises(BadInputError, match="unknown method 'newton'"):
        identify(problem, "newton")
    problem.predict = lambda values: np.full((len(np.atleast_2d(values)), len(problem.measured)), np.nan)
    problem.part = lambda pieces: problem
    with pytest.raises(SimulationError, match="unstable at the start"):
        identify(problem)
