"""Medians of predictions, jumps that wait to be confirmed, and what is no number."""

import numpy as np
import pytest

from sim2real.ros.vision.estimates import Estimates, Prediction


def predictions(*values):
    """One for each frame, 0.1 s apart; None is one that failed."""
    return [Prediction(i, None if v is None else np.array(v, float), 10.0 + 0.1 * i, 0.1 * i, 0.1 * i + 0.02, 0.01,
                       "it failed: out of memory" if v is None else "") for i, v in enumerate(values)]


def fed(estimates, *values):
    return [estimates.add(prediction) for prediction in predictions(*values)]


def test_three_that_agree_make_an_estimate():
    estimates = Estimates([0, 1])
    said = fed(estimates, (0.40, 0.10), (0.41, 0.10), (0.42, 0.13))
    assert said[:2] == ["fewer than 3 predictions in a row agree"] * 2 and said[2] == ""
    latest = estimates.latest
    np.testing.assert_allclose(latest.values, [0.41, 0.10])
    assert latest.spread == pytest.approx(np.hypot(0.01, 0.03))
    assert (latest.number, latest.received, latest.count) == (2, pytest.approx(0.2), 3)


def test_one_wild_prediction_changes_nothing():
    estimates = Estimates([0, 1])
    fed(estimates, *[(0.4, 0.1)] * 5)
    assert fed(estimates, (0.9, 0.1)) == ["it is 0.50 m off the last ones"]
    np.testing.assert_allclose(estimates.latest.values, [0.4, 0.1])
    assert fed(estimates, (0.4, 0.11)) == [""]
    np.testing.assert_allclose(estimates.latest.values, [0.4, 0.1])
    assert estimates.rejected == 3 and estimates.moved == 0  # the first two, and the wild one


def test_three_in_a_row_elsewhere_are_believed():
    estimates = Estimates([0, 1])
    fed(estimates, *[(0.4, 0.1)] * 5)
    assert fed(estimates, (0.5, -0.1), (0.51, -0.1)) == ["it is 0.22 m off the last ones", "it is 0.23 m off the last "
                                                         "ones"]
    assert fed(estimates, (0.5, -0.1)) == [""]
    np.testing.assert_allclose(estimates.latest.values, [0.5, -0.1])
    assert estimates.moved == 1 and estimates.latest.count == 3


def test_predictions_all_over_the_place_are_never_believed():
    estimates = Estimates([0, 1])
    fed(estimates, *[(0.4, 0.1)] * 3)
    said = fed(estimates, *[(0.1 * (i % 7), 0.3 - 0.1 * (i % 5)) for i in range(1, 20)])
    assert all(words == "" or "m off the last ones" in words for words in said)
    assert np.linalg.norm(estimates.latest.values - [0.4, 0.1]) < 0.06 and estimates.moved == 0


def test_what_moves_is_followed():
    estimates = Estimates([0, 1])
    fed(estimates, *[(0.3 + 0.01 * i, 0.0) for i in range(40)])
    assert estimates.moved >= 2 and abs(estimates.latest.values[0] - 0.69) < 0.1


def test_a_median_is_of_the_last_thirty():
    estimates = Estimates([0, 1])
    fed(estimates, *[(0.4, 0.0)] * 40, *[(0.42, 0.0)] * 14)
    assert (estimates.latest.values[0], estimates.latest.count) == (0.4, 30)
    fed(estimates, *[(0.42, 0.0)] * 2)
    assert estimates.latest.values[0] == 0.42


@pytest.mark.parametrize("value, words", [
    ((np.nan, 0.1), "its output is not finite"), ((0.4, np.inf), "its output is not finite"),
    (None, "it failed: out of memory")])
def test_what_is_no_number_is_not_used(value, words):
    estimates = Estimates([0, 1])
    fed(estimates, *[(0.4, 0.1)] * 3)
    before = estimates.latest
    assert fed(estimates, value) == [words] and estimates.latest is before


def test_only_places_count_for_distances():
    estimates = Estimates([1, 2])  # the first column is a likeness, not a place
    assert fed(estimates, (9.0, 0.4, 0.1), (1.0, 0.4, 0.1), (5.0, 0.4, 0.1))[-1] == ""
    np.testing.assert_allclose(estimates.latest.values, [5.0, 0.4, 0.1])
    assert estimates.latest.spread == 0.0
