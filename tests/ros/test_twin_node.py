"""The twin as its own process, spoken to as a driver."""

from __future__ import annotations

import json
import signal
import time

import numpy as np
import pytest

from sim2real.robots import load_robot
from sim2real.ros.context import message_class


def subscribe(ros, kind, topic, *, latched=False):
    """Messages of a topic with their times of reception, as they come."""
    heard = []
    qos = ros.qos("reliable", depth=50, latched=True) if latched else ros.qos("best_effort", depth=50)
    ros.node.create_subscription(message_class(kind), topic, lambda m: heard.append((time.monotonic(), m)), qos)
    return heard


def test_ur5e_speaks_as_its_driver(processes, ros, wait):
    robot = load_robot("ur5e")
    twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal", "--json")
    states = subscribe(ros, "sensor_msgs/msg/JointState", "/joint_states")
    scaling = subscribe(ros, "std_msgs/msg/Float64", "/speed_scaling_state_broadcaster/speed_scaling")
    running = subscribe(ros, "std_msgs/msg/Bool", "/io_and_status_controller/robot_program_running", latched=True)
    array, trajectory = message_class("std_msgs/msg/Float64MultiArray"), message_class(
        "trajectory_msgs/msg/JointTrajectory")
    positions = ros.node.create_publisher(array, "/forward_position_controller/commands", ros.qos("reliable"))
    path = ros.node.create_publisher(trajectory, "/scaled_joint_trajectory_controller/joint_trajectory",
                                     ros.qos("reliable"))
    wait(lambda: len(states) >= 800 and scaling and running and positions.get_subscription_count()
         and path.get_subscription_count())

    # rate by the stamps, so that a busy machine does not count
    stamps = np.array([m.header.stamp.sec + 1e-9 * m.header.stamp.nanosec for _, m in states])
    assert np.median(np.diff(stamps)) == pytest.approx(0.002, rel=0.1)
    first = states[0][1]
    assert tuple(first.name) == robot.joint_names and len(first.velocity) == 6
    np.testing.assert_allclose(first.position, robot.home, atol=0.02)
    assert scaling[0][1].data == 100.0 and running[0][1].data is True

    # its trajectory controller is not active: a trajectory is ignored
    point = message_class("trajectory_msgs/msg/JointTrajectoryPoint")(positions=list(reversed(robot.home.tolist())))
    point.time_from_start.nanosec = 300_000_000
    there = trajectory(joint_names=list(reversed(robot.joint_names)), points=[point])
    path.publish(there)
    # the array moves the joints, in the controller's order
    target = robot.home + np.array([0.0, 0.0, 0.0, 0.1, 0.0, -0.2])
    for _ in range(5):
        positions.publish(array(data=target.tolist()))
    wait(lambda: np.abs(np.array(states[-1][1].position) - target).max() < 0.02)
    # a message of the wrong size moves nothing
    positions.publish(array(data=[1.0, 2.0]))
    # once controllers are switched a trajectory moves them, by name, and an array does not
    switch = message_class("std_msgs/msg/String")
    switcher = ros.node.create_publisher(switch, "/ur5e_twin/switch_controller", ros.qos("reliable"))
    wait(switcher.get_subscription_count)
    switcher.publish(switch(data="scaled_joint_trajectory_controller"))
    begin = time.monotonic()
    wait(lambda: time.monotonic() > begin + 0.3)
    path.publish(there)
    wait(lambda: np.abs(np.array(states[-1][1].position) - robot.home).max() < 0.02)
    positions.publish(array(data=target.tolist()))
    begin = time.monotonic()
    wait(lambda: time.monotonic() > begin + 0.3)
    np.testing.assert_allclose(states[-1][1].position, robot.home, atol=0.02)

    wait(lambda: states[-1][0] > time.monotonic() - 0.1)
    code, out, err = processes.end(twin)
    assert code == 0
    row = json.loads(out)
    assert row["rejected"] == 3
    assert "scaled_joint_trajectory_controller: not active" in err
    assert "forward_position_controller: command size (2) does not match number of interfaces (6)" in err
    assert row["commands"] >= 2 and row["published"] >= len(states)


