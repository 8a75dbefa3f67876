from contextlib import closing

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.envs.vector import Sim2RealVectorEnv, default_engine, load_plan
from sim2real.errors import BadInputError, RandomizationError
from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan
from sim2real.robots import load_robot

SHORT = {"episode_seconds": 0.8}  # 20 steps


def make(n, task="ur5e-reach", **kwargs):
    return Sim2RealVectorEnv(task, n, **{"seed": 3, "threads": 1, **kwargs})


def actions(t, n, size=6):
    """The same for simulation i whatever n."""
    return 0.5 * np.sin(0.3 * t + np.arange(n)[:, None] + np.arange(size))


def play(env, steps, size=6):
    rows = [env.reset()[0]]
    for t in range(steps):
        rows.append(env.step(actions(t, env.num_envs, size))[0])
    return np.array(rows)


@pytest.mark.parametrize(("task", "size"), [("ur5e-reach", 6), ("crazyflie-hover", 4)])
def test_simulation_i_is_the_same_whatever_the_number_of_them(task, size):
    many, few = make(5, task, options=SHORT if size == 6 else {}), make(2, task, options=SHORT if size == 6 else {})
    a, b = play(many, 30, size), play(few, 30, size)
    np.testing.assert_array_equal(a[:, :2], b)
    assert (a[-1, 0] != a[-1, 1]).any()
    many.close()
    few.close()


def test_the_seed_decides_everything_and_reset_with_it_starts_over():
    env = make(3, options=SHORT)
    first = play(env, 25)
    again = np.array([env.reset(seed=3)[0], *(env.step(actions(t, 3))[0] for t in range(25))])
    other = env.reset(seed=4)[0]
    np.testing.assert_array_equal(first, again)
    assert (other != first[0]).any()
    env.close()


def test_threads_change_nothing():
    one, two = make(8, threads=1), make(8, threads=2)
    np.testing.assert_array_equal(play(one, 10), play(two, 10))
    one.close()
    two.close()


def test_same_step_autoreset_returns_the_next_first_observation_and_keeps_the_last_one():
    env = make(2, options=SHORT)
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    env.reset()
    goal = env.goal.copy()
    for t in range(env.task.episode_steps):
        last, reward, terminated, truncated, info = env.step(actions(t, 2))
        assert truncated.all() == (t == env.task.episode_steps - 1)
        assert not terminated.any()
    assert info["_final_obs"].all() and info["_success"].all()
    assert info["final_obs"][0].shape == env.single_observation_space.shape
    assert (info["final_obs"][0] != last[0]).any()
    assert (env.goal != goal).any(axis=1).all()
    assert set(info["final_info"]) >= {"success", "error", "rmse"}
    # the first observation of an episode: no motion, no lead, no last action
    builder = env.task.builder(1)
    assert np.abs(last[:, builder.slice("last_action")]).max() == 0.0
    assert reward.shape == (2,)
    env.close()


def test_disabled_autoreset_waits_for_the_mask():
    env = make(3, options=SHORT, autoreset=AutoresetMode.DISABLED)
    env.reset()
    for t in range(env.task.episode_steps):
        observation, _, _, truncated, info = env.step(actions(t, 3))
    assert truncated.all()
    np.testing.assert_array_equal(info["final_obs"][1], observation[1])
    fresh, _ = env.reset(options={"reset_mask": np.array([False, True, False])})
    np.testing.assert_array_equal(fresh[[0, 2]], observation[[0, 2]])
    assert (fresh[1] != observation[1]).any()
    env.close()


def test_a_crash_terminates_and_time_truncates():
    env = make(2, "crazyflie-hover", randomization=None)
    env.reset()
    falling = np.zeros((2, 4))
    falling[0, 0] = -1.0
    seen = None
    for _ in range(env.task.episode_steps):
        _, reward, terminated, truncated, info = env.step(falling)
        assert not (terminated & truncated).any()
        if terminated[0] and seen is None:
            seen = (reward[0], info["success"][0], info["_success"][0])
    assert seen is not None and seen[0] < -5.0
    assert (seen[1], seen[2]) == (False, True)
    env.close()


def test_success_is_told_where_an_episode_ends():
    env = make(4, randomization=None)
    env.reset()
    task = env.task
    for _ in range(task.episode_steps):
        context = env._context
        way = task._joint_step(context) * 0.5 - 0.5 * (context.command - context.state.joint_position) / task._full_step
        info = env.step(np.clip(way, -1, 1))[4]
    assert info["success"].mean() >= 0.75
    assert info["error"][info["success"]].max() < 0.02
    env.close()


