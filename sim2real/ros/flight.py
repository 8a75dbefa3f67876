"""The little flight control that is needed around a policy: hold a place, come down to the ground, keep level.

Cascaded proportional control from position to body rates; the twin's autopilot uses it before the first set point and
in its watchdog, the policy node to land at the end.
"""

from __future__ import annotations

import numpy as np

from sim2real import rotations
from sim2real.robots import RobotDescription
from sim2real.types import RobotState

_GRAVITY = 9.81
_POSITION, _VELOCITY, _INTEGRAL, _ATTITUDE = 1.5, 3.0, 1.0, 6.0  # [1/s] each; 6 is the Crazyflie's own
_MAX_TILT = 0.35  # [rad]
_MAX_SPEED = 0.5  # [m/s]
_YAW, _MAX_YAW_RATE = 1.5, 1.0  # [1/s], [rad/s]


def yaw_error(quaternion: np.ndarray, yaw: float) -> float:
    """Angle in (-pi, pi] from the heading of ``quaternion`` to ``yaw`` [rad]."""
    heading = rotations.to_rpy(quaternion)[2]
    return float(np.arctan2(np.sin(yaw - heading), np.cos(yaw - heading)))


def level_rates(quaternion: np.ndarray) -> np.ndarray:
    """Body rates [rad/s] (3,) that bring the body's z axis back to the vertical."""
    return _toward(quaternion, np.array([0.0, 0.0, 1.0]))


def _toward(quaternion: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Body rates that turn the body's z axis to the world's unit vector ``axis``."""
    wanted = rotations.rotate_inverse(quaternion, axis)
    angle = float(np.arctan2(np.hypot(wanted[0], wanted[1]), wanted[2]))
    sine = max(float(np.hypot(wanted[0], wanted[1])), 1e-9)
    return _ATTITUDE * angle / sine * np.array([-wanted[1], wanted[0], 0.0])


class PositionHold:
    """Keeps a place, or a vertical speed: commands (4,) of thrust [N] and body rates [rad/s].

    Attributes:
        target: Place to be in [m], shape (3,).
        yaw: Heading to keep in [rad]; None leaves it.
    """

    def __init__(self, robot: RobotDescription, target: np.ndarray, yaw: float | None = None):
        assert robot.rotors is not None
        self._rotors = robot.rotors
        self.target = np.array(target, float)
        self.yaw = yaw
        self._integral = np.zeros(3)

    def command(self, state: RobotState, dt: float, *, climb: float | None = None) -> np.ndarray:
        """The next command for ``state`` (one robot), ``dt`` [s] after the last; ``climb`` [m/s] in place of height."""
        error = self.target - state.position[0]
        velocity = np.clip(_POSITION * error, -_MAX_SPEED, _MAX_SPEED)
        if climb is not None:
            velocity[2] = climb
        lag = velocity - state.linear_velocity[0]
        self._integral = np.clip(self._integral + _INTEGRAL * _VELOCITY * lag * dt, -12.0, 12.0)
        force = _VELOCITY * lag + self._integral + np.array([0.0, 0.0, _GRAVITY])
        force[2] = max(force[2], 0.3 * _GRAVITY)
        sideways = float(np.hypot(force[0], force[1]))
        force[:2] *= min(1.0, np.tan(_MAX_TILT) * force[2] / max(sideways, 1e-9))
        up = rotations.rotate(state.quaternion[0], np.array([0.0, 0.0, 1.0]))
        thrust = self._rotors.mass * max(float(force @ up), 0.0)
        rates = _toward(state.quaternion[0], force / np.linalg.norm(force))
        if self.yaw is not None:
            rates[2] += np.clip(_YAW * yaw_error(state.quaternion[0], self.yaw), -_MAX_YAW_RATE, _MAX_YAW_RATE)
        rates = np.clip(rates, -self._rotors.max_rate, self._rotors.max_rate)
        return np.concatenate([[min(thrust, self._rotors.max_thrust)], rates])
