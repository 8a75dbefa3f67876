import numpy as np
import pytest

from sim2real.robot_parts import GoalRegion
from sim2real.robots import load_robot


@pytest.mark.parametrize("name", ["crazyflie", "x500"])
def test_drones_can_hover_and_turn(name):
    robot = load_robot(name)
    rotors, weight = robot.rotors, robot.rotors.mass * 9.81
    assert rotors.max_thrust > 1.4 * weight
    assert robot.hover_thrust == pytest.approx(weight)
    thrust = np.full(4, rotors.thrust_coefficient * rotors.hover_speed**2)
    assert np.allclose(rotors.allocation @ thrust, [weight, 0, 0, 0], atol=1e-12)
    assert np.linalg.matrix_rank(rotors.allocation) == 4
    # more thrust on the left (+y) rolls right (about +x); on the ccw rotors yaws clockwise
    assert (rotors.allocation @ (rotors.positions[:, 1] > 0))[1] > 0
    assert (rotors.allocation @ (rotors.directions > 0))[3] < 0


def test_goals_fill_the_region_evenly():
    region = GoalRegion((0.2, 0.4), (0.1, 0.3), (-1.0, 1.0))
    points = region.sample(np.random.default_rng(0).random((20000, 3)))
    radius = np.hypot(points[:, 0], points[:, 1])
    assert radius.min() >= 0.2 and radius.max() <= 0.4
    # half of the shell's area lies beyond sqrt((0.2^2 + 0.4^2) / 2) = 0.3162 m
    assert (radius > 0.31623).mean() == pytest.approx(0.5, abs=0.02)
