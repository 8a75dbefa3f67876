import os

import mujoco
import numpy as np
import pybullet
import pybullet_data
import pytest

from sim2real import rotations
from sim2real.errors import RobotDescriptionError
from sim2real.kinematics import Chain
from sim2real.resources import data_path
from sim2real.robots import load_robot
from sim2real.urdf import parse_urdf

ARMS = ["ur5e", "fr3", "so101"]


def random_positions(robot, n):
    return np.random.default_rng(0).uniform(robot.position_low, robot.position_high, (n, robot.num_joints))


@pytest.mark.parametrize("name", ARMS)
def test_forward_kinematics_is_that_of_mujocos_own_urdf_reader(name):
    robot = load_robot(name)
    text = (data_path("robots") / name / f"{name}.urdf").read_text()
    text = text.replace(f'<robot name="{name}">', f'<robot name="{name}"><mujoco><compiler fusestatic="false" '
                                                  'strippath="true"/></mujoco>')
    model = mujoco.MjModel.from_xml_string(text)
    data = mujoco.MjData(model)
    columns = [model.joint(joint).qposadr[0] for joint in robot.joint_names]
    tool = {"ur5e": "tool0", "fr3": "fr3_link8", "so101": "tool"}[name]
    q = random_positions(robot, 30)
    position, rotation = Chain.from_robot(robot).forward(q)
    for i in range(len(q)):
        data.qpos[columns] = q[i]
        mujoco.mj_kinematics(model, data)
        assert np.allclose(position[i], data.body(tool).xpos, atol=1e-9)
        assert np.allclose(rotation[i].ravel(), data.body(tool).xmat, atol=1e-9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("file", "tool"), [("kuka_iiwa/model.urdf", "lbr_iiwa_link_7"),
                                            ("franka_panda/panda.urdf", "panda_grasptarget")])
def test_forward_kinematics_of_foreign_urdfs_is_pybullets(file, tool):
    path = os.path.join(pybullet_data.getDataPath(), file)
    robot = load_robot(path)
    client = pybullet.connect(pybullet.DIRECT)
    try:
        body = pybullet.loadURDF(path, useFixedBase=True, physicsClientId=client)
        info = [pybullet.getJointInfo(body, i, physicsClientId=client) for i in range(
            pybullet.getNumJoints(body, physicsClientId=client))]
        joints = {row[1].decode(): row[0] for row in info}
        link = next(row[0] for row in info if row[12].decode() == tool)
        q = random_positions(robot, 20)
        position, rotation = Chain.from_robot(robot).forward(q)
        for i in range(len(q)):
            for name, value in zip(robot.joint_names, q[i], strict=True):
                pybullet.resetJointState(body, joints[name], value, physicsClientId=client)
            state = pybullet.getLinkState(body, link, computeForwardKinematics=True, physicsClientId=client)
            x, y, z, w = state[5]
            assert np.allclose(position[i], state[4], atol=1e-6)
            assert np.allclose(rotation[i], rotations.matrix(np.array([w, x, y, z])), atol=1e-6)
    finally:
        pybullet.disconnect(client)


def test_ur5e_matches_the_dh_table_by_hand():
    chain = Chain.from_robot(load_robot("ur5e"))
    # stretched: x = -(a2 + a3), y = d4 + d6, z = d1 - d5 (the base link is the DH base turned by pi)
    flat = [0.425 + 0.3922, 0.1333 + 0.0996, 0.1625 - 0.0997]
    # upper arm up, forearm level, wrist down: x = -a3 + d5, y = d4, z = d1 - a2 - d6
    bent = [0.3922 + 0.0997, 0.1333, 0.1625 + 0.425 - 0.0996]
    half = np.pi / 2
    position, rotation = chain.forward(np.array([[0.0] * 6, [0, -half, half, -half, -half, 0]]))
    assert np.allclose(position, [flat, bent], atol=1e-12)
    assert np.allclose(rotation[1][:, 2], [0, 0, -1])


