"""Twins as evaluation draws them, flaws and all, give a deployed runner nothing to doubt."""

import numpy as np
import pytest

from sim2real import rng
from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.plausibility import Plausibility
from sim2real.deployment.runner import HOLD_AGE, STOP_AGE, Runner
from sim2real.evaluation.twins import SEED, TwinPlan
from sim2real.simulators import make_simulator
from tests.ros.hand_policies import write_policy

TWINS = 8
DRIVER = 0.06  # [s] of dead time that the stream to the driver's rate takes, on top of the twin's own


@pytest.mark.parametrize(("robot", "task", "engine"), [
    ("ur5e", "reach", "mujoco"), ("fr3", "reach", "mujoco"), ("so101", "reach", "mujoco"),
    ("crazyflie", "hover", "quadrotor"), ("x500", "hover", "quadrotor")])
def test_nothing_is_doubted_on_twins(tmp_path, robot, task, engine):
    bundle = load_bundle(write_policy(tmp_path / "policy.s2r", robot, task))
    task, period, seeds = bundle.task, bundle.task.control_period, np.arange(TWINS)
    sim = make_simulator(engine, bundle.robot, TWINS, seed=SEED)
    sim.identify(seeds)
    values = TwinPlan().sampler(sim.space, seeds).episode(seeds, np.zeros(TWINS, int))
    values[:, sim.space.column("actuator_delay")] += DRIVER * (bundle.robot.kind == "arm")
    sim.set_parameters(None, values)
    goal = task.sample_goal(rng.uniform(SEED, seeds, 0, "goal", task.goal_uniforms))
    sim.reset(None, task.sample_state(rng.uniform(SEED, seeds, 0, "initial", task.state_uniforms), goal),
              noise_counter=np.zeros(TWINS, int))
    judges = [Plausibility(bundle.robot, period, hold_age=HOLD_AGE, stop_age=STOP_AGE) for _ in seeds]
    runners = [Runner(bundle, plausibility=judge) for judge in judges]
    state = sim.state()
    for i, runner in enumerate(runners):
        runner.reset(state[i:i + 1], goal[i])
    for k in range(task.episode_steps):
        decisions = [runner.step(state[i:i + 1], k * period) for i, runner in enumerate(runners)]
        assert all(decision.mode[0] == "ACTIVE" for decision in decisions), [d.cause[0] for d in decisions]
        assert not any(judge.rejected for judge in judges), [judge.rejected for judge in judges]
        sim.step(np.concatenate([decision.command for decision in decisions]))
        state = sim.state()
    sim.close()
