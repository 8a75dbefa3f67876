"""Episodes of the deployed runner on twins: outcome, reproducibility, independence of the batch."""

import numpy as np
import pytest

from sim2real.deployment.bundle import load_bundle
from sim2real.evaluation.rollout import run_episodes
from sim2real.evaluation.twins import TwinPlan
from sim2real.parameters import ParameterSpace

NOMINAL = TwinPlan(draw=False)


@pytest.fixture(scope="module")
def bundle(servo_path):
    return load_bundle(servo_path)


def test_a_servoing_policy_reaches_on_nominal_twins_of_both_engines(bundle):
    for engine in ("mujoco", "pybullet"):
        done = run_episodes(bundle, engine, np.arange(6), NOMINAL)
        assert done.success.mean() >= 0.8, engine
        assert done.violations == 0 and done.held == 0
        assert np.median(done.error) < 0.02


def test_a_policy_that_does_nothing_fails(arm_bundle_idle):
    done = run_episodes(arm_bundle_idle, "mujoco", np.arange(20), NOMINAL)
    assert done.success.mean() <= 0.2


def test_latency_breaks_a_servo(bundle):
    space = ParameterSpace.for_robot(bundle.robot)
    late = run_episodes(bundle, "mujoco", np.arange(20), TwinPlan({"actuator_delay": 0.2}, draw=False))
    prompt = run_episodes(bundle, "mujoco", np.arange(20), NOMINAL)
    assert late.success.sum() < prompt.success.sum()
    assert (late.values[:, space.column("actuator_delay")] == 0.2).all()
    assert late.violations == 0, "the command filter holds whatever the policy does"


def test_an_episode_depends_on_its_seed_alone(bundle):
    seeds = np.array([11, 5, 8])
    together = run_episodes(bundle, "mujoco", seeds, TwinPlan(), record=True)
    alone = run_episodes(bundle, "mujoco", seeds[1:2], TwinPlan(), record=True)
    np.testing.assert_array_equal(together.values[1], alone.values[0])
    np.testing.assert_allclose(together.trace["errors"][:, 1], alone.trace["errors"][:, 0], rtol=0, atol=1e-6)
    assert together.success[1] == alone.success[0]


def test_twins_differ_from_each_other_and_have_defects(bundle):
    space = ParameterSpace.for_robot(bundle.robot)
    done = run_episodes(bundle, "mujoco", np.arange(8), TwinPlan())
    assert len(np.unique(done.values[:, space.column("payload_mass")])) == 8
    assert (done.values[:, space.column("backlash")] > 0).all()
    clean = run_episodes(bundle, "mujoco", np.arange(8), TwinPlan(defects=()))
    assert not clean.values[:, space.column("backlash")].any()


@pytest.fixture(scope="module")
def arm_bundle_idle(tmp_path_factory):
    from sim2real.tasks import load_task
    from tests.deployment.tiny_policy import build, tiny_onnx

    task = load_task("ur5e-reach")
    idle = tiny_onnx(task.builder(1).size, task.action_size, gain=0.0)
    return load_bundle(build(tmp_path_factory.mktemp("idle") / "idle.s2r", task=task, onnx=idle))
