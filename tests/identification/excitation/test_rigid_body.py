"""Torques of motions: by hand, and beside MuJoCo's inverse dynamics."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from sim2real.deployment.capsules import CapsuleModel
from sim2real.identification.excitation.rigid_body import RigidBody, cross
from sim2real.robots import load_robot
from sim2real.simulators import scene
from sim2real.simulators.arm_values import GRAVITY
from tests.tiny_urdf import joint, link, robot


def motion_of(description, q, qd, qdd):
    frames = CapsuleModel.from_robot(description).frames(q)
    return RigidBody(description), RigidBody(description).motion(frames, q, qd, qdd)


@pytest.mark.parametrize("name", ["ur5e", "fr3", "so101"])
def test_all_bodies_together_need_what_mujoco_says(name):
    arm = load_robot(name)
    random = np.random.default_rng(3)
    q, qd, qdd = arm.home + 0.4 * random.normal(size=(6, arm.num_joints)), *random.normal(size=(2, 6, arm.num_joints))
    body, motion = motion_of(arm, q, qd, qdd)
    place = arm.tool_offset + np.array([0.02, -0.01, 0.05])
    torque = body.link_torques(motion, GRAVITY).sum(axis=1) + 1.3 * body.point_torques(motion, place, GRAVITY)
    model = scene.arm_model(arm)
    load = model.body(scene.PAYLOAD).id
    model.body_mass[load], model.body_pos[load] = 1.3, place
    model.dof_damping[:] = model.dof_frictionloss[:] = model.dof_armature[:] = 0.0
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT.value | mujoco.mjtDisableBit.mjDSBL_LIMIT.value
    data = mujoco.MjData(model)
    columns = [model.joint(joint_name).qposadr[0] for joint_name in arm.joint_names]
    for row in range(len(q)):
        data.qpos[columns], data.qvel[columns], data.qacc[columns] = q[row], qd[row], qdd[row]
        mujoco.mj_inverse(model, data)
        np.testing.assert_allclose(torque[row], data.qfrc_inverse[columns], atol=1e-10)


@pytest.fixture
def slide_and_swing(tmp_path):
    """A 2 kg slide along x that carries a 3 kg pendulum about y, its centre 0.5 m below the axis at zero."""
    heavy = '<inertia ixx="0.1" ixy="0" ixz="0" iyy="0.2" iyz="0" izz="0.1"/>'
    text = robot(link("base"), link("cart", 2.0), link("bob", 3.0, inertia=heavy, com="0 0 -0.5"),
                 joint("slide", "base", "cart", "prismatic", axis="1 0 0", xyz="0 0 1.5"),
                 joint("swing", "cart", "bob", axis="0 1 0"))
    path = tmp_path / "tiny.urdf"
    path.write_text(text)
    return load_robot(path)


def test_a_cart_and_pendulum_by_hand(slide_and_swing):
    angle, rate, turn, push = 0.7, 1.1, 0.4, 0.9
    order = [slide_and_swing.joint_names.index(name) for name in ("slide", "swing")]
    q, qd, qdd = (np.zeros((1, 2)) for _ in range(3))
    q[0, order], qd[0, order], qdd[0, order] = (0.3, angle), (0.2, rate), (push, turn)
    body, motion = motion_of(slide_and_swing, q, qd, qdd)
    cart, bob = body.link_torques(motion, GRAVITY)[0][:, order]
    np.testing.assert_allclose(cart, [2.0 * push, 0.0], atol=1e-12)
    # the centre is at (x - l sin, -l cos): its acceleration along x is push - l (turn cos - rate^2 sin)
    along = push - 0.5 * (turn * np.cos(angle) - rate**2 * np.sin(angle))
    # about the axis: (I + m l^2) turn - m l cos push + m g l sin
    swing = (0.2 + 3 * 0.25) * turn - 3 * 0.5 * np.cos(angle) * push + 3 * 9.81 * 0.5 * np.sin(angle)
    np.testing.assert_allclose(bob, [3.0 * along, swing], atol=1e-12)


def test_a_body_costs_only_the_joints_that_carry_it():
    arm = load_robot("ur5e")
    body, motion = motion_of(arm, np.zeros((2, 6)) + arm.home, np.ones((2, 6)), np.ones((2, 6)))
    torques = body.link_torques(motion, GRAVITY)
    for i in range(6):
        assert not torques[:, i, i + 1:].any() and torques[:, i, i].any()


def test_cross():
    a, b = np.random.default_rng(0).normal(size=(2, 3, 5))
    np.testing.assert_allclose(cross(a, b), np.cross(a, b, axis=0))
