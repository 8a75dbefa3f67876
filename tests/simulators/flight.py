"""Helpers of the drone tests: a vehicle whose rate loop is switched off, and one-line flights."""

from __future__ import annotations

import functools

import numpy as np
import yaml

from sim2real.robots import RobotDescription, load_robot
from sim2real.simulators import make_simulator
from sim2real.simulators.base import Simulator
from sim2real.types import RobotState

GRAVITY = 9.81
ENGINES = ("quadrotor", "mujoco", "pybullet")
# no dead time, no drag and motors that follow at once: what is left can be worked out by hand
CLEAN = {"actuator_delay": 0.0, "motor_time_constant": 1e-4, "drag_x": 0.0, "drag_y": 0.0, "drag_z": 0.0}


@functools.cache
def robot_named(name: str) -> RobotDescription:
    return load_robot(name)


@functools.cache
def open_loop(name: str = "crazyflie") -> RobotDescription:
    """The robot with rate gains of zero: all rotors always give the same share of the collective thrust."""
    robot = robot_named(name)
    content = yaml.safe_load(robot.files["robot.yaml"])
    for axis in ("roll", "pitch", "yaw"):
        content["drone"]["rate_gains"][axis] = {"p": 0.0, "i": 0.0, "d": 0.0}
    return RobotDescription.from_files({**robot.files, "robot.yaml": yaml.safe_dump(content).encode()})


def start(robot: RobotDescription, n: int = 1, height: float = 100.0, **changes) -> RobotState:
    """``n`` level drones at rest high above the floor, but for ``changes`` of the state's fields."""
    state = RobotState.zeros(n, 0)
    state.position[:, 2] = height
    for name, value in changes.items():
        getattr(state, name)[:] = value
    return state


def fly(sim: Simulator, command, steps: int) -> np.ndarray:
    """Step under ``command`` (4,), (n, 4) or a function of the step; true states (steps, n, 13)."""
    out = []
    for k in range(steps):
        given = command(k) if callable(command) else command
        sim.step(np.broadcast_to(np.asarray(given, float), (sim.num_sims, 4)))
        out.append(packed(sim.true_state()))
    return np.array(out)


def packed(s: RobotState) -> np.ndarray:
    return np.concatenate([s.position, s.quaternion, s.linear_velocity, s.angular_velocity], axis=1)


def flown(engine: str, robot: RobotDescription, values: dict, command, steps: int, **changes) -> RobotState:
    """The true state after a flight of one drone with parameter ``values`` on top of ``CLEAN``."""
    with make_simulator(engine, robot, 1) as sim:
        sim.set_parameters(None, sim.space.batch(1, {**CLEAN, **values}))
        sim.reset(state=start(robot, **changes))
        fly(sim, command, steps)
        return sim.true_state()
