"""The batched environment: a simulator, a task and the deployed safety filter, without any Python per simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from sim2real import rng
from sim2real.deployment.safety import CommandFilter, CommandLimits
from sim2real.envs.conditioning import Conditioning
from sim2real.errors import BadInputError, RandomizationError
from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan, Sampler
from sim2real.robots import RobotDescription
from sim2real.simulators import make_simulator
from sim2real.tasks import Context, Task, load_task
from sim2real.tasks.observations import CLIP

_STRIDE = 8  # steps between resets in training: few large ones cost less than many small ones
Observation = np.ndarray | dict[str, np.ndarray]


class Sim2RealVectorEnv(VectorEnv):
    """``num_envs`` simulations of one task.

    Autoreset is SAME_STEP: where an episode ends, ``step`` returns the first observation of the next one, and
    ``info["final_obs"][i]`` the last of the one that ended. ``terminated`` is a crash (or a simulation that went
    unstable), ``truncated`` the end of the episode's time. Where an episode ended, ``info`` has ``success``, ``error``
    [m] and ``rmse`` [m], each with its mask (``_success``, ...).

    Simulation i behaves the same whatever ``num_envs``; everything follows from the seed.

    Args:
        task: A task, or its id such as "ur5e-reach"; with ``robot`` its name alone ("reach") will do.
        num_envs: Number of simulations.
        robot: A robot description, a name or a path, in place of the id's.
        engine: "mujoco", "pybullet" or "quadrotor"; default: mujoco for arms, quadrotor for drones (mujoco where
            pictures are wanted).
        randomization: "default", None, a plan or the path of a plan's YAML file.
        options: Options of the task.
        asymmetric: Observations are {"policy", "critic"}; the second is what only a simulation knows.
        training: Training's goals, observation noise, and first episodes of all lengths, so that resets spread.
        seed: Seed until ``reset(seed=...)`` gives another; None: drawn.
        threads: Threads of the engine, 0 for all cores.
        autoreset: SAME_STEP, or DISABLED: then finished simulations are reset by
            ``reset(options={"reset_mask": mask})``.
        render_mode: "rgb_array" or None.
        known: Parameters whose true values, in unit coordinates, stand behind the policy's observation.
    """

    metadata = {"render_modes": ["rgb_array"], "autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(self, task: Task | str, num_envs: int = 1, *, robot: RobotDescription | str | Path | None = None,
                 engine: str | None = None, randomization: RandomizationPlan | str | Path | None = "default",
                 options: Mapping[str, Any] | None = None, asymmetric: bool = False, training: bool = False,
                 seed: int | None = None, threads: int = 0, autoreset: AutoresetMode = AutoresetMode.SAME_STEP,
                 render_mode: str | None = None, known: Sequence[str] = ()):
        if autoreset not in (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED):
            raise BadInputError(f"autoreset: expected SAME_STEP or DISABLED, got {autoreset}")
        if render_mode not in (None, "rgb_array"):
            raise BadInputError(f"render_mode: expected rgb_array or None, got {render_mode!r}")
        self.task = task if isinstance(task, Task) else load_task(task, robot, options)
        self.robot, self.num_envs, self.render_mode = self.task.robot, num_envs, render_mode
        self.engine = engine or default_engine(self.robot, render_mode)
        self.asymmetric, self.training = asymmetric, training
        self.metadata = {**self.metadata, "autoreset_mode": autoreset, "render_fps": 1.0 / self.robot.control_period}
        self.sim = make_simulator(self.engine, self.robot, num_envs, threads=threads)
        self.plan = load_plan(randomization, self.sim.space)
        self.conditioning = Conditioning(self.sim.space, self.plan, known)
        self._filter = CommandFilter(CommandLimits.from_robot(self.robot), num_envs, self.sim.control_period)
        self._score = self.task.score(num_envs)
        self._ids = np.arange(num_envs)
        self._goal = np.zeros((num_envs, self.task.goal_size))
        self._episode = np.zeros(num_envs, np.int64)
        self._length = np.full(num_envs, self.task.episode_steps)  # of the running episode, in steps
        self._seed: int | None = None
        self._initial_seed = seed
        self._context: Context | None = None
        self._make_spaces()

    def _make_spaces(self) -> None:
        size = self.task.builder(1).size + len(self.conditioning)
        policy = spaces.Box(-CLIP, CLIP, (size,), np.float32)
        critic = spaces.Box(-CLIP, CLIP, (self.task.privileged_size,), np.float32)
        self.single_observation_space = spaces.Dict(policy=policy, critic=critic) if self.asymmetric else policy
        self.single_action_space = spaces.Box(-1.0, 1.0, (self.task.action_size,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    # ------------------------------------------------------------------ gymnasium
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None
              ) -> tuple[Observation, dict[str, Any]]:
        """Begin new episodes, with ``seed`` from the very first one; ``options={"reset_mask": (n,) bool}``: only
        those."""
        super().reset(seed=seed)
        if seed is not None:
            self._reseed(seed)
        elif self._seed is None:
            self._reseed(int(self.np_random.integers(2**31)) if self._initial_seed is None else self._initial_seed)
        ids = self._ids
        if options and "reset_mask" in options:
            ids = np.flatnonzero(options["reset_mask"])
        self._begin(ids, first=True)
        self._builder.reset(ids, self._context[ids])
        return self._observation(self._builder.now.copy()), {}

    def step(self, actions: np.ndarray) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One control period of all simulations under ``actions`` (n, A) in [-1, 1]."""
        if self._context is None:
            raise BadInputError("the environment was stepped before its first reset; call reset() first")
        sim, task, context = self.sim, self.task, self._context
        actions = np.asarray(actions, float).reshape(self.num_envs, task.action_size)
        actions = np.minimum(np.maximum(actions, -1.0), 1.0)
        command = self._filter.step(task.desired(actions, context))
        if self._sampler is not None:
            self._sampler.advance(sim.values, sim.time)  # only live columns change
        sim.step(command)
        truth, time = sim.true_state(), sim.time.copy()
        self._context = Context(sim.state(), self._goal, time, command, self._filter.velocity, actions)
        error = task.look(self._context, truth)
        failed = task.failed(truth, error)
        reward = task.reward(truth, self._goal, time, actions, context, error, failed)
        terminated = failed | sim.unstable
        self._score.add(error, terminated)
        truncated = (self._score.steps >= self._length) & ~terminated
        observation = self._observation(self._builder.build(self._context))
        ended = terminated | truncated
        info: dict[str, Any] = {}
        if ended.any():
            ids = np.flatnonzero(ended)
            info = self._final(observation, ids, ended)
            if self.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP:
                self._renew(observation, ids)
        return observation, reward, terminated, truncated, info

    def render(self) -> tuple[np.ndarray, ...] | None:
        """One picture (height, width, 3) per simulation."""
        return None if self.render_mode is None else tuple(self.sim.render("overview"))

    def close_extras(self, **kwargs: Any) -> None:
        """Free the engine."""
        self.sim.close()

    # ------------------------------------------------------------------ episodes
    @property
    def goal(self) -> np.ndarray:
        """Goals of the running episodes, shape (n, G); read only."""
        return self._goal

    def settle(self, periods: int) -> np.ndarray:
        """Let all arms hang at their set points for so long, then begin where they are measured, as deployed ones do.

        Returns:
            The observation, of all.

        Raises:
            BadInputError: Not reset yet, or drones, which no command keeps where they are.
        """
        if self._context is None or self.robot.kind != "arm":
            raise BadInputError(f"settle: expected arms after a reset, got {self.robot.name}")
        sim, standing = self.sim, self._filter.command
        for _ in range(periods):
            sim.step(standing)
        sim.time[:] = 0.0
        self._filter.reset(self._ids, sim.state().joint_position)
        self._context = self._first_context()
        return self._observation(self._builder.reset(self._ids, self._context))

    def set_goal(self, ids: np.ndarray, goal: np.ndarray) -> None:
        """Give the running episodes of ``ids`` other goals (k, G); their time goes on."""
        self._goal[ids] = goal

    @property
    def context(self) -> Context | None:
        """What the last observation was made of, None before the first reset; read only."""
        return self._context

    @property
    def seed_in_use(self) -> int | None:
        """The seed that everything follows from, None before the first reset."""
        return self._seed

    @property
    def episodes(self) -> np.ndarray:
        """How many episodes each simulation has begun, shape (n,); set it to go on where another run stopped."""
        return self._episode.copy()

    @episodes.setter
    def episodes(self, value: np.ndarray) -> None:
        self._episode[:] = value

    def _reseed(self, seed: int) -> None:
        self._seed = int(seed)
        self._episode[:] = 0
        # streams of sensor noise and lost commands: named by the seed as well as by the simulation
        self.sim.identify(self._ids + (self._seed % 2**38 << 24))
        self._noise_restarts = True
        self._sampler = None if self.plan is None else Sampler(self.plan, self.sim.space, self.num_envs, self._seed)
        self._builder = self.task.builder(self.num_envs, training=self.training, seed=self._seed)

    def _begin(self, ids: np.ndarray, *, first: bool = False) -> None:
        """New parameters, goals and start states for ``ids``, and the context they begin in."""
        sim, task, number = self.sim, self.task, self._episode[ids]
        if self._sampler is not None:
            sim.set_parameters(ids, self._sampler.episode(ids, number))
        draw = task.sample_training_goal if self.training else task.sample_goal
        self._goal[ids] = goal = draw(rng.uniform(self._seed, ids, number, "goal", task.goal_uniforms))
        state = task.sample_state(rng.uniform(self._seed, ids, number, "initial", task.state_uniforms), goal)
        sim.reset(ids, state, np.zeros(len(ids), np.int64) if self._noise_restarts else None)
        self._noise_restarts = False
        self._length[ids] = task.episode_steps
        if first and self.training:
            part = rng.uniform(self._seed, ids, number, "jitter", 1)[:, 0]
            length = _STRIDE * np.ceil(part * task.episode_steps / _STRIDE)
            self._length[ids] = np.minimum(length, task.episode_steps)
        self._episode[ids] += 1
        self._score.reset(ids)
        rest = sim.rest_command(state)
        self._filter.reset(ids, rest)
        if self._context is None or len(ids) == self.num_envs:
            self._context = self._first_context()
            return
        last = self._context
        last.command[ids], last.command_velocity[ids], last.last_action[ids] = self._filter.command[ids], 0.0, 0.0
        self._context = Context(sim.state(), self._goal, sim.time.copy(), last.command, last.command_velocity,
                                last.last_action)

    def _first_context(self) -> Context:
        """Of all, where nothing has been done yet."""
        sim, command = self.sim, self._filter.command
        return Context(sim.state(), self._goal, sim.time.copy(), command, np.zeros_like(command),
                       np.zeros((self.num_envs, self.task.action_size)))

    def _final(self, observation: Observation, ids: np.ndarray, ended: np.ndarray) -> dict[str, Any]:
        """What is said of the episodes that ended."""
        judged = ended & (self._length == self.task.episode_steps)  # not the first, shortened ones of training
        final = np.full(self.num_envs, None, dtype=object)
        for i in ids:
            final[i] = ({key: rows[i].copy() for key, rows in observation.items()} if self.asymmetric
                        else observation[i].copy())
        info = {"success": self._score.success & judged, "_success": judged, "error": self._score.error.copy(),
                "_error": ended, "rmse": self._score.rmse, "_rmse": ended}
        return {**info, "final_obs": final, "_final_obs": ended, "final_info": info, "_final_info": ended}

    def _renew(self, observation: Observation, ids: np.ndarray) -> None:
        """Begin the next episodes of ``ids`` and put their first observations in place."""
        self._begin(ids)
        context = self._context[ids]
        rows = self._builder.reset(ids, context)
        if len(self.conditioning):
            rows = np.concatenate([rows, self.conditioning.unit(self.sim.values[ids])], axis=1)
        if not self.asymmetric:
            observation[ids] = rows
            return
        observation["policy"][ids] = rows
        observation["critic"][ids] = self.task.privileged(self.sim.true_state()[ids], self.sim.values[ids],
                                                          context.goal, context.time)

    def _observation(self, policy: np.ndarray) -> Observation:
        if len(self.conditioning):
            policy = np.concatenate([policy, self.conditioning.unit(self.sim.values)], axis=1)
        if not self.asymmetric:
            return policy
        context = self._context
        return {"policy": policy, "critic": self.task.privileged(self.sim.true_state(), self.sim.values, self._goal,
                                                                 context.time)}


def default_engine(robot: RobotDescription, render_mode: str | None = None) -> str:
    """MuJoCo for arms, the analytic engine for drones, unless pictures are wanted."""
    return "quadrotor" if robot.kind == "drone" and render_mode is None else "mujoco"


def load_plan(given: RandomizationPlan | Mapping[str, Any] | str | Path | None, space: ParameterSpace
              ) -> RandomizationPlan | None:
    """A plan from what a user may give: "default", "none" or None, a plan, its data, or the path of a YAML file.

    Raises:
        RandomizationError: What is wrong with it, in one line.
    """
    if given is None or str(given) == "none":
        return None
    if isinstance(given, RandomizationPlan):
        plan = given
    elif isinstance(given, Mapping):
        plan = RandomizationPlan.from_dict(given, space)
    elif str(given) == "default":
        return RandomizationPlan.default(space)
    elif Path(given).suffix:
        plan = RandomizationPlan.load(given, space)
    else:
        raise RandomizationError(f"randomization: expected default, none or a YAML file, got {str(given)!r}")
    plan.resolve(space)
    return plan
