"""The engine "pybullet": Bullet's multi-body dynamics, for arms and drones."""

from __future__ import annotations

from sim2real.robots import RobotDescription
from sim2real.simulators.base import Simulator


def make(robot: RobotDescription, num_sims: int, *, seed: int = 0, threads: int = 0) -> Simulator:
    """The simulator for the robot's kind; Bullet runs on one thread whatever ``threads`` says."""
    if robot.kind == "arm":
        from sim2real.simulators.pybullet_arm import PyBulletArm

        return PyBulletArm(robot, num_sims, seed=seed, threads=threads)
    from sim2real.simulators.pybullet_drone import PyBulletDrone

    return PyBulletDrone(robot, num_sims, seed=seed, threads=threads)
