"""The runner with what surrounds it on a vehicle: the flight to where a task begins, and the take-over there.

An arm's policy takes over wherever the arm is. A drone's was trained to begin near its goal, so it is first flown
there by a plain position control, through the same safety filter.
"""

from __future__ import annotations

import numpy as np

from sim2real.deployment.bundle import Bundle
from sim2real.deployment.envelope import Envelope
from sim2real.deployment.runner import HOLD_AGE, Decision, Runner
from sim2real.deployment.safety import CommandFilter
from sim2real.ros.flight import PositionHold, yaw_error
from sim2real.types import RobotState

APPROACH = "APPROACH"
_LONGEST = 30.0  # [s] of an approach, after which the policy takes over from wherever it is
_SETTLED = 0.3  # [s] within the task's start before the take-over


class Pilot:
    """Drives one robot: ``start`` with a goal, then ``step`` once per control period.

    Attributes:
        approaching: Whether the policy has not taken over yet.
    """

    def __init__(self, bundle: Bundle):
        self._bundle, self._task = bundle, bundle.task
        self._period = bundle.task.control_period
        self._runner = Runner(bundle, envelope=Envelope(bundle.robot, command_limits=bundle.limits))
        self._filter = CommandFilter(bundle.limits, 1, self._period)
        self._drone = bundle.robot.kind == "drone"
        self._started = False
        self._goal = np.zeros(0)
        self._hold: PositionHold | None = None
        self._since = self._near_since = 0.0
        self._good: RobotState | None = None  # the last state of an approach that was finite

    @property
    def command(self) -> np.ndarray:
        """Last command, shape (1, C)."""
        return self._runner.command if self._hold is None else self._filter.command

    @property
    def approaching(self) -> bool:
        return self._hold is not None

    @property
    def at_rest(self) -> bool:
        """Whether the command stream stands still."""
        return self._hold is None and bool(self._runner.at_rest[0])

    def start(self, state: RobotState, goal: np.ndarray, now: float) -> None:
        """Pursue ``goal`` (G,) from the measured ``state``; the first call starts from rest there."""
        self._goal, self._good = np.asarray(goal, float), state
        if self._drone and not self._near(state):
            position, _, yaw = self._task.reference(self._goal[None], np.zeros(1))
            # a stream that runs already goes on from its last command
            self._filter.reset(None, self.command if self._started else self._rest())
            self._hold = PositionHold(self._bundle.robot, position[0], float(yaw[0]))
            self._since, self._near_since, self._started = now, np.inf, True
        elif self._started and self._hold is None:
            self._runner.set_goal(self._goal)
        else:
            self._take_over(state)

    def stop(self, state: RobotState, cause: str) -> None:
        """Come to rest: from the next step an arm brakes and a drone comes down."""
        if self._hold is not None:
            self._take_over(state if state.is_finite()[0] else self._good)
        self._runner.stop(cause)

    def step(self, state: RobotState, now: float, hold: str = "") -> Decision:
        """The command for the period that begins at ``now`` [s]; with a reason to ``hold`` the robot brakes."""
        if self._hold is not None:
            age = now - float(state.time[0])
            finite = bool(state.is_finite()[0])
            if finite:
                self._good = state
            if age <= HOLD_AGE and finite and not hold and not self._arrived(state, now):
                return self._approach(state, age)
            self._take_over(self._good)  # a state that cannot be used is for the runner to judge
        return self._runner.step(state, now, hold)

    def _approach(self, state: RobotState, age: float) -> Decision:
        assert self._hold is not None
        command = self._filter.step(self._hold.command(state, self._period)[None])
        words = np.array(["on the way to where the task begins"], dtype=object)
        return Decision(command, np.array([APPROACH]), words, np.array([age]), self._filter.clipped.copy(),
                        np.zeros(1, bool))

    def _arrived(self, state: RobotState, now: float) -> bool:
        self._near_since = min(self._near_since, now) if self._near(state) else np.inf
        return now - self._near_since >= _SETTLED or now - self._since > _LONGEST

    def _near(self, state: RobotState) -> bool:
        """Whether a drone is where the task's own episodes begin."""
        task = self._task
        position, velocity, yaw = task.reference(self._goal[None], np.zeros(1))
        distance = np.linalg.norm(state.position[0] - position[0])
        speed = np.linalg.norm(state.linear_velocity[0] - velocity[0])
        return bool(distance <= max(0.9 * task.start_position, 0.12) and speed <= max(task.start_velocity, 0.2)
                    and abs(yaw_error(state.quaternion[0], float(yaw[0]))) <= 0.4)

    def _take_over(self, state: RobotState) -> None:
        command = self._filter.command if self._hold is not None else None
        self._hold, self._started = None, True
        self._runner.reset(state, self._goal, command)

    def _rest(self) -> np.ndarray:
        return np.array([[self._bundle.robot.hover_thrust, 0.0, 0.0, 0.0]])
