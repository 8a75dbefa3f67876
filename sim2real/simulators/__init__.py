"""Simulators: one batched protocol (``base.Simulator``), several engines behind it."""

from __future__ import annotations

import importlib

from sim2real.errors import BadInputError, MissingDependencyError, unknown
from sim2real.robots import RobotDescription
from sim2real.simulators.base import Simulator

_ENGINES = ("mujoco", "pybullet", "quadrotor")  # each a module here with make(robot, num_sims, seed=, threads=)


def list_engines() -> list[str]:
    """Names of the engines, installed or not."""
    return list(_ENGINES)


def make_simulator(engine: str, robot: RobotDescription, num_sims: int = 1, *, seed: int = 0,
                   threads: int = 0) -> Simulator:
    """A simulator of ``num_sims`` copies of ``robot``.

    Args:
        engine: "mujoco" (arms, drones), "pybullet" (arms, drones) or "quadrotor" (drones, analytic).
        robot: The robot description.
        num_sims: Number of simulations.
        seed: Seed of sensor noise, dropped commands and jitter.
        threads: Threads of the engine, 0 for all cores.

    Raises:
        BadInputError: An unknown engine, or one that cannot simulate this kind of robot.
        MissingDependencyError: The engine's package is not installed.
    """
    if engine not in _ENGINES:
        raise BadInputError(unknown("engine", engine, _ENGINES))
    if engine == "quadrotor" and robot.kind != "drone":
        raise BadInputError(f"engine 'quadrotor' simulates drones, {robot.name} is an arm; use mujoco or pybullet")
    try:
        make = importlib.import_module(f"sim2real.simulators.{engine}").make
        return make(robot, num_sims, seed=seed, threads=threads)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("sim2real"):
            raise
        raise MissingDependencyError(f"engine {engine!r} needs the package {error.name}: "
                                     f"pip install 'sim2real[{engine}]'") from error
