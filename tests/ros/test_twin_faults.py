"""Rehearsed faults and the driver's own nature on the wire: the twin as its own process, spoken to as a driver."""

from __future__ import annotations

import json
import shutil
import time

import numpy as np
import pytest
from rehearse import write

from sim2real.resources import data_path
from sim2real.robots import load_robot
from sim2real.ros.context import import_ros, message_class
from sim2real.ros.messages import stamp_seconds

JOINTS, ARRAY = "sensor_msgs/msg/JointState", "std_msgs/msg/Float64MultiArray"


def subscribe(ros, kind, topic, *, latched=False):
    """Messages of a topic with their times of reception, as they come."""
    heard = []
    qos = ros.qos("reliable", depth=50, latched=True) if latched else ros.qos("best_effort", depth=200)
    ros.node.create_subscription(message_class(kind), topic, lambda m: heard.append((time.monotonic(), m)), qos)
    return heard


def pause(wait, seconds):
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end, timeout=seconds + 15.0)


def test_faults_begin_and_end_at_their_times_on_the_wire(processes, ros, wait, tmp_path):
    plan = [("silence", {}), ("nan", {"field": "velocity"}), ("extra_joints", {"count": 2000}),
            ("flood", {"factor": 3}), ("stamp_zero", {}), ("e_stop", {})]
    entries = [{"since": "command", "at": 1.0 + 0.6 * k, "for": 0.3, "fault": name, **parameters}
               for k, (name, parameters) in enumerate(plan)]
    twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal", "--faults", write(tmp_path, *entries),
                           "--json")
    states = subscribe(ros, JOINTS, "/joint_states")
    running = subscribe(ros, "std_msgs/msg/Bool", "/io_and_status_controller/robot_program_running", latched=True)
    array = message_class(ARRAY)
    positions = ros.node.create_publisher(array, "/forward_position_controller/commands", ros.qos("reliable"))
    wait(lambda: len(states) > 100 and running and positions.get_subscription_count())
    begin, on_the_wall = time.monotonic(), time.time()
    positions.publish(array(data=load_robot("ur5e").home.tolist()))  # the faults' clock starts
    pause(wait, 5.0)
    code, out, err = processes.end(twin)
    assert code == 0, err
    assert json.loads(out)["faults"] == 6
    assert err.count("rehearsed fault") == 12 and "rehearsed fault 6, e_stop: begins" in err

    # by the stamps, so that a busy reader does not count; those without one stand between others
    stamps = np.array([stamp_seconds(m.header) for _, m in states]) - on_the_wall
    stamped = np.where(stamps < -100.0, np.nan, stamps)
    odd = {"silence": lambda m: False, "nan": lambda m: np.isnan(m.velocity).all(),
           "extra_joints": lambda m: len(m.name) == 2006, "flood": lambda m: True, "stamp_zero": lambda m: False,
           "e_stop": lambda m: True}
    counts = {}
    for k, (name, _) in enumerate(plan):
        low = 1.0 + 0.6 * k
        sent = [m for t, (_, m) in zip(stamped, states, strict=True) if low + 0.1 < t < low + 0.299]
        assert all(odd[name](m) for m in sent), name
        counts[name] = len(sent)
    assert counts["silence"] == counts["stamp_zero"] == 0
    assert counts["nan"] > 30 and counts["extra_joints"] > 3  # a reader in Python is slow with those
    assert counts["flood"] > 1.5 * counts["nan"]
    (zeros,) = np.nonzero(np.isnan(stamped))
    assert len(zeros) > 50 and np.ptp(zeros) == len(zeros) - 1
    assert stamped[[zeros[0] - 1, zeros[-1] + 1]] == pytest.approx([3.4, 3.7], abs=0.15)
    between = [m for t, (_, m) in zip(stamped, states, strict=True) if 0.2 < t < 0.99 or 4.5 < t]
    assert len(between) > 200
    assert all(len(m.name) == 6 and np.isfinite(m.velocity).all() for m in between)
    assert [m.data for _, m in running] == [True, False, True]  # said once at each change
    assert [t - begin for t, m in running[1:]] == pytest.approx([4.0, 4.3], abs=0.5)  # as a busy reader hears them


