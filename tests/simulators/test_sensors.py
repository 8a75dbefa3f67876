import numpy as np
import pytest

from sim2real import rotations
from sim2real.parameters import ParameterSpace
from sim2real.robots import load_robot
from sim2real.simulators.sensors import make_sensors
from sim2real.types import RobotState
from tests.simulators import tiny

ROBOT = tiny.turntable()
SPACE = ParameterSpace.for_robot(ROBOT)


def reports(positions, n=1, robot=ROBOT, **parameters):
    """Measured joint positions and velocities, each (steps, n), of true positions with velocity ten times those."""
    space = ParameterSpace.for_robot(robot)
    sensors = make_sensors(robot, space, n, seed=3)
    values, out = space.batch(n, parameters), []
    state = RobotState.zeros(n, 1)
    state.joint_position[:], state.joint_velocity[:] = positions[0], 10 * positions[0]
    sensors.reset(np.arange(n), state, values, np.zeros(n, int))
    for k, position in enumerate(positions):
        state = RobotState.zeros(n, 1)
        state.joint_position[:], state.joint_velocity[:] = position, 10 * position
        sensors.record(state, values, np.full(n, k + 1))
        out.append((sensors.measured.joint_position[:, 0], sensors.measured.joint_velocity[:, 0]))
    return np.array([p for p, _ in out]), np.array([v for _, v in out])


def test_exact_by_default():
    positions = np.sin(np.arange(10))
    measured, velocity = reports(positions)
    np.testing.assert_array_equal(measured[:, 0], positions)
    np.testing.assert_array_equal(velocity[:, 0], 10 * positions)


def test_noise_has_its_deviation():
    measured, velocity = reports(np.zeros(200), n=50, joint_position_noise=0.01, joint_velocity_noise=0.2)
    assert measured.std() == pytest.approx(0.01, rel=0.03)
    assert velocity.std() == pytest.approx(0.2, rel=0.03)
    assert abs(measured.mean()) < 3e-4
    assert abs(np.corrcoef(measured.ravel(), velocity.ravel())[0, 1]) < 0.04
    assert abs(np.corrcoef(measured[:-1].ravel(), measured[1:].ravel())[0, 1]) < 0.04


def efforts(effort, n=1, **parameters):
    """Measured efforts (steps, n), and positions beside them, of a joint that stands, with true efforts (steps,)."""
    robot = tiny.turntable(effort_noise="0.02")
    space = ParameterSpace.for_robot(robot)
    sensors, values, out = make_sensors(robot, space, n, seed=3), space.batch(n, parameters), []
    state = RobotState.zeros(n, 1)
    state.joint_effort[:] = effort[0]
    sensors.reset(np.arange(n), state, values, np.zeros(n, int))
    for k, value in enumerate(effort):
        state = RobotState.zeros(n, 1)
        state.joint_effort[:] = value
        sensors.record(state, values, np.full(n, k + 1))
        out.append((sensors.measured.joint_effort[:, 0], sensors.measured.joint_position[:, 0]))
    return np.array([e for e, _ in out]), np.array([q for _, q in out])


def test_efforts_have_a_scale_of_their_own_and_the_delay_of_all():
    measured, _ = efforts(np.arange(10.0), joint_effort_noise=0.0, sensor_delay=0.02,
                          **{"joint_effort_scale": 1.1, "joint_effort_scale.hinge": 0.9})
    np.testing.assert_allclose(measured[1:, 0], 0.99 * np.arange(9.0))


def test_the_noise_of_efforts_is_a_share_of_the_largest_and_leaves_other_noise_as_it_was():
    measured, position = efforts(np.full(200, 7.0), n=50, joint_effort_noise=0.03, joint_position_noise=0.01)
    assert measured.std() == pytest.approx(3.0, rel=0.03)  # of 100 N m
    assert measured.mean() == pytest.approx(7.0, abs=0.1)
    assert abs(np.corrcoef(measured.ravel(), position.ravel())[0, 1]) < 0.04
    np.testing.assert_array_equal(position, reports(np.zeros(200), n=50, joint_position_noise=0.01)[0])


def test_a_robot_that_reports_no_efforts_has_none():
    sensors = make_sensors(ROBOT, SPACE, 2, seed=0)
    sensors.record(RobotState.zeros(2, 1), SPACE.batch(2), np.ones(2, int))
    assert np.isnan(sensors.measured.joint_effort).all() and "joint_effort_noise" not in SPACE


def test_bias_adds_global_and_own():
    measured, _ = reports(np.full(3, 0.5), **{"joint_position_bias": 0.01, "joint_position_bias.hinge": -0.03})
    np.testing.assert_allclose(measured, 0.48)


def test_quantum():
    measured, velocity = reports(np.array([0.0, 0.09, 0.11, -0.21]), joint_position_quantum=0.2)
    assert measured[:, 0].tolist() == [0.0, 0.0, 0.2, -0.2]
    assert velocity[1, 0] == pytest.approx(0.9)  # the velocity is not quantised


@pytest.mark.parametrize("periods", [0.0, 0.5, 1.0, 2.25, 4.0])
def test_delay_shifts_a_ramp(periods):
    ramp = np.arange(20.0)
    measured, _ = reports(ramp, sensor_delay=periods * ROBOT.control_period)
    np.testing.assert_allclose(measured[6:, 0], ramp[6:] - periods, atol=1e-6)


def test_reports_are_kept_by_whoever_holds_them():
    sensors = make_sensors(ROBOT, SPACE, 1, seed=0)
    values, first = SPACE.batch(1), sensors.measured
    state = RobotState.zeros(1, 1)
    state.joint_position[:] = 1.0
    sensors.reset(np.array([0]), state, values, np.zeros(1, int))
    assert first.joint_position[0, 0] == 0.0
    assert sensors.measured.joint_position[0, 0] == 1.0


def test_drone_sensors():
    """Gyro bias adds; an attitude bias of 0.02 rad about body x turns the attitude by just that."""
    robot = load_robot("crazyflie")
    space = ParameterSpace.for_robot(robot)
    sensors = make_sensors(robot, space, 1, seed=0)
    quiet = {name: 0.0 for name in space.names if name.endswith("_noise") or name == "sensor_delay"}
    values = space.batch(1, {**quiet, "gyro_bias_z": 0.3, "attitude_bias_x": 0.02})
    state = RobotState.zeros(1, 0)
    state.quaternion[:] = rotations.from_axis_angle(np.array([0.1, 0.5, -0.3]))
    sensors.reset(np.array([0]), state, values, np.zeros(1, int))
    measured = sensors.measured
    np.testing.assert_allclose(measured.angular_velocity, [[0, 0, 0.3]])
    error = rotations.multiply(rotations.conjugate(state.quaternion), measured.quaternion)
    np.testing.assert_allclose(rotations.to_axis_angle(error), [[0.02, 0, 0]], atol=1e-12)
