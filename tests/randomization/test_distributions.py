import math
from statistics import NormalDist

import numpy as np
import pytest

from sim2real.errors import RandomizationError
from sim2real.randomization.distributions import Bank, Choice, Constant, LogUniform, Quantiles, TruncatedNormal, Uniform

U = (np.arange(5000) + 0.5) / 5000
ALL = [Uniform(-1.0, 3.0), LogUniform(0.1, 10.0), TruncatedNormal(1.0, 2.0, -1.0, 4.0), Constant(2.5),
       Choice((1.0, 5.0, 2.0), (1.0, 2.0, 1.0)), Choice((3.0, 4.0)), Quantiles((1.0, 2.0, 2.0, 5.0))]


def test_uniform_by_hand():
    np.testing.assert_allclose(Uniform(2.0, 6.0).quantile(np.array([0.0, 0.25, 1.0])), [2, 3, 6])


def test_log_uniform_by_hand():
    np.testing.assert_allclose(LogUniform(0.1, 10.0).quantile(np.array([0.0, 0.5, 0.75, 1.0])),
                               [0.1, 1.0, math.sqrt(10.0), 10.0])


def test_quantiles_by_hand():
    # a third of the mass in each of [1, 2], [2, 2] and [2, 5]
    values = Quantiles((1.0, 2.0, 2.0, 5.0)).quantile(np.array([0.0, 1 / 6, 0.5, 5 / 6, 1.0]))
    np.testing.assert_allclose(values, [1.0, 1.5, 2.0, 3.5, 5.0])


def test_choice_by_hand():
    drawn = Choice((7.0, 8.0, 9.0), (1.0, 2.0, 1.0)).quantile(np.array([0.1, 0.26, 0.74, 0.76, 0.999]))
    assert drawn.tolist() == [7, 8, 8, 9, 9]
    assert Choice((7.0, 8.0), (0.0, 1.0)).quantile(U).min() == 8.0


@pytest.mark.parametrize(("mean", "std", "low", "high"), [
    (0.0, 1.0, -1.0, 2.0), (5.0, 0.1, 4.95, 5.3), (0.0, 1.0, 3.0, 4.0), (0.0, 1.0, 5.0, 6.0), (0.0, 1.0, -6.0, -5.0)])
def test_truncated_normal_has_the_distribution_function_asked_for(mean, std, low, high):
    # left of the mean and right of it alike: the far tail is where a naive inverse loses its digits
    d = TruncatedNormal(mean, std, low, high)
    d.validate()
    x = d.quantile(U)
    sign = -1.0 if low > mean else 1.0

    def phi(v):
        return NormalDist().cdf(sign * (v - mean) / std)

    share = np.array([abs(phi(v) - phi(low)) for v in x]) / abs(phi(high) - phi(low))
    np.testing.assert_allclose(share, U, atol=1e-9)
    assert low <= x.min() and x.max() <= high and (np.diff(x) >= 0).all()


@pytest.mark.parametrize("d", ALL, ids=lambda d: d.kind)
def test_values_lie_in_the_support_and_keep_the_shape(d):
    d.validate()
    values = d.quantile(U.reshape(50, 100))
    low, high = d.support
    assert values.shape == (50, 100) and low <= values.min() and values.max() <= high


def test_bank_is_each_distribution_beside_the_others():
    u = np.random.default_rng(1).uniform(size=(200, len(ALL)))
    values = Bank(ALL).quantile(u)
    for i, d in enumerate(ALL):
        np.testing.assert_allclose(values[:, i], d.quantile(u[:, i]), rtol=1e-14, atol=1e-14)


def test_bank_never_leaves_a_support_by_a_rounding_error():
    d = LogUniform(0.45, 1.4)
    ends = Bank([d]).quantile(np.array([[2.0**-54], [1.0]]))
    assert d.low <= ends.min() and ends.max() <= d.high


def test_bank_of_nothing():
    assert Bank([]).quantile(np.zeros((3, 0))).shape == (3, 0)


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0])
def test_scaled_about_a_center(factor):
    assert Uniform(-1.0, 3.0).scaled(0.0, factor).support == (-factor, 3 * factor)
    assert LogUniform(0.25, 4.0).scaled(1.0, factor).support == pytest.approx((0.25**factor, 4.0**factor))
    assert Choice((1.0, 3.0)).scaled(1.0, factor).values == (1.0, 1.0 + 2 * factor)
    assert TruncatedNormal(0.0, 1.0, -2.0, 2.0).scaled(0.0, factor).support == pytest.approx((-2 * factor, 2 * factor),
                                                                                            abs=1e-12)
    assert Quantiles((1.0, 3.0)).scaled(1.0, factor).support == (1.0, 1.0 + 2 * factor)
    assert Constant(3.0).scaled(1.0, factor) == Constant(3.0)


def test_scaled_log_uniform_needs_a_positive_center():
    with pytest.raises(RandomizationError, match="use uniform"):
        LogUniform(0.5, 2.0).scaled(0.0, 0.5)


@pytest.mark.parametrize(("d", "message"), [
    (Uniform(2.0, 1.0), r"uniform needs low <= high, got \[2, 1\]"),
    (Uniform(float("nan"), 1.0), "finite"),
    (Uniform(0.0, float("inf")), "finite"),
    (LogUniform(0.0, 1.0), "log_uniform needs low > 0"),
    (LogUniform(-1.0, 1.0), "low > 0"),
    (TruncatedNormal(0.0, 0.0, -1.0, 1.0), "std > 0"),
    (TruncatedNormal(0.0, 1.0, 1.0, -1.0), "low <= high"),
    (TruncatedNormal(0.0, 1.0, 20.0, 21.0), "nothing inside"),
    (Quantiles((1.0,)), "quantiles needs at least two values"),
    (Quantiles((1.0, 3.0, 2.0)), "none below the one before it"),
    (Quantiles((1.0, float("nan"))), "finite"),
    (Choice(()), "at least one value"),
    (Choice((1.0, float("nan"))), "finite"),
    (Choice((1.0, 2.0), (1.0,)), "one weight >= 0 per value"),
    (Choice((1.0, 2.0), (0.0, 0.0)), "positive sum"),
    (Choice((1.0, 2.0), (-1.0, 2.0)), "weight >= 0"),
    (Constant(float("inf")), "finite")])
def test_what_makes_no_distribution_is_refused(d, message):
    with pytest.raises(RandomizationError, match=message):
        d.validate()