def test_speed_scaling_is_reported_and_acts_on_the_scaled_controller(processes, ros, wait, tmp_path):
    robot = load_robot("ur5e")
    file = write(tmp_path, {"since": "command", "at": 0.0, "for": 2.0, "fault": "speed_scaling", "to": 0.25,
                            "ramp": 0.0})
    processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal", "--faults", file, "--interface",
                    "joint_trajectory")
    states = subscribe(ros, JOINTS, "/joint_states")
    scaling = subscribe(ros, "std_msgs/msg/Float64", "/speed_scaling_state_broadcaster/speed_scaling")
    kind = message_class("trajectory_msgs/msg/JointTrajectory")
    path = ros.node.create_publisher(kind, "/scaled_joint_trajectory_controller/joint_trajectory",
                                     ros.qos("reliable"))
    wait(lambda: states and scaling and path.get_subscription_count())
    make = message_class("trajectory_msgs/msg/JointTrajectoryPoint")
    points = [make(positions=robot.home.tolist()), make(positions=(robot.home + [1.0, 0, 0, 0, 0, 0]).tolist())]
    points[1].time_from_start.sec = 2
    begin = time.monotonic()
    path.publish(kind(joint_names=list(robot.joint_names), points=points))
    wait(lambda: time.monotonic() > begin + 1.5)
    assert scaling[0][1].data == 100.0 and scaling[-1][1].data == 25.0
    slow = np.mean([m.velocity[0] for t, m in states if begin + 0.7 < t < begin + 1.5])
    assert slow == pytest.approx(0.5 * 0.25, abs=0.02)  # half a radian a second, at a quarter
    wait(lambda: np.abs(states[-1][1].position[0] - robot.home[0] - 1.0) < 0.01)
    assert time.monotonic() - begin > 2.0 + 1.4  # a quarter of it was done after 2 s, three halves of a second left
    assert scaling[-1][1].data == 100.0


def test_topics_beside_the_state_can_be_missing(processes, ros, wait, tmp_path):
    file = write(tmp_path, {"at": 0.0, "fault": "mute", "topic": "robot_program_running"},
                 {"since": "command", "at": 0.5, "for": 0.5, "fault": "mute",
                  "topic": "/speed_scaling_state_broadcaster/speed_scaling"})
    processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal", "--faults", file)
    scaling = subscribe(ros, "std_msgs/msg/Float64", "/speed_scaling_state_broadcaster/speed_scaling")
    running = subscribe(ros, "std_msgs/msg/Bool", "/io_and_status_controller/robot_program_running", latched=True)
    array = message_class(ARRAY)
    positions = ros.node.create_publisher(array, "/forward_position_controller/commands", ros.qos("reliable"))
    wait(lambda: scaling and positions.get_subscription_count())
    positions.publish(array(data=load_robot("ur5e").home.tolist()))
    pause(wait, 1.8)
    times = np.array([t for t, _ in scaling])
    gap = np.diff(times).argmax()
    assert times[gap + 1] - times[gap] == pytest.approx(0.5, abs=0.15)
    assert len(times) - gap > 30  # and it goes on
    assert running == []  # not a word, from the start


def test_a_rival_publishes_on_the_command_topic_and_goes(processes, ros, wait, tmp_path):
    robot, topic = load_robot("ur5e"), "/forward_position_controller/commands"
    file = write(tmp_path, {"at": 3.0, "for": 1.0, "fault": "rival", "rate": "100 Hz", "by": 0.3})
    processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal", "--faults", file)
    states, commands = subscribe(ros, JOINTS, "/joint_states"), subscribe(ros, ARRAY, topic)

    def rivals():
        return [info.node_name for info in ros.node.get_publishers_info_by_topic(topic)]

    wait(lambda: states)
    assert "rival_1" not in rivals()
    wait(lambda: "rival_1" in rivals())
    wait(lambda: "rival_1" not in rivals())
    wait(lambda: abs(states[-1][1].position[0] - robot.home[0] - 0.3) < 0.02)  # the robot took them
    wanted = robot.home + np.array([0.3, 0, 0, 0, 0, 0])
    assert 20 < len(commands) <= 101 and commands[-1][0] - commands[0][0] < 1.1
    assert all(np.abs(np.array(m.data) - wanted).max() < 0.02 for _, m in commands)


def test_a_rival_at_the_velocity_interface_keeps_the_arm_moving(processes, ros, wait, tmp_path):
    file = write(tmp_path, {"at": 1.0, "for": 0.5, "fault": "rival", "interface": "forward_velocity", "by": 0.2})
    processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal", "--faults", file, "--interface",
                    "forward_velocity")
    states = subscribe(ros, JOINTS, "/joint_states")
    wait(lambda: states and abs(states[-1][1].velocity[0] - 0.2) < 0.03)
    pause(wait, 1.0)  # long after the rival has gone: nothing below times out
    assert np.mean([m.velocity[0] for _, m in states[-50:]]) == pytest.approx(0.2, abs=0.03)


