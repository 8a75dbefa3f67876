import os

import numpy as np
import pybullet_data
import pytest

from sim2real.errors import RobotDescriptionError
from sim2real.kinematics import Chain
from sim2real.robot_defaults import carried_inertia, describe_urdf
from sim2real.robot_model import RobotDescriptionWarning
from sim2real.robots import RobotDescription, load_robot
from sim2real.urdf import parse_urdf

FOREIGN = {"kuka_iiwa/model.urdf": 7, "franka_panda/panda.urdf": 7, "xarm/xarm6_robot.urdf": 6,
           "xarm/xarm6_with_gripper.urdf": 6}


def foreign(file):
    path = os.path.join(pybullet_data.getDataPath(), file)
    if not os.path.isfile(path):
        pytest.skip(f"pybullet_data has no {file}")
    return path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file", FOREIGN)
def test_foreign_arms_load_with_usable_defaults(file):
    robot = load_robot(foreign(file))
    assert robot.num_joints == FOREIGN[file]
    assert not any("finger" in name for name in robot.joint_names)
    chain = Chain.from_robot(robot)
    goals = robot.goal.sample(np.random.default_rng(0).random((300, 3)))
    _, error = chain.solve_position(goals, robot.home, robot.position_low, robot.position_high)
    assert (error < 0.002).mean() >= 0.98
    singular = np.linalg.svd(chain.jacobian(robot.home[None])[0, :3], compute_uv=False)
    assert singular[-1] > 0.15 * singular[0]
    assert (robot.velocity_limit <= np.pi).all()
    # a bundle rebuilds it from the derived robot.yaml
    again = RobotDescription.from_files(robot.files)
    assert again.hash == robot.hash and again.joints == robot.joints


def test_a_panda_keeps_its_hand_as_dead_weight_and_its_grasp_frame_as_tool():
    robot = load_robot(foreign("franka_panda/panda.urdf"))
    assert robot.tool_link == "panda_link7"
    # flange 0.107 + grasp target 0.105 m along the tool's z
    assert np.allclose(robot.tool_offset, [0, 0, 0.212])
    # link 7 .2, hand .81, fingers .1 each
    assert robot.moving_links[-1].mass == pytest.approx(0.2 + 0.81 + 0.2)
    assert np.allclose(robot.effort_limit, [87] * 4 + [12] * 3)


def arm(limit='<limit lower="-2" upper="2" velocity="9" effort="20"/>', second="revolute", finger=""):
    body = ('<inertial><origin xyz="0 0 0.2"/><mass value="1"/>'
            '<inertia ixx="0.02" ixy="0" ixz="0" iyy="0.02" iyz="0" izz="0.001"/></inertial>')
    return f"""<robot name="my arm"><link name="base"/><link name="l1">{body}</link><link name="l2">{body}</link>
      <link name="l3">{body}</link><link name="l4">{body}</link><link name="camera"/><link name="tip"/>
      <joint name="j1" type="revolute"><parent link="base"/><child link="l1"/><axis xyz="0 0 1"/>{limit}</joint>
      <joint name="j2" type="revolute"><parent link="l1"/><child link="l2"/><origin xyz="0 0 0.4"/>
        <axis xyz="0 1 0"/>{limit}</joint>
      <joint name="j3" type="{second}"><parent link="l2"/><child link="l3"/><origin xyz="0 0 0.4"/>
        <axis xyz="0 1 0"/>{limit}</joint>
      <joint name="cam" type="fixed"><parent link="l2"/><child link="camera"/></joint>
      <joint name="t" type="fixed"><parent link="l3"/><child link="tip"/><origin xyz="0 0 0.4"/></joint>
      <joint name="finger_joint" type="revolute"><parent link="l3"/><child link="l4"/><axis xyz="0 0 1"/>{limit}
      </joint>{finger}</robot>""".encode()


def loaded(data):
    return RobotDescription.from_files({"robot.yaml": describe_urdf(data, "a.urdf"), "a.urdf": data})


def test_rules_by_hand():
    robot = loaded(arm())
    assert robot.name == "my_arm"
    assert robot.joint_names == ("j1", "j2", "j3")  # without the finger
    assert np.allclose(robot.tool_offset, [0, 0, 0.4]) and robot.tool_link == "l3"
    assert np.allclose(robot.velocity_limit, np.pi)  # 9 rad/s is capped
    # j3 carries l3 and the finger, 1 kg at 0.2 m each, 0.02 kg m2 each about their centres: 0.12 kg m2
    carried = carried_inertia(robot.model, robot.joint_names, robot.home)[0]
    assert carried[2] == pytest.approx(0.12)
    assert robot.armature[2] == pytest.approx(max(0.002 * 20, 0.4 * 0.12))
    omega = 2 * np.pi * 8.0
    assert robot.stiffness[2] == pytest.approx((0.12 + 0.048) * omega**2, rel=1e-5)
    assert robot.damping_gain[2] == pytest.approx(2 * (0.12 + 0.048) * omega, rel=1e-5)


def test_home_is_bent_with_the_tool_in_front():
    robot = loaded(arm())
    position, _ = Chain.from_robot(robot).forward(robot.home[None])
    assert position[0, 0] > 0.2 and abs(position[0, 1]) < 0.1
    assert abs(robot.home[2]) > 0.3


def test_missing_limits_are_filled_in_with_a_warning():
    with pytest.warns(RobotDescriptionWarning) as caught:
        robot = loaded(arm(limit='<limit velocity="0" effort="0"/>'))
    told = " ".join(str(warning.message) for warning in caught)
    for words in ("'j1' has no position limits", "'j2' has no velocity limit; taken as 1.5",
                  "'j3' has no effort limit"):
        assert words in told
    assert np.allclose(robot.position_high, np.pi)
    # j2 carries 3 kg: l2 at 0.2 m, l3 and the finger at 0.6 m; three times its weight torque
    assert robot.effort_limit[1] == pytest.approx(3 * 9.81 * (0.2 + 0.6 + 0.6), rel=1e-5)


def test_a_scara_keeps_its_sliding_joint():
    robot = loaded(arm(second="prismatic"))
    assert robot.joint_names == ("j1", "j2", "j3")
    assert robot.velocity_limit[2] == pytest.approx(0.5)


def test_what_is_no_arm_says_so():
    text = '<robot name="box"><link name="a"/></robot>'
    with pytest.raises(RobotDescriptionError, match="a.urdf: expected an arm.*found 0"):
        describe_urdf(text.encode(), "a.urdf")
    assert parse_urdf(text).root == "a"
