"""The methods side by side: how often each succeeds on the same robots that none of them has been trained on."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from sim2real.envs.vector import AutoresetMode, Sim2RealVectorEnv
from sim2real.identification.online.rollouts import Student, Teacher
from sim2real.identification.online.universal import load_learner
from sim2real.tasks.observations import ObservationBuilder
from sim2real.training.checkpoints import load_checkpoint
from sim2real.training.config import Resolved, load_run
from sim2real.training.export import load_actor


def success(folder: str | Path, episodes: int, seed: int, engine: str | None = None) -> np.ndarray:
    """Which of so many episodes a run's policy succeeds in, shape (episodes,).

    All methods meet the same robots, goals and starts, drawn from the run's own plan by ``seed``, and run as they are
    deployed: without noise in the actions, behind the command filter. The oracle is told the true parameters.
    """
    run, _ = load_run(folder)
    act, effort = deployed(folder, run)
    with torch.no_grad(), closing(Sim2RealVectorEnv(
            run.task, episodes, engine=engine or run.config.engine, randomization=run.plan, seed=seed, known=run.known,
            threads=run.config.threads, autoreset=AutoresetMode.DISABLED)) as env:
        features, observed = ObservationBuilder(run.task.dynamics_terms(effort), episodes), run.task.builder(1).size
        observation, _ = env.reset()
        act.begin(episodes)
        good, running = np.zeros(episodes, bool), np.ones(episodes, bool)
        for _ in range(run.task.episode_steps):
            rows = torch.as_tensor(observation)
            seen = torch.as_tensor(features.build(env.context))
            observation, _, terminated, truncated, info = env.step(
                act(rows[:, :observed], rows[:, observed:], seen).numpy())
            ended = (terminated | truncated) & running
            if ended.any():
                good[ended] = info["success"][ended]
                running &= ~ended
    return good


def deployed(folder: str | Path, run: Resolved) -> tuple[Teacher | Student, bool]:
    """A run's policy as it is deployed, and whether it sees efforts; oracle and plain policy have no identifier."""
    if run.config.method in ("plain", "oracle"):
        return Teacher(load_actor(run, load_checkpoint(folder)), 0.0, 0), False
    learner, state = load_learner(folder)
    return Student(learner.student, learner.identifier), state["online"]["effort"]


def gap_closed(rates: dict[str, float], method: str) -> float:
    """Share of the gap between the plain policy and the oracle that a method closes; nan where there is none."""
    gap = rates["oracle"] - rates["plain"]
    return (rates[method] - rates["plain"]) / gap if gap > 0.0 else float("nan")