def test_commands_pass_the_deployed_filter():
    env = make(4, randomization=None)
    env.reset()
    stream = [env._context.command.copy()] * 3
    random = np.random.default_rng(0)
    for _ in range(60):
        env.step(random.uniform(-3, 3, (4, 6)))
        stream.append(env._context.command.copy())
    assert count_violations(np.array(stream), CommandLimits.from_robot(env.robot), env.sim.control_period) == 0
    env.close()


def test_asymmetric_observations_tell_the_critic_the_parameters():
    env = make(3, asymmetric=True, options=SHORT)
    observation, _ = env.reset()
    assert set(observation) == {"policy", "critic"}
    assert env.observation_space.contains(observation)
    for t in range(25):
        observation, *_ = env.step(actions(t, 3))
    assert env.observation_space.contains(observation)
    expected = env.task.privileged(env.sim.true_state(), env.sim.values, env.goal, env.sim.time)
    np.testing.assert_array_equal(observation["critic"], expected)
    env.close()


def test_randomization_reaches_the_simulator_and_changes_with_the_episode():
    env = make(4, options=SHORT)
    env.reset()
    column = env.sim.space.column("payload_mass")
    before = env.sim.values[:, column].copy()
    assert len(np.unique(before)) == 4
    for t in range(20):
        env.step(actions(t, 4))
    assert (env.sim.values[:, column] != before).all()
    plain = make(2, randomization=None)
    plain.reset()
    np.testing.assert_array_equal(plain.sim.values, plain.sim.space.batch(2))
    env.close()
    plain.close()


def test_training_spreads_the_first_episodes_and_judges_only_whole_ones():
    env = make(32, "crazyflie-track", training=True)
    env.reset()
    ends, judged = [], []
    for _ in range(40):
        *_, truncated, info = env.step(np.zeros((32, 4)))
        ends.append(truncated.sum())
        judged += [info["_success"] & truncated] if info else []
    assert 0 < np.sum(ends) < 32
    assert not np.any(judged)
    env.close()


def test_bad_input():
    with pytest.raises(BadInputError, match="call reset"):
        make(1).step(np.zeros((1, 6)))
    with pytest.raises(BadInputError, match="SAME_STEP or DISABLED"):
        make(1, autoreset=AutoresetMode.NEXT_STEP)
    with pytest.raises(BadInputError, match="rgb_array"):
        make(1, render_mode="human")


def test_plans_and_engines_by_name(tmp_path):
    arm, drone = load_robot("ur5e"), load_robot("crazyflie")
    assert (default_engine(arm), default_engine(drone)) == ("mujoco", "quadrotor")
    assert default_engine(drone, "rgb_array") == "mujoco"
    space = ParameterSpace.for_robot(arm)
    default = RandomizationPlan.default(space)
    assert load_plan(None, space) is None and load_plan("none", space) is None
    assert load_plan("default", space) == default
    assert load_plan(default.as_dict(), space) == default
    file = tmp_path / "plan.yaml"
    file.write_text(default.to_yaml())
    assert load_plan(file, space) == default
    with pytest.raises(RandomizationError, match="default, none or a YAML file"):
        load_plan("defualt", space)


def test_a_drone_cannot_settle():
    with closing(Sim2RealVectorEnv("crazyflie-hover", 2)) as env:
        env.reset(seed=0)
        with pytest.raises(BadInputError, match="expected arms"):
            env.settle(3)


def test_arms_that_have_settled_begin_where_they_hang():
    with closing(Sim2RealVectorEnv("ur5e-reach", 4, randomization=None)) as env:
        fresh, _ = env.reset(seed=3)
        assert np.abs(env.sim.true_state().joint_effort).max() < 1.0
        standing = env.context.command.copy()
        settled = env.settle(25)
        assert settled.shape == fresh.shape and (env.context.time == 0.0).all()
        np.testing.assert_array_equal(env.context.command, env.sim.state().joint_position)
        assert np.abs(env.context.command_velocity).max() == 0.0
        sag = env.context.command - standing
        assert 1e-4 < np.abs(sag).max() < 0.02 and np.abs(env.sim.true_state().joint_effort).max() > 5.0
        observation, *_ = env.step(np.zeros((4, 6)))
        assert np.isfinite(observation).all()
