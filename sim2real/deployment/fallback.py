"""What a drone does while its policy cannot fly it: level out and hover (HOLD), or come down slowly (STOP).

An arm simply brakes to rest; a drone has no rest. Where no fresh attitude comes, the last one is carried on by the
rates that were commanded, so that levelling ends instead of turning on for ever. There is no position hold and no
landing detection here: drift is possible, and motors keep turning on the ground.
"""

from __future__ import annotations

import numpy as np

from sim2real import rotations
from sim2real.robots import RobotDescription
from sim2real.types import RobotState

LEVEL_GAIN = 4.0  # [1/s] from tilt to body rate
DESCENT = 0.3  # [m/s] in STOP
DESCENT_GAIN = 2.0  # [1/s] from an error of the vertical velocity to an acceleration
BLIND_THRUST = 0.97  # of hover thrust in STOP, where the vertical velocity is not known
_MIN_COSINE = 0.7  # thrust makes up for tilts of up to 45 degrees


class DroneFallback:
    """Commands that need no policy, for ``num_robots`` drones.

    Args:
        robot: The drone.
        num_robots: How many.
        period: Time of one step in [s].
    """

    def __init__(self, robot: RobotDescription, num_robots: int, period: float):
        self._hover, self._mass, self._period = robot.hover_thrust, robot.rotors.mass, period
        self._attitude = np.tile([1.0, 0.0, 0.0, 0.0], (num_robots, 1))

    def observe(self, ids: np.ndarray, state: RobotState) -> None:
        """Take the attitudes of fresh states (k robots) of the robots ``ids``."""
        self._attitude[ids] = rotations.normalize(state.quaternion)

    def advance(self, command: np.ndarray) -> None:
        """Carry the attitudes on by the rates of the commands (n, 4) that were sent."""
        self._attitude = rotations.integrate(self._attitude, command[:, 1:], self._period)

    def command(self, state: RobotState, stopped: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        """Thrust [N] and body rates [rad/s] (n, 4): level out, and come down where ``stopped``."""
        up = rotations.rotate_inverse(self._attitude, np.array([0.0, 0.0, 1.0]))  # world's z in the body
        # turning about z_body x up brings the body's z to the world's; its length is the sine of the tilt
        axis = np.stack([-up[:, 1], up[:, 0], np.zeros(len(up))], axis=1)
        sine = np.linalg.norm(axis, axis=1, keepdims=True)
        angle = np.arctan2(sine, up[:, 2:])
        rates = LEVEL_GAIN * axis * angle / np.maximum(sine, 1e-9)
        falling = np.where(fresh, state.linear_velocity[:, 2], 0.0)
        descend = np.where(fresh, self._hover + self._mass * DESCENT_GAIN * (-DESCENT - falling),
                           BLIND_THRUST * self._hover)
        thrust = np.where(stopped, np.clip(descend, 0.8 * self._hover, 1.2 * self._hover), self._hover)
        return np.concatenate([thrust[:, None] / np.maximum(up[:, 2:], _MIN_COSINE), rates], axis=1)