def test_a_drones_rival_turns_it(processes, ros, wait, tmp_path):
    file = write(tmp_path, {"at": 1.0, "for": 1.0, "fault": "rival", "by": "60 deg"})
    processes.start("twin", "x500", "--engine", "quadrotor", "--nominal", "--faults", file)
    odometry = subscribe(ros, "nav_msgs/msg/Odometry", "/mavros/local_position/odom")
    wait(lambda: odometry and odometry[-1][1].twist.twist.angular.z > 0.8)


class Px4:
    """Flies an x500 by MAVROS' set points: climbs at 1.15 times its weight."""

    def __init__(self, ros, robot):
        self.ros = ros
        rotors = robot.rotors
        speed = np.sqrt(1.15 * robot.hover_thrust / len(rotors.positions) / rotors.thrust_coefficient)
        self.odometry = subscribe(ros, "nav_msgs/msg/Odometry", "/mavros/local_position/odom")
        self.publisher = ros.node.create_publisher(message_class("geometry_msgs/msg/TwistStamped"),
                                                   "/mavros/setpoint_attitude/cmd_vel", ros.qos("reliable"))
        self.alive = ros.node.create_publisher(message_class("std_msgs/msg/Bool"), "/fmu/in/offboard_control_mode",
                                               ros.qos("reliable"))
        self.command = message_class("geometry_msgs/msg/TwistStamped")()
        self.command.twist.linear.z = float((speed - 150.0) / (1000.0 - 150.0))

    def fly(self, seconds, beats=False):
        """Send set points, and heartbeats where asked; returns the speed of climbing at the end in [m/s]."""
        end, sent = time.monotonic() + seconds, 0.0
        while time.monotonic() < end:
            if time.monotonic() - sent > 0.02:
                sent = time.monotonic()
                self.publisher.publish(self.command)
                if beats:
                    self.alive.publish(message_class("std_msgs/msg/Bool")(data=True))
            self.ros.spin_once(0.005)
        return np.mean([m.twist.twist.linear.z for _, m in self.odometry[-20:]])


def test_a_drone_in_its_failsafe_comes_back_on_request_only(processes, ros, wait, tmp_path):
    file = write(tmp_path, {"since": "command", "at": 1.5, "for": 1.5, "fault": "link_loss"})
    processes.start("twin", "x500", "--engine", "quadrotor", "--nominal", "--faults", file)
    px4 = Px4(ros, load_robot("x500"))
    trigger = import_ros("std_srvs.srv").Trigger
    client = ros.node.create_client(trigger, "/x500_twin/offboard")
    wait(lambda: px4.odometry and px4.publisher.get_subscription_count() and client.service_is_ready())

    def request():
        future = client.call_async(trigger.Request())
        wait(future.done)
        return future.result()

    assert px4.fly(1.4) > 0.4
    assert abs(px4.fly(4.0)) < 0.5  # commands are lost from 1.5 to 3 s, and come again: it holds its place
    pause(wait, 1.2)
    answer = request()
    assert not answer.success and "no sign of life" in answer.message
    px4.fly(0.3)
    assert request().success
    assert px4.fly(1.5) > 0.4


def test_px4s_heartbeat_is_a_topic_of_its_own(processes, ros, wait, tmp_path):
    """px4_msgs is not on PyPI: another type stands in for OffboardControlMode, on its topic, beside the set points."""
    folder = tmp_path / "robot"
    shutil.copytree(data_path("robots") / "x500", folder)
    text = (folder / "robot.yaml").read_text()
    place = "        - {topic: /mavros/setpoint_attitude/thrust"
    assert text.count(place) == 1
    beat = "        - {topic: /fmu/in/offboard_control_mode, type: std_msgs/msg/Bool, constants: {data: true}}\n"
    (folder / "robot.yaml").write_text(text.replace(place, beat + place))
    processes.start("twin", folder / "robot.yaml", "--engine", "quadrotor", "--nominal")
    px4 = Px4(ros, load_robot("x500"))
    wait(lambda: px4.odometry and px4.publisher.get_subscription_count() and px4.alive.get_subscription_count())
    assert abs(px4.fly(1.0)) < 0.2  # set points alone are ignored
    assert px4.fly(1.5, beats=True) > 0.4
    assert abs(px4.fly(4.0)) < 0.5  # a second after the last heartbeat it holds, though set points go on
