"""Logs of twins: what a driver reports is the run that evaluation counts, sampled more finely."""

import numpy as np
import pytest

from sim2real.deployment.bundle import load_bundle
from sim2real.errors import BadInputError
from sim2real.evaluation.rollout import run_episodes
from sim2real.identification.loop.hard_twins import (
    IDENTIFIED,
    TRADED,
    believed,
    hard_twin,
    prior_plan,
    twin_ranges,
    unasked,
    wide_prior,
)
from sim2real.identification.loop.twin_log import record_episodes
from sim2real.parameters import ParameterSpace
from sim2real.recordings.layout import command_channels, needed_channels, state_channels
from sim2real.robots import load_robot
from tests.deployment.tiny_policy import build

SEEDS = np.array([3, 11])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return load_bundle(build(tmp_path_factory.mktemp("bundle") / "arm.s2r", seed=3))


@pytest.mark.parametrize("engine", ["mujoco", "pybullet"])
@pytest.mark.parametrize("values", [
    {}, {"actuator_delay": 0.137, "command_drop_probability": 0.2, "control_jitter": 0.01, "backlash": 0.004,
         "payload_mass": 2.0, "stiffness_scale": 0.6}])
def test_without_noise_the_log_is_the_episode_of_evaluation(bundle, engine, values):
    space = bundle.task.space
    quiet = {name: 0.0 for name in ("joint_position_noise", "joint_velocity_noise", "joint_position_quantum",
                                    "sensor_delay")}
    row = space.batch(1, {**quiet, **values})[0]
    log = record_episodes(bundle, engine, row, SEEDS)
    episodes = run_episodes(bundle, engine, SEEDS, np.tile(row, (2, 1)), record=True)
    every = round(bundle.robot.control_period / bundle.robot.substep)
    for i, recording in enumerate(log):
        commands = np.stack([recording.channels[name] for name in command_channels(bundle.robot)], axis=1)
        positions = np.stack([recording.channels[name] for name in state_channels(bundle.robot)[:6]], axis=1)
        np.testing.assert_allclose(commands[::every], episodes.trace["commands"][:, i], atol=1e-6)
        # a row is reported before its step; the trace has positions after each period
        np.testing.assert_allclose(positions[every::every], episodes.trace["positions"][:-1, i], atol=1e-6)
        assert len(recording) == 90 * every and recording.time[1] == pytest.approx(bundle.robot.substep)
        assert set(needed_channels(bundle.robot)) <= set(recording.channels)


def test_samples_are_as_old_and_as_noisy_as_the_twin_says(bundle):
    space = bundle.task.space
    still = space.batch(1, {"joint_position_noise": 0.0, "joint_velocity_noise": 0.0, "joint_position_quantum": 0.0,
                            "sensor_delay": 0.0})[0]
    old, noisy = still.copy(), still.copy()
    old[space.column("sensor_delay")] = 0.02
    noisy[space.column("joint_position_noise")] = 1e-3
    name = state_channels(bundle.robot)[1]
    a, b, c = (record_episodes(bundle, "mujoco", row, SEEDS[:1])[0].channels[name] for row in (still, old, noisy))
    # until the policy has seen another sample (first decision: both see the start), the same motion 20 ms later
    np.testing.assert_allclose(b[5:10], a[:5], atol=1e-9)
    assert np.std(np.diff(c[:10] - a[:10])) == pytest.approx(np.sqrt(2) * 1e-3, rel=0.6)


def test_a_drone_has_no_such_log(tmp_path):
    drone = load_bundle(build(tmp_path / "drone.s2r", "crazyflie-hover"))
    with pytest.raises(BadInputError, match="recorded for arms, crazyflie is a drone"):
        record_episodes(drone, "quadrotor", drone.task.space.nominal, SEEDS)
    with pytest.raises(BadInputError, match="has no stiffness_scale"):
        wide_prior(drone.task.space)


def test_hard_twins_lie_outside_and_priors_around_them():
    space = ParameterSpace.for_robot(load_robot("ur5e"))
    twins, prior = twin_ranges(space), wide_prior(space)
    assert (prior.low <= twins.low).all() and (prior.high > twins.high).all()
    k = IDENTIFIED.index("stiffness_scale")
    assert twins.low[k] == pytest.approx(0.45**1.3) and prior.high[k] == pytest.approx(1.4 ** (1.3 * 1.3))
    values = [hard_twin(space, seed) for seed in range(200)]
    rows = np.array([[v[name] for name in IDENTIFIED] for v in values])
    assert (rows >= twins.low).all() and (rows <= twins.high).all()
    assert (rows[:, k] < space["stiffness_scale"].twin_low).any()
    assert len({v["backlash"] for v in values}) == 200 and {v["external_force_x"] for v in values} == {0.0}
    assert hard_twin(space, 7) == values[7]
    assert prior_plan(prior).ranges(space)["payload_mass"]["high"] == pytest.approx(prior.high[0])


def test_all_that_a_replay_can_act_is_asked_for_or_integrated_out():
    space = ParameterSpace.for_robot(load_robot("ur5e"))
    asked, twins = believed(space), twin_ranges(space)
    assert asked.names == IDENTIFIED + TRADED
    np.testing.assert_array_equal(asked.high[:len(IDENTIFIED)], wide_prior(space).high)
    assert (asked.low[:len(IDENTIFIED)] <= twins.low).all() and asked.high[-1] == space["link_mass_scale"].twin_high
    others = unasked(space, asked.names)
    assert not set(asked.names) & set(others.names)
    assert {"stiction", "backlash", "stiffness_scale.elbow_joint", "gravity_tilt_x"} <= set(others.names)
    assert not {"joint_position_noise", "control_jitter", "external_force_x"} & set(others.names)
    # a plan over both draws what is integrated out as widely as it was
    assert prior_plan(others).ranges(space)["stiction"]["high"] == pytest.approx(space["stiction"].twin_high)
