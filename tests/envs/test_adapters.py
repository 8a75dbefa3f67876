import numpy as np
import pytest

from sim2real.envs.adapters import SB3VecEnv
from sim2real.envs.vector import Sim2RealVectorEnv

SHORT = {"episode_seconds": 0.8}


@pytest.fixture
def adapter():
    env = SB3VecEnv(Sim2RealVectorEnv("ur5e-reach", 3, options=SHORT, seed=1, threads=1))
    yield env
    env.close()


def test_infos_at_the_end_of_episodes(adapter):
    adapter.reset()
    total = np.zeros(3)
    for t in range(20):
        observation, reward, done, infos = adapter.step(np.zeros((3, 6)))
        total += reward
        assert done.all() == (t == 19)
        assert all(bool(info) == (t == 19) for info in infos)
    for i, info in enumerate(infos):
        assert info["TimeLimit.truncated"] is True and info["is_success"] in (True, False)
        assert info["terminal_observation"].shape == observation[i].shape
        assert info["episode"]["l"] == 20 and info["episode"]["r"] == pytest.approx(total[i], rel=1e-5)
    *_, infos = adapter.step(np.zeros((3, 6)))
    assert infos == [{}, {}, {}]


def test_seeding_is_for_the_next_reset(adapter):
    first = adapter.reset()
    adapter.seed(1)
    np.testing.assert_array_equal(adapter.reset(), first)
    assert (adapter.reset() != first).any()


def test_a_crash_is_not_truncated():
    env = SB3VecEnv(Sim2RealVectorEnv("crazyflie-hover", 1, randomization=None, seed=1))
    env.reset()
    for _ in range(300):
        *_, done, infos = env.step(np.array([[-1.0, 0.0, 0.0, 0.0]]))
        if done[0]:
            break
    assert infos[0]["TimeLimit.truncated"] is False and infos[0]["is_success"] is False
    env.close()


def test_stable_baselines3_learns_on_it_unchanged(adapter):
    from stable_baselines3 import PPO

    model = PPO("MlpPolicy", adapter, n_steps=8, batch_size=24, n_epochs=1, seed=0, device="cpu")
    model.learn(48)
    assert model.num_timesteps == 48


def test_attributes_and_methods_reach_the_environment(adapter):
    assert adapter.get_attr("num_envs") == [3, 3, 3]
    adapter.set_attr("render_mode", None)
    assert adapter.env_is_wrapped(object) == [False] * 3
    assert len(adapter.env_method("reset", indices=[0])) == 1
