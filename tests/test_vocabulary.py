"""The vocabulary is complete, and its ranges make sense for every robot of the package."""

import dataclasses
import re

import numpy as np
import pytest

from sim2real.errors import ParameterError
from sim2real.parameters import CORRELATED, ENGINES, ParameterSpace
from sim2real.robots import list_robots, load_robot
from sim2real.units import parse_unit

ROBOTS = {name: load_robot(name) for name in list_robots()}
SPACES = {name: ParameterSpace.for_robot(robot) for name, robot in ROBOTS.items()}
EVERY = [pytest.param(p, id=f"{name}-{p.name}") for name, space in SPACES.items() for p in space.parameters
         if not re.search(r"\.[^.]*[2-9]$", p.name)]
NOISES = {"arm": ("joint_position", "joint_velocity"), "drone": ("position", "velocity", "attitude", "gyro")}

COMMON = ["payload_mass", "payload_offset_z", "actuator_delay", "motor_time_constant", "sensor_delay",
          "contact_friction", "control_jitter", "command_drop_probability", "external_force_x"]
ARMS = ["link_mass_scale", "payload_offset_x", "payload_offset_y", "joint_damping_scale", "joint_friction_scale",
        "armature_scale", "stiffness_scale", "damping_gain_scale", "effort_limit_scale", "joint_position_noise",
        "joint_velocity_noise", "joint_position_bias", "joint_position_quantum", "backlash", "gravity_tilt_x",
        "gravity_tilt_y"]
DRONES = ["mass", "inertia_xx", "inertia_yy", "inertia_zz", "com_x", "com_y", "com_z", "thrust_coefficient",
          "torque_ratio", "rotor_thrust_scale", "drag_x", "drag_y", "drag_z", "battery_voltage_scale", "battery_sag",
          "wind_x", "wind_y", "wind_z", "position_noise", "velocity_noise", "attitude_noise", "gyro_noise",
          "gyro_bias_x", "attitude_bias_x", "position_quantum"]


@pytest.mark.parametrize("name", ROBOTS)
def test_everything_that_the_issue_names_is_there(name):
    expected = COMMON + (ARMS if ROBOTS[name].kind == "arm" else DRONES)
    assert [n for n in expected if n not in SPACES[name]] == []


@pytest.mark.parametrize("name", ROBOTS)
def test_families_have_one_column_per_joint_link_or_rotor(name):
    robot, space = ROBOTS[name], SPACES[name]
    elements = {n.split(".", 1)[0]: [m.split(".", 1)[1] for m in space.names if m.startswith(n.split(".")[0] + ".")]
                for n in space.names if "." in n}
    if robot.kind == "drone":
        assert elements == {"rotor_thrust_scale": ["1", "2", "3", "4"]}
        return
    assert elements.pop("link_mass_scale") == [link.name for link in robot.moving_links]
    assert set(elements) == {"joint_damping_scale", "joint_friction_scale", "armature_scale", "stiffness_scale",
                             "damping_gain_scale", "effort_limit_scale", "joint_position_bias",
                             *(() if robot.sensors.effort_noise is None else ("joint_effort_scale",))}
    assert all(e == list(robot.joint_names) for e in elements.values())


@pytest.mark.parametrize("p", EVERY)
def test_ranges(p):
    p.check_ranges()
    assert p.distribution in ("uniform", "log_uniform")
    assert p.role in ("dynamics", "actuation", "latency", "sensing", "disturbance", "defect")
    assert p.engines and set(p.engines) <= set(ENGINES)
    parse_unit(p.unit)
    assert p.text and "\n" not in p.text and np.isfinite([p.physical_low, p.physical_high]).all()
    if p.role == "defect":
        assert p.low == p.high == p.nominal, "training must not know defects"
        assert p.twin_low <= p.nominal < p.twin_high
    elif p.name not in ("joint_position_bias", "rotor_thrust_scale"):  # those vary per joint or rotor
        assert p.low < p.high, "no width"
        if p.role != "disturbance":
            assert (p.twin_low, p.twin_high) != (p.low, p.high) or p.name.startswith(("payload_offset", "effort"))


def test_defects():
    assert {p.name for p in SPACES["ur5e"].parameters if p.role == "defect"} == {"backlash", "control_jitter",
                                                                                "stiction"}
    assert {p.name for p in SPACES["crazyflie"].parameters if p.role == "defect"} == {"control_jitter"}


@pytest.mark.parametrize("name", ROBOTS)
def test_nominal_is_the_description(name):
    robot, space = ROBOTS[name], SPACES[name]
    assert space["actuator_delay"].nominal == robot.actuator.delay
    assert space["sensor_delay"].nominal == robot.sensors.delay
    if robot.kind == "drone":
        body = robot.model.link(robot.model.root)
        assert space["mass"].nominal == pytest.approx(body.mass)
        assert [space[f"inertia_{a}{a}"].nominal for a in "xyz"] == pytest.approx(body.inertia.diagonal(), rel=1e-3)
        assert space["thrust_coefficient"].nominal == robot.rotors.thrust_coefficient
    else:
        assert all(p.nominal == 1.0 for p in space.parameters if "_scale" in p.name)


def test_latency_is_what_breaks_arms_so_training_sees_four_periods():
    p = SPACES["ur5e"]["actuator_delay"]
    assert p.low == 0.0 and p.high == pytest.approx(0.16) and p.twin_high == pytest.approx(0.18)


def test_crazyflie_inertia_spans_its_sources():
    # 3.85e-6 (learning-to-fly) to 2.3951e-5 kg m2 (menagerie): a factor of six
    p = SPACES["crazyflie"]["inertia_xx"]
    assert p.low <= 3.85e-6 and p.high >= 2.3951e-5 and p.distribution == "log_uniform"


@pytest.mark.parametrize("name", ROBOTS)
def test_absent_sensor_figures_still_give_ranges(name):
    robot = ROBOTS[name]
    space = ParameterSpace.for_robot(dataclasses.replace(robot, sensors=type(robot.sensors)(), parameter_overrides={}))
    for noise in NOISES[robot.kind]:
        p = space[f"{noise}_noise"]
        assert p.nominal == p.low == 0.0 < p.high < p.twin_high


def test_a_slow_robot_keeps_its_nominal_inside_the_ranges():
    robot = ROBOTS["ur5e"]
    slow = dataclasses.replace(robot, actuator=type(robot.actuator)(delay=0.2, time_constant=0.1),
                               sensors=dataclasses.replace(robot.sensors, delay=0.05))
    space = ParameterSpace.for_robot(slow)
    for name in ("actuator_delay", "motor_time_constant", "sensor_delay"):
        assert space[name].low <= space[name].nominal < space[name].high < space[name].twin_high


def test_an_impossible_description_is_one_line():
    robot = ROBOTS["ur5e"]
    with pytest.raises(ParameterError, match="^robot ur5e: parameter actuator_delay: .*nominal 2"):
        ParameterSpace.for_robot(dataclasses.replace(robot, actuator=type(robot.actuator)(delay=2.0)))


@pytest.mark.parametrize("name", ["crazyflie", "x500"])
def test_correlated_parameters_make_possible_vehicles_at_every_rank(name):
    space = SPACES[name]
    for u in np.linspace(0.0, 1.0, 11):
        xx, yy, zz = (p.twin_low * (p.twin_high / p.twin_low) ** u for p in map(space.__getitem__,
                                                                              CORRELATED["inertia"]))
        assert zz <= xx + yy and xx <= yy + zz
