import numpy as np
import pytest

from sim2real.errors import TaskError
from sim2real.tasks.observations import Context, ObservationBuilder, Term
from sim2real.types import RobotState


def context(values, time=0.0):
    values = np.asarray(values, float)
    n = len(values)
    zeros = np.zeros((n, 1))
    return Context(RobotState.zeros(n, 0), values, np.full(n, time), zeros, zeros, zeros)


def builder(n=2, **kwargs):
    terms = (Term("a", 2, lambda c: c.goal, scale=10.0, history=3), Term("b", 1, lambda c: c.goal[:, :1]))
    return ObservationBuilder(terms, n, **kwargs)


def test_history_is_newest_first_and_scaled():
    b = builder()
    assert (b.size, b.names) == (7, ("a", "b"))
    b.reset(np.arange(2), context([[0.1, 0.2], [0.3, 0.4]]))
    b.build(context([[0.1, 0.2], [0.3, 0.4]]))
    row = b.build(context([[0.5, 0.6], [0.3, 0.4]]))
    np.testing.assert_allclose(row[0], [5, 6, 1, 2, 1, 2, 0.5], rtol=1e-6)
    np.testing.assert_allclose(row[1], [3, 4, 3, 4, 3, 4, 0.3], rtol=1e-6)
    assert row.dtype == np.float32


def test_reset_touches_only_its_robots_and_takes_a_full_or_a_partial_context():
    b = builder()
    b.reset(np.arange(2), context([[0.1, 0.1], [0.2, 0.2]]))
    rows = b.reset(np.array([1]), context([[9, 9], [0.7, 0.7]]))
    again = b.reset(np.array([1]), context([[0.7, 0.7]]))
    np.testing.assert_array_equal(rows, again)
    now = b.build(context([[0.1, 0.1], [0.7, 0.7]]))
    np.testing.assert_allclose(now[:, :2], [[1, 1], [7, 7]], rtol=1e-6)


def test_values_are_clipped_but_a_nan_stays_visible():
    b = builder(1)
    assert b.build(context([[5.0, -5.0]])).min() == -10.0
    assert np.isnan(b.build(context([[np.nan, 0.0]]))[0, 0])


def test_rows_handed_out_do_not_change_later():
    b = builder(1)
    first = b.build(context([[0.1, 0.1]]))
    kept = first.copy()
    b.build(context([[0.9, 0.9]]))
    np.testing.assert_array_equal(first, kept)


def test_noise_only_in_training_and_reproducible_per_robot():
    terms = (Term("a", 1, lambda c: c.goal, noise=0.1), Term("quiet", 1, lambda c: c.goal))

    def rows(n, **kwargs):
        b = ObservationBuilder(terms, n, **kwargs)
        return np.array([b.build(context(np.zeros((n, 1)))) for _ in range(200)])

    assert not rows(2).any()
    noisy = rows(4, training=True, seed=3)
    assert 0.08 < noisy[..., 0].std() < 0.12
    assert not noisy[..., 1].any()
    np.testing.assert_array_equal(noisy[:, :2], rows(2, training=True, seed=3))


def test_description_and_errors():
    b = builder()
    assert b.describe()[0] == {"name": "a", "size": 2, "scale": 10.0, "history": 3, "noise": 0.0, "clip": 10.0}
    assert b.slice("b") == slice(6, 7)
    with pytest.raises(TaskError, match="unique"):
        ObservationBuilder((Term("a", 1, lambda c: c.goal), Term("a", 1, lambda c: c.goal)), 1)
    with pytest.raises(TaskError, match="2 robots, got 1"):
        b.build(context([[0.0, 0.0]]))


def test_context_indexes_like_its_arrays():
    full = context([[1.0], [2.0], [3.0]])
    assert full[np.array([2, 0])].goal.ravel().tolist() == [3.0, 1.0]
    assert len(full[1:]) == 2
