"""What the drone simulators of all engines have in common: the rotors, the height of the floor, a guard."""

from __future__ import annotations

import numpy as np

from sim2real.robot_model import Geom
from sim2real.robots import RobotDescription
from sim2real.simulators.base import Simulator
from sim2real.simulators.rotors import RotorDrive

GRAVITY = 9.81  # [m/s2]
_RUNAWAY = 1e6  # [m/s], [rad/s] beyond which a simulation counts as unstable


class DroneSimulator(Simulator):
    """A simulator whose rigid bodies an engine integrates under the wrenches of a ``RotorDrive``."""

    def __init__(self, robot: RobotDescription, num_sims: int, *, seed: int = 0, threads: int = 0, dtype=float):
        super().__init__(robot, num_sims, seed=seed, threads=threads)
        self._drive = RotorDrive(robot, self.space, num_sims, self.substep, self.num_substeps, dtype)

    def _guard(self, velocity: np.ndarray, rates: np.ndarray, failed: list[int] | tuple = ()) -> None:
        """Mark simulations that ran away, (3, n) each, or ``failed``; they stand in their last finite state."""
        if not failed and np.abs(velocity).max() < _RUNAWAY and np.abs(rates).max() < _RUNAWAY:  # false for nan
            return
        sound = ((np.abs(velocity) < _RUNAWAY) & (np.abs(rates) < _RUNAWAY)).all(axis=0)
        ids = np.union1d(failed, np.flatnonzero(~sound)).astype(int)
        last = self.true_state()[ids]  # still that of the start of this control period
        last.linear_velocity[:] = 0.0
        last.angular_velocity[:] = 0.0
        self._write(ids, last)
        self._reset_actuators(ids, self.rest_command(last))
        self.unstable[ids] = True


def clearance(robot: RobotDescription) -> float:
    """How far the collision shapes reach below the body's origin in [m].

    The floor is that far below zero height: a drone that stands on it upright is at height zero, where a real one's
    estimator starts.
    """
    shapes = [g for g in robot.model.link(robot.model.root).geoms if g.collision]
    return max((_reach_down(g) - float(g.xyz[2]) for g in shapes), default=0.0)


def _reach_down(geom: Geom) -> float:
    """Half height of a shape in its link's frame."""
    axis = np.abs(geom.rotation[2])  # components of world z along the shape's axes
    if geom.kind == "box":
        return float(axis @ np.asarray(geom.size)) / 2
    if geom.kind == "sphere":
        return float(geom.size[0])
    radius, length = geom.size
    side = radius if geom.kind == "capsule" else radius * float(np.hypot(axis[0], axis[1]))
    return side + float(axis[2]) * length / 2
