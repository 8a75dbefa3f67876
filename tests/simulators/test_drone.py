from __future__ import annotations

import numpy as np
import pytest

from sim2real import rotations
from sim2real.robot_model import Geom
from sim2real.simulators.drone import _reach_down, clearance
from tests.simulators.flight import robot_named


@pytest.mark.parametrize("geom, expected", [
    (Geom("box", (0.2, 0.3, 0.4), np.zeros(3), np.eye(3)), 0.2),
    (Geom("box", (0.2, 0.3, 0.4), np.zeros(3), rotations.matrix(rotations.from_rpy([np.pi / 2, 0, 0]))), 0.15),
    (Geom("sphere", (0.1,), np.zeros(3), np.eye(3)), 0.1),
    (Geom("cylinder", (0.1, 0.4), np.zeros(3), np.eye(3)), 0.2),
    (Geom("cylinder", (0.1, 0.4), np.zeros(3), rotations.matrix(rotations.from_rpy([0, np.pi / 2, 0]))), 0.1),
    (Geom("capsule", (0.1, 0.4), np.zeros(3), np.eye(3)), 0.3),
    (Geom("capsule", (0.1, 0.4), np.zeros(3), rotations.matrix(rotations.from_rpy([0, np.pi / 2, 0]))), 0.1),
])
def test_half_heights(geom, expected):
    assert _reach_down(geom) == pytest.approx(expected)


def test_clearance():
    assert clearance(robot_named("crazyflie")) == pytest.approx(0.010)  # cylinder of 3 cm, centre 5 mm up
    assert clearance(robot_named("x500")) == pytest.approx(0.22)  # the legs' box
