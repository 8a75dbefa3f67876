import pytest
import torch

from sim2real.training.config import PPOConfig, TrainConfig
from sim2real.training.ppo import train

TINY = PPOConfig(horizon=4, batch_size=32, epochs=2, actor=(8,), critic=(8,))


def tiny(out, **changes) -> TrainConfig:
    """A run of seconds: the analytic engine, short episodes."""
    return TrainConfig(**{"task": "crazyflie-hover", "options": {"episode_seconds": 2.2}, "num_envs": 8, "steps": 96,
                          "seed": 5, "out": out, "ppo": TINY, **changes})


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished tiny run."""
    return train(tiny(tmp_path_factory.mktemp("runs") / "run"))
