"""The runner with what surrounds it on a vehicle: the flight to where a task begins, and the take-over there.

An arm's policy takes over wherever the arm is. A drone's was trained to begin near its goal, so it is first flown
there by a plain position control, through the same safety filter.
"""

from __future__ import annotations

import numpy as np

from sim2real.deployment.bundle import Bundle
from sim2real.deployment.envelope import Envelope
from sim2real.deployment.plausibility import Plausibility
from sim2real.deployment.runner import HOLD_AGE, STOP, STOP_AGE, Decision, Runner
from sim2real.deployment.safety import CommandFilter
from sim2real.errors import BadInputError
from sim2real.ros.flight import PositionHold, yaw_error
from sim2real.types import RobotState

APPROACH = "APPROACH"
_LONGEST = 30.0  # [s] of an approach, after which the policy takes over from wherever it is
_SETTLED = 0.3  # [s] within the task's start before the take-over


class Pilot:
    """Drives one robot: ``start`` with a goal, then ``step`` once per control period.

    Args:
        bundle: The policy.
        streamed: Whether a ``CommandStream`` sends the commands.

    Attributes:
        approaching: Whether the policy has not taken over yet.
    """

    def __init__(self, bundle: Bundle, *, streamed: bool = False):
        self._bundle, self._task = bundle, bundle.task
        self._period = bundle.task.control_period
        self._plausibility = Plausibility(bundle.robot, self._period, hold_age=HOLD_AGE, stop_age=STOP_AGE)
        self._runner = Runner(bundle, envelope=Envelope(bundle.robot, command_limits=bundle.limits),
                              plausibility=self._plausibility, streamed=streamed)
        self._filter = CommandFilter(bundle.limits, 1, self._period)
        self._drone = bundle.robot.kind == "drone"
        self._started = self._interrupted = False
        self._goal = np.zeros(0)
        self._hold: PositionHold | None = None
        self._since = self._near_since = 0.0
        self._good: RobotState | None = None  # the last state of an approach that was finite

    @property
    def command(self) -> np.ndarray:
        """Last command, shape (1, C)."""
        return self._filter.command if self.approaching and not self._interrupted else self._runner.command

    @property
    def approaching(self) -> bool:
        return self._hold is not None

    @property
    def at_rest(self) -> bool:
        """Whether the command stream stands still."""
        return self._hold is None and bool(self._runner.at_rest[0])

    def start(self, state: RobotState, goal: np.ndarray, now: float) -> None:
        """Pursue ``goal`` (G,) from the measured ``state``; the first call starts from rest there."""
        self._goal = np.asarray(goal, float)
        if self._drone and self._started:  # of a spike the way would look another one
            state, _ = self._believed(state)
        else:
            self._good = state
        if self._drone and not self._near(state):
            position, _, yaw = self._task.reference(self._goal[None], np.zeros(1))
            # a stream that runs already goes on from its last command
            self._filter.reset(None, self.command if self._started else self._rest())
            if not self._started:
                self._plausibility.start(state, self._filter.command[0])
            self._hold = PositionHold(self._bundle.robot, position[0], float(yaw[0]))
            self._since, self._near_since, self._started, self._interrupted = now, np.inf, True, False
        elif self._started and self._hold is None:
            self._runner.set_goal(self._goal)
        else:
            self._take_over(state)

    def set_speed(self, speed: float) -> None:
        """Let an arm go a share, 0 to 1, of the way that the policy wants in each period.

        Raises:
            BadInputError: Not such a share, or a drone, whose commands are no motions.
        """
        if self._drone:
            raise BadInputError("a drone's speed cannot be scaled: its commands are thrust and body rates")
        if not 0.0 <= speed <= 1.0:
            raise BadInputError(f"expected a speed between 0 and 1, got {speed:g}")
        self._runner.speed = float(speed)

    def stop(self, state: RobotState, cause: str) -> None:
        """Come to rest: from the next step an arm brakes and a drone comes down."""
        if self._hold is not None:
            self._take_over(self._good)
        self._runner.stop(cause)

    def shift(self, offset: np.ndarray, along: np.ndarray) -> np.ndarray:
        """Move an arm's command by up to ``offset`` (C,), and points ``along`` (k, C) with it; what it was moved by.

        Raises:
            BadInputError: Not a finite offset, or a drone, whose commands are no positions.
        """
        if self._drone:
            raise BadInputError("a drone's commands cannot be rebased: they are thrust and body rates")
        return self._runner.shift(offset[None], along[:, None])[0]

    def step(self, state: RobotState, now: float, hold: str = "") -> Decision:
        """The command for the period that begins at ``now`` [s]; with a reason to ``hold`` the robot brakes."""
        if self._hold is None:
            return self._runner.step(state, now, hold)
        seen, finite = self._believed(state)
        age = now - float(seen.time[0])
        if age <= HOLD_AGE and finite and not (hold or self._plausibility.hold or self._plausibility.stop):
            if not self._arrived(seen, now):
                return self._approach(seen, age)
            self._take_over(seen)
        elif not self._interrupted:  # what cannot be used is for the runner to judge, and it knows how to hold
            self._interrupted = True
            self._runner.reset(self._good, self._goal, self._filter.command)
        decision = self._runner.step(state, now, hold)
        if decision.mode[0] == STOP:
            self._hold = None
        return decision

    def _believed(self, state: RobotState) -> tuple[RobotState, bool]:
        """The state to fly by, the last one that was believed where this one is not, and whether it is finite."""
        self._plausibility.look(state, self._filter.command[0])
        finite = bool(state.is_finite()[0])
        if finite and not self._plausibility.rejected:
            self._good = state
        assert self._good is not None
        return self._good if self._plausibility.rejected else state, finite

    def _approach(self, state: RobotState, age: float) -> Decision:
        assert self._hold is not None
        if self._interrupted:  # go on: the policy was never trained for the way
            self._interrupted = False
            self._filter.reset(None, self._runner.command)
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
        command = self.command if self._hold is not None else None
        self._hold, self._started, self._interrupted = None, True, False
        self._runner.reset(state, self._goal, command)

    def _rest(self) -> np.ndarray:
        return np.array([[self._bundle.robot.hover_thrust, 0.0, 0.0, 0.0]])
