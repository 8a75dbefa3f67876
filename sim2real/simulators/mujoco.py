"""The engine "mujoco": MuJoCo's batch engine, for arms and drones."""

from __future__ import annotations

import mujoco

from sim2real.robots import RobotDescription
from sim2real.simulators.base import Simulator


def make(robot: RobotDescription, num_sims: int, *, seed: int = 0, threads: int = 0) -> Simulator:
    """The simulator for the robot's kind."""
    # MuJoCo's warnings would also go to a MUJOCO_LOG.TXT in the working directory; ``unstable`` tells what matters
    log = mujoco.MjLogConfig.get()
    log.logto_file = False
    log.set()
    if robot.kind == "arm":
        from sim2real.simulators.mujoco_arm import MujocoArm

        return MujocoArm(robot, num_sims, seed=seed, threads=threads)
    from sim2real.simulators.mujoco_drone import MujocoDrone

    return MujocoDrone(robot, num_sims, seed=seed, threads=threads)
