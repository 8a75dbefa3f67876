"""True parameters behind the policy's observation, in unit coordinates of the training ranges."""

import numpy as np
import pytest

from sim2real.envs.conditioning import Conditioning
from sim2real.envs.vector import AutoresetMode, Sim2RealVectorEnv
from sim2real.errors import ParameterError
from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan
from sim2real.robots import load_robot

SPACE = ParameterSpace.for_robot(load_robot("ur5e"))
PLAN = RandomizationPlan.from_dict({"terms": {"payload_mass": {"uniform": [1.0, 3.0]},
                                              "stiffness_scale": {"log_uniform": [0.5, 2.0]}}})


def test_ends_of_the_ranges_are_minus_one_and_one():
    conditioning = Conditioning(SPACE, PLAN, ("stiffness_scale", "payload_mass"))
    values = SPACE.batch(3)
    values[:, SPACE.column("payload_mass")] = [1.0, 2.0, 3.0]
    values[:, SPACE.column("stiffness_scale")] = [2.0, 1.0, 0.5]  # in the logarithm: 1 is the middle
    np.testing.assert_allclose(conditioning.unit(values), [[1, -1], [0, 0], [-1, 1]], atol=1e-6)
    assert conditioning.unit(values).dtype == np.float32
    assert conditioning.names == ("stiffness_scale", "payload_mass") and len(conditioning) == 2
    assert [e.log for e in conditioning.estimates] == [True, False] and conditioning.estimates[1].unit == "kg"


@pytest.mark.parametrize(("names", "words"), [
    (("payload",), "unknown parameter 'payload'; did you mean payload_mass"),
    (("actuator_delay",), "actuator_delay does not vary"),
    (("payload_mass", "payload_mass"), "each parameter once")])
def test_what_cannot_be_told(names, words):
    with pytest.raises(ParameterError, match=words):
        Conditioning(SPACE, PLAN, names)
    with pytest.raises(ParameterError, match="does not vary|unknown|once"):
        Conditioning(SPACE, None, names)


@pytest.mark.parametrize("asymmetric", [False, True])
def test_the_environment_tells_the_truth_of_each_episode(asymmetric):
    """Also in the first observation of an episode that follows in the same step, and nothing else changes."""
    known = ("motor_time_constant", "mass")
    arguments = {"num_envs": 4, "options": {"episode_seconds": 2.04}, "training": True, "seed": 3,
                 "asymmetric": asymmetric}
    plain = Sim2RealVectorEnv("crazyflie-hover", **arguments)
    told = Sim2RealVectorEnv("crazyflie-hover", known=known, **arguments)
    size = plain.task.builder(1).size
    random, episodes = np.random.default_rng(0), 0

    def rows(observation):
        return observation["policy"] if asymmetric else observation

    before, after = plain.reset()[0], told.reset()[0]
    for _ in range(110):
        np.testing.assert_array_equal(rows(after)[:, :size], rows(before))
        np.testing.assert_array_equal(rows(after)[:, size:], told.conditioning.unit(told.sim.values))
        action = random.uniform(-0.3, 0.3, (4, 4))
        (before, *_), (after, _, terminated, truncated, info) = plain.step(action), told.step(action)
        episodes += int((terminated | truncated).sum())
        for i in np.flatnonzero(terminated | truncated):
            assert len(rows(info["final_obs"][i])) == size + 2
    assert episodes > 4
    assert told.single_observation_space.contains(
        {k: v[0] for k, v in after.items()} if asymmetric else after[0])
    plain.close(), told.close()


def test_another_goal_in_a_running_episode():
    env = Sim2RealVectorEnv("crazyflie-hover", 3, seed=1, autoreset=AutoresetMode.DISABLED)
    env.reset()
    before = env.goal.copy()
    env.set_goal(np.array([1]), np.array([[0.1, 0.2, 0.9, 0.0]]))
    np.testing.assert_array_equal(env.goal[[0, 2]], before[[0, 2]])
    np.testing.assert_array_equal(env.context.goal[1], [0.1, 0.2, 0.9, 0.0])
    env.close()
