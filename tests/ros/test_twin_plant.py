"""The robot behind the twin's topics, without ROS: real time, dead time, watchdog, thrust lock."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.parameters import ParameterSpace
from sim2real.robots import load_robot
from sim2real.ros.profiles import RosProfile, WatchdogStage
from sim2real.ros.twin_plant import Autopilot, TwinPlant, step_period, with_step
from sim2real.simulators import make_simulator
from sim2real.types import RobotState


def plant_of(name, engine, **parameters):
    robot = load_robot(name)
    profile = RosProfile.for_robot(robot)
    space = ParameterSpace.for_robot(robot)
    nothing = {"actuator_delay": 0.0, "sensor_delay": 0.0}
    values = space.batch(1, {**nothing, **parameters})[0]
    sim = make_simulator(engine, with_step(robot, step_period(profile.state.rate, robot.kind)[0]), 1, threads=1)
    return robot, TwinPlant(sim, robot, profile, values)


def test_a_step_is_short_and_divides_the_publishing_period():
    for rate, kind, expected in ((500.0, "arm", (0.002, 1)), (1000.0, "arm", (0.001, 1)), (50.0, "arm", (0.004, 5)),
                                 (120.0, "drone", (1 / 600, 5)), (100.0, "drone", (0.002, 5))):
        assert step_period(rate, kind) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["ur5e", "fr3", "so101", "crazyflie", "x500"])
def test_every_robot_can_be_stepped_finely(name):
    robot = load_robot(name)
    fine = with_step(robot, 0.004)
    assert fine.control_period == 0.004
    assert fine.substep <= robot.substep and (fine.control_period / fine.substep) % 1 == pytest.approx(0.0)
    assert ParameterSpace.for_robot(fine).names == ParameterSpace.for_robot(robot).names


def test_keeps_step_with_the_wall_clock_and_catches_up():
    robot, plant = plant_of("ur5e", "mujoco")
    plant.start(50.0)
    plant.advance(50.1)
    assert plant.measured().time[0] == pytest.approx(1.1)  # a second of settling came before
    plant.advance(50.19)
    assert plant.measured().time[0] == pytest.approx(1.19)
    plant.advance(51.19)  # one second behind: a tenth is made up, the rest is given up
    assert plant.measured().time[0] == pytest.approx(1.29)
    assert plant.dropped_time == pytest.approx(0.9)
    plant.close()


def step_response(delay):
    """Time after a step of the elbow until it has moved by 5 mrad."""
    robot, plant = plant_of("ur5e", "mujoco", actuator_delay=delay)
    plant.start(0.0)
    target = robot.home + np.array([0.0, 0.0, 0.3, 0.0, 0.0, 0.0])
    start = plant.true_state().joint_position[0, 2]
    plant.receive([(0.0, target)], 0.0)
    for k in range(1, 200):
        plant.advance(0.002 * k)
        if abs(plant.true_state().joint_position[0, 2] - start) > 0.005:
            plant.close()
            return 0.002 * k
    raise AssertionError("the elbow does not move")


def test_dead_time_is_in_seconds_whatever_the_step():
    assert step_response(0.08) - step_response(0.02) == pytest.approx(0.06, abs=0.0021)


def test_measurements_are_as_old_as_the_sensor_delay():
    _, plant = plant_of("ur5e", "mujoco", sensor_delay=0.02)
    plant.start(0.0)
    plant.advance(0.1)
    assert plant.true_state().time[0] - plant.measured().time[0] == pytest.approx(0.02)
    plant.close()


def test_a_set_point_that_is_not_finite_is_not_taken():
    robot, plant = plant_of("ur5e", "mujoco")
    plant.start(0.0)
    plant.receive([(0.0, np.full(6, np.nan))], 0.0)
    plant.advance(0.1)
    assert plant.commands == 0
    np.testing.assert_allclose(plant.true_state().joint_position[0], robot.home, atol=0.02)
    plant.close()


# ------------------------------------------------------------------------------------------------- drones
def drone(name="crazyflie", **parameters):
    return plant_of(name, "quadrotor", **parameters)


def test_hovers_before_the_first_set_point():
    _, plant = drone()
    plant.start(0.0)
    plant.advance(1.0, longest=2.0)
    np.testing.assert_allclose(plant.true_state().position[0], [0.0, 0.0, 1.0], atol=0.05)
    plant.close()


def fly(plant, command, until, *, now=0.0, receive_until=np.inf):
    """A set point every 20 ms up to ``receive_until``."""
    while now < until:
        if now < receive_until:
            plant.receive([(0.0, np.array(command))], now)
        now += 0.02
        plant.advance(now)
    return now


def test_a_crazyflie_is_locked_until_it_has_seen_zero_thrust():
    robot, plant = drone()
    plant.start(0.0)
    fly(plant, [robot.hover_thrust, 0, 0, 0], 0.3)
    assert plant.true_state().linear_velocity[0, 2] < -1.0  # falls: nothing of the thrust counts
    robot, plant = drone()
    plant.start(0.0)
    plant.receive([(0.0, np.zeros(4))], 0.0)
    fly(plant, [robot.hover_thrust, 0, 0, 0], 0.3, now=0.02)
    assert abs(plant.true_state().linear_velocity[0, 2]) < 0.6


def test_crazyflie_levels_after_half_a_second_and_stops_after_two():
    robot, plant = drone()
    plant.start(0.0)
    plant.receive([(0.0, np.zeros(4))], 0.0)
    tilted = [robot.hover_thrust, 1.0, 0.0, 0.0]  # keeps rolling at 1 rad/s
    last = fly(plant, tilted, 0.3, now=0.02)

    def tilt():
        w, x, y, z = plant.true_state().quaternion[0]
        return np.arccos(w * w - x * x - y * y + z * z)

    now = fly(plant, tilted, last + 0.45, now=last, receive_until=last)
    assert tilt() > 0.5  # the last set point still holds
    now = fly(plant, tilted, last + 1.2, now=now, receive_until=0.0)
    assert tilt() < 0.1
    autopilot = plant._autopilot
    before = autopilot.command(np.array(tilted), 1.9, plant.true_state(), 0.004)
    after = autopilot.command(np.array(tilted), 2.1, plant.true_state(), 0.004)
    assert before[0] == robot.hover_thrust and after.tolist() == [0.0] * 4
    assert autopilot.take(np.array(tilted)).tolist() == [0.0] * 4  # locked again
    plant.close()


def test_px4_holds_its_place_after_a_second():
    robot = load_robot("x500")
    state = RobotState.zeros(1, 0)
    autopilot = Autopilot(robot, (WatchdogStage(after=1.0, action="hold"),), False, np.zeros(3))
    wanted = autopilot.take(np.array([30.0, 1.0, 0.0, 0.0]))
    assert autopilot.command(wanted, 0.9, state, 0.004).tolist() == wanted.tolist()
    state.position[0] = (3.0, 2.0, 5.0)
    held = autopilot.command(wanted, 1.1, state, 0.004)
    assert held[0] == pytest.approx(robot.hover_thrust, rel=0.01)  # it is where it wants to be
    np.testing.assert_allclose(held[1:], 0.0, atol=1e-9)


def test_the_battery_sags_while_set_points_rule_and_not_for_ever():
    robot, plant = drone(battery_sag=0.02)
    scale = plant._sim.space.column("battery_voltage_scale")
    plant.start(0.0)
    plant.advance(2.0, longest=3.0)
    assert plant._sim.values[0, scale] == 1.0  # it hovers as after a take-off: the battery is as given
    plant.receive([(0.0, np.zeros(4))], 2.0)
    fly(plant, [robot.hover_thrust, 0, 0, 0], 4.05, now=2.0)
    assert plant._sim.values[0, scale] == pytest.approx(1.0 - 0.02 * 2.0, abs=0.001)
    fly(plant, [robot.hover_thrust, 0, 0, 0], 9.0, now=4.05)
    assert plant._sim.values[0, scale] == pytest.approx(0.9)
    plant.close()
