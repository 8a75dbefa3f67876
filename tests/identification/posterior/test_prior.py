"""Priors: unit coordinates worked by hand, and refusals."""

import numpy as np
import pytest
from scipy import stats

from sim2real.errors import ParameterError
from sim2real.identification.posterior.prior import Prior
from sim2real.parameters import ParameterSpace
from sim2real.robots import load_robot

PRIOR = Prior(("a", "b"), np.array([-1.0, 0.5]), np.array([3.0, 2.0]), np.array([False, True]))


def test_unit_coordinates_by_hand():
    np.testing.assert_allclose(PRIOR.to_unit(np.array([0.0, 1.0])), [0.25, 0.5])
    np.testing.assert_allclose(PRIOR.from_unit(np.array([[0.0, 1.0], [0.5, 0.25]])), [[-1.0, 2.0], [1.0, 0.5**0.5]])


def test_samples_fill_the_box_and_come_back():
    values = PRIOR.sample(4000, seed=3)
    unit = PRIOR.to_unit(values)
    assert all(stats.kstest(column, "uniform").pvalue > 1e-3 for column in unit.T)
    np.testing.assert_allclose(PRIOR.from_unit(unit), values)
    np.testing.assert_array_equal(PRIOR.sample(10, 3), values[:10])
    assert (values >= PRIOR.low).all() and (values <= PRIOR.high).all()


def test_of_the_vocabulary():
    space = ParameterSpace.for_robot(load_robot("ur5e"))
    prior = Prior.of_space(space, ("payload_mass", "stiffness_scale"))
    assert prior.low.tolist() == [0.0, 0.45] and prior.high.tolist() == [4.0, 1.4]
    assert prior.log.tolist() == [False, True]


@pytest.mark.parametrize(("low", "high", "log", "words"), [
    (1.0, 1.0, False, "prior of a: expected low < high, got .1, 1."), (0.0, 1.0, True, "log-uniform needs low > 0"),
    (0.0, float("nan"), False, "low < high")])
def test_what_makes_no_prior_is_refused(low, high, log, words):
    with pytest.raises(ParameterError, match=words):
        Prior(("a",), np.array([low]), np.array([high]), np.array([log]))
