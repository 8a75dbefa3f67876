"""What a task is: goals, start states, actions, rewards and success, without an engine and without a clock."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sim2real.errors import TaskError, unknown
from sim2real.parameters import ParameterSpace
from sim2real.tasks import terms
from sim2real.tasks.dynamics import dynamics_terms
from sim2real.tasks.observations import Context, ObservationBuilder, Term
from sim2real.types import RobotState

if TYPE_CHECKING:
    from sim2real.robots import RobotDescription


class Task(abc.ABC):
    """One task of one robot; it keeps no state but the robot and the options, so any number of robots share it.

    Attributes:
        name: "reach", "visual-reach", "excite", "hover" or "track".
        own_goals: What a deployment pursues where it is given no goals, () where it waits for some.
        sees: Labels of an encoder's prediction that goals can be made of, () where no camera is looked at.
        robot: The robot description.
        options: The resolved options, plain data.
        control_period: Time between two actions in [s].
        episode_seconds, episode_steps: Length of an episode.
        action_size, command_size, goal_size: Columns of actions, commands and goals.
        tolerance: Largest error of success in [m].
        settle_seconds: How long at the end of an episode the error must stay inside it.
        goal_uniforms, state_uniforms: Uniform numbers that ``sample_goal`` and ``sample_state`` take.
    """

    name = ""
    kind = ""
    sees: tuple[str, ...] = ()
    own_goals: tuple[tuple[float, ...], ...] = ()
    defaults: Mapping[str, Any] = {}
    tolerance = 0.0
    settle_seconds = 0.0
    criterion = "settle"  # or "rmse": root mean square error after the first ``warm_up`` seconds inside the tolerance
    warm_up = 1.0

    def __init__(self, robot: RobotDescription, options: Mapping[str, Any] | None = None):
        if robot.kind != self.kind:
            raise TaskError(f"task {self.name!r} is for {self.kind}s, which {robot.name} is not; "
                            f"choose a task for {robot.kind}s")
        for key in options or {}:
            if key not in self.defaults:
                raise TaskError(f"task {self.name}: {unknown('option', key, self.defaults)}")
        self.robot = robot
        self.options = {**self.defaults, **(options or {})}
        self.control_period = robot.control_period
        self.episode_seconds = self._seconds("episode_seconds")
        self.episode_steps = math.ceil(self.episode_seconds / self.control_period - 1e-9)
        self.settle_steps = max(1, round(self.settle_seconds / self.control_period))
        self.command_size = robot.num_joints if robot.kind == "arm" else 4
        self.action_size = self.command_size

    goal_size: int
    goal_uniforms: int
    state_uniforms: int

    # ------------------------------------------------------------------ observations
    @abc.abstractmethod
    def terms(self) -> tuple[Term, ...]:
        """The policy's observation."""

    def builder(self, num_robots: int, *, training: bool = False, seed: int = 0) -> ObservationBuilder:
        """An observation builder of this task."""
        return ObservationBuilder(self.terms(), num_robots, training=training, seed=seed)

    def dynamics_terms(self, effort: bool = True) -> tuple[Term, ...]:
        """What an identifier sees of an instant; efforts only where the robot reports any."""
        return dynamics_terms(self.robot, effort)

    @cached_property
    def space(self) -> ParameterSpace:
        """The vocabulary of the robot."""
        return ParameterSpace.for_robot(self.robot)

    @cached_property
    def _varying(self) -> np.ndarray:
        return terms.varying_columns(self.space)

    @property
    def privileged_size(self) -> int:
        """Columns of ``privileged``."""
        return self._true_size + len(self._varying)

    _true_size = 0

    @abc.abstractmethod
    def _true_features(self, true_state: RobotState, goal: np.ndarray, time: np.ndarray) -> np.ndarray:
        """True errors and velocities, shape (n, _true_size)."""

    def privileged(self, true_state: RobotState, values: np.ndarray, goal: np.ndarray, time: np.ndarray) -> np.ndarray:
        """What only a simulation knows, for the critic: true errors, parameters over their ranges, (n, k) float32."""
        parts = [self._true_features(true_state, goal, time), terms.unit_parameters(self.space, values, self._varying)]
        return np.clip(np.concatenate(parts, axis=1), -10.0, 10.0).astype(np.float32)

    # ------------------------------------------------------------------ episodes
    @abc.abstractmethod
    def sample_goal(self, u: np.ndarray) -> np.ndarray:
        """Goals (k, G) of uniforms (k, goal_uniforms), as evaluation draws them."""

    def sample_training_goal(self, u: np.ndarray) -> np.ndarray:
        """Goals as training draws them: at least as hard."""
        return self.sample_goal(u)

    @abc.abstractmethod
    def sample_state(self, u: np.ndarray, goal: np.ndarray) -> RobotState:
        """Start states of uniforms (k, state_uniforms) for ``goal`` (k, G)."""

    def goal_of(self, seen: Mapping[str, float]) -> np.ndarray:
        """The goal (G,) of what an encoder says is to be seen, by its labels; raises TaskError where there is none."""
        raise TaskError(f"task {self.name} makes no goals of what a camera sees")

    # ------------------------------------------------------------------ actions
    @abc.abstractmethod
    def desired(self, action: np.ndarray, context: Context) -> np.ndarray:
        """Command asked for by ``action`` (n, A) in [-1, 1], before the safety filter, shape (n, C)."""

    def look(self, context: Context, true_state: RobotState) -> np.ndarray:
        """``error`` of ``true_state``, and along with it what the observation of ``context`` needs: together they take
        less time."""
        return self.error(true_state, context.goal, context.time)

    # ------------------------------------------------------------------ judgement, on the true state
    @abc.abstractmethod
    def error(self, true_state: RobotState, goal: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Distance from where the robot should be at ``time`` [s], in [m], shape (n,)."""

    @abc.abstractmethod
    def reward(self, true_state: RobotState, goal: np.ndarray, time: np.ndarray, action: np.ndarray,
               context: Context, error: np.ndarray, failed: np.ndarray) -> np.ndarray:
        """Reward of the period that ended in ``true_state``, (n,); ``context`` is the one ``action`` was chosen in,
        ``error`` and ``failed`` are what the methods of these names say of ``true_state``."""

    def failed(self, true_state: RobotState, error: np.ndarray) -> np.ndarray:
        """Which robots, at ``error`` (n,) [m] from their goals, crashed or left the work space: the episode ends there,
        shape (n,)."""
        return np.zeros(len(true_state), bool)

    def succeeded(self, errors: np.ndarray, failed: np.ndarray) -> np.ndarray:
        """Which of n whole episodes succeeded, of their errors (T, n) in [m] and whether they failed (n,)."""
        score = self.score(errors.shape[1])
        for error in errors:
            score.add(error, failed)
        return score.success

    def score(self, num_robots: int) -> EpisodeScore:
        """A judge of running episodes."""
        return EpisodeScore(self, num_robots)

    def _seconds(self, key: str) -> float:
        value = self.options[key]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not self.settle_seconds < value < 1e4:
            raise TaskError(f"task {self.name}: option {key}: expected seconds over {self.settle_seconds:g}, "
                            f"got {value!r}")
        return float(value)


class EpisodeScore:
    """Judges episodes step by step: success is the error inside the tolerance throughout the last ``settle_seconds``
    (or its root mean square after the first second, by the task's criterion), and never failed.

    Attributes:
        error: Last error in [m], shape (n,).
        steps: Steps of the running episodes, shape (n,).
    """

    def __init__(self, task: Task, num_robots: int):
        self._task = task
        self._warm_up = min(round(task.warm_up / task.control_period), task.episode_steps - 1)
        self.error = np.zeros(num_robots)
        self.steps = np.zeros(num_robots, np.int64)
        self._streak = np.zeros(num_robots, np.int64)
        self._squares = np.zeros(num_robots)
        self._failed = np.zeros(num_robots, bool)

    def reset(self, ids: np.ndarray) -> None:
        """Begin anew for ``ids``."""
        for array in (self.error, self.steps, self._streak, self._squares, self._failed):
            array[ids] = 0

    def add(self, error: np.ndarray, failed: np.ndarray) -> None:
        """Take in the error [m] after a step and whether the robots failed, shapes (n,)."""
        self.error = error
        self.steps += 1
        self._streak += 1
        self._streak *= error <= self._task.tolerance
        self._squares += error * error * (self.steps > self._warm_up)
        self._failed |= failed

    @property
    def rmse(self) -> np.ndarray:
        """Root mean square error so far, without the first second, in [m], shape (n,)."""
        return np.sqrt(self._squares / np.maximum(self.steps - self._warm_up, 1))

    @property
    def success(self) -> np.ndarray:
        """Which episodes would count as successes if they ended now, shape (n,)."""
        good = self.rmse <= self._task.tolerance if self._task.criterion == "rmse" \
            else self._streak >= self._task.settle_steps
        return good & ~self._failed
