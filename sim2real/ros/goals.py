"""Goals of a deployment run, one after the other, and the judge of whether the measured robot got there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sim2real import rng, rotations
from sim2real.errors import BadInputError, DeploymentError
from sim2real.tasks.base import Task
from sim2real.types import RobotState
from sim2real.yaml_text import read_yaml

STAY_SECONDS = 0.5  # a goal is reached once the error was inside the tolerance for so long
_MOVED = 1e-3  # [m], [rad] by which a frame has to move for its goal to move: less is noise
_PLACED_SIZES = (3, 4, 6, 7)  # position, and heading, axis or quaternion: goals that a frame can place


@dataclass(frozen=True)
class FramedGoal:
    """A goal ``values`` (G,) in ``frame``, which it moves with."""

    values: np.ndarray
    frame: str


Goal = np.ndarray | FramedGoal


def parse_goal(text: str | Sequence[float], task: Task) -> np.ndarray:
    """A goal (G,) of ``"x,y,z"`` or of numbers; further columns of the task (heading) may be left out."""
    try:
        numbers = np.array([float(part) for part in (text.split(",") if isinstance(text, str) else text)])
    except (TypeError, ValueError, OverflowError):
        raise BadInputError(f"goal {text!r}: expected numbers such as 0.4,0.1,0.3") from None
    least = min(3, task.goal_size)
    if len(numbers) not in {least, task.goal_size} or (len(numbers) < task.goal_size and task.name != "hover"):
        raise BadInputError(f"goal {text!r}: task {task.name} takes {task.goal_size} numbers, got {len(numbers)}")
    if not np.isfinite(numbers).all():
        raise BadInputError(f"goal {text!r}: expected finite numbers")
    return np.concatenate([numbers, np.zeros(task.goal_size - len(numbers))])


def in_frame(values: np.ndarray, frame: str, task: Task) -> FramedGoal:
    """A goal of ``task`` in a frame; raises BadInputError where such a goal cannot be placed by one."""
    if task.goal_size not in _PLACED_SIZES:
        raise BadInputError(f"goal in frame {frame!r}: goals of task {task.name} are no places; give them in the "
                            "robot's own frame")
    return FramedGoal(values, frame)


def goal_of_pose(message: Any, task: Task) -> np.ndarray:
    """The goal (G,) in a geometry_msgs/msg/PoseStamped; raises DeploymentError where it holds none of the task's."""
    p, o = message.pose.position, message.pose.orientation
    q = rotations.normalize(np.array([o.w, o.x, o.y, o.z]))
    extra: dict[int, Any] = {3: [], 4: [rotations.to_rpy(q)[2]], 6: rotations.rotate(q, np.array([0.0, 0.0, 1.0])),
                             7: q}
    goal = np.array([p.x, p.y, p.z, *extra.get(task.goal_size, [])])
    if len(goal) != task.goal_size or not np.isfinite(goal).all():
        raise DeploymentError(f"task {task.name} takes {task.goal_size} finite numbers")
    return goal


def load_goals(path: str | Path, task: Task) -> list[Goal]:
    """Goals of a YAML or JSON file: a list of lists of numbers, or of mappings ``{goal: [...], frame: NAME}``."""
    try:
        content = read_yaml(path)
    except OSError as error:
        raise BadInputError(f"cannot read the goals file {path}: {error.strerror or error}") from error
    except yaml.YAMLError as error:
        raise BadInputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, list) or not content or not all(map(_is_entry, content)):
        raise BadInputError(f"{path}: expected a list of goals such as [[0.4, 0.1, 0.3], [0.4, -0.1, 0.3]], or of "
                            "{goal: [0.1, 0.0, 0.2], frame: table}")
    return [in_frame(parse_goal(row["goal"], task), row["frame"], task) if isinstance(row, dict)
            else parse_goal(row, task) for row in content]


def _is_entry(row: Any) -> bool:
    if isinstance(row, dict):
        return (row.keys() == {"goal", "frame"} and isinstance(row["goal"], list) and isinstance(row["frame"], str)
                and bool(row["frame"]))
    return isinstance(row, list)


