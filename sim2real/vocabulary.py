"""The rows of the vocabulary: what each parameter is called, its unit, its ranges and what it does.

Rows follow ``Parameter``'s fields. Ranges are the spread between sources for one type of robot (docs/parameters.md);
those of a single robot stand in its robot.yaml. Where a description leaves a sensor's noise or resolution out, the
ranges begin from the floors below: a range of no width would train a policy for a perfect sensor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim2real.robots import RobotDescription

ENGINES = ("mujoco", "pybullet", "quadrotor")
_RIGID = ("mujoco", "pybullet")

# Parameters of one real vehicle that rise and fall together; drawn apart they make vehicles that do not exist: a mass
# that its motors cannot lift, or principal inertias with Izz > Ixx + Iyy.
CORRELATED = {
    "inertia": ("inertia_xx", "inertia_yy", "inertia_zz"),
    "lift": ("mass", "thrust_coefficient"),
}
# joint position noise [rad], joint velocity noise [rad/s]: the UR5e's; 1.9e-4 rad is one count of a 15-bit encoder
_JOINT_FLOOR = {"position": 1e-4, "velocity": 2e-3, "quantum": 1e-4}
_EFFORT_FLOOR = 1e-3  # of the largest effort
# position [m], velocity [m/s], attitude [rad], body rates [rad/s]: half of the Crazyflie's
_BASE_FLOOR = {"position": 1e-3, "velocity": 1e-2, "attitude": 2.5e-3, "gyro": 5e-3}


def _row(name, unit, nominal, train, twin, physical, role, text, *, log=False, live=False, engines=_RIGID):
    return (name, unit, float(nominal), float(train[0]), float(train[1]), "log_uniform" if log else "uniform",
            float(twin[0]), float(twin[1]), float(physical[0]), float(physical[1]), role, live, engines, text)


def _family(elements, name, unit, nominal, train, twin, physical, role, text, each_train, each_twin, *, log=False,
            live=False, engines=_RIGID):
    """A global row and one row per element; elements of a scale family are ratios around one, of others offsets."""
    neutral = 1.0 if name.endswith("_scale") else 0.0
    yield _row(name, unit, nominal, train, twin, physical, role, text, log=log, live=live,
               engines=engines)
    for element in elements:
        yield _row(f"{name}.{element}", unit, neutral, each_train, each_twin, physical, role,
                   f"{element} alone, on top of {name}", log=log, live=live, engines=engines)


def _upto(nominal, limit, margin=1.25):
    """[0, limit], stretched where the description's own value would not lie inside."""
    return 0.0, max(limit, margin * nominal)


