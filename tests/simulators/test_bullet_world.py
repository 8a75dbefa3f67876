import ctypes

import mujoco
import numpy as np
import pytest

from sim2real.robots import load_robot
from sim2real.simulators import scene
from sim2real.simulators.bullet_urdf import urdf_text
from sim2real.simulators.bullet_world import BulletWorld

ROBOT = load_robot("ur5e")
ONES = np.ones(len(ROBOT.moving_links))


@pytest.fixture
def world():
    world = BulletWorld(ROBOT, 0.002)
    yield world
    world.close()


@pytest.mark.parametrize("gravity", [(0.0, 0.0, -9.81), (1.0, -2.0, -9.0)])
def test_inertia_matrix_and_bias_are_mujocos(world, gravity):
    """Two engines, one robot: the same mass matrix and the same gravity and Coriolis torques."""
    world.load(urdf_text(ROBOT, ONES), np.array(gravity), 0.8)
    model = scene.arm_model(ROBOT)
    model.opt.gravity[:] = gravity
    data, random = mujoco.MjData(model), np.random.default_rng(1)
    for _ in range(3):
        data.qpos[:], data.qvel[:] = random.uniform(-2, 2, 6), random.uniform(-2, 2, 6)
        mujoco.mj_forward(model, data)
        full = np.zeros((6, 6))
        mujoco.mj_fullM(model, data, full)
        matrix, bias = world.dynamics(data.qpos.tolist(), data.qvel.tolist())
        np.testing.assert_allclose(np.array(matrix), full - np.diag(model.dof_armature), atol=1e-6)
        np.testing.assert_allclose(bias, data.qfrc_bias, atol=1e-4)


def test_loading_again_forgets_the_old_masses(world):
    at = [0.1, -1.0, 1.0, 0.2, 0.3, 0.0]
    torque = []
    for scale in (1.0, 2.0, 1.0):
        world.load(urdf_text(ROBOT, ONES * scale), np.array([0, 0, -9.81]), 0.8)
        torque.append(world.dynamics(at, [0.0] * 6)[1][1])
    assert torque[1] == pytest.approx(2 * torque[0], rel=1e-9)
    assert torque[2] == torque[0]


def test_bullet_adds_no_damping_or_friction(world):
    """Without gravity and torque a spinning last joint keeps its speed."""
    world.load(urdf_text(ROBOT, ONES), np.zeros(3), 0.8)
    world.write(ROBOT.home, np.array([0, 0, 0, 0, 0, 1.0]))
    for _ in range(200):
        position, velocity = world.read()
        world.step(world.dynamics(position, velocity)[1])
    assert world.read()[1][5] == pytest.approx(1.0, rel=1e-9)
    assert world.friction() == [0.8] * 6


def test_close_twice(world):
    world.close()
    world.close()


def test_bullet_is_silent_on_standard_output(world, capfd):
    """With this payload an axis is a unit vector but for the last bit, and Bullet prints about it."""
    offset = np.array([0.01, -0.014, 0.057])
    world.load(urdf_text(ROBOT, ONES, 2.4000000000000004, ROBOT.tool_offset + offset), np.zeros(3), 0.8)
    ctypes.CDLL(None).fflush(None)
    assert capfd.readouterr().out == ""
    print("still here")
    assert capfd.readouterr().out == "still here\n"
