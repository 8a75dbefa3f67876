import mujoco
import numpy as np
import pytest

from sim2real.kinematics import Chain
from sim2real.robots import load_robot
from sim2real.simulators import scene

ROBOTS = ["ur5e", "fr3", "so101"]


@pytest.fixture(scope="module", params=ROBOTS)
def pair(request):
    robot = load_robot(request.param)
    return robot, scene.arm_model(robot)


def test_tool_site_is_where_the_kinematics_say(pair):
    robot, model = pair
    data = mujoco.MjData(model)
    u = np.random.default_rng(0).uniform(size=(5, robot.num_joints))
    q = robot.position_low + u * (robot.position_high - robot.position_low)
    position, rotation = Chain.from_robot(robot).forward(q)
    for k in range(5):
        for name, value in zip(robot.joint_names, q[k], strict=True):
            data.joint(name).qpos = value
        mujoco.mj_kinematics(model, data)
        np.testing.assert_allclose(data.site(scene.TOOL).xpos, position[k], atol=1e-9)
        np.testing.assert_allclose(data.site(scene.TOOL).xmat.reshape(3, 3), rotation[k], atol=1e-9)


def test_masses_limits_and_servos(pair):
    robot, model = pair
    for link in robot.moving_links:
        body = model.body(link.name)
        assert body.mass[0] == pytest.approx(link.mass)
        assert sorted(body.inertia) == pytest.approx(sorted(np.linalg.eigvalsh(link.inertia)), rel=1e-9)
    for joint in robot.joints:
        assert model.joint(joint.name).range.tolist() == pytest.approx(list(joint.position))
        assert model.actuator(joint.name).gainprm[0] == joint.stiffness
        assert model.actuator(joint.name).biasprm[:3].tolist() == [0, -joint.stiffness, -joint.damping_gain]
        assert model.actuator(joint.name).forcerange.tolist() == [-joint.effort, joint.effort]
    assert model.opt.timestep == pytest.approx(robot.substep)
    assert [model.actuator(i).name for i in range(model.nu)] == list(robot.joint_names)


def test_only_the_floor_is_touched(pair):
    """Folded into itself and through the floor, a robot has contacts with the floor alone."""
    robot, model = pair
    data, floor, found = mujoco.MjData(model), model.geom(scene.FLOOR).id, 0
    random = np.random.default_rng(0)
    for _ in range(50):
        data.qpos[:] = random.uniform(model.jnt_range[:, 0], model.jnt_range[:, 1])
        mujoco.mj_fwdPosition(model, data)
        found += data.ncon
        assert all(floor in data.contact.geom[k] for k in range(data.ncon))
    assert found > 0


def test_home_is_free_of_contact(pair):
    robot, model = pair
    data = mujoco.MjData(model)
    for joint in robot.joints:
        data.joint(joint.name).qpos = joint.home
    mujoco.mj_fwdPosition(model, data)
    assert data.ncon == 0


def test_history_covers_one_control_period(pair):
    robot, model = pair
    assert set(model.actuator_history[:, 0]) == {round(robot.control_period / robot.substep)}