def ARM(robot: RobotDescription) -> list[tuple]:
    """Rows for an arm."""
    joints = robot.joint_names
    links = [link.name for link in robot.moving_links]
    sensors, actuator, payload = robot.sensors, robot.actuator, robot.payload_max
    period, positive = robot.control_period, (1e-3, 1e3)
    each, each_twin = (0.9, 1.1), (0.85, 1.15)
    noise, rate_noise, quantum = (max(value, _JOINT_FLOOR[name]) for name, value in (
        ("position", sensors.position_noise), ("velocity", sensors.velocity_noise),
        ("quantum", sensors.position_quantum)))
    rows = [
        *_family(links, "link_mass_scale", "1", 1, (0.85, 1.15), (0.8, 1.25), positive, "dynamics",
                 "link mass and inertia over nominal; the centre of mass stays", each, each_twin),
        _row("payload_mass", "kg", 0, (0, 0.6 * payload), (0, 0.8 * payload), (0, 20 * payload + 1), "dynamics",
             "point mass at the tool"),
        _row("payload_offset_x", "m", 0, (-0.03, 0.03), (-0.04, 0.04), (-1, 1), "dynamics",
             "payload position in the tool frame, x"),
        _row("payload_offset_y", "m", 0, (-0.03, 0.03), (-0.04, 0.04), (-1, 1), "dynamics",
             "payload position in the tool frame, y"),
        _row("payload_offset_z", "m", 0, (0, 0.08), (0, 0.1), (-1, 1), "dynamics",
             "payload position in the tool frame, z"),
        *_family(joints, "joint_damping_scale", "1", 1, (0.5, 2), (0.4, 3), (0, 1e3), "dynamics",
                 "viscous joint friction over nominal", each, each_twin, log=True),
        *_family(joints, "joint_friction_scale", "1", 1, (0.5, 2), (0.4, 2.5), (0, 1e3), "dynamics",
                 "Coulomb joint friction over nominal", each, each_twin, log=True),
        *_family(joints, "armature_scale", "1", 1, (0.8, 1.25), (0.7, 1.4), positive, "dynamics",
                 "reflected rotor inertia over nominal", each, each_twin, log=True),
        *_family(joints, "stiffness_scale", "1", 1, (0.5, 1.3), (0.45, 1.4), (0, 1e2), "actuation",
                 "position gain of the joint servo over nominal", each, each_twin, log=True),
        *_family(joints, "damping_gain_scale", "1", 1, (0.6, 1.5), (0.5, 1.7), (0, 1e2), "actuation",
                 "velocity gain of the joint servo over nominal", each, each_twin, log=True),
        *_family(joints, "effort_limit_scale", "1", 1, (0.85, 1.0), (0.8, 1.0), positive, "actuation",
                 "largest joint effort over nominal", (0.95, 1.0), (0.95, 1.0)),
        _row("actuator_delay", "s", actuator.delay, _upto(actuator.delay, 4.0 * period),
             _upto(actuator.delay, 4.5 * period, 1.4), (0, 8 * period), "latency",
             "dead time from command to servo", live=True),
        _row("motor_time_constant", "s", actuator.time_constant, _upto(actuator.time_constant, 0.02, 2.0),
             _upto(actuator.time_constant, 0.03, 3.0), (0, 1), "actuation",
             "first-order lag of the servo's set point"),
        _row("joint_position_noise", "rad", sensors.position_noise, (0, 2 * noise), (0, 2.5 * noise), (0, 1),
             "sensing", "standard deviation of measured position", live=True),
        _row("joint_velocity_noise", "rad/s", sensors.velocity_noise, (0, 2 * rate_noise), (0, 2.5 * rate_noise),
             (0, 10), "sensing", "standard deviation of measured velocity", live=True),
        *_family(joints, "joint_position_bias", "rad", 0, (0, 0), (0, 0), (-1, 1), "sensing",
                 "constant error of measured position", (-0.002, 0.002), (-0.003, 0.003), live=True),
        _row("joint_position_quantum", "rad", sensors.position_quantum, (0, 2 * quantum), (0, 2.5 * quantum), (0, 0.2),
             "sensing", "resolution of measured position; zero is exact", live=True),
        *_efforts(joints, sensors.effort_noise),
        _row("sensor_delay", "s", sensors.delay, _upto(sensors.delay, 0.5 * period),
             _upto(sensors.delay, 0.6 * period, 1.4), (0, 4 * period), "latency",
             "age of a measurement when it is used", live=True),
        _row("control_jitter", "s", 0, (0, 0), (0, 0.25 * period), (0, period), "defect",
             "a command arrives up to this much later, drawn anew at each", live=True),
        _row("command_drop_probability", "1", 0, (0, 0.02), (0, 0.04), (0, 1), "latency",
             "share of commands lost; the last one stays in force", live=True),
        _row("backlash", "rad", 0, (0, 0), (0, 0.006), (0, 0.5), "defect",
             "total play between servo set point and joint", live=True),
        _row("stiction", "1", 0, (0, 0), (0, 1), (0, 20), "defect",
             "excess of breakaway over Coulomb friction (Stribeck)"),
        _row("gravity_tilt_x", "rad", 0, (-0.03, 0.03), (-0.05, 0.05), (-3.2, 3.2), "dynamics",
             "base not level: rotation about its x axis"),
        _row("gravity_tilt_y", "rad", 0, (-0.03, 0.03), (-0.05, 0.05), (-3.2, 3.2), "dynamics",
             "base not level: rotation about its y axis"),
        _row("contact_friction", "1", 0.8, (0.4, 1.2), (0.3, 1.3), (0, 10), "dynamics",
             "sliding friction coefficient of the robot's surfaces"),
    ]
    rows += [_row(f"external_force_{axis}", "N", 0, (-f, f), (-f, f), (-1e4, 1e4), "disturbance",
                  f"push on the tool along world {axis}", live=True)
             for axis in "xyz" for f in [max(1.0, 3.0 * payload)]]
    return rows


