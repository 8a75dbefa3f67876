"""Engine "quadrotor": many drones as analytic rigid bodies in numpy, for training on plain CPUs.

The body is integrated about its centre of mass by symplectic Euler: momenta first, then positions with the new momenta;
the attitude by the exponential map. The floor is a plane on which a drone standing upright has height zero.
"""

from __future__ import annotations

import numpy as np

from sim2real import rotations
from sim2real.robots import RobotDescription
from sim2real.simulators.base import Simulator
from sim2real.simulators.drone import GRAVITY, DroneSimulator
from sim2real.simulators.rotors import Attitude, body_properties
from sim2real.types import RobotState

_FLOOR_DECAY = 0.05  # [s] time constant with which the floor stops sliding and turning


def make(robot: RobotDescription, num_sims: int, *, seed: int = 0, threads: int = 0) -> Simulator:
    """A ``Quadrotor`` simulator; it runs on the calling thread, whatever ``threads``."""
    return Quadrotor(robot, num_sims, seed=seed, threads=threads)


class Quadrotor(DroneSimulator):
    """``num_sims`` drones, six degrees of freedom each, stepped together."""

    engine = "quadrotor"

    def __init__(self, robot: RobotDescription, num_sims: int, *, seed: int = 0, threads: int = 0):
        # single precision is twice as fast in numpy; forces are then right to 1e-7, motion is in double precision
        super().__init__(robot, num_sims, seed=seed, threads=threads, dtype=np.float32)
        n = num_sims
        self._position, self._velocity = np.zeros((3, n)), np.zeros((3, n))  # of the centre of mass
        # vectors carry their x and y twice: the cyclic shifts of a cross product are then slices
        self._extended, self._spin = np.zeros((6, n)), np.zeros((5, n))
        self._quaternion, self._rates = self._extended[:4], self._spin[:3]
        self._quaternion[0] = 1.0
        self._attitude = Attitude(n)
        self._com, self._inertia, self._per_inertia = np.zeros((5, n)), np.zeros((5, n)), np.zeros((3, n))
        self._per_mass = np.zeros((3, n))
        self._half, self._momentum, self._work3 = np.empty((5, n)), np.empty((5, n)), np.empty((3, n))
        self._turn = np.empty((4, n))
        self._square, self._series = np.empty(n), np.empty(n)
        self._apply(self.all_ids)
        self.reset()

    # ------------------------------------------------------------------ hooks
    def _apply(self, ids: np.ndarray) -> None:
        values = self.values[ids]
        self._drive.apply(ids, values)
        mass, com, inertia = body_properties(self.robot, self.space, values)
        position, velocity = self._origin()
        self._com[:3, ids], self._com[3:, ids] = com.T, com[:, :2].T
        self._inertia[:3, ids], self._inertia[3:, ids] = inertia.T, inertia[:, :2].T
        self._per_mass[:, ids] = self.substep / mass
        self._per_inertia[:, ids] = self.substep / inertia.T
        self._move(ids, position[:, ids], velocity[:, ids])

    def _write(self, ids: np.ndarray, state: RobotState) -> None:
        self._quaternion[:, ids] = rotations.normalize(state.quaternion).T
        self._extended[4:, ids] = self._quaternion[1:3, ids]
        self._rates[:, ids] = state.angular_velocity.T
        self._spin[3:, ids] = self._spin[:2, ids]
        self._move(ids, state.position.T, state.linear_velocity.T)

    def _reset_actuators(self, ids: np.ndarray, command: np.ndarray) -> None:
        self._drive.reset(ids, command, self._rates[:, ids], self.values[ids])

    def _advance(self, command: np.ndarray, delay: np.ndarray) -> None:
        self._drive.begin(command, delay, self.values, self.time)
        for k in range(self.num_substeps):
            force, moment = self._drive.wrench(k, self._quaternion, self._velocity, self._rates)
            self._translate(force)
            self._rotate(moment)
        q = self._quaternion
        np.divide(self._extended, np.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]), out=self._extended)
        self._guard(self._velocity, self._rates)

    def _read(self) -> RobotState:
        state = RobotState.zeros(self.num_sims, 0)
        position, velocity = self._origin()
        state.position[:], state.linear_velocity[:] = position.T, velocity.T
        state.quaternion[:], state.angular_velocity[:] = self._quaternion.T, self._rates.T
        return state

    # ------------------------------------------------------------------ equations of motion
    def _translate(self, force: np.ndarray) -> None:
        self._work3[:] = force
        np.multiply(self._work3, self._per_mass, out=self._work3)
        np.add(self._velocity, self._work3, out=self._velocity)
        np.subtract(self._velocity[2], GRAVITY * self.substep, out=self._velocity[2])
        np.multiply(self._velocity, self.substep, out=self._work3)
        np.add(self._position, self._work3, out=self._position)
        np.subtract(self._position[2], self._com[2], out=self._square)
        if self._square.min() < 0.0:
            self._land(np.flatnonzero(self._square < 0.0))

    def _rotate(self, moment: np.ndarray) -> None:
        """Euler's equations, then the attitude by the exponential of the rotation vector ``h w``."""
        spin, half, work, square, series = self._spin, self._half, self._work3, self._square, self._series
        np.multiply(self._inertia, spin, out=self._momentum)
        _cross(spin, self._momentum, self._turn[1:], work)
        half[:3] = moment
        np.subtract(half[:3], work, out=work)  # M - w x J w
        np.multiply(work, self._per_inertia, out=work)
        np.add(spin[:3], work, out=spin[:3])
        spin[3:] = spin[:2]
        np.multiply(spin, 0.5 * self.substep, out=half)
        np.multiply(half[:3], half[:3], out=work)
        np.add(work[0], work[1], out=square)
        np.add(square, work[2], out=square)
        # sin(a) / a and cos(a) of the half angle a; the next terms turn a drone at 60 rad/s by 1e-5 rad in a second,
        # and its quaternion is normalised after every control period
        np.multiply(square, -1 / 6, out=series)
        np.add(series, 1.0, out=series)
        np.multiply(half, series, out=half)
        np.multiply(square, -1 / 2, out=series)
        np.add(series, 1.0, out=series)
        self._compose(half, series)

    def _compose(self, vector: np.ndarray, real: np.ndarray) -> None:
        """quaternion <- quaternion * (real, vector)."""
        q, turn, work = self._extended, self._turn, self._work3
        _cross(q[1:], vector, work, turn[1:])
        np.multiply(vector[:3], q[0], out=work)
        np.add(turn[1:], work, out=turn[1:])
        np.multiply(q[1:4], vector[:3], out=work)
        np.add(work[0], work[1], out=turn[0])
        np.add(turn[0], work[2], out=turn[0])
        np.negative(turn[0], out=turn[0])
        np.multiply(q[:4], real, out=q[:4])
        np.add(q[:4], turn, out=q[:4])
        q[4:] = q[1:3]

    def _land(self, down: np.ndarray) -> None:
        """An inelastic floor under the drones ``down``: they neither sink nor bounce, and stop sliding and turning."""
        keep = np.exp(-self.substep / _FLOOR_DECAY)
        self._position[2, down] = self._com[2, down]
        self._velocity[2, down] = np.maximum(self._velocity[2, down], 0.0)
        self._velocity[:2, down] *= keep
        self._spin[:, down] *= keep

    # ------------------------------------------------------------------ origin of the body <-> centre of mass
    def _origin(self) -> tuple[np.ndarray, np.ndarray]:
        """Position and velocity of the body's origin in the world, (3, n) each."""
        offset, moving = np.empty((3, self.num_sims)), np.empty((5, self.num_sims))
        self._attitude.set(self._quaternion)
        position = self._position - self._attitude.to_world(self._com, offset)
        _cross(self._spin, self._com, self._work3, moving[:3])
        moving[3:] = moving[:2]
        return position, self._velocity - self._attitude.to_world(moving, offset)

    def _move(self, ids: np.ndarray, position: np.ndarray, velocity: np.ndarray) -> None:
        """Put the origins of ``ids`` at ``position`` with ``velocity``, (3, len(ids)) each."""
        quaternion, com = self._quaternion[:, ids].T, self._com[:3, ids].T
        self._position[:, ids] = position + rotations.rotate(quaternion, com).T
        self._velocity[:, ids] = velocity + rotations.rotate(quaternion, np.cross(self._rates[:, ids].T, com)).T


def _cross(a: np.ndarray, b: np.ndarray, work: np.ndarray, out: np.ndarray) -> None:
    """Cross product of vectors of five rows (x, y, z, x, y)."""
    np.multiply(a[1:4], b[2:5], out=out)
    np.multiply(a[2:5], b[1:4], out=work)
    np.subtract(out, work, out=out)
