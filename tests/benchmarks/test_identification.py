"""The benchmarks of identification: how their figures are worked out, by hand; and one twin from end to end."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import identification, identification_loop, identification_offline, identification_online
from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.identifier_manifest import PRIOR_DEVIATION
from sim2real.identification.online.following import Estimates
from sim2real.parameters import ParameterSpace
from sim2real.robots import load_robot
from tests.deployment.hand_identifier import identifying


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return load_bundle(identifying(tmp_path_factory.mktemp("bundle") / "b.s2r"))


def test_online_rows_are_errors_over_the_priors_deviation(bundle):
    time = np.array([0.5, 1.0])
    truth = np.zeros((2, 4, 2))
    mean = np.zeros((2, 4, 2))
    mean[1, :, 0] = np.array([0.0, 0.2, 0.2, 0.4]) * PRIOR_DEVIATION  # mean 0.2, median 0.2, rms sqrt(0.06)
    deviation = np.full((2, 4, 2), 0.15 * PRIOR_DEVIATION)  # 90 %: 0.247; three of four are inside
    rows = identification_online.online_rows(bundle, Estimates(time, mean, deviation, truth), 1.0, 7)
    first = rows[0]
    assert (first["robot"], first["parameter"], first["seconds"], first["seed"], first["twins"]) == (
        "ur5e", "payload_mass", 1.0, 7, 4)
    assert first["error_over_std"] == pytest.approx(0.2) and first["median_over_std"] == pytest.approx(0.2)
    assert first["rms_over_std"] == pytest.approx(np.sqrt(0.06)) and first["coverage90"] == 0.75
    assert rows[1]["error_over_std"] == 0.0 and rows[1]["coverage90"] == 1.0


def test_an_update_is_timed(bundle):
    assert 1.0 < identification_online.update_p50_us(bundle, 50) < 10_000.0


def test_offline_errors_are_over_the_truth_or_the_width_of_the_range():
    space = ParameterSpace.for_robot(load_robot("ur5e"))
    names = ("payload_mass", "stiffness_scale")  # nominal 0, nominal 1
    rows = [space[name] for name in names]
    problem = SimpleNamespace(names=names, space=space, low=np.array([p.twin_low for p in rows]),
                              high=np.array([p.twin_high for p in rows]))
    errors = identification_offline.relative_errors(problem, np.array([1.1, 0.9]), np.array([1.0, 0.8]))
    assert errors == pytest.approx([0.1 / (problem.high[0] - problem.low[0]), 0.125])


def test_a_twins_line_of_the_loop():
    row = {"success_rate": 0.2}, {"success_rate": 0.9, "nominal_success_rate": 1.0, "inference_seconds": 3.0,
                                  "temper": 1.0}, {"success_rate": 0.95}
    found = [{"low90": 0.0, "high90": 1.0, "truth": 0.5}, {"low90": 0.0, "high90": 1.0, "truth": 1.5}]
    line = identification_loop.row_of(4, {"rows": row, "identified": [found], "seconds": 9.0})
    assert (line["twin"], line["before"], line["after"], line["truth"], line["inside90"]) == (4, 0.2, 0.9, 0.95, 0.5)


def test_no_parts_measure_nothing(tmp_path):
    assert identification.measure((), [0], tmp_path, 1, 1) == {} and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_one_twin_is_identified(tmp_path):
    found = identification.measure(("offline",), [0], tmp_path, 1, 1)["offline"]
    assert found["median_error"] < 0.05 and found["sysid_median_error"] > found["median_error_on_same_twins"]