def _efforts(joints, noise):
    """What is wrong with measured efforts; no rows for a robot that reports none.

    Most arms take currents times a constant for torques: constants differ from motor to motor and fall as magnets warm.
    """
    if noise is None:
        return
    yield from _family(joints, "joint_effort_scale", "1", 1, (0.95, 1.05), (0.9, 1.1), (1e-3, 1e3), "sensing",
                       "measured over true effort of the joint's drive", (0.9, 1.1), (0.85, 1.15), live=True)
    noise = max(noise, _EFFORT_FLOOR)
    yield _row("joint_effort_noise", "1", noise, (0, 2 * noise), (0, 2.5 * noise), (0, 1), "sensing",
               "standard deviation of measured effort over the joint's largest", live=True)


def DRONE(robot: RobotDescription) -> list[tuple]:
    """Rows for a quadrotor."""
    rotors, sensors, actuator = robot.rotors, robot.sensors, robot.actuator
    base = robot.model.link(robot.model.root)
    mass, inertia, weight = base.mass, base.inertia.diagonal(), base.mass * 9.81
    arm = float(abs(rotors.positions[:, :2]).max())
    tau = (rotors.time_constant_up + rotors.time_constant_down) / 2
    period, e = robot.control_period, ENGINES

    def around(name, unit, nominal, low, high, physical, role, text, log=True):
        return _row(name, unit, nominal, (nominal * low, nominal * high), (nominal * low**1.15, nominal * high**1.15),
                    physical, role, text, log=log, engines=e)

    rows = [
        around("mass", "kg", mass, 0.9, 1.15, (0.2 * mass, 4 * mass), "dynamics", "mass of the vehicle"),
        *(around(f"inertia_{a}{a}", "kg m^2", value, 0.7, 1.5, (0.02 * value, 50 * value), "dynamics",
                 f"principal inertia about body {a}") for a, value in zip("xyz", inertia, strict=True)),
        *(_row(f"com_{a}", "m", 0, (-0.05 * arm, 0.05 * arm), (-0.07 * arm, 0.07 * arm), (-arm, arm), "dynamics",
               f"centre of mass from the description's, body {a}", engines=e) for a in "xyz"),
        _row("payload_mass", "kg", 0, (0, robot.payload_max * 0.5), (0, robot.payload_max * 0.7), (0, 2 * mass),
             "dynamics", "point mass carried under the body", engines=e),
        _row("payload_offset_z", "m", -0.5 * arm, (-arm, 0), (-arm, 0), (-10 * arm, 10 * arm), "dynamics",
             "payload position in the body, z", engines=e),
        around("thrust_coefficient", "N s^2/rad^2", rotors.thrust_coefficient, 0.85, 1.2, (1e-12, 1), "actuation",
               "rotor thrust over speed squared"),
        around("torque_ratio", "m", rotors.torque_ratio, 0.8, 1.3, (0, 1), "actuation", "rotor torque over thrust"),
        _row("motor_time_constant", "s", tau, (0.5 * tau, 1.5 * tau), (0.45 * tau, 1.7 * tau), (1e-4, 1), "actuation",
             "first-order lag of rotor speed", log=True, engines=e),
        *_family([str(i + 1) for i in range(4)], "rotor_thrust_scale", "1", 1, (1, 1), (1, 1), (0, 2), "actuation",
                 "thrust over nominal (imbalance, a worn propeller)", (0.95, 1.05), (0.93, 1.07), engines=e),
        # a description without drag: up to 2 % of the weight at 1 m/s, about the Crazyflie's
        *(_row(f"drag_{a}", "N s/m", d, (0.3 * d, 2 * d or 0.02 * weight), (0.2 * d, 2.5 * d or 0.025 * weight),
               (0, 1e3), "dynamics",
               f"linear drag along body {a}", engines=e) for a, d in zip("xyz", rotors.drag, strict=True)),
        _row("battery_voltage_scale", "1", 1, (0.9, 1.02), (0.88, 1.04), (0.3, 1.5), "actuation",
             "battery voltage over nominal: scales rotor speed", engines=e),
        _row("battery_sag", "1/s", 0, (0, 0.003), (0, 0.004), (0, 0.5), "actuation",
             "share of the voltage lost per second", engines=e),
        _row("actuator_delay", "s", actuator.delay, _upto(actuator.delay, 1.5 * period),
             _upto(actuator.delay, 1.75 * period, 1.4), (0, 8 * period), "latency",
             "dead time from command to rate loop", live=True, engines=e),
        _row("control_jitter", "s", 0, (0, 0), (0, 0.25 * period), (0, period), "defect",
             "a command arrives up to this much later, drawn anew at each", live=True, engines=e),
        _row("command_drop_probability", "1", 0, (0, 0.02), (0, 0.04), (0, 1), "latency",
             "share of commands lost; the last one stays in force", live=True, engines=e),
        *(_row(f"{name}_noise", unit, sigma, (0, 2 * max(sigma, _BASE_FLOOR[name])),
               (0, 2.5 * max(sigma, _BASE_FLOOR[name])), (0, 10), "sensing",
               f"standard deviation of measured {what}", live=True, engines=e)
          for name, unit, sigma, what in (
              ("position", "m", sensors.position_noise, "position"),
              ("velocity", "m/s", sensors.velocity_noise, "velocity"),
              ("attitude", "rad", sensors.attitude_noise, "attitude"),
              ("gyro", "rad/s", sensors.gyro_noise, "body rates"))),
        *(_row(f"gyro_bias_{a}", "rad/s", 0, (-0.01, 0.01), (-0.015, 0.015), (-5, 5), "sensing",
               f"constant error of the body rate about {a}", live=True, engines=e) for a in "xyz"),
        *(_row(f"attitude_bias_{a}", "rad", 0, (-0.01, 0.01), (-0.015, 0.015), (-3.2, 3.2), "sensing",
               f"constant error of the attitude about body {a} (estimator not level)", live=True, engines=e)
          for a in "xy"),
        _row("position_quantum", "m", 0, (0, 0.001), (0, 0.00125), (0, 1), "sensing",
             "resolution of measured position; zero is exact", live=True, engines=e),
        _row("sensor_delay", "s", sensors.delay, _upto(sensors.delay, 0.5 * period),
             _upto(sensors.delay, 0.75 * period, 1.4), (0, 4 * period), "latency",
             "age of a measurement when it is used", live=True, engines=e),
        *(_row(f"wind_{a}", "m/s", 0, (-s, s), (-s, s), (-60, 60), "disturbance",
               f"wind along world {a}", live=True, engines=e) for a, s in zip("xyz", (1.0, 1.0, 0.3), strict=True)),
        *(_row(f"external_force_{a}", "N", 0, (-0.1 * weight, 0.1 * weight), (-0.1 * weight, 0.1 * weight),
               (-1e4, 1e4), "disturbance", f"push on the body along world {a}", live=True, engines=e) for a in "xyz"),
        _row("contact_friction", "1", 0.8, (0.4, 1.2), (0.3, 1.3), (0, 10), "dynamics",
             "sliding friction coefficient of the landing gear"),
    ]
    return rows
