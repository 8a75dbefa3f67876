"""Batched least squares finds what it should, and says what the data do not determine."""

import numpy as np
import pytest

from sim2real.identification.responses.log_fit import Unknown, judge, judge_values, levenberg_marquardt

TIME = np.linspace(0.0, 3.0, 60)
DECAY = [Unknown("height", "m", 1.0, 0.0, 5.0), Unknown("rate", "1/s", 1.0, 0.1, 10.0)]


def decays(truth):
    """Residuals of height exp(-rate t) against a truth (F, 2)."""
    def curve(x):
        return x[..., :1] * np.exp(-x[..., 1:2] * TIME)

    return lambda x: curve(x) - curve(np.asarray(truth, float)[:, None])


def test_problems_are_solved_together_and_each_for_itself():
    truth = [[2.0, 0.5], [4.0, 6.0], [0.7, 3.0]]
    together = levenberg_marquardt(decays(truth), DECAY, 3)
    np.testing.assert_allclose(together.values, truth, rtol=1e-3)
    alone = levenberg_marquardt(decays(truth[1:2]), DECAY, 1)
    np.testing.assert_allclose(alone.values[0], together.values[1], rtol=1e-3)
    assert together.cost.max() < 1e-5 and together.jacobian.shape == (3, 2, 60)


def test_ranges_hold():
    solution = levenberg_marquardt(decays([[9.0, 0.5]]), DECAY, 1)
    assert solution.values[0, 0] == 5.0  # its upper end, below the truth of 9


def test_the_jacobian_is_of_central_steps_of_a_hundredth_of_the_range():
    there = [Unknown("height", "m", 2.0, 0.0, 5.0), Unknown("rate", "1/s", 0.5, 0.1, 10.0)]
    x = levenberg_marquardt(decays([[2.0, 0.5]]), there, 1, iterations=0)
    np.testing.assert_allclose(x.jacobian[0, 0], np.exp(-0.5 * TIME), atol=1e-9)  # linear in the height: exact
    step = 0.01 * (10.0 - 0.1)
    slope = 2.0 * (np.exp(-(0.5 + step) * TIME) - np.exp(-(0.5 - step) * TIME)) / (2.0 * step)
    np.testing.assert_allclose(x.jacobian[0, 1], slope, atol=1e-9)


def test_what_has_no_influence_and_what_is_tied_is_said():
    unknowns = [Unknown(name, "1", 1.0, 0.0, 10.0) for name in ("gain", "load", "idle", "alone")]
    row = np.sin(TIME)
    jacobian = np.stack([row, -3.0 * row, 0.0 * row, np.cos(5.0 * TIME)])  # gain and load enter as gain - 3 load
    values = np.array([2.0, 1.0, 1.0, 4.0])
    without = values + 0.01 * np.array([[1.0, -1.0, 0.0, 1.0], [-1.0, 1.0, 0.0, -1.0], [0.0, 0.0, 0.0, 0.0]])
    gain, load, idle, alone = judge(unknowns, values, jacobian, without)
    assert gain.value is None and gain.why == "only together with load" and load.why == "only together with gain"
    assert idle.value is None and (idle.low, idle.high) == (0.0, 10.0) and "depends on it" in idle.why
    assert alone.identifiable and alone.value == 4.0 and alone.why == ""


def test_an_unknown_that_several_others_make_up_together_is_seen():
    """No two of the three correlate by more than 0.71, yet one is the sum of the others."""
    unknowns = [Unknown(name, "1", 1.0, 0.0, 10.0) for name in "abcd"]
    one, two = np.sin(2.0 * np.pi * TIME), np.cos(2.0 * np.pi * TIME)
    values = np.array([2.0, 3.0, 4.0, 5.0])
    jacobian = np.stack([one, two, one + two, np.cos(6.0 * np.pi * TIME)])
    found = judge(unknowns, values, jacobian, np.tile(values, (4, 1)))
    assert [each.value for each in found] == [None, None, None, 5.0]
    assert found[0].why == "only together with b, c" and (found[0].low, found[0].high) == (0.0, 10.0)


def test_the_jackknife_interval_is_the_one_worked_by_hand():
    # three groups: (G - 1) / G * sum of squares = 2/3 * (0.1^2 + 0.1^2) = 0.01333; t of 2 degrees, 97.5 %: 4.3027
    found, = judge_values([("rate", "1/s", 0.0, 10.0)], np.array([5.0]), np.array([[4.9], [5.0], [5.1]]))
    assert found.high - 5.0 == pytest.approx(4.3027 * 0.11547, rel=1e-3) and found.identifiable


@pytest.mark.parametrize(("value", "spread", "why"), [
    (5.0, 0.0, ""), (5.0, 1.0, "it differs too much from log to log"), (0.1, 0.05, ""),  # small, and known to be
    (0.0, 0.0, "at the end of its range"), (10.0, 0.0, "at the end of its range")])
def test_when_a_value_is_given(value, spread, why):
    found, = judge_values([("x", "1", 0.0, 10.0)], np.array([value]), value + spread * np.array([[-1.0], [0.0], [1.0]]))
    assert found.why == why and found.identifiable == (not why) and (found.value is None) == bool(why)
    assert found.low >= 0.0 and found.high <= 10.0
    if "end" in why:
        assert (found.low, found.high) == (0.0, 10.0)  # no spread at an end is no knowledge
