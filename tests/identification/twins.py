"""Small recordings of simulated robots, for tests."""

import numpy as np

from sim2real.identification.offline.replay import with_step
from sim2real.parameters import ParameterSpace
from sim2real.recordings.layout import command_channels, state_channels
from sim2real.recordings.recording import Recording
from sim2real.simulators import make_simulator

DELAY = {"actuator_delay": 0.006, "sensor_delay": 0.004}  # [s] of ``record_arm``'s where nothing else is said


def record_arm(robot, values, *, seconds=6.0, period=0.004, engine="mujoco", noise=True, seed=0):
    """An arm under sines of different pace. ``values`` by name; a dead time acts at the driver's next cycle, a row."""
    space = ParameterSpace.for_robot(robot)
    row = space.batch(1, {**DELAY, **values})
    delay = int(np.ceil(row[0, space.column("actuator_delay")] / period - 1e-9))
    age, inside = round(float(row[0, space.column("sensor_delay")]) / period), row.copy()
    for name in (*DELAY, *(() if noise else ("joint_position_noise", "joint_velocity_noise"))):
        inside[:, space.column(name)] = 0.0
    time = period * np.arange(round(seconds / period))
    pace = 1.5 + 0.9 * np.arange(robot.num_joints)
    command = robot.home + 0.25 * np.sin(time[:, None] * pace) + 0.1 * np.sin(2.6 * time[:, None] * pace)
    states = []
    with make_simulator(engine, with_step(robot, period), 1, seed=seed, threads=1) as twin:
        twin.set_parameters(None, inside)
        start = twin.home_state(1)
        twin.reset(None, start)
        for k in range(len(time)):
            state = twin.state()
            states.append(np.concatenate([state.joint_position[0], state.joint_velocity[0]]))
            twin.step(command[None, max(k - delay, 0)])
    seen = np.array(states)[np.maximum(np.arange(len(time)) - age, 0)]
    return Recording("twin", time, dict(zip((*command_channels(robot), *state_channels(robot)),
                                            np.concatenate([command, seen], axis=1).T, strict=True)))


def record_drone(robot, values, *, seconds=12.0, period=0.01, seed=0, engine="quadrotor"):
    """A drone that a simple pilot sends through the room by thrust and body rates; dead times in whole rows."""
    space = ParameterSpace.for_robot(robot)
    row = space.batch(1, values)
    delay, age = (round(float(row[0, space.column(name)]) / period) for name in ("actuator_delay", "sensor_delay"))
    inside = row.copy()
    inside[:, [space.column("actuator_delay"), space.column("sensor_delay")]] = 0.0
    time = period * np.arange(round(seconds / period))
    commands, states = np.zeros((len(time), 4)), []
    substeps = round(period / 0.002)
    with make_simulator(engine, with_step(robot, period / substeps), 1, seed=seed, threads=1) as twin:
        twin.set_parameters(None, inside)
        start = twin.home_state(1)
        start.position[:, 2] = 2.0
        twin.reset(None, start)
        for k, t in enumerate(time):
            state, truth = twin.state(), twin.true_state()
            states.append(np.concatenate([state.position[0], state.linear_velocity[0], state.quaternion[0],
                                          state.angular_velocity[0]]))
            commands[k] = pilot(robot, truth, t)
            for _ in range(substeps):
                twin.step(commands[None, max(k - delay, 0)])
    seen = np.array(states)[np.maximum(np.arange(len(time)) - age, 0)]
    return Recording("flight", time, dict(zip((*command_channels(robot), *state_channels(robot)),
                                              np.concatenate([commands, seen], axis=1).T, strict=True)))


def pilot(robot, state, t):
    """Thrust [N] and body rates [rad/s] (4,) towards a place that moves."""
    goal = np.array([1.2 * np.sin(1.7 * t), 1.2 * np.sin(2.3 * t), 2.0 + 0.5 * np.sin(2.9 * t)])
    pull = 4.0 * (goal - state.position[0]) - 3.0 * state.linear_velocity[0]
    w, x, y, z = state.quaternion[0]
    roll, pitch, yaw = 2.0 * (w * x + y * z), 2.0 * (w * y - z * x), 2.0 * (w * z + x * y)
    rates = [6.0 * (-pull[1] / 9.81 - roll), 6.0 * (pull[0] / 9.81 - pitch), 0.8 * np.sin(1.1 * t) - yaw]
    thrust = robot.hover_thrust * (1.0 + pull[2] / 9.81)
    most = robot.rotors.max_rate
    return np.array([np.clip(thrust, 0.3 * robot.hover_thrust, 1.6 * robot.hover_thrust), *np.clip(rates, -most, most)])