@pytest.mark.parametrize("name", ARMS)
def test_jacobian_is_the_derivative(name):
    robot = load_robot(name)
    chain, h = Chain.from_robot(robot), 1e-6
    q = random_positions(robot, 10)
    jacobian = chain.jacobian(q)
    rotation = chain.forward(q)[1]
    for i in range(robot.num_joints):
        step = np.eye(robot.num_joints)[i] * h
        (above, turned), (below, back) = chain.forward(q + step), chain.forward(q - step)
        assert np.allclose(jacobian[:, :3, i], (above - below) / (2 * h), atol=1e-8)
        spin = (turned - back) / (2 * h) @ rotation.transpose(0, 2, 1)  # the matrix of the cross product
        assert np.allclose(jacobian[:, 3:, i], np.stack([spin[:, 2, 1], spin[:, 0, 2], spin[:, 1, 0]], 1), atol=1e-8)


SLIDER = """<robot name="s"><link name="a"/><link name="b"/><link name="c"/><link name="d"/>
<joint name="turn" type="revolute"><parent link="a"/><child link="b"/><axis xyz="0 1 0"/>
  <limit lower="-3" upper="3"/></joint>
<joint name="slide" type="prismatic"><parent link="b"/><child link="c"/><origin xyz="1 0 0"/><axis xyz="1 0 0"/>
  <limit lower="0" upper="1"/></joint>
<joint name="side" type="revolute"><parent link="b"/><child link="d"/><axis xyz="0 0 1"/>
  <limit lower="-3" upper="3"/></joint></robot>"""


def test_sliding_joints_order_and_joints_off_the_path():
    model = parse_urdf(SLIDER)
    chain = Chain.from_model(model, ("side", "slide", "turn"), "c", np.array([0.5, 0, 0]))
    # arm of 1 + 0.2 + 0.5 m along x, turned by 90 degrees about y: down
    position, _ = chain.forward(np.array([[0.7, 0.2, np.pi / 2]]))
    assert np.allclose(position, [[0, 0, -1.7]])
    jacobian = chain.jacobian(np.array([[0.7, 0.2, np.pi / 2]]))[0]
    assert np.allclose(jacobian[:, 0], 0)
    assert np.allclose(jacobian[:, 1], [0, 0, -1, 0, 0, 0])
    assert np.allclose(jacobian[:, 2], [-1.7, 0, 0, 0, 1, 0])
    (turn, slide), (_, _, tool) = chain.lines_of_one(np.array([0.7, 0.2, np.pi / 2]))
    assert np.allclose([turn, slide, tool], [[0, 1, 0], [0, 0, -1], [0, 0, -1.7]])


def test_wrong_shapes_and_links_are_named():
    model = parse_urdf(SLIDER)
    with pytest.raises(RobotDescriptionError, match="'nowhere'.*a, b, c, d"):
        Chain.from_model(model, ("turn",), "nowhere")
    with pytest.raises(ValueError, match=r"\(n, 1\), got \(4,\)"):
        Chain.from_model(model, ("turn",), "b").forward(np.zeros(4))


def test_solve_position_reaches_and_respects_limits():
    robot = load_robot("fr3")
    chain = Chain.from_robot(robot)
    target = chain.forward(random_positions(robot, 40))[0]
    q, error = chain.solve_position(target, robot.home, robot.position_low, robot.position_high)
    assert (q >= robot.position_low).all() and (q <= robot.position_high).all()
    assert np.allclose(np.linalg.norm(chain.forward(q)[0] - target, axis=1), error)
    assert np.median(error) < 1e-4


@pytest.mark.parametrize("name", ["ur5e", "fr3", "so101"])
def test_lines_of_one_robot_are_the_batch_s_frames(name):
    robot = load_robot(name)
    chain = Chain.from_robot(robot)
    for q in np.random.default_rng(0).uniform(robot.position_low, robot.position_high, (20, robot.num_joints)):
        axes, points = chain.lines_of_one(q)
        position, _, jacobian = chain.forward_jacobian(q[None])
        assert points[-1] == pytest.approx(position[0], abs=1e-12)
        for step, axis, point in zip(chain.steps, axes, points, strict=False):
            linear = axis if step.prismatic else np.cross(axis, position[0] - point)
            assert linear == pytest.approx(jacobian[0, :3, step.column], abs=1e-12)
