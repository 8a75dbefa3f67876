"""Goals that a camera sees: one at a time, which moves with what is seen, until somebody ends the run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim2real.errors import DeploymentError
from sim2real.ros.goals import STAY_SECONDS, Goal, GoalSequence
from sim2real.tasks.base import Task
from sim2real.types import RobotState


class SeenGoals(GoalSequence):
    """As ``GoalSequence``, with always one goal. Whether the arm is where it should be is judged by what was seen:
    who knows the truth judges better.

    What is seen further than the task's tolerance from where the present goal began counts as another goal.

    Args:
        task: The task.
        seen: Gives the goal (G,) that counts now, the same array until it moves; None before there is one.

    Attributes:
        goals, reached: How many were begun, and how many of those were reached at some time.
        errors: Error in [m] at which each of those was reached.
    """

    def __init__(self, task: Task, seen: Callable[[], np.ndarray | None]):
        super().__init__(task)
        self._seen = seen
        self._first: np.ndarray | None = None  # where the present goal began
        self._counted = False

    @property
    def finished(self) -> bool:
        """Never."""
        return False

    def replace(self, goal: Goal) -> None:
        """Refused: raises DeploymentError."""
        raise DeploymentError("goals come from the camera; give --goal to have them from elsewhere")

    def next(self, now: float) -> np.ndarray | None:
        """The goal if it is another one than before, or None."""
        goal = self._seen()
        if goal is None or goal is self.current:
            return None
        if self._first is None or np.linalg.norm(goal - self._first) > self._task.tolerance:
            self.goals += 1
            self._first, self._counted = goal, False
            self._begin(now)
        self.current = goal
        return goal

    def resume(self, now: float) -> np.ndarray | None:
        """The goal that counts, its time begun anew."""
        goal = self.next(now)
        self._begin(now)
        return self.current if goal is None else goal

    def judge(self, state: RobotState, now: float) -> float:
        """Take in a measured state; returns the error in [m], NaN where there is no goal."""
        if self.current is None:
            return float("nan")
        error = float(self._task.error(state, self.current[None], np.array([now - self._begun]))[0])
        self._inside_since = min(self._inside_since, now) if error <= self._task.tolerance else np.inf
        if not self._counted and now - self._inside_since >= STAY_SECONDS:
            self._counted = True
            self.reached += 1
            self.errors.append(error)
        return error
