"""A run's figures, in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.deployment.runner import Decision
from sim2real.ros.figures import Figures
from sim2real.ros.timing import Deadlines

LIMITS = CommandLimits(low=np.array([-1.0]), high=np.array([1.0]), velocity=np.array([1.0]),
                       acceleration=np.array([10.0]), jerk=np.array([1000.0]))


def test_violations_over_blocks_are_those_of_the_whole_stream():
    random = np.random.default_rng(0)
    stream = 0.2 * random.normal(size=(10_000, 1, 1))  # breaks every bound now and then
    figures = Figures(LIMITS, 0.1)
    for command in stream:
        figures.command(command[0])
    expected = count_violations(stream, LIMITS, 0.1)
    assert figures.violations == expected > 1000
    assert figures.commands == 10_000


def test_a_smooth_stream_has_none():
    figures = Figures(LIMITS, 0.1)
    for k in range(9000):
        figures.command(np.array([0.5 * np.sin(0.1 * k)]))
        figures.late(2e-6 * k)
        none = np.zeros(1, bool)
        figures.decision(Decision(np.zeros((1, 1)), np.array(["ACTIVE"]), np.array([""]), np.array([0.001 * (k % 7)]),
                                  none, none | (k < 3)), 1e-6 * k)
    assert figures.violations == 0
    assert figures.worst_age == pytest.approx(0.006)
    assert figures.latency_us(0.5) == pytest.approx(4499.5) and figures.late_us(1.0) == pytest.approx(17998.0)
    assert figures.saturated == 3 and figures.clipped == 0
    assert np.isnan(Figures(LIMITS, 0.1).latency_us(0.5))


def test_skipped_ticks_are_those_of_the_running_loop():
    figures = Figures(LIMITS, 0.1)
    assert figures.skipped == 0
    clock = iter([0.0, 0.35, 0.35, 0.5])
    figures.deadlines = Deadlines(0.1, clock=lambda: next(clock), wait=lambda seconds: None)
    figures.deadlines.next()
    assert figures.skipped == 2
