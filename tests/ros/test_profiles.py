"""The ``ros:`` section: the five robots' own, the default one, and one clear line for each mistake."""

from __future__ import annotations

import dataclasses

import pytest

from sim2real.errors import RobotDescriptionError
from sim2real.robots import list_robots, load_robot
from sim2real.ros.profiles import RosProfile, parse_field


def changed(robot, ros):
    return dataclasses.replace(robot, ros=ros)


@pytest.fixture(scope="module")
def ur5e():
    return load_robot("ur5e")


@pytest.fixture(scope="module")
def crazyflie():
    return load_robot("crazyflie")


# deployment.md's table: state topic, type, rate [Hz], default command topic, type
DRIVERS = {
    "ur5e": ("/joint_states", "sensor_msgs/msg/JointState", 500.0, "/forward_position_controller/commands",
             "std_msgs/msg/Float64MultiArray"),
    "fr3": ("/franka/joint_states", "sensor_msgs/msg/JointState", 1000.0, "/fr3_arm_controller/joint_trajectory",
            "trajectory_msgs/msg/JointTrajectory"),
    "so101": ("/joint_states", "sensor_msgs/msg/JointState", 50.0, "/forward_position_controller/commands",
              "std_msgs/msg/Float64MultiArray"),
    "crazyflie": ("/cf/odom", "nav_msgs/msg/Odometry", 100.0, "/cf/cmd_vel_legacy", "geometry_msgs/msg/Twist"),
    "x500": ("/mavros/local_position/odom", "nav_msgs/msg/Odometry", 100.0, "/mavros/setpoint_attitude/cmd_vel",
             "geometry_msgs/msg/TwistStamped"),
}


def test_every_robot_speaks_its_driver():
    assert set(DRIVERS) <= set(list_robots())
    for name, expected in DRIVERS.items():
        profile = RosProfile.for_robot(load_robot(name))
        command = profile.command()
        assert (profile.state.topic, profile.state.type, profile.state.rate, command.topic, command.type) == expected


def test_ur5e_offers_both_interfaces(ur5e):
    profile = RosProfile.for_robot(ur5e)
    assert profile.command("joint_trajectory").topic == "/scaled_joint_trajectory_controller/joint_trajectory"
    with pytest.raises(RobotDescriptionError, match="unknown command interface 'joint_trajektory'; did you mean"):
        profile.command("joint_trajektory")


def test_watchdogs_are_the_vehicles_own(crazyflie):
    stages = [(s.after, s.action) for s in RosProfile.for_robot(crazyflie).watchdog]
    assert stages == [(0.5, "level"), (2.0, "motors_off")]
    assert [(s.after, s.action) for s in RosProfile.for_robot(load_robot("x500")).watchdog] == [(1.0, "hold")]


def test_an_arm_without_a_section_gets_the_default(ur5e):
    profile = RosProfile.for_robot(changed(ur5e, {}))
    assert profile.state.topic == "/joint_states"
    assert profile.command().topic == "/forward_position_controller/commands"
    assert profile.command().joints is None


def test_a_drone_without_a_section_is_refused(crazyflie):
    with pytest.raises(RobotDescriptionError, match="a drone needs a 'ros' section"):
        RosProfile.for_robot(changed(crazyflie, {}))


