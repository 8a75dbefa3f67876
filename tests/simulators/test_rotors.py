from __future__ import annotations

import numpy as np
import pytest

from sim2real import rotations
from sim2real.parameters import ParameterSpace
from sim2real.simulators import make_simulator
from sim2real.simulators.rotors import INTEGRAL_SHARE, Attitude, RotorDrive, body_properties
from tests.simulators.flight import CLEAN, fly, robot_named, start

ROBOT = robot_named("crazyflie")
SPACE = ParameterSpace.for_robot(ROBOT)
H, STEPS = 0.002, 10
LEVEL = np.array([[1.0], [0.0], [0.0], [0.0]])
REST = np.zeros((3, 1))


def drive(values: dict | None = None, n: int = 1, dtype=float) -> tuple[RotorDrive, np.ndarray]:
    made = RotorDrive(ROBOT, SPACE, n, H, STEPS, dtype)
    row = SPACE.batch(n, {**CLEAN, **(values or {})})
    made.apply(np.arange(n), row)
    made.reset(np.arange(n), np.tile([ROBOT.hover_thrust, 0.0, 0.0, 0.0], (n, 1)), np.zeros((3, n)), row)
    return made, row


def pulse(made: RotorDrive, row: np.ndarray, command, rates=REST, time: float = 0.0, substeps: int = 1) -> tuple:
    """Force and moment after ``substeps`` under a command."""
    made.begin(np.atleast_2d(np.asarray(command, float)), row[:, SPACE.column("actuator_delay")], row,
               np.full(len(row), time))
    for k in range(substeps):
        force, moment = made.wrench(k, np.repeat(LEVEL, len(row), axis=1), REST, rates)
    return force[:, 0].copy(), moment[:, 0].copy()


class TestBodyProperties:
    def test_nominal(self):
        mass, com, inertia = body_properties(ROBOT, SPACE, SPACE.batch(1))
        assert mass[0] == 0.029 and com[0].tolist() == [0, 0, 0]
        np.testing.assert_allclose(inertia[0], [16.571710e-6, 16.655602e-6, 29.261652e-6])

    def test_payload(self):
        """0.029 kg at 1 mm and 0.01 kg at -50 mm: 51 mm apart, reduced mass 0.00029 / 0.039."""
        values = SPACE.batch(1, {"payload_mass": 0.01, "payload_offset_z": -0.05, "com_z": 0.001, "com_x": 0.002})
        mass, com, inertia = body_properties(ROBOT, SPACE, values)
        assert mass[0] == pytest.approx(0.039)
        np.testing.assert_allclose(com[0], [0.002, 0, (0.029 * 0.001 - 0.01 * 0.05) / 0.039])
        more = 0.029 * 0.01 / 0.039 * 0.051**2
        np.testing.assert_allclose(inertia[0], np.array([16.571710e-6, 16.655602e-6, 29.261652e-6]) + [more, more, 0])


def test_attitude_is_rotations():
    draws = np.random.default_rng(0)
    q = rotations.normalize(draws.normal(size=(7, 4)))
    v = draws.normal(size=(7, 3))
    attitude, rows = Attitude(7), v.T[[0, 1, 2, 0, 1]]
    attitude.set(q.T)
    np.testing.assert_allclose(attitude.to_world(rows, np.empty((3, 7))).T, rotations.rotate(q, v), atol=1e-14)
    np.testing.assert_allclose(attitude.to_body(rows, np.empty((3, 7))).T, rotations.rotate_inverse(q, v), atol=1e-14)