def sample_goals(task: Task, count: int, seed: int) -> list[np.ndarray]:
    """The goals of evaluation's episodes ``seed``, ``seed + 1``, ..."""
    seeds = seed + np.arange(count)
    return list(task.sample_goal(rng.uniform(0, seeds, 0, "goal", task.goal_uniforms)))


class GoalSequence:
    """Gives goals one after the other and judges each by measured states.

    A task that settles is done once it stayed within tolerance for ``STAY_SECONDS``, or after ``timeout`` [s] without;
    one that tracks is judged after its episode, by the root mean square error without the first second.

    A goal in a frame begins once ``place`` can say where it is, and moves with its frame from then on.

    Attributes:
        place: Gives where a goal in a frame is (G,); raises DeploymentError while that is not known.
        goals, reached: How many were begun, and how many of those were reached.
        errors: Last error in [m] (RMSE of a tracking task) of each finished goal.
    """

    def __init__(self, task: Task, goals: Iterable[Goal] = (), *, timeout: float | None = None):
        self._task = task
        self._waiting = deque(goals)
        self._timeout = timeout or (task.episode_seconds if task.criterion == "rmse" else 2.0 * task.episode_seconds)
        self.current: np.ndarray | None = None
        self._given: Goal | None = None  # the present one, as it was given
        self.place: Callable[[FramedGoal], np.ndarray] = _nowhere
        self.goals = 0
        self.reached = 0
        self.errors: list[float] = []
        self._begun = self._inside_since = 0.0
        self._squares: list[float] = []

    @property
    def framed(self) -> list[FramedGoal]:
        """Goals in frames: the present one, or else the next, and those that wait."""
        given = [self._given, *self._waiting] if self.current is not None else list(self._waiting)
        return [goal for goal in given if isinstance(goal, FramedGoal)]

    @property
    def framed_now(self) -> FramedGoal | None:
        """The goal that is pursued, or is next where none is, if it is in a frame."""
        goal = self._given if self.current is not None else next(iter(self._waiting), None)
        return goal if isinstance(goal, FramedGoal) else None

    def replace(self, goal: Goal) -> None:
        """Take a goal that came while running: it is next, in place of the present one and of all that wait."""
        self._waiting = deque([goal])
        if self.current is not None:
            self._finish(False, float("nan"))

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.current is None and not self._waiting

    def next(self, now: float) -> np.ndarray | None:
        """Begin the next goal at ``now`` [s] if none is being pursued; returns it (G,), or None if nothing changed.

        One whose frame has moved counts as changed; its time goes on.
        """
        if self.current is not None:
            return self._follow()
        waiting = self._waiting  # another thread may put others in its place
        place = self._placed(waiting[0]) if waiting else None
        if place is None:
            return None
        self._given, self.current = waiting.popleft(), place
        self.goals += 1
        self._begin(now)
        return self.current

    def resume(self, now: float) -> np.ndarray | None:
        """The goal that was being pursued when the robot last stopped, its time begun anew, or else the next one."""
        if self.current is None:
            return self.next(now)
        self._follow()
        self._begin(now)
        return self.current

    def _begin(self, now: float) -> None:
        self._begun, self._inside_since, self._squares = now, np.inf, []

    def _follow(self) -> np.ndarray | None:
        """The present goal if its frame has moved it, or None."""
        place = self._placed(self._given) if isinstance(self._given, FramedGoal) else None
        if place is None or self.current is None or np.abs(place - self.current).max() <= _MOVED:
            return None
        self.current = place
        return place

    def _placed(self, goal: Goal) -> np.ndarray | None:
        """Where a goal is (G,), None while its frame is missing or stale: a gate holds the robot and says so."""
        if not isinstance(goal, FramedGoal):
            return goal
        try:
            return self.place(goal)
        except DeploymentError:
            return None

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


def _nowhere(goal: FramedGoal) -> np.ndarray:
    raise DeploymentError(f"frame {goal.frame!r}: nothing says where it is")
