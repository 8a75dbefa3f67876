import numpy as np
import pytest

from sim2real import rotations
from sim2real.parameters import ParameterSpace
from sim2real.robots import load_robot
from sim2real.simulators.effects import CommandEffects, SensorEffects
from sim2real.types import RobotState
from tests.simulators import tiny

ROBOT = tiny.turntable()
SPACE = ParameterSpace.for_robot(ROBOT)


def commands(stream, n=1, seed=0, **parameters):
    """What arrives of a stream of one number per period, (steps, n), and its dead times (steps, n)."""
    effects = CommandEffects(SPACE, n, 1, seed)
    effects.reset(np.arange(n), np.zeros((n, 1)))
    values = SPACE.batch(n, parameters)
    got = [effects.apply(np.full((n, 1), float(u)), values, np.full(n, k)) for k, u in enumerate(stream)]
    return np.array([c[:, 0] for c, _ in got]), np.array([d for _, d in got])


def reports(positions, n=1, robot=ROBOT, **parameters):
    """Measured joint positions and velocities, each (steps, n), of true positions with velocity ten times those."""
    space = ParameterSpace.for_robot(robot)
    sensors = SensorEffects(robot, space, n, seed=3)
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


class TestCommands:
    def test_nothing_happens_by_default(self):
        got, delay = commands([1, 2, 3])
        assert got[:, 0].tolist() == [1, 2, 3]
        assert not delay.any()

    def test_share_of_dropped_commands(self):
        got, _ = commands(np.arange(1, 201), n=50, command_drop_probability=0.1)
        lost = got != np.arange(1, 201)[:, None]
        assert lost.mean() == pytest.approx(0.1, abs=0.01)
        steps, sims = np.nonzero(lost[1:])
        assert np.all(got[1:][steps, sims] == got[:-1][steps, sims])  # the last one stays in force

    def test_backlash_is_a_play_of_its_width(self):
        """Half of the play is lost on the way up, all of it at the turn, nothing while the far side is not pushed."""
        got, _ = commands([0.0, 1.0, 0.9, 0.7, 0.5, 0.0], backlash=0.4)
        np.testing.assert_allclose(got[:, 0], [0.0, 0.8, 0.8, 0.8, 0.7, 0.2])

    def test_jitter_is_uniform_on_top_of_the_delay(self):
        _, delay = commands(np.zeros(400), n=20, actuator_delay=0.01, control_jitter=0.02)
        assert delay.min() >= 0.01
        assert delay.max() <= 0.03
        assert delay.mean() == pytest.approx(0.02, abs=2e-4)
        assert delay.std() == pytest.approx(0.02 / np.sqrt(12), rel=0.03)
        assert len(np.unique(delay)) == delay.size

    def test_identities_name_the_random_streams(self):
        first, second = (CommandEffects(SPACE, 2, 1, 0) for _ in range(2))
        second.identify(np.array([1, 0]))
        values = SPACE.batch(2, {"control_jitter": 0.02})
        a = first.apply(np.zeros((2, 1)), values, np.zeros(2, int))[1]
        b = second.apply(np.zeros((2, 1)), values, np.zeros(2, int))[1]
        assert a.tolist() == b[::-1].tolist()


class TestSensors:
    def test_exact_by_default(self):
        positions = np.sin(np.arange(10))
        measured, velocity = reports(positions)
        np.testing.assert_array_equal(measured[:, 0], positions)
        np.testing.assert_array_equal(velocity[:, 0], 10 * positions)

    def test_noise_has_its_deviation(self):
        measured, velocity = reports(np.zeros(200), n=50, joint_position_noise=0.01, joint_velocity_noise=0.2)
        assert measured.std() == pytest.approx(0.01, rel=0.03)
        assert velocity.std() == pytest.approx(0.2, rel=0.03)
        assert abs(measured.mean()) < 3e-4
        assert abs(np.corrcoef(measured.ravel(), velocity.ravel())[0, 1]) < 0.04
        assert abs(np.corrcoef(measured[:-1].ravel(), measured[1:].ravel())[0, 1]) < 0.04

    def test_bias_adds_global_and_own(self):
        measured, _ = reports(np.full(3, 0.5), **{"joint_position_bias": 0.01, "joint_position_bias.hinge": -0.03})
        np.testing.assert_allclose(measured, 0.48)

    def test_quantum(self):
        measured, velocity = reports(np.array([0.0, 0.09, 0.11, -0.21]), joint_position_quantum=0.2)
        assert measured[:, 0].tolist() == [0.0, 0.0, 0.2, -0.2]
        assert velocity[1, 0] == pytest.approx(0.9)  # the velocity is not quantised

    @pytest.mark.parametrize("periods", [0.0, 0.5, 1.0, 2.25, 4.0])
    def test_delay_shifts_a_ramp(self, periods):
        ramp = np.arange(20.0)
        measured, _ = reports(ramp, sensor_delay=periods * ROBOT.control_period)
        np.testing.assert_allclose(measured[6:, 0], ramp[6:] - periods, atol=1e-6)

    def test_reports_are_kept_by_whoever_holds_them(self):
        sensors = SensorEffects(ROBOT, SPACE, 1, seed=0)
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
    sensors = SensorEffects(robot, space, 1, seed=0)
    quiet = {name: 0.0 for name in space.names if name.endswith("_noise") or name == "sensor_delay"}
    values = space.batch(1, {**quiet, "gyro_bias_z": 0.3, "attitude_bias_x": 0.02})
    state = RobotState.zeros(1, 0)
    state.quaternion[:] = rotations.from_axis_angle(np.array([0.1, 0.5, -0.3]))
    sensors.reset(np.array([0]), state, values, np.zeros(1, int))
    measured = sensors.measured
    np.testing.assert_allclose(measured.angular_velocity, [[0, 0, 0.3]])
    error = rotations.multiply(rotations.conjugate(state.quaternion), measured.quaternion)
    np.testing.assert_allclose(rotations.to_axis_angle(error), [[0.02, 0, 0]], atol=1e-12)
