"""Episodes of many simulations at once, with what an identifier sees of them and what it should have said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sim2real import rng
from sim2real.deployment.policy import MIN_GOLDEN
from sim2real.deployment.stream import PeriodMeans
from sim2real.envs.conditioning import Conditioning
from sim2real.envs.vector import AutoresetMode, Sim2RealVectorEnv
from sim2real.identification.online.estimator import Identifier
from sim2real.identification.online.widening import FACTOR, widened
from sim2real.tasks.observations import ObservationBuilder
from sim2real.training.config import Resolved
from sim2real.training.policy import Actor

# what can change on a running robot: something is picked up or let go, a battery gives way
CHANGING = ("payload_mass", "battery_voltage_scale")
_CHANGED = 0.6  # share of the episodes in which it does
# [s] that a deployed arm has stood before: it hangs in its servos, and what bears it is in its efforts
STANDING = 1.0
_STREAM = "identification"
Act = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass
class Rollouts:
    """``n`` episodes of ``T`` periods, all float32.

    Attributes:
        features: The task's ``dynamics_terms``, shape (T, n, F).
        observation: The task's observation, shape (T, n, O).
        known: Parameters that the teacher is told, in unit coordinates, shape (T, n, K).
        unit: Parameters to identify, in unit coordinates, shape (T, n, I).
        running: Whether the episode has not failed before, shape (T, n).
    """

    features: torch.Tensor
    observation: torch.Tensor
    known: torch.Tensor
    unit: torch.Tensor
    running: torch.Tensor

    def __len__(self) -> int:
        return self.running.shape[1]

    @classmethod
    def joined(cls, parts: Sequence[Rollouts]) -> Rollouts:
        """The episodes of all."""
        return cls(*(torch.cat(rows, dim=1) for rows in zip(*(vars(part).values() for part in parts), strict=True)))

    def of(self, ids: torch.Tensor | slice) -> Rollouts:
        """Some of the episodes."""
        return Rollouts(*(rows[:, ids] for rows in vars(self).values()))

    def split(self, held_out: int) -> tuple[Rollouts, Rollouts]:
        """All but the last ``held_out`` episodes, and those."""
        n = len(self) - held_out
        return self.of(slice(None, n)), self.of(slice(n, None))


class Teacher:
    """Acts on the true parameters, with noise of another strength in each simulation: "plus exploration"."""

    def __init__(self, actor: Actor, noise: float, seed: int):
        self._actor, self._noise, self._random = actor, noise, torch.Generator().manual_seed(seed)

    def begin(self, n: int) -> None:
        """Begin ``n`` episodes; half of them go without noise."""
        strength = torch.rand(n, 1, generator=self._random) * 2.0 - 1.0
        self._strength = self._noise * torch.clamp(strength, min=0.0)

    def __call__(self, observation: torch.Tensor, known: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        action = self._actor(torch.cat([observation, self._actor.encode(known)], dim=1))
        return action + self._strength * torch.randn(action.shape, generator=self._random)


class Student:
    """Acts on what the identifier makes of the features: what is deployed."""

    def __init__(self, actor: Actor, identifier: Identifier):
        self._actor, self._identifier = actor, identifier

    def begin(self, n: int) -> None:
        """Begin ``n`` episodes."""
        self._memory = self._identifier.empty_memory(n)

    def __call__(self, observation: torch.Tensor, known: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        said = self._identifier(features, self._memory)
        self._memory = said["memory_out"]
        return self._actor(torch.cat([observation, said["context"]], dim=1))


class Collector:
    """Simulations of a run's task from which rollouts are drawn; everything follows from the seed.

    Arms are moved in two ways, in turns: as evaluation does it, under set points that hold for a period, from the
    instant at which they are put into a pose; and as a robot is, under a driver's stream, from a stand.

    Args:
        run: The configuration; its plan, task and engine are used, the plan ``widened`` in what is not estimated.
        num_envs: Episodes at once.
        seconds: Length of an episode, at least 16 periods (as many as golden vectors need); half of the arms get
            another goal half way.
        seed: Of parameters, goals and starts.
        factor: Of ``widened``.
        effort: Whether features have the efforts of joints, where the robot reports any.
    """

    def __init__(self, run: Resolved, num_envs: int, seconds: float, seed: int, factor: float = FACTOR, *,
                 effort: bool = True):
        plan = widened(run.plan, run.task.space, {*run.config.identify, *run.known}, factor)
        self.env = Sim2RealVectorEnv(run.task, num_envs, engine=run.config.engine, randomization=plan, seed=seed,
                                     threads=run.config.threads, autoreset=AutoresetMode.DISABLED, known=run.known)
        self.target = Conditioning(self.env.sim.space, self.env.plan, run.config.identify)
        self.steps = max(MIN_GOLDEN, round(seconds / run.task.control_period))
        self._seed, self._observed, self._ids = seed, run.task.builder(1).size, np.arange(num_envs)
        self._features = ObservationBuilder(run.task.dynamics_terms(effort), num_envs)
        self._changing = [i for i, name in enumerate(self.target.names) if name in CHANGING]
        self._count = 0
        self.env.reset()

    def close(self) -> None:
        """Free the engine."""
        self.env.close()

    @torch.no_grad()
    def collect(self, act: Teacher | Student) -> Rollouts:
        """New episodes in all simulations under ``act``."""
        env, n = self.env, self.env.num_envs
        env.sim.streamed = streamed = env.robot.kind == "arm" and self._count % 2 == 1
        observation, _ = env.reset(options={"reset_mask": np.ones(n, bool)})
        if streamed:
            observation = env.settle(round(STANDING / env.sim.control_period))
        means = PeriodMeans(env.sim.control_period)
        act.begin(n)
        running = np.ones(n, bool)
        change = self._draw_changes()
        kept: dict[str, list] = {name: [] for name in ("features", "observation", "known", "unit", "running")}
        for k in range(self.steps):
            context = means.of(env.context) if streamed else env.context
            rows = {"features": self._features.build(context), "observation": observation[:, :self._observed],
                    "known": observation[:, self._observed:], "unit": self.target.unit(env.sim.values),
                    "running": running.copy()}
            for name, row in rows.items():
                kept[name].append(torch.as_tensor(row))
            self._change(*change, k)
            action = act(kept["observation"][-1], kept["known"][-1], kept["features"][-1])
            observation, _, terminated, _, _ = env.step(action.numpy())
            running &= ~terminated
        self._count += 1
        return Rollouts(**{name: torch.stack(rows) for name, rows in kept.items()})

    def _draw_changes(self) -> tuple[np.ndarray, np.ndarray]:
        """When (n,) parameters change in each simulation, and their unit coordinates from then on (n, changing)."""
        u = rng.uniform(self._seed, self._ids, self._count, _STREAM, 2 + len(self._changing))
        when = np.where(u[:, 0] < _CHANGED, np.ceil(u[:, 1] * self.steps), -1)
        return when, 2.0 * u[:, 2:] - 1.0

    def _change(self, when: np.ndarray, unit: np.ndarray, step: int) -> None:
        ids = np.flatnonzero(when == step)
        if len(ids) and self._changing:
            values = self.env.sim.values[ids].copy()
            for i, coordinate in zip(self._changing, unit[ids].T, strict=True):
                values[:, self.target.columns[i]] = self.target.estimates[i].from_unit(coordinate)
            self.env.sim.set_parameters(ids, values)
        if step == self.steps // 2 and self.env.robot.kind == "arm":
            u = rng.uniform(self._seed, self._ids, self._count, "goal", self.env.task.goal_uniforms + 1)
            ids = np.flatnonzero(u[:, 0] < 0.5)
            self.env.set_goal(ids, self.env.task.sample_goal(u[ids, 1:]))