class TestMixer:
    def test_hover_thrust_is_the_weight(self):
        force, moment = pulse(*drive(), [ROBOT.hover_thrust, 0, 0, 0])
        np.testing.assert_allclose(force, [0, 0, 0.029 * 9.81], atol=1e-12)
        np.testing.assert_allclose(moment, 0, atol=1e-12)

    @pytest.mark.parametrize("axis", range(3))
    def test_a_rate_error_gives_p_times_it(self, axis):
        """Within what the rotors can do, the moment is J (p e + i e h)."""
        command = [ROBOT.hover_thrust, 0, 0, 0]
        command[1 + axis] = 0.5
        force, moment = pulse(*drive(), command)
        p, i, _ = ROBOT.rotors.rate_gains[axis]
        expected = np.zeros(3)
        expected[axis] = ROBOT.rotors.inertia[axis] * 0.5 * (p + i * H)
        np.testing.assert_allclose(moment, expected, rtol=1e-9, atol=1e-12)
        assert force[2] == pytest.approx(ROBOT.hover_thrust)

    @pytest.mark.parametrize("rates", [(2.0, 0.0, 1.0), (6.28, -6.28, 3.14), (50.0, 0.0, 3.0), (0.0, 0.0, 50.0)])
    def test_thrust_is_kept_below_the_upper_end(self, rates):
        made, row = drive()
        force, _ = pulse(made, row, [ROBOT.hover_thrust, 0, 0, 0], rates=-np.array(rates)[:, None])
        thrusts, share = made.speed[:, 0] ** 2 * ROBOT.rotors.thrust_coefficient, ROBOT.hover_thrust / 4
        assert force[2] == pytest.approx(ROBOT.hover_thrust, rel=1e-6)
        assert thrusts.min() >= 0.0 and thrusts.max() <= 2 * share * (1 + 1e-6)

    @pytest.mark.parametrize("roll", [0.02, 0.4, 50.0])  # what it needs at each rotor, over a rotor's largest thrust
    def test_thrust_makes_room_for_roll_at_the_upper_end(self, roll):
        """Near the rotors' limit the collective thrust falls, by what roll needs and at most to half the rotors'."""
        made, row = drive()
        limit = ROBOT.rotors.thrust_coefficient * ROBOT.rotors.max_speed**2
        need = roll * limit  # at each rotor
        made._p[0], made._i[0] = need * 4 * 0.0325 / ROBOT.rotors.inertia[0], 0.0
        force, moment = pulse(made, row, [ROBOT.rotors.max_thrust, 1.0, 0, 0])
        given = min(need, 0.5 * limit)
        assert moment[0] == pytest.approx(given * 4 * 0.0325, rel=1e-5)
        assert force[2] == pytest.approx(min(ROBOT.rotors.max_thrust, 4 * (limit - given)), rel=1e-5)
        assert made.speed.max() <= ROBOT.rotors.max_speed * (1 + 1e-6)

    def test_yaw_is_given_up_first(self):
        """A roll beyond the rotors: one side stands, the other gives twice its share, nothing is left for yaw."""
        _, moment = pulse(*drive(), [ROBOT.hover_thrust, 0, 0, 0], rates=np.array([[-50.0], [0.0], [-3.0]]))
        assert moment[0] == pytest.approx(ROBOT.hover_thrust * 0.0325, rel=1e-6)
        assert abs(moment[2]) < 1e-9

    def test_yaw_gets_what_is_left(self):
        """A roll demand within the margin is met exactly; yaw is cut to the rest of it."""
        made, row = drive()
        made._p[2] = 1e6
        roll = 0.5 * ROBOT.hover_thrust * 0.0325 / ROBOT.rotors.inertia[0] / 80.2
        _, moment = pulse(made, row, [ROBOT.hover_thrust, roll, 0, 3.0])
        assert moment[0] == pytest.approx(0.5 * ROBOT.hover_thrust * 0.0325, rel=1e-6)
        assert moment[2] == pytest.approx(0.5 * ROBOT.hover_thrust * 0.00699, rel=1e-6)

    def test_commands_are_limited(self):
        force, _ = pulse(*drive(), [1e3, 0, 0, 0])
        assert force[2] == pytest.approx(ROBOT.rotors.max_thrust)
        force, moment = pulse(*drive(), [-1.0, 1.0, 0, 0])
        assert force[2] < 1e-15 and np.abs(moment).max() < 1e-15  # no thrust, no control

    def test_integral_is_bounded(self):
        """Held against the torque for a minute, the integral stays at its share of what the rotors can do."""
        made, row = drive()
        for _ in range(300):
            pulse(made, row, [ROBOT.hover_thrust, 1.0, 0, 0], substeps=10)
        authority = ROBOT.hover_thrust * 0.0325 / ROBOT.rotors.inertia[0]
        assert made._integral[0, 0] == pytest.approx(INTEGRAL_SHARE * authority, rel=0.05)


