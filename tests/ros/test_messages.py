"""The policy node and the twin are each other's mirror; messages here are plain objects with the same fields."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace as Struct

import numpy as np
import pytest

from sim2real import rotations
from sim2real.errors import DeploymentError, RobotDescriptionError
from sim2real.robots import load_robot
from sim2real.ros.messages import CommandReader, CommandWriter, StateReader, StateWriter
from sim2real.ros.profiles import RosProfile
from sim2real.types import RobotState


def vector():
    return Struct(x=0.0, y=0.0, z=0.0)


def header():
    return Struct(stamp=Struct(sec=0, nanosec=0), frame_id="")


def pose():
    return Struct(position=vector(), orientation=Struct(x=0.0, y=0.0, z=0.0, w=1.0))


def twist():
    return Struct(linear=vector(), angular=vector())


MAKERS = {
    "sensor_msgs/msg/JointState": lambda: Struct(header=header(), name=[], position=[], velocity=[], effort=[]),
    "std_msgs/msg/Float64MultiArray": lambda: Struct(data=[]),
    "trajectory_msgs/msg/JointTrajectory": lambda: Struct(header=header(), joint_names=[], points=[]),
    "trajectory_msgs/msg/JointTrajectoryPoint": lambda: Struct(positions=[], time_from_start=Struct(sec=0, nanosec=0)),
    "nav_msgs/msg/Odometry": lambda: Struct(header=header(), child_frame_id="", pose=Struct(pose=pose()),
                                            twist=Struct(twist=twist())),
    "geometry_msgs/msg/PoseStamped": lambda: Struct(header=header(), pose=pose()),
    "geometry_msgs/msg/Twist": twist,
    "geometry_msgs/msg/TwistStamped": lambda: Struct(header=header(), twist=twist()),
    "mavros_msgs/msg/Thrust": lambda: Struct(header=header(), thrust=0.0),
    "mavros_msgs/msg/AttitudeTarget": lambda: Struct(header=header(), type_mask=0, body_rate=vector(), thrust=0.0),
}


def make(name):
    return MAKERS[name]()


def robot_and_profile(name, **ros):
    robot = load_robot(name)
    if ros:
        robot = dataclasses.replace(robot, ros={**robot.ros, **ros})
    return robot, RosProfile.for_robot(robot)


def arm_state(robot, seed=0):
    state = RobotState.zeros(1, robot.num_joints)
    random = np.random.default_rng(seed)
    state.joint_position[0], state.joint_velocity[0] = random.normal(size=(2, robot.num_joints))
    if robot.sensors.effort_noise is not None:
        state.joint_effort[0] = random.normal(size=robot.num_joints)
    return state


def permuted(message, order):
    return Struct(header=message.header, name=[message.name[i] for i in order],
                  position=[message.position[i] for i in order], velocity=[message.velocity[i] for i in order],
                  effort=[message.effort[i] for i in order] if message.effort else [])


# ------------------------------------------------------------------------------------------------- arms
@pytest.mark.parametrize("name", ["ur5e", "fr3", "so101"])
def test_joint_states_there_and_back_in_any_order(name):
    robot, profile = robot_and_profile(name)
    state = arm_state(robot)
    message = StateWriter(robot, profile, make).write(state, 12.25)
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (12, 250_000_000)
    reader = StateReader(robot, profile)
    for seed in range(4):
        order = np.random.default_rng(seed).permutation(robot.num_joints)
        got = reader.read(permuted(message, order), 99.0)
        assert got.joint_position.tolist() == state.joint_position.tolist()  # bit for bit
        assert got.joint_velocity.tolist() == state.joint_velocity.tolist()
        np.testing.assert_allclose(got.joint_effort, state.joint_effort, rtol=1e-15)
        assert got.time[0] == 99.0


def test_the_array_is_in_the_controllers_order_not_in_that_of_joint_states():
    robot, _ = robot_and_profile("ur5e")
    backwards = list(reversed(robot.joint_names))
    ros = {**robot.ros["commands"]["forward_position"], "joints": backwards}
    robot, profile = robot_and_profile("ur5e", commands={"forward_position": ros})
    command = np.arange(1.0, 7.0)
    ((topic, message),) = CommandWriter(robot, profile, profile.command(), make).write(command, command * 0, 0.0)
    assert topic.topic == "/forward_position_controller/commands"
    assert list(message.data) == [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]
    ((t, got),) = CommandReader(robot, profile, profile.command()).read(message)
    assert t == 0.0 and got.tolist() == command.tolist()


def test_a_driver_with_other_names_degrees_and_signs():
    joints = {"elbow_flex": {"name": "joint3", "sign": -1, "scale": "1 deg", "offset": "10 deg"}}
    names = ["gripper", "joint3", "shoulder_pan", "shoulder_lift", "wrist_flex", "wrist_roll", "led"]
    commands = {"p": {"topic": "/p", "type": "std_msgs/msg/Float64MultiArray", "joints": names, "hold": {"led": 7}}}
    robot, profile = robot_and_profile("so101", joints=joints, commands=commands)
    state = arm_state(robot)
    message = StateWriter(robot, profile, make).write(state, 0.0)
    index = message.name.index("joint3")
    assert message.position[index] == pytest.approx(-np.degrees(state.joint_position[0, 2] - np.radians(10)))
    np.testing.assert_allclose(StateReader(robot, profile).read(message, 0.0).joint_velocity, state.joint_velocity)
    command = state.joint_position[0]
    ((_, array),) = CommandWriter(robot, profile, profile.command(), make).write(command, command, 0.0)
    assert array.data[-1] == 7.0
    ((_, got),) = CommandReader(robot, profile, profile.command()).read(array)
    np.testing.assert_allclose(got, command)


def test_a_trajectory_goes_from_the_last_command_to_this_one_in_a_period():
    robot, profile = robot_and_profile("fr3")
    now, before = np.arange(7.0), np.arange(7.0) - 0.1
    ((topic, message),) = CommandWriter(robot, profile, profile.command(), make).write(now, before, 5.0)
    assert topic.topic == "/fr3_arm_controller/joint_trajectory"
    assert message.header.stamp.sec == 0  # at once, whatever the clocks say
    assert message.joint_names == [f"fr3_joint{i}" for i in range(1, 8)]
    assert [p.positions for p in message.points] == [before.tolist(), now.tolist()]
    assert [p.time_from_start.nanosec for p in message.points] == [0, round(1e9 * robot.control_period)]
    points = CommandReader(robot, profile, profile.command()).read(message)
    assert [t for t, _ in points] == pytest.approx([0.0, robot.control_period])


def test_the_velocity_interface_gets_what_leads_from_one_command_to_the_next_in_a_period():
    robot, profile = robot_and_profile("ur5e", joints={"elbow_joint": {"sign": -1, "offset": "10 deg"}})
    command = profile.command("forward_velocity")
    before, now = np.zeros(6), np.array([0.0, 0.01, 0.02, 0.0, 0.0, -0.01])
    ((topic, message),) = CommandWriter(robot, profile, command, make, period=0.01).write(now, before, 0.0)
    assert topic.topic == "/forward_velocity_controller/commands"
    np.testing.assert_allclose(message.data, [0.0, 1.0, -2.0, 0.0, 0.0, -1.0])  # an offset is none of velocities
    ((t, got),) = CommandReader(robot, profile, command).read(message)
    assert t == 0.0
    np.testing.assert_allclose(got, (now - before) / 0.01)
    ((_, message),) = CommandWriter(robot, profile, command, make).write(now, before, 0.0)
    np.testing.assert_allclose(message.data[1], 0.01 / robot.control_period)


def test_efforts_are_a_motors_currents_behind_a_gear():
    robot, profile = robot_and_profile("ur5e", joints={"elbow_joint": {"sign": -1, "effort": "12.5 N m"}})
    state = arm_state(robot)
    message = StateWriter(robot, profile, make).write(state, 0.0)
    assert message.effort[2] == pytest.approx(-state.joint_effort[0, 2] / 12.5)
    np.testing.assert_allclose(StateReader(robot, profile).read(message, 0.0).joint_effort, state.joint_effort)
    with pytest.raises(RobotDescriptionError, match="effort"):
        robot_and_profile("ur5e", joints={"elbow_joint": {"effort": "-12.5 N m"}})


@pytest.mark.parametrize(("effort", "words"), [
    ([], "its efforts cannot be used .expected 6 numbers for 6 joint names, got 0.*--without-effort"),
    ([1.0] * 5, "expected 6 numbers for 6 joint names, got 5"), ([np.nan] * 6, "an effort is not finite")])
def test_efforts_are_missed_only_where_an_identifier_looks_at_them(effort, words):
    robot, profile = robot_and_profile("ur5e")
    message = StateWriter(robot, profile, make).write(arm_state(robot), 0.0)
    message.effort = effort
    state = StateReader(robot, profile).read(message, 0.0)
    assert np.isnan(state.joint_effort).all() and state.is_finite().all()
    with pytest.raises(DeploymentError, match=words):
        StateReader(robot, profile, needs_effort=True).read(message, 0.0)


def test_messages_without_velocities_are_refused_or_differentiated():
    robot, profile = robot_and_profile("ur5e")
    message = StateWriter(robot, profile, make).write(arm_state(robot), 0.0)
    message.velocity = []
    with pytest.raises(DeploymentError, match="/joint_states rejected: it has no velocities; set 'ros.state.velocity"):
        StateReader(robot, profile).read(message, 0.0)
    state = {**robot.ros["state"], "velocity": "differentiated", "filter": "1 ms"}
    robot, profile = robot_and_profile("ur5e", state=state)
    reader = StateReader(robot, profile)
    for k in range(20):
        message.header.stamp.nanosec = 2_000_000 * k
        got = reader.read(message, 0.0)  # received all at once: the stamps tell
        message.position = [q + 0.001 for q in message.position]
    np.testing.assert_allclose(got.joint_velocity, 0.5, rtol=1e-6)


def test_a_short_array_is_refused_as_the_controller_would():
    robot, profile = robot_and_profile("ur5e")
    with pytest.raises(DeploymentError, match="/forward_position_controller/commands: expected 6 numbers, got 5"):
        CommandReader(robot, profile, profile.command()).read(Struct(data=[0.0] * 5))


# ------------------------------------------------------------------------------------------------- drones
def drone_state():
    state = RobotState.zeros(1, 0)
    state.position[0], state.linear_velocity[0] = (1.0, 2.0, 3.0), (0.4, 0.5, 0.6)
    state.quaternion[0] = rotations.from_rpy([0.1, -0.2, 1.5])
    state.angular_velocity[0] = (0.7, 0.8, 0.9)
    return state


def test_x500_odometry_there_and_back():
    robot, profile = robot_and_profile("x500")
    state = drone_state()
    message = StateWriter(robot, profile, make).write(state, 1.0)
    got = StateReader(robot, profile).read(message, 0.0)
    for name in ("position", "quaternion", "linear_velocity", "angular_velocity"):
        np.testing.assert_allclose(getattr(got, name), getattr(state, name), atol=1e-12)


def test_crazyswarm2_leaves_the_body_rates_out_and_its_velocity_is_the_worlds():
    robot, profile = robot_and_profile("crazyflie")
    message = StateWriter(robot, profile, make).write(drone_state(), 1.0)
    assert vars(message.twist.twist.angular) == {"x": 0.0, "y": 0.0, "z": 0.0}
    assert vars(message.twist.twist.linear) == {"x": 0.4, "y": 0.5, "z": 0.6}


def test_a_pose_alone_gives_velocities_by_differentiation():
    state_topic = {"topic": "/cf/pose", "type": "geometry_msgs/msg/PoseStamped", "rate": 100, "filter": "10 ms"}
    robot, profile = robot_and_profile("crazyflie", state=state_topic)
    writer, reader = StateWriter(robot, profile, make), StateReader(robot, profile)
    state, rates = drone_state(), np.array([0.3, -0.2, 0.5])
    for k in range(40):
        got = reader.read(writer.write(state, 0.01 * k), 5.0 + 0.01 * k)
        state.position[0] += 0.01 * state.linear_velocity[0]
        state.quaternion[0] = rotations.integrate(state.quaternion[0], rates, 0.01)
    np.testing.assert_allclose(got.linear_velocity[0], state.linear_velocity[0], rtol=1e-6)
    np.testing.assert_allclose(got.angular_velocity[0], rates, rtol=1e-6)


@pytest.mark.parametrize(("name", "interface"), [("crazyflie", None), ("x500", None), ("x500", "attitude_target")])
def test_drone_commands_there_and_back(name, interface):
    robot, profile = robot_and_profile(name)
    topic = profile.command(interface)
    command = np.array([robot.hover_thrust, 0.5, -0.4, 0.3])
    messages = CommandWriter(robot, profile, topic, make).write(command, command, 3.0)
    assert messages[0][0] is topic
    ((_, got),) = CommandReader(robot, profile, topic).read(messages[0][1])
    np.testing.assert_allclose(got, command, rtol=1e-9)


def test_mavros_thrust_leaves_in_the_same_tick_with_the_same_stamp():
    robot, profile = robot_and_profile("x500")
    command = np.array([robot.hover_thrust, 0.0, 0.0, 0.0])
    (_, rates), (topic, thrust) = CommandWriter(robot, profile, profile.command(), make).write(command, command, 7.5)
    assert topic.topic == "/mavros/setpoint_attitude/thrust" and topic.optional
    assert vars(thrust.header.stamp) == vars(rates.header.stamp) == {"sec": 7, "nanosec": 500_000_000}
    assert 0.0 < thrust.thrust < 1.0
    without = CommandWriter(robot, profile, profile.command(), make, without={topic.topic})
    assert len(without.write(command, command, 7.5)) == 1  # where mavros_msgs is not installed


def test_attitude_target_ignores_the_attitude():
    robot, profile = robot_and_profile("x500")
    command = np.array([20.0, 0.1, 0.2, 0.3])
    ((_, message),) = CommandWriter(robot, profile, profile.command("attitude_target"), make).write(command, command, 0)
    assert message.type_mask == 128


@pytest.mark.parametrize("name, state, fields", [
    ("ur5e", {}, ("joint_position", "joint_velocity", "joint_effort")),
    ("ur5e", {"velocity": "differentiated"}, ("joint_position", "joint_effort")),
    ("so101", {}, ("joint_position", "joint_velocity")),
    ("crazyflie", {}, ("position", "linear_velocity", "quaternion")),
    ("crazyflie", {"type": "geometry_msgs/msg/PoseStamped"}, ("position", "quaternion")),
    ("x500", {}, ("position", "linear_velocity", "quaternion", "angular_velocity"))])
def test_what_messages_bring_themselves(name, state, fields):
    robot = load_robot(name)
    robot, profile = robot_and_profile(name, state={**robot.ros["state"], **state})
    assert StateReader(robot, profile).measured == fields
