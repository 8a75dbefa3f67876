"""Golden numbers for joints, frames and thrust; every direction has its inverse."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real import rotations
from sim2real.errors import DeploymentError
from sim2real.robots import load_robot
from sim2real.ros import conversions
from sim2real.ros.profiles import JointMapping, RosProfile, Thrust

NAMES = ("a", "b", "c")


# ------------------------------------------------------------------------------------------------- joints
def test_joints_go_by_name_whatever_the_order():
    joints = conversions.JointMap(NAMES)
    values = {"a": 0.1, "b": 0.2, "c": 0.3, "gripper": 9.0}
    for order in (("a", "b", "c"), ("c", "gripper", "a", "b"), ("b", "c", "a")):
        assert joints.positions(order, [values[n] for n in order]).tolist() == [0.1, 0.2, 0.3]


def test_sign_scale_offset_and_names():
    joints = conversions.JointMap(NAMES, {"b": JointMapping(name="joint_2", sign=-1, scale="1 deg", offset="90 deg")})
    q = joints.positions(("joint_2", "c", "a"), [30.0, 0.3, 0.1])
    np.testing.assert_allclose(q, [0.1, np.pi / 2 - np.pi / 6, 0.3])
    qd = joints.velocities(("a", "joint_2", "c"), [1.0, 180.0, 3.0])
    np.testing.assert_allclose(qd, [1.0, -np.pi, 3.0])
    np.testing.assert_allclose(joints.to_driver(q), [0.1, 30.0, 0.3])


def test_the_controllers_own_order_and_held_joints():
    joints = conversions.JointMap(NAMES, {"b": JointMapping(sign=-1)})
    assert joints.controller(("c", "grip", "b", "a"), {"grip": 0.5}).positions(np.array([0.1, 0.2, 0.3])) == \
        pytest.approx([0.3, 0.5, -0.2, 0.1])


@pytest.mark.parametrize(("names", "values", "line"), [
    (("a", "b"), (1, 2), "expected joint 'c' once, found it 0 times"),
    (("a", "b", "c", "b"), (1, 2, 3, 4), "expected joint 'b' once, found it 2 times"),
    (("a", "b", "c"), (1, 2), "expected 3 numbers for 3 joint names, got 2"),
])
def test_unusable_joint_messages_are_named(names, values, line):
    with pytest.raises(DeploymentError, match=line):
        conversions.JointMap(NAMES).positions(names, values)


# ------------------------------------------------------------------------------------------------- frames
def test_odometry_with_body_twist():
    # facing north (yaw 90 deg) at 2 m/s forward and 1 m/s to the left: left of north is west
    half = np.sqrt(0.5)
    position, q, v, w = conversions.state_from_odometry([1, 2, 3], [0, 0, half, half], [2, 1, 0], [0.1, 0.2, 0.3])
    np.testing.assert_allclose(v, [-1, 2, 0], atol=1e-12)
    np.testing.assert_allclose(q, [half, 0, 0, half])
    assert position.tolist() == [1, 2, 3]
    assert w.tolist() == [0.1, 0.2, 0.3]


def test_odometry_with_world_twist_as_crazyswarm2_sends_it():
    half = np.sqrt(0.5)
    _, _, v, _ = conversions.state_from_odometry([0, 0, 0], [0, 0, half, half], [2, 1, 0], [0, 0, 0],
                                                 twist_frame="world")
    np.testing.assert_allclose(v, [2, 1, 0])


def test_ned_frd_golden():
    # PX4: 3 m north, 1 m east, 2 m up, nose north, level: ENU (1, 3, 2), yaw +90 deg from east
    half = np.sqrt(0.5)
    position, q, v, w = conversions.state_from_odometry([3, 1, -2], [0, 0, 0, 1], [4, 0.5, -1], [0.1, 0.2, 0.3],
                                                        frame="ned_frd", twist_frame="body")
    np.testing.assert_allclose(position, [1, 3, 2])
    np.testing.assert_allclose(q, [half, 0, 0, half], atol=1e-12)
    np.testing.assert_allclose(v, [0.5, 4, 1], atol=1e-12)  # forward is north, right is east, down is -up
    np.testing.assert_allclose(w, [0.1, -0.2, -0.3])


@pytest.mark.parametrize("frame", ["enu_flu", "ned_frd"])
@pytest.mark.parametrize("twist_frame", ["body", "world"])
def test_odometry_there_and_back(frame, twist_frame):
    random = np.random.default_rng(5)
    for _ in range(20):
        q = rotations.normalize(random.normal(size=4))
        q = q if q[0] >= 0.0 else -q
        state = (random.normal(size=3), q, random.normal(size=3), random.normal(size=3))
        message = conversions.odometry_from_state(*state, frame=frame, twist_frame=twist_frame)
        back = conversions.state_from_odometry(*message, frame=frame, twist_frame=twist_frame)
        for got, expected in zip(back, state, strict=True):
            sign = np.sign(got[0] * expected[0]) if len(got) == 4 else 1.0
            np.testing.assert_allclose(sign * got, expected, atol=1e-12)


@pytest.mark.parametrize("q", [(0, 0, 0, 0), (0, 0, 0, 1.1), (np.nan, 0, 0, 1)])
def test_a_quaternion_off_the_unit_sphere_is_refused(q):
    with pytest.raises(DeploymentError, match="expected a unit quaternion"):
        conversions.state_from_odometry([0, 0, 0], q, [0, 0, 0], [0, 0, 0])


# ------------------------------------------------------------------------------------------------- drone commands
def fields_of(robot_name, command, interface=None):
    robot = load_robot(robot_name)
    topic = RosProfile.for_robot(robot).command(interface)
    thrust = conversions.ThrustMap(topic.thrust, robot.rotors)
    numbers = conversions.command_to_fields(topic, thrust, np.array(command))
    return numbers, conversions.command_from_fields(topic, thrust, numbers)


def test_crazyflie_golden():
    # rolling right 90 deg/s, nose down 45 deg/s, turning left 30 deg/s; 0.29 N of 0.48 N
    numbers, back = fields_of("crazyflie", [0.29, np.pi / 2, np.pi / 4, np.pi / 6])
    assert numbers["linear.y"] == pytest.approx(90.0)
    assert numbers["linear.x"] == pytest.approx(45.0)  # the server negates it: -45, nose down for the firmware
    assert numbers["angular.z"] == pytest.approx(-30.0)  # the firmware's legacy yaw rate is clockwise
    assert numbers["linear.z"] == pytest.approx(65535 * 0.29 / 0.48)
    np.testing.assert_allclose(back, [0.29, np.pi / 2, np.pi / 4, np.pi / 6])


def test_crazyflie_thrust_ends_at_60000():
    numbers, back = fields_of("crazyflie", [0.48, 0, 0, 0])
    assert numbers["linear.z"] == 60000
    assert back[0] == pytest.approx(0.48 * 60000 / 65535)
    assert fields_of("crazyflie", [-1.0, 0, 0, 0])[0]["linear.z"] == 0.0


def test_mavros_cmd_vel_reaches_px4_as_body_rates():
    rates = np.array([0.1, 0.2, 0.3])
    numbers, back = fields_of("x500", [20.0, *rates])
    # MAVROS's setpoint_attitude applies transform_frame_enu_ned to angular: (x, y, z) -> (y, x, -z); PX4 wants FRD
    sent = np.array([numbers[f"twist.angular.{a}"] for a in "xyz"])
    np.testing.assert_allclose(rotations.ned_from_enu(sent), rotations.frd_from_flu(rates))
    np.testing.assert_allclose(back, [20.0, *rates])
    # 5 N a rotor: w = sqrt(5 / 8.54858e-6) = 764.8 rad/s, (764.8 - 150) / 850 = 0.7233
    assert numbers["twist.linear.z"] == pytest.approx(0.7233, abs=1e-4)


def test_mavros_attitude_target_is_flu():
    numbers, _ = fields_of("x500", [20.0, 0.1, 0.2, 0.3], "attitude_target")
    assert [numbers[f"body_rate.{a}"] for a in "xyz"] == pytest.approx([0.1, 0.2, 0.3])


def test_voltage_curve_golden():
    rotors = load_robot("crazyflie").rotors  # 3.7 V
    curve = (-0.024765, 0.065238, -0.026793, 0.0067768)  # firmware, 2.1+
    thrust = conversions.ThrustMap(Thrust(map="voltage", full=65535, max=65535, curve=curve), rotors)
    # at 3 V: -0.024765 + 0.195714 - 0.241137 + 0.1829736 = 0.1127856 N a rotor
    assert thrust.to_newton(65535 * 3.0 / 3.7) == pytest.approx(4 * 0.1127856, rel=1e-4)
    for newton in (0.05, 0.2, 0.28, 0.45):
        assert thrust.to_newton(thrust.to_driver(newton)) == pytest.approx(newton, rel=1e-3)
    assert thrust.to_driver(0.0) == 0.0


# ------------------------------------------------------------------------------------------------- differentiation
def test_differentiator_meets_a_steady_rate_exactly():
    rate, dt = conversions.Differentiator(0.02), 0.01
    first = [rate.update(np.array([3.0 * k * dt]), dt)[0] for k in range(60)]
    # the first step shows beta of the rate, theta = exp(-1/2)
    assert first[1] == pytest.approx(3.0 * (1.0 - np.exp(-0.5)) ** 2)
    assert first[-1] == pytest.approx(3.0, rel=1e-9)


def test_differentiator_lets_through_the_noise_that_theory_says():
    rate, dt, sigma = conversions.Differentiator(0.02), 0.01, 0.005
    noise = sigma * np.random.default_rng(0).normal(size=(20_000, 1))
    out = np.array([rate.update(x, dt)[0] for x in noise])[100:]
    theta = np.exp(-0.5)
    alpha, beta = 1.0 - theta**2, (1.0 - theta) ** 2
    expected = sigma / dt * np.sqrt(2.0 * beta**2 / (alpha * (4.0 - 2.0 * alpha - beta)))  # alpha-beta filter
    assert out.std() == pytest.approx(expected, rel=0.03)


def test_attitude_differentiator_gives_body_rates():
    rate, q, w = conversions.Differentiator(0.01, attitude=True), np.array([1.0, 0, 0, 0]), np.array([0.5, -1.0, 2.0])
    for k in range(40):
        estimate = rate.update(q if k % 2 else -q, 0.01)  # the sign of a quaternion means nothing
        q = rotations.integrate(q, w, 0.01)
    np.testing.assert_allclose(estimate, w, rtol=1e-6)


def test_a_repeated_message_does_not_move_the_estimate():
    rate = conversions.Differentiator(0.05)
    rate.update(np.array([0.0]), 0.01)
    before = rate.update(np.array([0.1]), 0.01)
    assert rate.update(np.array([0.1]), 0.0) is before
