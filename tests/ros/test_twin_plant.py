"""The robot behind the twin's topics, without ROS: real time, dead time, watchdog, thrust lock."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest

from sim2real.parameters import ParameterSpace
from sim2real.robots import load_robot
from sim2real.ros.profiles import RosProfile
from sim2real.ros.twin_plant import TwinPlant, step_period, with_step
from sim2real.simulators import make_simulator


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


def test_a_velocity_moves_the_arm_until_another_command_comes():
    robot, plant = plant_of("ur5e", "mujoco")
    plant.start(0.0)
    elbow = 2
    start = plant.true_state().joint_position[0, elbow]

    def run(begin, end):
        for k in range(round((end - begin) / 0.002)):
            plant.advance(begin + 0.002 * (k + 1))
        return plant.true_state().joint_position[0, elbow], plant.true_state().joint_velocity[0, elbow]

    plant.receive([(0.0, np.array([0.0, 0.0, 0.3, 0.0, 0.0, 0.0]))], 0.0, "velocity")
    position, velocity = run(0.0, 2.0)  # one message moves it for ever: nothing below the runner times out
    assert velocity == pytest.approx(0.3, abs=0.02) and position == pytest.approx(start + 0.6, abs=0.03)
    plant.receive([(0.0, np.zeros(6))], 2.0, "velocity")
    position, velocity = run(2.0, 2.5)
    assert abs(velocity) < 0.01 and position == pytest.approx(start + 0.6, abs=0.03)
    plant.receive([(0.0, robot.home)], 2.5)  # positions take over again
    position, _ = run(2.5, 3.5)
    assert position == pytest.approx(robot.home[elbow], abs=0.02)
    plant.receive([(0.0, np.array([0.0, 0.0, 3.0, 0.0, 0.0, 0.0]))], 3.5, "velocity")
    position, velocity = run(3.5, 6.0)  # at its end the joint stands
    assert position <= robot.position_high[elbow] + 0.02 and abs(velocity) < 0.05
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
    tilted = [1.3 * robot.hover_thrust, 1.0, 0.0, 0.0]  # keeps rolling at 1 rad/s
    last = fly(plant, tilted, 0.3, now=0.02)

    def tilt():
        w, x, y, z = plant.true_state().quaternion[0]
        return np.arccos(w * w - x * x - y * y + z * z)

    def climb():
        return plant.true_state().linear_velocity[0, 2]

    now = fly(plant, tilted, last + 0.45, now=last, receive_until=last)
    assert tilt() > 0.5  # the last set point still holds
    now = fly(plant, tilted, last + 1.2, now=now, receive_until=0.0)
    assert tilt() < 0.1
    before = climb()
    now = fly(plant, tilted, last + 1.98, now=now, receive_until=0.0)
    assert climb() > before  # its motors run on
    now = fly(plant, tilted, last + 2.3, now=now, receive_until=0.0)
    before = climb()
    now = fly(plant, tilted, now + 0.2, now=now)
    assert climb() < before - 1.0  # locked: thrust does not count
    plant.receive([(0.0, np.zeros(4))], now)
    before = climb()
    fly(plant, [1.5 * robot.hover_thrust, 0, 0, 0], now + 0.5, now=now)
    assert climb() > before  # it has seen zero thrust
    assert plant.true_state().position[0, 2] > 0.5  # all of this in the air
    plant.close()


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


# ------------------------------------------------------------------------------------------------- PX4
def px4(**heartbeat):
    """An x500, with heartbeats of their own where given, hovering under set points at 1 s."""
    robot = load_robot("x500")
    section = copy.deepcopy(robot.ros)
    if heartbeat:
        section["commands"]["rates"]["also"].append(heartbeat)
    robot = dataclasses.replace(robot, ros=section)
    profile = RosProfile.for_robot(robot)
    sim = make_simulator("quadrotor", with_step(robot, step_period(100.0, "drone")[0]), 1, threads=1)
    values = ParameterSpace.for_robot(robot).batch(1, {"actuator_delay": 0.0, "sensor_delay": 0.0})[0]
    return robot, TwinPlant(sim, robot, profile, values)


BEAT = {"topic": "/fmu/in/offboard_control_mode", "type": "std_msgs/msg/Bool", "constants": {"data": True}}


def test_px4_fails_safe_a_second_after_the_last_set_point_and_comes_back_on_request_only():
    robot, plant = px4()
    plant.start(0.0)
    climbing = [1.1 * robot.hover_thrust, 0, 0, 0]
    fly(plant, climbing, 0.5)
    fly(plant, climbing, 1.4, now=0.5, receive_until=0.0)
    assert plant.failsafe == ""
    fly(plant, climbing, 1.6, now=1.4, receive_until=0.0)
    assert plant.failsafe == "hold"
    assert "no sign of life" in plant.request(1.6)  # nobody streams: refused
    fly(plant, climbing, 4.5, now=1.6)  # set points alone change nothing: it hovers where it was
    height = plant.true_state().position[0, 2]
    fly(plant, climbing, 5.0, now=4.5)
    assert plant.failsafe == "hold" and plant.true_state().position[0, 2] == pytest.approx(height, abs=0.05)
    assert plant.request(5.0) == "" and plant.failsafe == ""
    fly(plant, climbing, 6.0, now=5.0)
    assert plant.true_state().linear_velocity[0, 2] > 0.5  # obeys again
    plant.close()


def test_px4_holds_for_five_seconds_then_descends_and_disarms():
    robot, plant = px4()
    plant.start(0.0)
    hover = [robot.hover_thrust, 0, 0, 0]
    fly(plant, hover, 0.1)
    fly(plant, hover, 5.9, now=0.1, receive_until=0.0)
    assert plant.failsafe == "hold"
    fly(plant, hover, 7.0, now=5.9, receive_until=0.0)
    assert plant.failsafe == "descend"
    assert plant.true_state().linear_velocity[0, 2] == pytest.approx(-0.7, abs=0.2)
    fly(plant, hover, 12.0, now=7.0, receive_until=0.0)
    assert plant.failsafe == "disarmed"
    assert "landed and is disarmed" in plant.request(12.0)
    plant.close()


def test_where_px4_gets_heartbeats_set_points_alone_do_not_count():
    robot, plant = px4(**BEAT)
    plant.start(0.0)
    rolling = [robot.hover_thrust, 1.0, 0, 0]
    now = fly(plant, rolling, 0.5)
    assert plant.commands == 0 and plant.true_state().position[0, 2] == pytest.approx(1.0, abs=0.05)
    plant.heartbeat(now)
    now = fly(plant, rolling, 1.0, now=now)
    assert plant.commands > 0 and plant.failsafe == ""
    now = fly(plant, [robot.hover_thrust, 0, 0, 0], 1.45, now=now)
    assert plant.failsafe == ""
    fly(plant, [robot.hover_thrust, 0, 0, 0], 1.6, now=now)  # set points still come
    assert plant.failsafe == "hold"
    plant.heartbeat(1.6)
    assert plant.request(1.6) == ""
    plant.close()


# ------------------------------------------------------------------------------------------------- UR
def move(plant, points, until, now=0.0):
    """Advance in steps of 2 ms to ``until`` and return the joint positions, (n, J)."""
    if points is not None:
        plant.receive(points, now)
    path = []
    while now < until - 1e-9:
        now += 0.002
        plant.advance(now)
        path.append(plant.true_state().joint_position[0].copy())
    return np.array(path)


def test_when_the_program_stops_the_arm_brakes_stands_and_ignores_commands_until_a_new_one():
    robot, plant = plant_of("ur5e", "mujoco")
    plant.start(0.0)
    target = robot.home + np.array([1.0, 0, 0, 0, 0, 0])
    before = move(plant, [(0.0, robot.home), (1.0, target)], 0.5)
    speed = (before[-1, 0] - before[-2, 0]) / 0.002
    assert speed == pytest.approx(1.0, abs=0.2)
    plant.stop("button", 0.5)
    braking = move(plant, None, 1.0, 0.5)
    assert not plant.running
    stopping = braking[-1, 0] - before[-1, 0]
    assert 0.0 < stopping < 1.5 * speed**2 / (2 * robot.acceleration_limit[0]) + 0.05
    taken = plant.commands
    standing = move(plant, [(0.0, target)], 1.5, 1.0)
    assert np.ptp(standing[:, 0]) < 2e-3 and plant.commands == taken
    plant.run("button")
    assert plant.running
    assert np.ptp(move(plant, None, 2.0, 1.5)[:, 0]) < 2e-3  # release moves nothing
    assert move(plant, [(0.0, target)], 3.0, 2.0)[-1, 0] == pytest.approx(target[0], abs=0.01)
    plant.close()


def test_it_runs_only_once_nobody_stops_it():
    _, plant = plant_of("ur5e", "mujoco")
    plant.start(0.0)
    plant.stop("a", 0.0)
    plant.stop("b", 0.0)
    plant.run("a")
    assert not plant.running
    plant.run("b")
    assert plant.running
    plant.close()


def test_speed_scaling_stretches_the_scaled_controllers_trajectory():
    robot, plant = plant_of("ur5e", "mujoco")
    plant.scaled = True
    plant.start(0.0)
    plant.slow("slider", 0.5)
    target = robot.home + np.array([0, 0, 0, 0.4, 0, 0])
    path = move(plant, [(0.0, robot.home), (1.0, target)], 1.0)
    assert path[-1, 3] - robot.home[3] == pytest.approx(0.2, abs=0.02)
    plant.slow("slider", 0.0)
    assert np.ptp(move(plant, None, 1.5, 1.0)[-100:, 3]) < 1e-3  # stands in the middle of it
    plant.slow("slider", None)
    path = move(plant, None, 2.2, 1.5)
    assert path[-1, 3] == pytest.approx(target[3], abs=0.01)
    assert np.abs(np.diff(path[:, 3])).max() < 2 * 0.4 * 0.002  # goes on where it was, without a jump
    plant.close()


def test_without_a_scaled_controller_the_arm_follows_at_a_share_of_its_speed():
    robot, plant = plant_of("ur5e", "mujoco")
    plant.start(0.0)
    plant.slow("slider", 0.1)
    target = robot.home + np.array([0, 0, 0, 1.0, 0, 0])
    path = move(plant, [(0.0, target)], 1.0)
    assert path[-1, 3] - robot.home[3] == pytest.approx(0.1 * robot.velocity_limit[3], rel=0.1)
    plant.slow("other", 0.0)  # the smallest counts
    assert plant.speed_scaling == 0.0
    plant.slow("other", None)
    assert plant.speed_scaling == 0.1
    plant.close()


def test_another_controller_begins_where_the_set_point_is():
    robot, plant = plant_of("ur5e", "mujoco")
    plant.start(0.0)
    target = robot.home + np.array([0, 0, 0, 1.0, 0, 0])
    move(plant, [(0.0, robot.home), (1.0, target)], 0.5)
    plant.hold_here(0.5)
    path = move(plant, None, 1.5, 0.5)
    assert path[-1, 3] - robot.home[3] == pytest.approx(0.5, abs=0.03)
    plant.receive([(0.0, np.array([0, 0, 0, 0.5, 0, 0]))], 1.5, "velocity")
    move(plant, None, 1.7, 1.5)
    plant.hold_here(1.7)  # a velocity is forgotten, too
    assert np.ptp(move(plant, None, 2.5, 1.7)[-100:, 3]) < 1e-3
    plant.close()
