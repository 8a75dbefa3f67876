import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from sim2real.envs.single import Sim2RealEnv
from sim2real.envs.vector import Sim2RealVectorEnv


@pytest.mark.parametrize("task", ["ur5e-reach", "crazyflie-hover", "crazyflie-track"])
def test_gymnasiums_own_check(task):
    env = Sim2RealEnv(task)
    check_env(env, skip_render_check=True)
    env.close()


def test_it_is_the_batched_one_with_one_simulation():
    options = {"episode_seconds": 0.8}
    single = Sim2RealEnv("ur5e-reach", options=options)
    batched = Sim2RealVectorEnv("ur5e-reach", 1, options=options, threads=1)
    a, b = single.reset(seed=5)[0], batched.reset(seed=5)[0][0]
    np.testing.assert_array_equal(a, b)
    action = np.full(6, 0.3)
    for _ in range(19):
        a, reward, terminated, truncated, info = single.step(action)
        b, rewards, *_ = batched.step(action[None])
        np.testing.assert_array_equal(a, b[0])
        assert (reward, terminated, truncated, info) == (rewards[0], False, False, {})
    a, _, _, truncated, info = single.step(action)
    *_, more = batched.step(action[None])
    assert truncated and set(info) == {"success", "error", "rmse"}
    np.testing.assert_array_equal(a, more["final_obs"][0])
    single.close()
    batched.close()


def test_asymmetric_and_pictures_of_a_drone():
    env = Sim2RealEnv("crazyflie-hover", asymmetric=True, render_mode="rgb_array")
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert env.vector.engine == "mujoco"
    picture = env.render()
    assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.std() > 1.0
    env.close()
