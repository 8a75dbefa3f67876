"""Thin adapters from the batched environment to RL libraries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from sim2real.envs.vector import Sim2RealVectorEnv


class SB3VecEnv(VecEnv):
    """``Sim2RealVectorEnv`` as stable-baselines3 wants it: dones, and one info per simulation.

    An info is empty but at the end of an episode: ``terminal_observation``, ``TimeLimit.truncated``, ``episode`` (its
    return and length) and ``is_success``.
    """

    def __init__(self, env: Sim2RealVectorEnv):
        self.env = env
        self._return, self._length = np.zeros(env.num_envs), np.zeros(env.num_envs, np.int64)
        self._nothing: list[dict] = [{} for _ in range(env.num_envs)]
        self._next_seed: int | None = None
        self._actions: np.ndarray | None = None
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seed of the next reset."""
        self._next_seed = seed
        return [seed] * self.num_envs

    def reset(self):
        """Begin new episodes everywhere."""
        observation, _ = self.env.reset(seed=self._next_seed)
        self._next_seed = None
        self._return[:] = 0.0
        self._length[:] = 0
        return observation

    def step_async(self, actions: np.ndarray) -> None:
        """Remember the actions."""
        self._actions = actions

    def step_wait(self):
        """Take the step."""
        observation, reward, terminated, truncated, info = self.env.step(self._actions)
        reward = reward.astype(np.float32)
        self._return += reward
        self._length += 1
        done = terminated | truncated
        infos = self._nothing
        if done.any():
            infos = infos.copy()
            for i in np.flatnonzero(done):
                infos[i] = {"terminal_observation": info["final_obs"][i], "TimeLimit.truncated": bool(truncated[i]),
                            "episode": {"r": float(self._return[i]), "l": int(self._length[i])}}
                if info["_success"][i]:
                    infos[i]["is_success"] = bool(info["success"][i])
            self._return[done] = 0.0
            self._length[done] = 0
        return observation, reward, done, infos

    def close(self) -> None:
        """Free the engine."""
        self.env.close()

    # ------------------------------------------------------------------ the rest of VecEnv's interface
    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The environment's attribute, the same for all simulations."""
        return [getattr(self.env, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the environment."""
        setattr(self.env, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Call a method of the environment once."""
        return [getattr(self.env, method_name)(*args, **kwargs)] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """No simulation is wrapped by itself."""
        return [False] * len(list(self._get_indices(indices)))
