"""Calibration: right posteriors pass, and a narrow, a wide and a shifted one are found and called so."""

import dataclasses

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.identification.posterior.calibration import LEVELS, Calibration, calibrate, rank_of
from sim2real.identification.posterior.calibration_plot import plot_calibration
from sim2real.identification.posterior.inference import Budget, Posterior, infer
from tests.identification.posterior.doubles import Curved, Linear


def make(kind, size, samples, sigma):
    """A generator of problems whose truth is a draw of the prior."""
    def problem(seed):
        random = np.random.default_rng(1000 + seed)
        truth = random.uniform(size=size)
        found = kind(truth, sigma=sigma, seed=seed, samples=samples)
        values = found.prior.from_unit(truth)
        found.measured = found.predict(values[None])[0] + sigma * random.normal(size=samples)
        return found, values
    return problem


def exact(problem, method, seed, budget, *, widen=1.0, shift=0.0):
    """The closed form's posterior, made wrong by a factor of its deviation and a shift in deviations."""
    mean, covariance = problem.exact()
    random = np.random.default_rng(seed + 5)
    scale = np.linalg.cholesky(covariance)
    unit = mean + (random.normal(size=(1000, len(mean))) * widen + shift) @ scale.T
    return Posterior(problem.prior, problem.prior.from_unit(unit), np.full(1000, 1e-3), None, method)


def test_particles_are_calibrated():
    found = calibrate(make(Linear, 4, 80, 0.3), "epopt", 80, seed=3)
    assert found.verdict == "calibrated", found.as_dict()
    # 80 trials, of four parameters: 0.9 within two and a half standard deviations of 80 draws, sqrt(0.09 / 80)
    assert 0.816 < found.coverage_of_all(0.9) < 0.984
    assert (np.median(found.shrinkage, axis=0) < 0.3).all()  # and the logs did tell something


def test_particles_on_a_ridge_are_calibrated():
    found = calibrate(make(Curved, 3, 60, 0.6), "epopt", 60, seed=1)
    assert found.verdict == "calibrated", found.as_dict()


@pytest.mark.slow
def test_networks_are_calibrated():
    found = calibrate(make(Linear, 3, 80, 0.3), "npe", 60, seed=3, budget=Budget(2000, 60.0))
    assert found.verdict == "calibrated", found.as_dict()


@pytest.mark.parametrize(("named", "verdict"), [({"widen": 0.5}, "too narrow"), ({"widen": 2.0}, "too wide"),
                                                ({"shift": 1.0}, "biased"), ({}, "calibrated")])
def test_wrong_posteriors_are_found_and_named(named, verdict):
    def inference(problem, **given):
        return exact(problem, **given, **named)

    def inside(seed):  # far from the bounds, where the closed form knows none
        problem, _ = make(Linear, 2, 60, 0.2)(seed)
        truth = np.random.default_rng(seed).uniform(size=2)
        problem.measured = problem.matrix @ truth + 0.2 * np.random.default_rng(seed + 7).normal(size=60)
        return problem, problem.prior.from_unit(truth)

    found = calibrate(inside, "epopt", 150, inference=inference)
    assert found.verdict == verdict, found.as_dict()
    if verdict == "too narrow":
        assert found.coverage_of_all(0.9) < 0.75


def test_a_narrowed_inference_is_found_too():
    """The negative control through the real inference: particles whose weights were sharpened."""
    def sharpened(problem, **named):
        found = infer(problem, **named)
        weights = found.weights * np.exp(3.0 * (found.log_density - found.log_density.max()))
        return dataclasses.replace(found, weights=weights / weights.sum())

    assert calibrate(make(Linear, 3, 80, 0.3), "epopt", 60, inference=sharpened).verdict == "too narrow"


def test_ranks_and_coverage_by_hand():
    prior = Linear([0.5]).prior
    p = Posterior(prior, np.array([[0.0], [1.0], [2.0]]), np.array([0.2, 0.3, 0.5]), None, "npe")
    assert rank_of(p, np.array([1.5])) == pytest.approx([0.5])
    assert rank_of(p, np.array([1.0])) == pytest.approx([0.35])  # half of its own weight
    found = Calibration(("p0",), np.array([[0.02], [0.2], [0.5], [0.93]]), np.ones((4, 1)))
    # the central 50 % are ranks from 0.25 to 0.75, the central 90 % from 0.05 to 0.95
    assert found.coverage(0.5).tolist() == [0.25] and found.coverage_of_all(0.9) == 0.75


def test_plain_data_and_the_picture(tmp_path):
    random = np.random.default_rng(1)
    found = Calibration(("payload_mass", "stiffness_scale"), random.uniform(size=(100, 2)), np.full((100, 2), 0.4))
    data = found.as_dict()
    assert data["verdict"] == "calibrated" and set(data["levels"]) == {f"{x:g}" for x in LEVELS}
    row = data["levels"]["0.9"]
    assert row["low"] <= row["coverage"] <= row["high"] and data["parameters"][1]["shrinkage"] == 0.4
    plot_calibration({"epopt": found, "npe": found}, tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes()[:4] == b"\x89PNG"


def test_too_few_trials_are_refused():
    with pytest.raises(BadInputError, match="at least 20 trials, got 5"):
        calibrate(make(Linear, 2, 60, 0.3), trials=5)
