"""Methods are played on the same episodes, as they are deployed."""

import numpy as np

from sim2real.identification.online.compare import success
from sim2real.identification.online.universal import from_oracle, train_method
from sim2real.training.config import PPOConfig, TrainConfig

TINY = PPOConfig(horizon=4, batch_size=32, epochs=2, actor=(8,), critic=(8,))
EASY = {"peak_speed": 0.05, "episode_seconds": 2.2}


def test_success_of_a_policy_is_reproducible_and_follows_the_seed(tmp_path):
    """Whatever an untrained policy achieves: the same again, other episodes with another seed, one entry an episode."""
    config = TrainConfig("crazyflie-track", options=EASY, num_envs=8, steps=64, ppo=TINY, method="oracle",
                         identify=("mass",), online={"episodes": 8, "seconds": 0.3, "updates": 2, "width": 8},
                         threads=1, out=tmp_path / "oracle")
    oracle = train_method(config).run
    student = from_oracle(oracle, "up-osi", tmp_path / "osi")
    first, again = success(oracle, 20, 7), success(oracle, 20, 7)
    assert first.shape == (20,) and first.dtype == bool
    np.testing.assert_array_equal(first, again)
    assert success(student, 20, 7).shape == (20,)
