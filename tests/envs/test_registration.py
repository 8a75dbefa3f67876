import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from sim2real.envs.registration import register
from sim2real.tasks import task_ids


@pytest.fixture(autouse=True, scope="module")
def registered():
    register()


def test_every_task_is_there_and_registering_twice_is_silent(recwarn):
    register()
    assert not recwarn.list
    for task in [*task_ids(), "reach", "visual-reach", "excite", "hover", "track"]:
        assert gymnasium.spec(f"sim2real/{task}-v0").kwargs == {"task": task}


def test_make():
    env = gymnasium.make("sim2real/ur5e-reach-v0", randomization=None)
    observation, _ = env.reset(seed=1)
    assert observation.dtype == np.float32
    assert env.step(env.action_space.sample())[2] is False
    env.close()


def test_make_vec():
    env = gymnasium.make_vec("sim2real/crazyflie-hover-v0", num_envs=16, vectorization_mode="vector_entry_point")
    assert env.num_envs == 16
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observation, _ = env.reset(seed=1)
    assert env.observation_space.contains(observation)
    env.close()


def test_a_users_robot_by_path(root):
    path = root / "robots" / "so101" / "robot.yaml"
    env = gymnasium.make("sim2real/reach-v0", robot=str(path))
    assert env.unwrapped.vector.robot.name == "so101"
    env.close()


def test_it_is_light(root):
    code = ("import sys; from sim2real.envs.registration import register; "
            "print([m for m in ('torch', 'mujoco', 'pybullet', 'pydantic', 'stable_baselines3') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"], cwd=root,
                          capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
