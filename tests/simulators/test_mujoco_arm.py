from dataclasses import replace

import numpy as np
import pytest

from sim2real import rng
from sim2real.deployment.safety import CommandFilter, CommandLimits
from sim2real.kinematics import Chain
from sim2real.robots import load_robot
from sim2real.simulators.mujoco_arm import MujocoArm


def drawn(sim, episode):
    u = rng.uniform(1, np.arange(sim.num_sims), episode, "episode", len(sim.space))
    return sim.space.low + u * (sim.space.high - sim.space.low)


def model_fields(sim):
    names = ("body_mass", "body_inertia", "body_pos", "dof_damping", "dof_frictionloss", "dof_armature",
             "actuator_gainprm", "actuator_biasprm", "actuator_dynprm", "actuator_forcerange", "pair_friction",
             "opt.gravity", "body_subtreemass", "dof_invweight0")
    return {name: np.array(sim.batch.expanded(name)) for name in names}


def test_ten_thousand_draws_do_not_drift():
    with MujocoArm(load_robot("ur5e"), 50) as sim:
        sim.set_parameters(None, drawn(sim, 999))  # derived fields have values of their own once something differs
        sim.set_parameters(None, sim.space.batch(50))
        start = model_fields(sim)
        np.testing.assert_array_equal(start["body_mass"], np.tile(sim.model.body_mass, (50, 1)))
        for episode in range(200):
            sim.set_parameters(None, drawn(sim, episode))
        assert np.abs(sim.batch.expanded("body_mass") - start["body_mass"]).max() > 0.1
        sim.set_parameters(None, sim.space.batch(50))
        for name, value in model_fields(sim).items():
            np.testing.assert_array_equal(value, start[name], err_msg=name)


def test_values_arrive_in_the_model():
    robot = load_robot("ur5e")
    with MujocoArm(robot, 3) as sim:
        values = drawn(sim, 0)
        sim.set_parameters(None, values)
        space, model = sim.space, sim.model
        mass = sim.batch.expanded("body_mass")
        for link in robot.moving_links:
            scale = values[:, space.column("link_mass_scale")] * values[:, space.column(f"link_mass_scale.{link.name}")]
            np.testing.assert_allclose(mass[:, model.body(link.name).id], link.mass * scale)
        total = mass.sum(axis=1)
        np.testing.assert_allclose(sim.batch.expanded("body_subtreemass")[:, 0], total)  # derived constants follow
        for k, joint in enumerate(robot.joints):
            kp = joint.stiffness * space.family(values, "stiffness_scale")[:, k]
            np.testing.assert_allclose(sim.batch.expanded("actuator_gainprm")[:, k, 0], kp)
            loss = joint.friction * space.family(values, "joint_friction_scale")[:, k]
            np.testing.assert_allclose(sim.batch.expanded("dof_frictionloss")[:, k], loss)


def tool_path(name, substep, n=32):
    """Tool positions (75, n, 3) in [m] on fast, filtered motions with drawn parameters, in steps of ``substep`` [s].

    Dead times are whole periods, so that none is rounded.
    """
    robot = load_robot(name)
    chain, filtered = Chain.from_robot(robot), CommandFilter(CommandLimits.from_robot(robot), n, robot.control_period)
    filtered.reset(None, np.tile(robot.home, (n, 1)))
    path, random = [], np.random.default_rng(0)
    with MujocoArm(replace(robot, substep=substep), n) as sim:
        values, delay = drawn(sim, 0), sim.space.column("actuator_delay")
        values[:, delay] = robot.control_period * np.round(values[:, delay] / robot.control_period)
        values[:, sim.space.column("control_jitter")] = 0.0
        sim.set_parameters(None, values)
        sim.reset()
        for k in range(75):
            if k % 12 == 0:
                target = robot.home + random.uniform(-0.8, 0.8, (n, robot.num_joints))
            sim.step(filtered.step(target))
            path.append(chain.forward(sim.true_state().joint_position)[0])
    return np.array(path)


# [m] at which 90 of 100 instants are nearer than that to an integration in steps of 1 ms
@pytest.mark.parametrize(("name", "bound"), [("ur5e", 2e-3), ("fr3", 2e-3), ("so101", 2e-3)])
def test_integration_error(name, bound):
    """Second order while the set point lags; arms that strike the floor or a limit part for good, hence 90 of 100."""
    fine = tool_path(name, 0.001)
    error = np.linalg.norm(tool_path(name, load_robot(name).substep) - fine, axis=2)
    assert np.quantile(error, 0.9) < bound
    assert np.median(error) < 0.4 * bound


def test_stiction_leaves_the_friction_as_it_was():
    with MujocoArm(load_robot("ur5e"), 2) as sim:
        before = np.array(sim.batch.expanded("dof_frictionloss"))
        sim.set_parameters(np.array([1]), sim.space.batch(1, {"stiction": 1.0}))
        sim.reset()
        sim.step(np.tile(sim.robot.home, (2, 1)) + 0.05)
        np.testing.assert_array_equal(sim.batch.expanded("dof_frictionloss"), before)


def test_a_neighbours_stiction_changes_nothing():
    """With one simulation that sticks the period is cut into single steps: the others must not notice."""
    with MujocoArm(load_robot("ur5e"), 2) as a, MujocoArm(load_robot("ur5e"), 2) as b:
        a.set_parameters(np.array([1]), a.space.batch(1, {"stiction": 1.0}))
        for sim in (a, b):
            sim.reset(noise_counter=np.zeros(2, int))
            for k in range(10):
                sim.step(np.tile(sim.robot.home, (2, 1)) + 0.1 * np.sin(k))
        np.testing.assert_array_equal(a.true_state().joint_position[0], b.true_state().joint_position[0])
        assert np.abs(a.true_state().joint_position[1] - b.true_state().joint_position[1]).max() > 1e-5
