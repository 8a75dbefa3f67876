"""Posteriors of logs of a simulated arm: particles and the normal approximation agree with the twin and each other."""

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.identification.offline.problem import make_problem
from sim2real.identification.posterior.inference import Budget, infer
from sim2real.identification.posterior.prior import Prior
from sim2real.robots import load_robot
from tests.identification.twins import record_arm

TRUTH = {"payload_mass": 2.0, "stiffness_scale": 0.7, "joint_friction_scale": 1.5}


@pytest.fixture(scope="module")
def problem():
    robot = load_robot("ur5e")
    known = {"actuator_delay": 0.006, "sensor_delay": 0.004}
    return make_problem([record_arm(robot, {**TRUTH, **known}, seconds=4.0)], robot, tuple(TRUTH), threads=1,
                        fixed=known)[0]


@pytest.mark.parametrize("method", ["epopt", "laplace"])
def test_the_twin_is_found(problem, method):
    found = infer(problem, method=method, seed=1, budget=Budget(1000, 120.0))
    truth = np.array([TRUTH[name] for name in found.names])
    np.testing.assert_allclose(found.mean, truth, rtol=0.04)
    assert (found.shrinkage < 0.15).all() and 0 < found.evaluations <= 1000
    wide = found.prior.to_unit(found.mean) - found.prior.to_unit(truth)
    assert np.abs(wide).max() < 4.0 * found.shrinkage.max() / np.sqrt(12.0)


def test_laplace_needs_the_problems_own_bounds(problem):
    prior = Prior.of(problem)
    with pytest.raises(BadInputError, match="the prior has others"):
        infer(problem, Prior(prior.names, prior.low, 1.1 * prior.high, prior.log), method="laplace")


def test_widened_bounds_hold_in_finer_steps_too(problem):
    fine = problem.finer(2)
    np.testing.assert_array_equal(fine.high, problem.high)
    fine.high = 1.5 * fine.high
    finest = fine.finer(2)
    np.testing.assert_array_equal(finest.high, 1.5 * problem.high)
    np.testing.assert_allclose(finest.from_unit(np.ones(3)), 1.5 * problem.high)
