"""When a stopped robot's run is over: an arm stands still, a drone is on the ground."""

from __future__ import annotations

import numpy as np

from sim2real.deployment.fallback import DESCENT
from sim2real.robots import RobotDescription
from sim2real.types import RobotState

_ARM_REST = 0.3  # [s] of commands that stand still, so that the joints have settled too
_ARM_LONGEST = 10.0  # [s]
_LANDED_SPEED = 0.4 * DESCENT  # [m/s]: slower than that while told to descend, and the ground carries it
_LANDED_SECONDS = 0.6
_SPARE_SECONDS = 4.0
_STANDING, _FRESH = 0.02, 0.1  # [rad/s], [s]


class Ending:
    """Watches a stopping robot.

    Attributes:
        last_command: What to send once it is over: motors off for a drone, nothing for an arm, which keeps its place.
    """

    def __init__(self, robot: RobotDescription):
        self._drone = robot.kind == "drone"
        self.last_command = np.zeros(4) if self._drone else None
        self._begun: float | None = None
        self._still: float | None = None
        self._longest = _ARM_LONGEST

    def over(self, state: RobotState, commands_rest: bool, now: float) -> bool:
        """Whether the end has come at ``now`` [s], for a measured ``state`` and whether the commands stand still."""
        if self._begun is None:
            self._begun = now
            if self._drone:  # blind from here on, it would be down by then
                self._longest = 1.5 * max(float(state.position[0, 2]), 0.0) / DESCENT + _SPARE_SECONDS
        if self._drone:
            fresh = now - float(state.time[0]) < 0.2
            descending = now - self._begun > 1.0
            still = fresh and descending and abs(float(state.linear_velocity[0, 2])) < _LANDED_SPEED
        else:
            still = commands_rest
        self._still = (now if self._still is None else self._still) if still else None
        enough = _LANDED_SECONDS if self._drone else _ARM_REST
        return (self._still is not None and now - self._still >= enough) or now - self._begun > self._longest


def standing(robot: RobotDescription, state: RobotState, now: float) -> bool:
    """Whether an arm's joints are seen to stand at ``now`` [s]; a drone never stands."""
    seen = robot.kind == "arm" and now - float(state.time[0]) < _FRESH
    return seen and bool((np.abs(state.joint_velocity[0]) < _STANDING).all())
