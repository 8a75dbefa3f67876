"""Everything between a measured state and a published command, as one object without a clock: pilot and stream.

What a command depends on is given to it in calls, and nothing else counts; ``deployment.replay`` makes them again.
"""

from __future__ import annotations

import numpy as np

from sim2real.deployment.bundle import Bundle
from sim2real.deployment.runner import Decision
from sim2real.deployment.stream import CommandStream
from sim2real.errors import BadInputError
from sim2real.ros.pilot import Pilot
from sim2real.types import RobotState

_MAX_RATE = 10_000.0  # no driver takes more, and a stream's tables grow with it


class Drive:
    """Drives one robot from rest to rest: ``start``, then per control period one ``step`` and ``stream.ticks`` ticks.

    Args:
        bundle: The policy.
        rate: Commands per second that the driver takes, at most 10 000.

    Attributes:
        pilot, stream: Its parts, to be looked at.
    """

    def __init__(self, bundle: Bundle, rate: float):
        if not 0.0 < rate <= _MAX_RATE:
            raise BadInputError(f"expected a rate over zero and up to {_MAX_RATE:g} commands per second, got {rate:g}")
        self.stream = CommandStream(bundle.task.control_period, rate)
        self.pilot = Pilot(bundle, streamed=self.stream.ticks > 1)
        self._streaming = False

    def start(self, state: RobotState, goal: np.ndarray, now: float) -> None:
        """Pursue ``goal`` (G,) from the measured ``state``; the first call starts from rest there."""
        self.pilot.start(state, goal, now)
        if not self._streaming:
            self.stream.reset(self.pilot.command[0])
            self._streaming = True

    def set_speed(self, speed: float) -> None:
        """From the next step on, let an arm go a share, 0 to 1, of the way that the policy wants in each period."""
        self.pilot.set_speed(speed)

    def stop(self, state: RobotState, cause: str) -> None:
        """Come to rest."""
        self.pilot.stop(state, cause)

    def rebase(self, offset: np.ndarray) -> np.ndarray:
        """Move all positions by ``offset`` (C,), as the velocities have led elsewhere than the commands say.

        No velocity, acceleration or jerk changes by it, and the robot can still brake inside its position bounds.

        Returns:
            What they were moved by, shape (C,).

        Raises:
            BadInputError: Not started, not a finite offset, or a drone.
        """
        if not self._streaming:
            raise BadInputError("the drive was rebased before it was started")
        moved = self.pilot.shift(np.asarray(offset, float), self.stream.points)
        self.stream.shift(moved)
        return moved

    def step(self, state: RobotState, now: float, hold: str = "") -> Decision:
        """Decide on the set point of the control period that begins at ``now`` [s]; with a reason to ``hold`` brake."""
        decision = self.pilot.step(state, now, hold)
        self.stream.push(decision.command[0])
        return decision

    def tick(self) -> np.ndarray:
        """The command (C,) of the driver's next period."""
        return self.stream.tick()