@pytest.mark.parametrize(("path", "value", "line"), [
    (("stat",), {}, r"unknown field 'ros.stat'; did you mean 'state'\?"),
    (("state", "topik"), "/x", r"unknown field 'ros.state.topik'; did you mean 'topic'\?"),
    (("state", "rate"), "500 kg", "field 'ros.state.rate': .*'500 kg' has the wrong dimension"),
    (("state", "rate"), "500 Hs", "field 'ros.state.rate': unknown unit 'Hs'"),
    (("state", "rate"), 0, "field 'ros.state.rate': must be over zero, got 0"),
    (("state", "qos"), "sensor", "field 'ros.state.qos': .*got 'sensor'"),
    (("state", "type"), "nav_msgs/msg/Odometry", "field 'ros.state.type': expected sensor_msgs/msg/JointState for"),
    (("state", "topic"), "joint states", "field 'ros.state.topic'.*got 'joint states'"),
    (("commands",), {}, "field 'ros.commands'"),
    (("joints",), {"elbow": {"sign": -1}}, r"field 'ros.joints': unknown joint 'elbow'; did you mean elbow_joint\?"),
    (("joints",), {"elbow_joint": {"sign": 2}}, "field 'ros.joints.elbow_joint.sign'"),
    (("commands", "forward_position", "joints"), ["shoulder_pan_joint"],
     "field 'ros.commands.forward_position.joints': expected each of elbow_joint, .* once, got shoulder_pan_joint"),
    (("commands", "forward_position", "type"), "geometry_msgs/msg/Twist",
     "field 'ros.commands.forward_position.type': expected std_msgs/msg/Float64MultiArray or"),
    (("commands", "forward_velocity", "quantity"), "speed", "field 'ros.commands.forward_velocity.quantity'"),
    (("commands", "joint_trajectory", "quantity"), "velocity",
     "field 'ros.commands.joint_trajectory.quantity': velocities go as std_msgs/msg/Float64MultiArray"),
    (("commands", "forward_position", "typ"), "x", "unknown field 'ros.commands.forward_position.typ'"),
])
def test_mistakes_get_one_line(ur5e, path, value, line):
    import copy

    ros = copy.deepcopy(ur5e.ros)
    section = ros
    for part in path[:-1]:
        section = section[part]
    section[path[-1]] = value
    with pytest.raises(RobotDescriptionError, match=line) as caught:
        RosProfile.for_robot(changed(ur5e, ros))
    assert "\n" not in str(caught.value)
    assert "robot ur5e" in str(caught.value)


@pytest.mark.parametrize(("field", "text", "line"), [
    ("linear.z", "thrust N", "thrust takes no sign and no unit"),
    ("linear.y", "rate_x deg", "expected a unit of rad/s"),
    ("linear.y", "roll deg/s", r"expected '\[-\]<value> <unit>'"),
    ("linear.y", "rate_y deg/s", "expected thrust, rate_x, rate_y, rate_z in the message's fields"),
])
def test_mistakes_in_a_drones_fields(crazyflie, field, text, line):
    import copy

    ros = copy.deepcopy(crazyflie.ros)
    ros["commands"]["rates"]["fields"][field] = text
    with pytest.raises(RobotDescriptionError, match=line):
        RosProfile.for_robot(changed(crazyflie, ros))


def test_a_thrust_map_names_what_it_lacks(crazyflie):
    import copy

    ros = copy.deepcopy(crazyflie.ros)
    ros["commands"]["rates"]["thrust"] = {"map": "rotor_speed"}
    with pytest.raises(RobotDescriptionError, match="thrust map 'rotor_speed' needs the field 'top'"):
        RosProfile.for_robot(changed(crazyflie, ros))


def test_fields_are_numbers_per_si_unit():
    value, factor = parse_field("-rate_z deg/s")
    assert value == "rate_z"
    assert factor * 3.141592653589793 == pytest.approx(-180.0)  # pi rad/s are 180 deg/s, turned round
    assert parse_field("thrust") == ("thrust", 1.0)


CAMERA = {"image": "/wrist/image_raw", "info": "/wrist/camera_info", "encoding": "bgr8", "rate": "60 Hz"}


def test_cameras(ur5e):
    profile = RosProfile.for_robot(changed(ur5e, {**ur5e.ros, "cameras": {"wrist": CAMERA}}))
    camera = profile.cameras["wrist"]
    assert (camera.image, camera.info, camera.encoding, camera.rate) == (*list(CAMERA.values())[:3], 60.0)
    assert (camera.type, camera.qos) == ("sensor_msgs/msg/Image", "reliable")
    assert list(RosProfile.for_robot(ur5e).cameras) == ["front"]
    assert RosProfile.for_robot(load_robot("fr3")).cameras == {}


