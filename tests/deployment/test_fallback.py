import numpy as np
import pytest

from sim2real import rotations
from sim2real.deployment.fallback import DESCENT, DroneFallback
from sim2real.robots import load_robot
from sim2real.types import RobotState

ROBOT = load_robot("crazyflie")


def test_from_any_tilt_the_commanded_rates_lead_to_level():
    rng = np.random.default_rng(0)
    state = RobotState.zeros(50, 0)
    axis = rng.normal(size=(50, 3))
    axis[:, 2] = 0.0
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    turn = rotations.from_axis_angle(np.array([0.0, 0.0, 1.0]) * rng.uniform(-3, 3, (50, 1)))
    state.quaternion = rotations.multiply(turn, rotations.from_axis_angle(axis * rng.uniform(0.1, 2.5, (50, 1))))
    fallback = DroneFallback(ROBOT, 50, 0.02)
    fallback.observe(np.arange(50), state)
    no = np.zeros(50, bool)
    for _ in range(100):  # 2 s, 8 time constants, blind
        command = fallback.command(state, no, no)
        assert np.isfinite(command).all()
        fallback.advance(command)
    up = rotations.rotate(fallback._attitude, np.array([0.0, 0.0, 1.0]))
    assert (up[:, 2] > np.cos(0.01)).all()
    assert command == pytest.approx(np.tile([ROBOT.hover_thrust, 0, 0, 0], (50, 1)), abs=0.02)


def test_descent_by_hand():
    fallback, state = DroneFallback(ROBOT, 3, 0.02), RobotState.zeros(3, 0)
    state.linear_velocity[:, 2] = [-DESCENT, 0.0, 0.0]
    command = fallback.command(state, np.ones(3, bool), np.array([True, True, False]))
    # m g; m (g - 2 * 0.3 m/s / s); 0.97 m g
    mass = ROBOT.rotors.mass
    assert command[:, 0] == pytest.approx([mass * 9.81, mass * (9.81 - 0.6), 0.97 * mass * 9.81], rel=1e-6)
    assert not command[:, 1:].any()
