"""The survival benchmark's arithmetic."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from benchmarks.survival import floor, recorder_of, summary
from sim2real.deployment.limits import CommandLimits
from sim2real.errors import DeploymentError
from sim2real.robots import load_robot


def test_the_least_time_to_rest_by_hand():
    limits = CommandLimits.from_robot(load_robot("ur5e"))  # 10 rad/s2, 500 rad/s3
    assert floor(np.zeros(6), limits) == 0.0
    assert floor(np.array([0.0, -1.0, 0.5, 0, 0, 0]), limits) == pytest.approx(1.0 / 10.0 + 10.0 / 500.0)
    # too slow for the full acceleration: up to half the speed and down again by the jerk alone, v = j (t / 2)^2
    assert floor(np.full(6, 0.05), limits) == pytest.approx(2.0 * np.sqrt(0.05 / 500.0))
    assert floor(np.full(6, 0.2), limits) == pytest.approx(0.04)  # where both are one


def row(**changes):
    return {"rest_s": 0.2, "commands_rest_s": 0.15, "floor_s": 0.12, "readable": 1.0, "over_bounds": 0.0, **changes}


@pytest.mark.parametrize("rows, passed", [
    ([row()], True), ([row(), row(rest_s=0.51)], False), ([row(rest_s=None)], False),
    ([row(readable=0.96)], False), ([row(), row(over_bounds=0.01), row()], False)])
def test_one_that_failed_fails_all(rows, passed):
    assert summary(rows)["passed"] is passed


def test_a_process_without_a_recorder_is_told():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with pytest.raises(DeploymentError, match=f"process {process.pid} has no recorder"):
        recorder_of(process.pid)
    process.communicate(b"\n")
