"""Goals of a deployment run, one after the other, and the judge of whether the measured robot got there."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import yaml

from sim2real import rng
from sim2real.errors import BadInputError
from sim2real.tasks.base import Task
from sim2real.types import RobotState

STAY_SECONDS = 0.5  # a goal is reached once the error was inside the tolerance for so long


def parse_goal(text: str | Sequence[float], task: Task) -> np.ndarray:
    """A goal (G,) of ``"x,y,z"`` or of numbers; further columns of the task (heading) may be left out."""
    try:
        numbers = np.array([float(part) for part in (text.split(",") if isinstance(text, str) else text)])
    except (TypeError, ValueError):
        raise BadInputError(f"goal {text!r}: expected numbers such as 0.4,0.1,0.3") from None
    least = min(3, task.goal_size)
    if len(numbers) not in {least, task.goal_size} or (len(numbers) < task.goal_size and task.name != "hover"):
        raise BadInputError(f"goal {text!r}: task {task.name} takes {task.goal_size} numbers, got {len(numbers)}")
    if not np.isfinite(numbers).all():
        raise BadInputError(f"goal {text!r}: expected finite numbers")
    return np.concatenate([numbers, np.zeros(task.goal_size - len(numbers))])


def load_goals(path: str | Path, task: Task) -> list[np.ndarray]:
    """Goals of a YAML or JSON file with a list of lists of numbers."""
    try:
        content = yaml.safe_load(Path(path).read_text())
    except OSError as error:
        raise BadInputError(f"cannot read the goals file {path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, list) or not content or not all(isinstance(row, list) for row in content):
        raise BadInputError(f"{path}: expected a list of goals such as [[0.4, 0.1, 0.3], [0.4, -0.1, 0.3]]")
    return [parse_goal(row, task) for row in content]


def sample_goals(task: Task, count: int, seed: int) -> list[np.ndarray]:
    """The goals of evaluation's episodes ``seed``, ``seed + 1``, ..."""
    seeds = seed + np.arange(count)
    return list(task.sample_goal(rng.uniform(0, seeds, 0, "goal", task.goal_uniforms)))


class GoalSequence:
    """Gives goals one after the other and judges each by measured states.

    A task that settles is done once it stayed within tolerance for ``STAY_SECONDS``, or after ``timeout`` [s] without;
    one that tracks is judged after its episode, by the root mean square error without the first second.

    Attributes:
        goals, reached: How many were begun, and how many of those were reached.
        errors: Last error in [m] (RMSE of a tracking task) of each finished goal.
    """

    def __init__(self, task: Task, goals: Iterable[np.ndarray] = (), *, timeout: float | None = None):
        self._task = task
        self._waiting = deque(goals)
        self._timeout = timeout or (task.episode_seconds if task.criterion == "rmse" else 2.0 * task.episode_seconds)
        self.current: np.ndarray | None = None
        self.goals = 0
        self.reached = 0
        self.errors: list[float] = []
        self._begun = self._inside_since = 0.0
        self._squares: list[float] = []

    def replace(self, goal: np.ndarray) -> None:
        """Take a goal that came while running: it is next, in place of the present one and of all that wait."""
        self._waiting = deque([goal])
        if self.current is not None:
            self._finish(False, float("nan"))

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.current is None and not self._waiting

    def next(self, now: float) -> np.ndarray | None:
        """Begin the next goal at ``now`` [s] if none is being pursued; returns it (G,), or None if nothing changed."""
        if self.current is not None or not self._waiting:
            return None
        self.current = self._waiting.popleft()
        self.goals += 1
        self._begun, self._inside_since, self._squares = now, np.inf, []
        return self.current

    def resume(self, now: float) -> np.ndarray | None:
        """The goal that was being pursued when the robot last stopped, its time begun anew, or else the next one."""
        if self.current is None:
            return self.next(now)
        self._begun, self._inside_since, self._squares = now, np.inf, []
        return self.current

    def restart(self, now: float) -> None:
        """Let the present goal's time begin at ``now`` [s]: what came before was the way to where it begins."""
        self._begun = now

    def judge(self, state: RobotState, now: float) -> float:
        """Take in a measured state; returns the error in [m], NaN where no goal is being pursued."""
        if self.current is None:
            return float("nan")
        elapsed = now - self._begun
        error = float(self._task.error(state, self.current[None], np.array([elapsed]))[0])
        if self._task.criterion == "rmse":
            if elapsed >= 1.0:
                self._squares.append(error**2)
            if elapsed >= self._timeout:
                rmse = float(np.sqrt(np.mean(self._squares)))
                self._finish(rmse <= self._task.tolerance, rmse)
            return error
        self._inside_since = min(self._inside_since, now) if error <= self._task.tolerance else np.inf
        if now - self._inside_since >= STAY_SECONDS:
            self._finish(True, error)
        elif elapsed >= self._timeout:
            self._finish(False, error)
        return error

    def _finish(self, reached: bool, error: float) -> None:
        self.reached += reached
        self.errors.append(error)
        self.current = None
