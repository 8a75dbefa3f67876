"""Intervals: white residuals change nothing, slow ones widen by the known factor, nothing narrows the prior."""

from types import SimpleNamespace

import numpy as np
import pytest

from sim2real.identification.offline.gauss_newton import Linear
from sim2real.identification.offline.problem import Labels
from sim2real.identification.offline.robust_fit import FREEDOM, PRIOR_PRECISION, Fit
from sim2real.identification.offline.uncertainty import covariance, scores

COUNT, STEP = 20_000, 0.01


def case(residual, slope=1.0, names=("payload_mass",)):
    """One channel at 100 Hz, weights of 1, and a Jacobian that is the same at every sample."""
    time = STEP * np.arange(COUNT)
    zero = np.zeros(COUNT, int)
    problem = SimpleNamespace(labels=Labels(zero, zero, time, zero, time), names=names, low=np.zeros(1),
                              high=np.ones(1), cut=SimpleNamespace(every=1, period=STEP,
                                                                   pieces=SimpleNamespace(cycle=0.002)))
    jacobian = np.full((COUNT, 1), slope)
    information = jacobian.T @ jacobian + PRIOR_PRECISION
    weight = (FREEDOM + 1.0) / (FREEDOM + residual**2)
    return problem, Linear(np.array([0.5]), np.zeros(COUNT), jacobian, Fit(residual, np.ones(1), weight), information,
                           np.zeros(1))


def test_white_residuals_of_a_normal_give_the_variance_of_the_t_estimator():
    problem, about = case(np.random.default_rng(0).normal(size=COUNT))
    z = np.linspace(-8.0, 8.0, 100_001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    weight = (FREEDOM + 1) / (FREEDOM + z**2)
    slope = (FREEDOM + 1) * (FREEDOM - z**2) / (FREEDOM + z**2) ** 2
    expected = (density * (weight * z) ** 2).sum() / (density * slope).sum() ** 2 / COUNT
    assert expected * COUNT == pytest.approx(1.06, abs=0.03)  # t with 5 degrees loses little at a normal
    assert covariance(problem, about, about.shares)[0, 0] == pytest.approx(expected, rel=0.25)  # 100 noisy lags


def test_slow_residuals_widen_as_there_are_fewer_independent_ones():
    random, rho, x = np.random.default_rng(1), 0.9, 0.0
    residual = np.empty(COUNT)
    for k, noise in enumerate(random.normal(size=COUNT)):
        residual[k] = x = rho * x + np.sqrt(1.0 - rho**2) * noise
    problem, about = case(residual)
    # a first-order process counts as n (1 - rho) / (1 + rho) samples: 19 times the variance; the taper takes a tenth
    white = case(random.normal(size=COUNT))
    assert scores(problem, about)[0, 0] / scores(*white)[0, 0] == pytest.approx(19.0, rel=0.35)


def test_without_information_the_prior_is_left():
    problem, about = case(np.random.default_rng(2).normal(size=COUNT), slope=0.0)
    assert covariance(problem, about, about.shares)[0, 0] == pytest.approx(1.0 / 12.0)


def test_a_dead_time_is_known_to_a_cycle_and_a_step_to_a_tenth():
    problem, about = case(np.random.default_rng(3).normal(size=COUNT), slope=1e3, names=("actuator_delay",))
    assert covariance(problem, about, about.shares)[0, 0] == pytest.approx(0.002**2 / 12.0, rel=0.05)
    problem.names = ("payload_mass",)
    moved = covariance(problem, about, about.shares + 0.1)[0, 0] - covariance(problem, about, about.shares)[0, 0]
    assert moved == pytest.approx(0.01**2)
