"""Checkpoints: one file, written whole or not at all, with everything that the next update depends on."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO

from sim2real.errors import RunFolderError
from sim2real.files import atomic_path

FILE = "checkpoint.pt"
_SCHEMA = 1


def save_checkpoint(folder: Path, model: PPO, *, episodes: np.ndarray, elapsed: float) -> None:
    """Write ``folder/checkpoint.pt``: network with its normaliser, optimizer, random generators, counters.

    Args:
        folder: The run folder.
        model: The algorithm, between two updates.
        episodes: Episodes begun by each simulation.
        elapsed: Seconds trained so far.
    """
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    state = {
        "schema": _SCHEMA, "steps": model.num_timesteps, "updates": model._n_updates, "elapsed": elapsed,
        "policy": model.policy.state_dict(), "optimizer": model.policy.optimizer.state_dict(),
        "episodes": torch.as_tensor(episodes), "torch_random": torch.get_rng_state(),
        "numpy_random": [kind, torch.as_tensor(keys.astype(np.int64)), position, has_gauss, gauss],
        "successes": [float(x) for x in model.ep_success_buffer or ()],
        "returns": [[e["r"], e["l"]] for e in model.ep_info_buffer or ()],
    }
    with atomic_path(folder / FILE) as path:
        torch.save(state, path)


def load_checkpoint(folder: str | Path) -> dict[str, Any]:
    """What ``save_checkpoint`` wrote; nothing but tensors and plain data is unpickled.

    Raises:
        RunFolderError: There is none, or it is damaged.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise RunFolderError(f"{folder} has no {FILE}; train until the first one is written, or start anew")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise RunFolderError(f"{path} cannot be read ({type(error).__name__}); it is damaged, start anew") from error
    if not isinstance(state, dict) or state.get("schema") != _SCHEMA:
        raise RunFolderError(f"{path} was made by another version of sim2real; start anew")
    return state


def restore(model: PPO, state: dict[str, Any]) -> None:
    """Put a checkpoint's state into a model of the same configuration."""
    try:
        model.policy.load_state_dict(state["policy"])
        model.policy.optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError, KeyError) as error:
        raise RunFolderError(f"{FILE} does not fit the run's configuration; start anew") from error
    model.num_timesteps, model._n_updates = state["steps"], state["updates"]
    kind, keys, position, has_gauss, gauss = state["numpy_random"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.set_rng_state(state["torch_random"])
