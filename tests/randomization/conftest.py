"""What the tests of randomization share."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.parameters import ParameterSpace
from sim2real.robots import load_robot


@pytest.fixture(scope="session")
def arm():
    return ParameterSpace.for_robot(load_robot("ur5e"))


@pytest.fixture(scope="session")
def drone():
    return ParameterSpace.for_robot(load_robot("crazyflie"))


@pytest.fixture(scope="session")
def ks():
    """``ks(sample, cdf)``: Kolmogorov-Smirnov distance times sqrt(n), about 1.95 at the 0.1 % level."""
    def distance(sample, cdf=lambda x: x) -> float:
        x, n = cdf(np.sort(np.asarray(sample, float))), len(sample)
        return float(max((np.arange(1, n + 1) / n - x).max(), (x - np.arange(n) / n).max()) * np.sqrt(n))

    return distance
