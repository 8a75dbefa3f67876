"""A run's figures, in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.ros.figures import Figures

LIMITS = CommandLimits(low=np.array([-1.0]), high=np.array([1.0]), velocity=np.array([1.0]),
                       acceleration=np.array([10.0]), jerk=np.array([1000.0]))


def test_violations_over_blocks_are_those_of_the_whole_stream():
    random = np.random.default_rng(0)
    stream = 0.2 * random.normal(size=(10_000, 1, 1))  # breaks every bound now and then
    figures = Figures(LIMITS, 0.1)
    for command in stream:
        figures.add(command, 0.0, 0.0)
    expected = count_violations(stream, LIMITS, 0.1)
    assert figures.violations == expected > 1000
    assert figures.commands == 10_000


def test_a_smooth_stream_has_none():
    figures = Figures(LIMITS, 0.1)
    for k in range(9000):
        figures.add(np.array([[0.5 * np.sin(0.1 * k)]]), 0.001 * (k % 7), 1e-6 * k)
    assert figures.violations == 0
    assert figures.worst_age == pytest.approx(0.006)
    assert figures.latency_us(0.5) == pytest.approx(4499.5)
    assert np.isnan(Figures(LIMITS, 0.1).latency_us(0.5))