@pytest.mark.parametrize(("field", "value", "line"), [
    ("encoding", "rbg8", "field 'ros.cameras.wrist.encoding': unknown encoding 'rbg8'; did you mean"),
    ("image", "wrist image", "field 'ros.cameras.wrist.image'"),
    ("type", "sensor_msgs/msg/PointCloud2", "field 'ros.cameras.wrist.type'"),
    ("rate", 0, "field 'ros.cameras.wrist.rate': must be over zero"),
    ("encodin", "rgb8", r"unknown field 'ros.cameras.wrist.encodin'; did you mean 'encoding'\?"),
    ("rate", "5 Hz", "'ros.cameras.wrist': 'max_age' of 0.1 s is less than the time between two images at 5 Hz"),
])
def test_mistakes_in_a_camera(ur5e, field, value, line):
    with pytest.raises(RobotDescriptionError, match=line):
        RosProfile.for_robot(changed(ur5e, {**ur5e.ros, "cameras": {"wrist": {**CAMERA, field: value}}}))


FRAMES = {"max_age": "300 ms", "tf": True, "topics": [
    {"topic": "/mocap/table", "type": "geometry_msgs/msg/PoseStamped", "child": "table"},
    {"topic": "/calibration", "type": "geometry_msgs/msg/TransformStamped", "static": True, "qos": "latched"}],
    "fixed": {"shelf": {"parent": "table", "position": ["10 cm", 0, 0], "rpy": [0, 0, "90 deg"]}}}


def test_frames(ur5e):
    frames = RosProfile.for_robot(changed(ur5e, {**ur5e.ros, "frames": FRAMES})).frames
    assert (frames.max_age, frames.tf, frames.base) == (0.3, True, None)
    assert [topic.child for topic in frames.topics] == ["table", None]
    assert frames.fixed["shelf"].position == (0.1, 0.0, 0.0)
    assert frames.fixed["shelf"].rpy[2] == pytest.approx(1.5707963)
    assert RosProfile.for_robot(ur5e).frames.topics == ()


@pytest.mark.parametrize(("changes", "line"), [
    ({"max_age": 0}, "field 'ros.frames.max_age': must be over zero"),
    ({"topic": []}, r"unknown field 'ros.frames.topic'; did you mean 'topics'\?"),
    ({"topics": [{"topic": "/a", "type": "geometry_msgs/msg/PoseStamped"}]},
     "field 'ros.frames.topics.0': a PoseStamped names only the frame that it is in; add 'child'"),
    ({"topics": [{"topic": "/a", "type": "geometry_msgs/msg/Pose"}]}, "field 'ros.frames.topics.0.type'"),
    ({"topics": [{"topic": "/a", "typ": "geometry_msgs/msg/PoseStamped"}]}, "'ros.frames.topics.0.type' is missing"),
    ({"fixed": {"shelf": {"parent": "table", "position": [0, 0]}}}, "field 'ros.frames.fixed.shelf.position.2'"),
    ({"fixed": {"/shelf": {"parent": "table", "position": [0, 0, 0]}}}, "field 'ros.frames.fixed"),
    ({"fixed": {"shelf": {"parent": "table", "position": ["1 kg", 0, 0]}}}, "'1 kg' has the wrong dimension"),
])
def test_mistakes_in_frames(ur5e, changes, line):
    with pytest.raises(RobotDescriptionError, match=line):
        RosProfile.for_robot(changed(ur5e, {**ur5e.ros, "frames": {**FRAMES, **changes}}))


def test_the_example_of_the_documentation_is_a_profile():
    import re
    from pathlib import Path

    import yaml

    from sim2real.ros.sensor_sections import FramesSection

    page = (Path(__file__).resolve().parents[2] / "docs" / "ros.md").read_text()
    block, frames = re.findall(r"```yaml\n(ros:.*?)```", page, re.DOTALL)
    assert FramesSection.model_validate(yaml.safe_load(frames)["ros"]["frames"]).fixed["shelf"].parent == "base_link"
    profile = RosProfile.model_validate(yaml.safe_load(block)["ros"])
    assert profile.joints["elbow"].scale == pytest.approx(0.0174533, rel=1e-5)
    assert profile.command().hold == {"gripper": 0.0}
