"""A run's figures, in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.deployment.runner import Decision
from sim2real.ros import figures as module
from sim2real.ros.figures import Figures, Series
from sim2real.ros.timing import Deadlines

LIMITS = CommandLimits(low=np.array([-1.0]), high=np.array([1.0]), velocity=np.array([1.0]),
                       acceleration=np.array([10.0]), jerk=np.array([1000.0]))


def test_a_series_keeps_the_last_values_and_the_largest_of_all():
    series = Series(kept=4)
    assert np.isnan(series.quantile(0.5)) and np.isnan(series.largest)
    for value in (9.0, 1.0, 2.0, 3.0, 4.0, 5.0):
        series.add(value)
    assert series.count == 6 and series.largest == 9.0
    assert series.quantile(0.0) == 2.0 and series.quantile(1.0) == 5.0 and series.quantile(0.5) == 3.5
    assert series.quantile(0.0, last=2) == 4.0


@pytest.mark.parametrize("asked_every", [1, 7, 4096, 10_000])
def test_violations_are_those_of_the_whole_stream_whenever_one_asks(asked_every):
    random = np.random.default_rng(0)
    stream = 0.2 * random.normal(size=(10_000 if asked_every > 1 else 300, 1, 1))  # breaks every bound now and then
    figures = Figures(LIMITS, 0.1)
    for k, command in enumerate(stream):
        figures.command(command[0], 0.1 * k)
        if k % asked_every == 0:
            assert figures.violations >= 0
    expected = count_violations(stream, LIMITS, 0.1)
    assert figures.violations == figures.violations == expected > len(stream) // 10
    assert figures.commands == len(stream)


def test_commands_that_nobody_asks_about_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(module, "_MOST", 50)
    figures = Figures(LIMITS, 0.1)
    stream = 0.2 * np.random.default_rng(0).normal(size=(500, 1, 1))
    for k, command in enumerate(stream):
        figures.command(command[0], 0.1 * k)
        assert len(figures._fresh) <= 50
    assert figures.violations == count_violations(stream, LIMITS, 0.1)


def test_a_smooth_stream_has_none():
    figures = Figures(LIMITS, 0.1)
    for k in range(9000):
        figures.command(np.array([0.5 * np.sin(0.1 * k)]), 0.1 * k + 0.001 * (k % 2))
        none = np.zeros(1, bool)
        figures.decision(Decision(np.zeros((1, 1)), np.array(["ACTIVE"]), np.array([""]), np.array([0.001 * (k % 7)]),
                                  none, none | (k < 3)), 1e-6 * k)
    assert figures.violations == 0
    assert figures.ages.largest == pytest.approx(0.006)
    assert figures.latency.quantile(0.5) == pytest.approx(4499.5e-6)
    assert figures.periods.count == 8999 and figures.periods.largest == pytest.approx(0.101)
    assert figures.saturated == 3 and figures.clipped == 0


@pytest.mark.parametrize("told", [True, False])
def test_commands_that_are_moved_as_a_whole_break_no_bound_of_rates(told):
    figures = Figures(LIMITS, 0.1)
    for k in range(200):
        moved = 0.3 * (k // 50 % 2)
        if told and k % 50 == 0 and k:
            figures.rebased(np.array([0.3 if moved else -0.3]))
        if k == 120:
            assert figures.violations == (0 if told else 4)
        figures.command(np.array([moved + 0.5 * np.sin(0.1 * k)]), 0.1 * k)
    assert figures.violations == (0 if told else 6)  # the velocity of a jump, and the acceleration after it
    figures.command(np.array([1.2]), 20.0)
    assert figures.violations > (0 if told else 6)


def test_skipped_ticks_are_those_of_the_running_loop():
    figures = Figures(LIMITS, 0.1)
    assert figures.skipped == 0
    clock = iter([0.0, 0.35, 0.35, 0.5])
    figures.deadlines = Deadlines(0.1, clock=lambda: next(clock), wait=lambda seconds: None)
    figures.deadlines.next()
    assert figures.skipped == 2
