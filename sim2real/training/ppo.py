"""``train``: PPO of stable-baselines3 on the batched environment, from a configuration to a bundle."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from stable_baselines3 import PPO
from stable_baselines3.common.logger import configure

from sim2real.envs.adapters import SB3VecEnv
from sim2real.envs.vector import Sim2RealVectorEnv
from sim2real.errors import RunFolderError
from sim2real.training.callbacks import Progress, RunKeeper, stop_on_signals
from sim2real.training.checkpoints import load_checkpoint, restore
from sim2real.training.config import PPOConfig, Resolved, TrainConfig, default_folder, load_run, resolve, save_run
from sim2real.training.policy import AsymmetricPolicy

TEST_SEED = 2**31  # test episodes are none of training's
_WINDOW = 256  # training episodes in the running success rate


@dataclass(frozen=True)
class TrainResult:
    """What a run came to.

    Attributes:
        run: The run folder.
        seconds: Wall time of this call.
        steps: Control periods of all simulations together, those before a resume included.
        success_rate: Share of 256 test episodes, without noise in the actions, in training's own simulator.
        bundle: The exported policy; None where the run was interrupted.
        interrupted: Whether a signal stopped it; its checkpoint is in the folder.
    """

    run: Path
    seconds: float
    steps: int
    success_rate: float
    bundle: Path | None
    interrupted: bool = False


class PPOWithNormaliser(PPO):
    """PPO whose normaliser takes in each rollout after the update that used it."""

    def train(self) -> None:
        super().train()
        rows = self.rollout_buffer.observations
        flat = {k: _flat(v) for k, v in rows.items()} if isinstance(rows, dict) else _flat(rows)
        self.policy.update_normaliser(flat)


def train(config: TrainConfig, progress: Progress | None = None, *, resume: str | Path | None = None) -> TrainResult:
    """Train a policy and export it.

    Args:
        config: What to train; with ``resume`` only its ``steps`` count, if given.
        progress: Called with (steps, total, text) as it goes on.
        resume: Run folder to go on with, from its last checkpoint.

    Raises:
        BadInputError: A configuration or a run folder that cannot be used.
    """
    begin = time.monotonic()
    torch.set_num_threads(1)  # small networks: more threads are slower (libraries.md)
    state = None
    if resume is None:
        run = resolve(config)
        folder = _new_folder(run)
        save_run(folder, run)
    else:
        folder = Path(resume)
        run, _ = load_run(folder)
        run = dataclasses.replace(run, config=dataclasses.replace(run.config, steps=config.steps or run.config.steps))
        state = load_checkpoint(folder)
    env = SB3VecEnv(Sim2RealVectorEnv(run.task, run.config.num_envs, engine=run.config.engine, training=True,
                                      randomization=run.plan, asymmetric=run.config.ppo.asymmetric,
                                      seed=run.config.seed, threads=run.config.threads))
    with contextlib.closing(env), stop_on_signals() as flag:
        model = build(run, env, state)
        model.set_logger(configure(str(folder / "tensorboard"), ["tensorboard"]))
        keeper = RunKeeper(folder, run.config.steps, flag, progress=progress, target=run.config.target_success,
                           checkpoint_seconds=run.config.checkpoint_seconds,
                           elapsed=state["elapsed"] if state else 0.0, test=lambda: test(model.policy, run)[0])
        missing = run.config.steps - model.num_timesteps
        if missing > 0:
            model.learn(missing, callback=keeper, reset_num_timesteps=False)
            keeper.save()
        if flag.is_set:
            return TrainResult(folder, time.monotonic() - begin, model.num_timesteps, keeper.success_rate, None, True)
        rate, _ = test(model.policy, run)
    from sim2real.training.export import export_run

    bundle = export_run(folder)
    return TrainResult(folder, time.monotonic() - begin, model.num_timesteps, rate, bundle)


def build(run: Resolved, env: SB3VecEnv, state: dict | None = None) -> PPOWithNormaliser:
    """The algorithm on ``env``, from the seed or from a checkpoint's state."""
    ppo: PPOConfig = run.config.ppo
    samples = ppo.horizon * env.num_envs

    def rate(remaining: float) -> float:
        return ppo.learning_rate * (ppo.final_rate + (1.0 - ppo.final_rate) * remaining)

    model = PPOWithNormaliser(
        AsymmetricPolicy, env, learning_rate=rate, n_steps=ppo.horizon, batch_size=min(ppo.batch_size, samples),
        n_epochs=ppo.epochs, gamma=ppo.gamma, gae_lambda=ppo.gae_lambda, clip_range=ppo.clip_range,
        ent_coef=ppo.entropy, vf_coef=ppo.value, max_grad_norm=ppo.max_gradient, stats_window_size=_WINDOW,
        policy_kwargs={"actor": list(ppo.actor), "critic": list(ppo.critic), "activation": ppo.activation,
                       "log_std_init": ppo.log_std}, seed=run.config.seed, device="cpu")
    env.seed(run.config.seed)
    first = env.reset()
    model.ep_info_buffer, model.ep_success_buffer = deque(maxlen=_WINDOW), deque(maxlen=_WINDOW)
    if state is None:
        model.policy.update_normaliser({k: torch.as_tensor(v) for k, v in first.items()} if isinstance(first, dict)
                                       else torch.as_tensor(first))
    else:
        restore(model, state)
        model.ep_success_buffer.extend(state["successes"])
        model.ep_info_buffer.extend({"r": r, "l": n, "t": 0.0} for r, n in state["returns"])
        env.env.episodes = state["episodes"].numpy()
        first = env.reset()
    model._last_obs, model._last_episode_starts = first, np.ones(env.num_envs, dtype=bool)
    return model


def test(policy: AsymmetricPolicy, run: Resolved, episodes: int = 256) -> tuple[float, np.ndarray]:
    """Play ``episodes`` episodes as evaluation draws them, without noise in the actions.

    Returns:
        Share that succeeded, and the last error of each in [m].
    """
    env = Sim2RealVectorEnv(run.task, episodes, engine=run.config.engine, randomization=run.plan, seed=TEST_SEED,
                            threads=run.config.threads, autoreset=AutoresetMode.DISABLED)
    actor = policy.actor()
    success, error = np.zeros(episodes, bool), np.zeros(episodes)
    running = np.ones(episodes, bool)
    with contextlib.closing(env):
        observation, _ = env.reset()
        for _ in range(run.task.episode_steps):
            with torch.no_grad():
                action = actor(torch.as_tensor(observation)).numpy()
            observation, _, terminated, truncated, info = env.step(action)
            ended = (terminated | truncated) & running
            if ended.any():
                success[ended], error[ended] = info["success"][ended], info["error"][ended]
                running &= ~ended
    return float(success.mean()), error


def _new_folder(run: Resolved) -> Path:
    folder = run.config.out
    if folder is None:
        folder = default_folder(run.task, time.strftime("%Y%m%d-%H%M%S"))
    folder = Path(folder)
    if (folder / "config.yaml").exists():
        raise RunFolderError(f"{folder} holds a run already; give another folder, or go on with --resume {folder}")
    return folder


def _flat(array: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(array).reshape(-1, array.shape[-1])
