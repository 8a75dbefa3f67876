"""One simulation as an ordinary ``gymnasium.Env``, on the same code as the batched one."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from sim2real.envs.vector import Sim2RealVectorEnv


class Sim2RealEnv(gymnasium.Env):
    """``Sim2RealVectorEnv`` with one simulation and without autoreset; it takes the same arguments.

    ``info`` at the end of an episode has ``success``, ``error`` [m] and ``rmse`` [m].
    """

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(self, task: str, *, render_mode: str | None = None, **kwargs: Any):
        self.vector = Sim2RealVectorEnv(task, 1, autoreset=AutoresetMode.DISABLED, render_mode=render_mode,
                                        **{"threads": 1, **kwargs})
        self.render_mode = render_mode
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": self.vector.metadata["render_fps"]}
        self.observation_space = self.vector.single_observation_space
        self.action_space = self.vector.single_action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Begin an episode; ``seed`` starts from the first one again."""
        super().reset(seed=seed)
        observation, _ = self.vector.reset(seed=seed)
        return _first(observation), {}

    def step(self, action: np.ndarray):
        """One control period under ``action`` (A,) in [-1, 1]."""
        observation, reward, terminated, truncated, info = self.vector.step(np.asarray(action)[None])
        ended = {key: info[key][0].item() for key in ("success", "error", "rmse") if key in info}
        return _first(observation), float(reward[0]), bool(terminated[0]), bool(truncated[0]), ended

    def render(self) -> np.ndarray | None:
        """A picture (height, width, 3)."""
        frames = self.vector.render()
        return None if frames is None else frames[0]

    def close(self) -> None:
        """Free the engine."""
        self.vector.close()


def _first(observation):
    return {key: rows[0] for key, rows in observation.items()} if isinstance(observation, dict) else observation[0]
