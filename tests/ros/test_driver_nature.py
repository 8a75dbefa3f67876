"""What a driver's controllers refuse, in their own words."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sim2real.errors import DeploymentError, RobotDescriptionError
from sim2real.robots import load_robot
from sim2real.ros.context import message_class
from sim2real.ros.driver_nature import Controllers, controller_name, heartbeats, reported
from sim2real.ros.driver_services import list_controllers, set_mode, switch_controller
from sim2real.ros.profiles import CommandTopic, ExtraTopic, RosProfile

NOW = 1000.0
NAMES = load_robot("ur5e").joint_names


def controllers(name="ur5e", active=None):
    robot = load_robot(name)
    return Controllers(robot, RosProfile.for_robot(robot), active)


def array(*numbers):
    return message_class("std_msgs/msg/Float64MultiArray")(data=list(map(float, numbers)))


def trajectory(times=(0.1, 0.2), names=NAMES, start=0.0, **fields):
    point = message_class("trajectory_msgs/msg/JointTrajectoryPoint")
    message = message_class("trajectory_msgs/msg/JointTrajectory")(joint_names=list(names))
    message.header.stamp.sec = int(start)
    for seconds in times:
        one = point(positions=[0.0] * len(names))
        one.time_from_start.sec, one.time_from_start.nanosec = int(seconds), round(seconds % 1 * 1e9)
        for field, size in fields.items():
            setattr(one, field, [0.0] * size)
        message.points.append(one)
    return message


def test_the_first_interface_is_active_and_the_others_are_refused_by_name():
    c = controllers()
    c.check("forward_position", array(*range(6)), NOW)
    with pytest.raises(DeploymentError, match="scaled_joint_trajectory_controller: not active, "
                                              "forward_position_controller is.*--interface joint_trajectory"):
        c.check("joint_trajectory", trajectory(), NOW)
    assert not c.scaled


def test_switching_by_interface_or_controller():
    c = controllers(active="joint_trajectory")
    assert c.scaled
    c.check("joint_trajectory", trajectory(), NOW)
    assert c.switch("forward_velocity_controller") == "forward_velocity" == c.active
    with pytest.raises(DeploymentError, match="not active"):
        c.check("joint_trajectory", trajectory(), NOW)
    with pytest.raises(RobotDescriptionError, match="unknown controller 'forward_positon'; did you mean forward_pos"):
        c.switch("forward_positon")
    assert c.active == "forward_velocity"
    with pytest.raises(RobotDescriptionError, match="unknown command interface"):
        controllers(active="telepathy")


def test_franka_has_no_scaled_controller():
    assert not controllers("fr3", "joint_trajectory").scaled


@pytest.mark.parametrize("size", [0, 5, 7])
def test_forward_controllers_count_and_nothing_else(size):
    c = controllers()
    with pytest.raises(DeploymentError) as error:
        c.check("forward_position", array(*range(size)), NOW)
    assert str(error.value) == (f"forward_position_controller: command size ({size}) does not match number of "
                                "interfaces (6)")
    c.check("forward_position", array(*[1e9] * 6), NOW)  # no limits
    c.check("forward_position", array(*[float("nan")] * 6), NOW)  # not even finite


@pytest.mark.parametrize(("message", "words"), [
    (trajectory(names=()), "Empty joint names on incoming trajectory."),
    (trajectory(times=()), "Empty trajectory received."),
    (trajectory(names=NAMES[:5]), "Joints on incoming trajectory don't match the controller joints."),
    (trajectory(names=(*NAMES[:5], "elbow")), "Incoming joint elbow doesn't match the controller's joints."),
    (trajectory(names=(*NAMES[:5], NAMES[0])), "Incoming joint shoulder_pan_joint doesn't match"),
    (trajectory(times=(0.1, 0.1)), "Time between points 0 and 1 is not strictly increasing, it is 0.100000 and "
                                   "0.100000 respectively"),
    (trajectory(times=(0.3, 0.1)), "not strictly increasing"),
    (trajectory(positions=5), r"Mismatch between joint_names size \(6\) and positions \(5\) at point #0."),
    (trajectory(positions=0), r"positions \(0\)"),
    (trajectory(velocities=4), r"velocities \(4\)"),
    (trajectory(accelerations=7), r"accelerations \(7\)"),
    (trajectory(start=NOW - 5.0), r"Received trajectory with non-zero start time \(995.000000\) that ends in the past"),
])
def test_trajectories_are_refused_in_the_controllers_words(message, words):
    with pytest.raises(DeploymentError, match=f"scaled_joint_trajectory_controller: .*{words}"):
        controllers(active="joint_trajectory").check("joint_trajectory", message, NOW)


@pytest.mark.parametrize("message", [
    trajectory(), trajectory(velocities=6), trajectory(times=(0.0, 0.04)), trajectory(times=(1.0,)),
    trajectory(start=NOW + 5.0), trajectory(names=tuple(reversed(NAMES)))])
def test_what_the_real_one_takes_is_taken(message):
    controllers(active="joint_trajectory").check("joint_trajectory", message, NOW)


def test_a_drone_takes_everything_and_switches_nothing():
    c = controllers("crazyflie")
    assert c.active is None and not c.scaled
    c.check("rates", message_class("geometry_msgs/msg/Twist")(), NOW)
    with pytest.raises(RobotDescriptionError, match="nothing to switch"):
        c.switch("rates")


def test_controllers_names():
    assert controller_name("a", CommandTopic(topic="/left/arm_controller/commands", type="a/msg/B")) == "arm_controller"
    assert controller_name("mine", CommandTopic(topic="commands", type="a/msg/B")) == "mine"


def test_what_is_reported_besides():
    running = ExtraTopic(topic="/io_and_status_controller/robot_program_running", type="std_msgs/msg/Bool", value=True)
    speed = ExtraTopic(topic="/speed_scaling_state_broadcaster/speed_scaling", type="std_msgs/msg/Float64",
                       value=100.0, rate=100.0)
    other = ExtraTopic(topic="/battery", type="std_msgs/msg/Float64", value=12.5)
    assert [reported(running, True, 1.0), reported(running, False, 1.0)] == [True, False]
    assert [reported(speed, True, 1.0), reported(speed, True, 0.25), reported(speed, False, 0.25)] == [100.0, 25.0, 0.0]
    assert reported(other, False, 0.0) == 12.5


def test_a_message_beside_the_set_points_that_carries_nothing_is_a_heartbeat():
    beat = {"topic": "/fmu/in/offboard_control_mode", "type": "px4_msgs/msg/OffboardControlMode",
            "constants": {"body_rate": True}}
    thrust = {"topic": "/thrust", "type": "a/msg/B", "fields": {"thrust": "thrust"}}
    command = CommandTopic(topic="/c", type="a/msg/B", also=(thrust, beat))
    assert [part.topic for part in heartbeats(command)] == ["/fmu/in/offboard_control_mode"]
    assert not any(heartbeats(c) for c in RosProfile.for_robot(load_robot("x500")).commands.values())


# controller_manager_msgs and mavros_msgs are not on PyPI: their services' answers are plain objects here
def test_the_controller_managers_services():
    c = controllers()
    ask = SimpleNamespace(activate_controllers=["scaled_joint_trajectory_controller"], deactivate_controllers=[])
    assert switch_controller(c, ask, SimpleNamespace(ok=None)).ok is True and c.active == "joint_trajectory"
    for wrong in ([], ["a"], ["forward_position_controller", "forward_velocity_controller"]):
        ask.activate_controllers = wrong
        assert switch_controller(c, ask, SimpleNamespace(ok=None)).ok is False and c.active == "joint_trajectory"
    listed = list_controllers(c, SimpleNamespace(), SimpleNamespace).controller
    assert [(row.name, row.state) for row in listed] == [
        ("forward_position_controller", "inactive"), ("scaled_joint_trajectory_controller", "active"),
        ("forward_velocity_controller", "inactive")]
    assert listed[1].type == "joint_trajectory_controller/JointTrajectoryController"


def test_mavros_set_mode_asks_the_vehicle():
    asked = []
    plant = SimpleNamespace(request=lambda now: asked.append(now) or ("" if now < 5.0 else "no sign of life"))
    for mode, now, sent in (("OFFBOARD", 1.0, True), ("OFFBOARD", 6.0, False), ("AUTO.LAND", 1.0, False)):
        response = set_mode(plant, SimpleNamespace(custom_mode=mode), SimpleNamespace(mode_sent=None), now)
        assert response.mode_sent is sent
    assert asked == [1.0, 6.0]