def test_says_in_one_line_what_it_speaks_and_keeps_its_secrets(processes):
    quiet = processes.start("twin", "ur5e", "--engine", "mujoco", "--seed", "3", "--duration", "0.2")
    open_ = processes.start("twin", "ur5e", "--engine", "mujoco", "--seed", "3", "--duration", "0.2", "--reveal")
    out, err = quiet.communicate(timeout=30)
    assert quiet.returncode == 0
    assert out == "twin of ur5e (simulation): /joint_states at 500 Hz, takes /forward_position_controller/commands\n"
    assert err == "not active: joint_trajectory, forward_velocity; --interface NAME, or the topic ~/switch_controller\n"
    _, err = open_.communicate(timeout=30)
    assert "payload_mass" in err


def test_crazyflie_flies_by_cmd_vel_legacy_and_sigterm_ends_it(processes, ros, wait):
    robot = load_robot("crazyflie")
    twin = processes.start("twin", "crazyflie", "--engine", "quadrotor", "--nominal")
    odometry = subscribe(ros, "nav_msgs/msg/Odometry", "/cf/odom")
    twist = message_class("geometry_msgs/msg/Twist")
    publisher = ros.node.create_publisher(twist, "/cf/cmd_vel_legacy", ros.qos("reliable"))
    wait(lambda: len(odometry) > 50 and publisher.get_subscription_count())
    stamps = np.array([m.header.stamp.sec + 1e-9 * m.header.stamp.nanosec for _, m in odometry])
    assert np.median(np.diff(stamps)) == pytest.approx(0.01, rel=0.1)
    assert odometry[-1][1].pose.pose.position.z == pytest.approx(1.0, abs=0.1)

    command = twist()
    publisher.publish(command)  # zero thrust: unlocks
    command.linear.z = 65535 * 1.25 * robot.hover_thrust / 0.48
    command.angular.z = -60.0  # clockwise is positive: turns left at 60 deg/s
    begin, sent = time.monotonic(), 0.0
    while time.monotonic() < begin + 0.7:
        ros.spin_once(0.005)
        if time.monotonic() - sent > 0.02:
            sent = time.monotonic()
            publisher.publish(command)
    last = odometry[-1][1]
    assert last.twist.twist.linear.z > 0.5  # climbs
    assert last.pose.pose.orientation.z > 0.1  # has turned left
    assert last.twist.twist.angular.z == 0.0  # crazyswarm2 fills in no rates
    code, _, err = processes.end(twin, signal.SIGTERM)
    assert (code, err) == (0, "")


@pytest.mark.parametrize(("arguments", "line"), [
    (("ur5x",), "unknown robot 'ur5x'; did you mean ur5e"),
    (("ur5e", "--engine", "quadrotor"), "engine 'quadrotor' simulates drones, ur5e is an arm"),
    (("ur5e", "--engine", "mujoko"), "unknown engine 'mujoko'; did you mean mujoco"),
    (("ur5e", "--defects", "backslash"), "unknown defect 'backslash'"),
    (("ur5e", "--parameters", "none.yaml"), "cannot read the parameter file none.yaml"),
    (("ur5e", "--faults", "none.yaml"), "cannot read the faults file none.yaml"),
    (("ur5e", "--interface", "joint_trajectry"), "unknown command interface 'joint_trajectry'; did you mean joint_tra"),
    (("ur5e", "--duration", "-1"), "expected --seed of zero or more and --duration over zero"),
])
def test_bad_input_is_one_line(arguments, line, capsys):
    from sim2real.cli import main

    assert main(["twin", *arguments]) == 2
    error = capsys.readouterr().err
    assert line in error and error.count("\n") == 1
