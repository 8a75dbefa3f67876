"""Messages in order by their stamps, and stamps that cannot be believed."""

from __future__ import annotations

import numpy as np

from sim2real.ros.ordering import InOrder

PERIOD = 0.002
BEGIN = 1e9  # [s] on a wall clock


def play(stamps, period=PERIOD, order=None):
    """Which of the messages are taken that come one a ``period`` with these stamps [s] after the beginning."""
    order = InOrder(period) if order is None else order
    return [order.takes(BEGIN + stamp if stamp else 0.0, k * period) for k, stamp in enumerate(stamps)], order


def test_in_order_all_are_taken():
    taken, order = play(np.arange(1, 100) * PERIOD)
    assert all(taken) and order.refused == 0


def test_overtaken_and_repeated_ones_are_refused():
    taken, order = play(PERIOD * np.array([1, 3, 2, 4, 4, 6, 5, 5, 7]))
    assert taken == [True, True, False, True, False, True, False, False, True] and order.refused == 4
    reversed_groups = [10 * group + k for group in range(20) for k in range(10, 0, -1)]
    assert play(PERIOD * np.array(reversed_groups))[0] == [k % 10 == 0 for k in reversed_groups]


def test_what_is_taken_never_goes_back_by_less_than_a_clock_that_is_set():
    random = np.random.default_rng(0)
    stamps = PERIOD * (np.arange(1, 3000) + random.integers(-15, 1, 2999))
    taken, _ = play(stamps)
    kept = stamps[taken]
    assert (np.diff(kept) > 0.0).all() and len(kept) > 150


def test_frozen_stamps_are_no_news():
    taken, _ = play([0.5] * 100)
    assert taken == [True] + [False] * 99


def test_without_stamps_all_are_taken():
    assert all(play([0.0] * 50)[0])
    assert all(play([0.1, 0.0, 0.2, 0.0, 0.0, 0.3])[0])


def test_a_clock_that_is_set_is_believed():
    ramp = PERIOD * np.arange(1, 200)
    assert all(play(np.concatenate([ramp, ramp + 10.0, ramp + 0.4, ramp - 20.0]))[0])  # back by 10 s and by 20 s
    taken, _ = play(np.concatenate([ramp, ramp]))  # back by 0.4 s: not more than messages may be late
    assert all(taken[:199]) and not any(taken[199:224]) and all(taken[225:])


def test_a_clock_that_runs_backwards_is_not_followed():
    taken, _ = play(1.0 - PERIOD * np.arange(1, 400))
    assert taken[0] and not any(taken[1:26]) and all(taken[27:])


def test_a_slow_driver_is_given_more_time():
    assert play([0.1, 0.3, 0.2, 0.4], period=0.1)[0] == [True, True, False, True]
