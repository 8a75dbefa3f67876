"""Every parameter of a drone, with a worked size, in every engine; and the engines against each other."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real import rotations
from sim2real.parameters import ParameterSpace
from sim2real.simulators import make_simulator
from tests.simulators.flight import CLEAN, ENGINES, GRAVITY, flown, fly, open_loop, robot_named, start

ROBOT = open_loop()
NOMINAL = ParameterSpace.for_robot(ROBOT)
MASS, WEIGHT = 0.029, 0.029 * GRAVITY
JXX, JYY, JZZ = 16.571710e-6, 16.655602e-6, 29.261652e-6
HALF_SIDE, RATIO, PERIOD, H = 0.0325, 0.00699, 0.02, 0.002
HOVER = (WEIGHT, 0.0, 0.0, 0.0)
LEFT, FRONT, CCW = (3, 4), (1, 4), (1, 3)  # rotors, numbered from one


def tilted(rotors: tuple[int, ...], e: float = 0.01) -> dict:
    """Those rotors stronger, the others weaker by ``e``: the collective thrust stays."""
    return {f"rotor_thrust_scale.{i}": 1 + e if i in rotors else 1 - e for i in (1, 2, 3, 4)}


def check(actual, expected, rel=2e-4, scale=0.0):
    np.testing.assert_allclose(actual, expected, rtol=rel, atol=1e-6 + 1e-3 * scale)


# vertical acceleration under the hover command: (values, expected in units of g)
VERTICAL = {
    "mass": ({"mass": 1.2 * MASS}, 1 / 1.2 - 1),
    "payload_mass": ({"payload_mass": 0.01, "payload_offset_z": 0.0}, 0.029 / 0.039 - 1),
    "thrust_coefficient": ({"thrust_coefficient": 1.1 * 2.88e-8}, 0.1),
    "rotor_thrust_scale": ({"rotor_thrust_scale": 0.9}, -0.1),
    "battery_voltage_scale": ({"battery_voltage_scale": 0.9}, 0.9**2 - 1),
    "external_force_z": ({"external_force_z": 0.25 * WEIGHT}, 0.25),
}
# angular acceleration of the first 20 ms under the hover command: (values, expected)
ROTATION = {
    "rotor_thrust_scale": (tilted(LEFT), (0.01 * WEIGHT * HALF_SIDE / JXX, 0, 0)),
    "rotor_thrust_scale front": (tilted(FRONT), (0, -0.01 * WEIGHT * HALF_SIDE / JYY, 0)),
    "rotor_thrust_scale ccw": (tilted(CCW), (0, 0, -0.01 * WEIGHT * RATIO / JZZ)),
    "torque_ratio": ({**tilted(CCW), "torque_ratio": 0.01}, (0, 0, -0.01 * WEIGHT * 0.01 / JZZ)),
    "inertia_xx": ({**tilted(LEFT), "inertia_xx": 3e-5}, (0.01 * WEIGHT * HALF_SIDE / 3e-5, 0, 0)),
    "inertia_yy": ({**tilted(FRONT), "inertia_yy": 3e-5}, (0, -0.01 * WEIGHT * HALF_SIDE / 3e-5, 0)),
    "inertia_zz": ({**tilted(CCW), "inertia_zz": 4e-5}, (0, 0, -0.01 * WEIGHT * RATIO / 4e-5)),
    # a thrust that passes left or behind of the centre of mass
    "com_x": ({"com_x": 1e-3}, (0, 1e-3 * WEIGHT / JYY, 0)),
    "com_y": ({"com_y": 1e-3}, (-1e-3 * WEIGHT / JXX, 0, 0)),
    # a point of reduced mass m M / (m + M) at the distance of the two
    "payload_offset_z": ({**tilted(LEFT), "payload_mass": 0.01, "payload_offset_z": -0.05},
                         (0.01 * WEIGHT * HALF_SIDE / (JXX + 0.01 * 0.029 / 0.039 * 0.05**2), 0, 0)),
}


@pytest.mark.parametrize("engine", ENGINES)
class TestParameters:
    def test_hover(self, engine):
        state = flown(engine, ROBOT, {}, HOVER, 50)
        assert np.abs(state.linear_velocity).max() < 1e-4 and np.abs(state.angular_velocity).max() < 1e-4

    @pytest.mark.parametrize("name", VERTICAL)
    def test_vertical(self, engine, name):
        values, expected = VERTICAL[name]
        state = flown(engine, ROBOT, values, HOVER, 10)
        check(state.linear_velocity[0], [0, 0, expected * GRAVITY * 0.2])

    @pytest.mark.parametrize("name", ROTATION)
    def test_rotation(self, engine, name):
        values, expected = ROTATION[name]
        state = flown(engine, ROBOT, values, HOVER, 1)
        check(state.angular_velocity[0], np.array(expected) * PERIOD, rel=1e-3)

    def test_com_z(self, engine):
        """Spun about its origin in free fall, the drone turns about its centre of mass, which drifts at w x com."""
        spin, com = 10 * np.pi, 0.002  # 0.2 s a turn
        state = flown(engine, ROBOT, {"com_z": com}, np.zeros(4), 10, angular_velocity=[spin, 0, 0])
        assert state.position[0, 1] == pytest.approx(-2 * np.pi * com, rel=2e-3)

    @pytest.mark.parametrize("axis", "xyz")
    def test_drag(self, engine, axis):
        """Speed relative to the air decays with m / D."""
        i, drag = "xyz".index(axis), 0.02
        velocity = np.eye(3)[i]
        state = flown(engine, ROBOT, {f"drag_{axis}": drag}, HOVER, 50, linear_velocity=velocity)
        check(state.linear_velocity[0, i], np.exp(-drag / MASS), rel=1e-3)

    def test_terminal_velocity(self, engine):
        state = flown(engine, ROBOT, {"drag_z": 0.2}, np.zeros(4), 100)
        assert state.linear_velocity[0, 2] == pytest.approx(-WEIGHT / 0.2, rel=1e-3)

    @pytest.mark.parametrize("axis", "xyz")
    def test_wind(self, engine, axis):
        """A drone that hovers drifts with the wind: v = w (1 - exp(-D t / m)), whichever way it looks."""
        i, drag = "xyz".index(axis), 0.02
        values = {"drag_x": drag, "drag_y": drag, "drag_z": drag, f"wind_{axis}": 2.0}
        state = flown(engine, ROBOT, values, HOVER, 50, quaternion=rotations.from_rpy([0.0, 0.0, 1.0]))
        check(state.linear_velocity[0], 2 * (1 - np.exp(-drag / MASS)) * np.eye(3)[i], rel=1e-3)

    def test_wind_gust_acts_at_the_next_step(self, engine):
        with make_simulator(engine, ROBOT, 1) as sim:
            values = sim.space.batch(1, {**CLEAN, "drag_x": 0.02})
            sim.set_parameters(None, values)
            sim.reset(state=start(ROBOT))
            fly(sim, HOVER, 2)
            assert abs(sim.true_state().linear_velocity[0, 0]) < 1e-6
            values[:, sim.space.column("wind_x")] = 3.0
            sim.set_parameters(None, values)
            fly(sim, HOVER, 1)
            assert sim.true_state().linear_velocity[0, 0] == pytest.approx(3 * 0.02 * PERIOD / MASS, rel=2e-2)

    @pytest.mark.parametrize("axis", "xyz")
    def test_external_force(self, engine, axis):
        """A push along the world's axes, not the body's."""
        i = "xyz".index(axis)
        state = flown(engine, ROBOT, {f"external_force_{axis}": 0.02}, HOVER, 10,
                      quaternion=rotations.from_rpy([0.0, 0.0, 2.0]))
        check(state.linear_velocity[0], 0.02 / MASS * 0.2 * np.eye(3)[i])

    def test_battery_sag(self, engine):
        """Thrust falls with (1 - k t)^2: v = g (-k t^2 + k^2 t^3 / 3)."""
        k, t = 0.05, 1.0
        state = flown(engine, ROBOT, {"battery_sag": k}, HOVER, 50)
        assert state.linear_velocity[0, 2] == pytest.approx(GRAVITY * (-k * t**2 + k**2 * t**3 / 3), rel=0.03)

    def test_motor_time_constant(self, engine):
        """From hover to no thrust: the speed falls as exp(-t / tau), and thrust with its square."""
        tau, steps = 0.06, 3
        state = flown(engine, ROBOT, {"motor_time_constant": tau}, np.zeros(4), steps)
        k = np.arange(1, steps * 10 + 1)
        check(state.linear_velocity[0, 2], np.sum(GRAVITY * H * (np.exp(-2 * k * H / tau) - 1)))

    @pytest.mark.parametrize("n", [0, 1, 7, 10, 23])
    def test_actuator_delay(self, engine, n):
        """A dead time of n substeps: n substeps of hover less in the fall."""
        state = flown(engine, ROBOT, {"actuator_delay": n * H}, np.zeros(4), 4)
        check(state.linear_velocity[0, 2], -GRAVITY * H * (40 - n), rel=1e-4)

    def test_control_jitter(self, engine):
        with make_simulator(engine, ROBOT, 4) as sim:
            sim.set_parameters(None, sim.space.batch(4, {**CLEAN, "control_jitter": PERIOD}))
            sim.reset(state=start(ROBOT, 4))
            late = 10 + fly(sim, np.zeros(4), 1)[0, :, 9] / (GRAVITY * H)  # substeps
        assert (late > -0.01).all() and (late < 10.01).all() and len(np.unique(late.round(3))) > 1

    def test_command_drop(self, engine):
        state = flown(engine, ROBOT, {"command_drop_probability": 1.0}, np.zeros(4), 10)
        assert np.abs(state.linear_velocity).max() < 1e-4

    @pytest.mark.parametrize("axis", "xyz")
    def test_gyro_bias(self, engine, axis):
        """The rate loop brings the measured rate to zero, so the true one is minus the bias."""
        i = "xyz".index(axis)
        state = flown(engine, robot_named("crazyflie"), {f"gyro_bias_{axis}": 0.1}, HOVER, 150)
        assert state.angular_velocity[0, i] == pytest.approx(-0.1, rel=0.05)

    def test_noise(self, engine):
        """Standard deviations as asked for, about the true state."""
        sigma = {"position_noise": 0.01, "velocity_noise": 0.02, "attitude_noise": 0.03, "gyro_noise": 0.04}
        with make_simulator(engine, ROBOT, 2) as sim:
            sim.set_parameters(None, sim.space.batch(2, {**CLEAN, **sigma, "sensor_delay": 0.0}))
            sim.reset(state=start(ROBOT, 2))
            errors = {name: [] for name in sigma}
            for _ in range(150):
                sim.step(np.tile(HOVER, (2, 1)))
                seen, true = sim.state(), sim.true_state()
                turn = rotations.multiply(rotations.conjugate(true.quaternion), seen.quaternion)
                for name, error in zip(sigma, (seen.position - true.position, seen.linear_velocity
                                               - true.linear_velocity, rotations.to_axis_angle(turn),
                                               seen.angular_velocity - true.angular_velocity), strict=True):
                    errors[name].append(error)
        for name, expected in sigma.items():
            assert np.std(errors[name]) == pytest.approx(expected, rel=0.1)

    def test_bias_quantum_and_delay_of_sensors(self, engine):
        exact = {name: 0.0 for name in ("position_noise", "velocity_noise", "attitude_noise", "gyro_noise")}
        values = {**CLEAN, **exact, "attitude_bias_x": 0.05, "attitude_bias_y": -0.02, "gyro_bias_z": 0.1,
                  "position_quantum": 0.01, "sensor_delay": 2 * PERIOD}
        with make_simulator(engine, ROBOT, 1) as sim:
            sim.set_parameters(None, sim.space.batch(1, values))
            sim.reset(state=start(ROBOT))
            flight = fly(sim, np.zeros(4), 6)
            seen = sim.state()
        np.testing.assert_allclose(seen.position[0], np.round(flight[-3, 0, :3] / 0.01) * 0.01, atol=1e-12)
        np.testing.assert_allclose(seen.linear_velocity[0], flight[-3, 0, 7:10], atol=1e-12)
        np.testing.assert_allclose(rotations.to_axis_angle(seen.quaternion)[0], [0.05, -0.02, 0], atol=1e-9)
        np.testing.assert_allclose(seen.angular_velocity[0], [0, 0, 0.1], atol=1e-9)


def lively(robot, n: int, k: int) -> np.ndarray:
    """Thrust between 70 and 130 % of the weight and rates up to 2 rad/s, another course for each simulation."""
    i = np.arange(n)
    command = np.empty((n, 4))
    command[:, 0] = robot.hover_thrust * (1 + 0.3 * np.sin(0.3 * k + i))
    command[:, 1:] = 2.0 * np.sin(0.2 * k + np.arange(3) + i[:, None])
    return command


def wild_flight(engine: str, name: str, *, randomized: bool, n: int = 6) -> np.ndarray:
    """Two seconds from a disturbed start, (100, n, 13)."""
    robot, draws = robot_named(name), np.random.default_rng(1)
    with make_simulator(engine, robot, n) as sim:
        values = sim.space.batch(n)
        if randomized:
            values = sim.space.low + (sim.space.high - sim.space.low) * draws.random(values.shape)
        sim.set_parameters(None, values)
        sim.reset(state=start(robot, n, position=draws.normal(0, 1, (n, 3)) + [0, 0, 30],
                              quaternion=rotations.from_axis_angle(draws.normal(0, 0.3, (n, 3))),
                              linear_velocity=draws.normal(0, 1, (n, 3)),
                              angular_velocity=draws.normal(0, 2, (n, 3))))
        return fly(sim, lambda k: lively(robot, n, k), 100)


# position [m], velocity [m/s], rates [rad/s], attitude [rad] after 2 s and some ten metres. MuJoCo integrates the
# position of the body's origin, the others that of the centre of mass: a difference of first order in the substep.
BOUNDS = {"pybullet": (5e-5, 5e-5, 1e-4, 5e-5), "mujoco": (5e-3, 3e-3, 1e-4, 5e-5)}


@pytest.mark.parametrize("randomized", [False, True], ids=["nominal", "randomized"])
@pytest.mark.parametrize("name", ["crazyflie", "x500"])
@pytest.mark.parametrize("engine", BOUNDS)
def test_parity(engine, name, randomized):
    one, other = (wild_flight(e, name, randomized=randomized) for e in ("quadrotor", engine))
    assert np.abs(one[-1, :, :3] - one[0, :, :3]).max() > 3.0  # a real flight
    dot = np.abs((one[..., 3:7] * other[..., 3:7]).sum(axis=-1))
    found = (np.abs(one - other)[..., :3].max(), np.abs(one - other)[..., 7:10].max(),
             np.abs(one - other)[..., 10:].max(), 2 * np.sqrt(2 * max(0.0, (1 - dot).max())))
    assert all(f < bound for f, bound in zip(found, BOUNDS[engine], strict=True)), found


def test_every_parameter_is_tested():
    """Those of the tables above, and by test: what the vocabulary has besides would be untested."""
    tables = {key for table in (VERTICAL, ROTATION) for values, _ in table.values() for key in values}
    by_test = {"com_z", "battery_sag", "motor_time_constant", "actuator_delay", "control_jitter", "position_quantum",
               "command_drop_probability", "position_noise", "velocity_noise", "attitude_noise", "gyro_noise",
               "attitude_bias_x", "attitude_bias_y", "sensor_delay", "contact_friction"}  # the last: engines' own tests
    by_axis = {f"{what}_{a}" for what in ("drag", "wind", "external_force", "gyro_bias") for a in "xyz"}
    assert tables | by_test | by_axis == set(NOMINAL.names)