class TestMotors:
    def test_63_percent_after_the_time_constant(self):
        made, row = drive({"motor_time_constant": 0.05})
        before = made.speed[0, 0]
        high = 1.5 * ROBOT.hover_thrust
        target = np.sqrt(high / 4 / ROBOT.rotors.thrust_coefficient)
        for _ in range(2):
            pulse(made, row, [high, 0, 0, 0], substeps=10)
        pulse(made, row, [high, 0, 0, 0], substeps=5)
        assert (made.speed[0, 0] - before) / (target - before) == pytest.approx(1 - np.exp(-1), rel=1e-9)

    def test_battery(self):
        force, _ = pulse(*drive({"battery_voltage_scale": 0.9, "battery_sag": 0.01}), [0.2, 0, 0, 0], time=20.0)
        assert force[2] == pytest.approx(0.2 * (0.9 * 0.8) ** 2)
        force, _ = pulse(*drive({"battery_sag": 0.01}), [0.2, 0, 0, 0], time=1e4)
        assert force[2] < 1e-15

    @pytest.mark.parametrize("n", [0, 3, 9, 10, 14])
    def test_delay_of_n_substeps(self, n):
        made, row = drive({"actuator_delay": n * H})
        given = [0.2, 0, 0, 0]
        thrusts = []
        for _ in range(3):
            made.begin(np.array([given]), row[:, SPACE.column("actuator_delay")], row, np.zeros(1))
            thrusts += [made.wrench(k, LEVEL, REST, REST)[0][2, 0] for k in range(STEPS)]
        assert np.argmax(np.abs(np.array(thrusts) - ROBOT.hover_thrust) > 1e-3) == n
        np.testing.assert_allclose(thrusts[n:], 0.2)

    def test_single_precision_is_the_same_to_1e_6(self):
        command = [0.3, 1.0, -2.0, 0.5]
        for one, other in zip(pulse(*drive(), command), pulse(*drive(dtype=np.float32), command), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-9)


def step_response(axis: int, rate: float, changes: list[dict], name: str = "crazyflie") -> np.ndarray:
    """Rates over the commanded one, (100, len(changes)), sampled every 20 ms."""
    robot = robot_named(name)
    clean = {k: v for k, v in CLEAN.items() if k != "motor_time_constant"}
    with make_simulator("quadrotor", robot, len(changes)) as sim:
        values = np.concatenate([sim.space.batch(1, {**clean, **change}) for change in changes])
        sim.set_parameters(None, values)
        sim.reset(state=start(robot, len(changes), height=1000.0))
        command = np.array([robot.hover_thrust, 0.0, 0.0, 0.0])
        command[1 + axis] = rate
        return fly(sim, command, 100)[:, :, 10 + axis] / rate


class TestRateLoop:
    """What docs/drones.md states about damping."""

    TAUS = (0.02, 0.035, 0.05, 0.065, 0.1, 0.15)

    @pytest.mark.parametrize("axis", range(3))
    def test_damped_over_all_motors(self, axis):
        response = step_response(axis, 0.5, [{"motor_time_constant": tau} for tau in self.TAUS])
        overshoot = response.max(axis=0) - 1
        assert (overshoot < 0.20).all() and overshoot[3] < 0.08, overshoot
        rise = np.argmax(response > 0.9, axis=0) * 0.02
        assert (rise < (0.15 if axis < 2 else 0.25)).all(), rise
        assert np.abs(response[-1] - 1).max() < 0.05

    @pytest.mark.parametrize("tau", [0.01, 0.02, 0.065, 0.15])
    def test_damped_for_every_body(self, tau):
        """Inertia over all its range and beyond, thrust at both ends: no oscillation, no chatter."""
        changes = [{"motor_time_constant": tau, "inertia_xx": j, "thrust_coefficient": k}
                   for j in (2e-6, 3.85e-6, 2.4e-5) for k in (2.15e-8, 3.72e-8)]
        response = step_response(0, 0.5, changes)
        assert (response.max(axis=0) < 1.35).all(), response.max(axis=0)
        assert np.ptp(response[60:], axis=0).max() < 0.05

    def test_x500(self):
        for axis in range(3):
            response = step_response(axis, 0.5, [{"motor_time_constant": t} for t in (0.009, 0.019, 0.03)], "x500")
            assert (response.max(axis=0) < 1.15).all() and np.abs(response[-1] - 1).max() < 0.03

    def test_a_shifted_centre_of_mass_is_trimmed(self):
        """The integral takes over its moment: the rate error of a pure P loop, 28 / 80 rad/s, goes away."""
        with make_simulator("quadrotor", ROBOT, 1) as sim:
            sim.set_parameters(None, sim.space.batch(1, {**CLEAN, "motor_time_constant": 0.05, "com_y": 0.0016}))
            sim.reset(state=start(ROBOT, height=1000.0))
            rates = fly(sim, [ROBOT.hover_thrust, 0, 0, 0], 200)[:, 0, 10]
        assert rates.min() < -0.15 and abs(rates[-1]) < 0.02
