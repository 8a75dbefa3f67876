"""Drones on MuJoCo's batch engine: MuJoCo moves the bodies and knows the floor, ``rotors`` gives the wrenches."""

from __future__ import annotations

import mujoco
import numpy as np
from mujoco import batch as mujoco_batch

from sim2real import rotations
from sim2real.robots import RobotDescription
from sim2real.simulators.drone import DroneSimulator
from sim2real.simulators.drone_scene import drone_model
from sim2real.simulators.rotors import Attitude, body_properties
from sim2real.types import RobotState


class MujocoDrone(DroneSimulator):
    """See ``Simulator``. MuJoCo's free joint has the package's conventions: (w, x, y, z), rates in the body."""

    engine = "mujoco"

    def __init__(self, robot: RobotDescription, num_sims: int, *, seed: int = 0, threads: int = 0):
        super().__init__(robot, num_sims, seed=seed, threads=threads)
        self.model = drone_model(robot)
        self.batch = mujoco_batch.Batch(self.model, num_sims, threads)
        body = self.model.body(robot.model.root).id
        self._qpos, self._qvel = self.batch.bind("qpos"), self.batch.bind("qvel")
        self._applied = self.batch.bind("xfrc_applied")[:, body]
        self._fields = {name: self.batch.expand(name) for name in
                        ("body_mass", "body_ipos", "body_inertia", "pair_friction")}
        self._body = body
        n = num_sims
        self._attitude = Attitude(n)
        self._com, self._spin, self._turned = np.zeros((5, n)), np.zeros((5, n)), np.zeros((5, n))
        self._velocity, self._quaternion = np.zeros((3, n)), np.zeros((4, n))
        self._apply(self.all_ids)
        self.reset()

    # ------------------------------------------------------------------ hooks
    def _apply(self, ids: np.ndarray) -> None:
        values = self.values[ids]
        self._drive.apply(ids, values)
        mass, com, inertia = body_properties(self.robot, self.space, values)
        self._com[:, ids] = com.T[[0, 1, 2, 0, 1]]
        self._fields["body_mass"][ids, self._body] = mass
        self._fields["body_ipos"][ids, self._body] = com
        self._fields["body_inertia"][ids, self._body] = inertia
        friction = values[:, self.space.column("contact_friction")]
        self._fields["pair_friction"][ids, :, :2] = friction[:, None, None]
        self.batch.set_const(ids)

    def _write(self, ids: np.ndarray, state: RobotState) -> None:
        self.batch.reset(ids, stage=mujoco.mjtStage.mjSTAGE_NONE.value)
        self._qpos[ids] = np.concatenate([state.position, rotations.normalize(state.quaternion)], axis=1)
        self._qvel[ids] = np.concatenate([state.linear_velocity, state.angular_velocity], axis=1)

    def _reset_actuators(self, ids: np.ndarray, command: np.ndarray) -> None:
        self._drive.reset(ids, command, self._qvel[ids, 3:].T, self.values[ids])

    def _advance(self, command: np.ndarray, delay: np.ndarray) -> None:
        self._drive.begin(command, delay, self.values, self.time)
        failed: list[int] = []
        for k in range(self.num_substeps):
            force, moment = self._drive.wrench(k, *self._motion())
            self._applied[:, :3] = force.T
            self._turned[:3], self._turned[3:] = moment, moment[:2]
            self._applied[:, 3:] = self._drive.attitude.to_world(self._turned, self._velocity).T
            try:
                self.batch.step()
            except mujoco_batch.SimulationError as error:
                failed += list(error.ids)
        self._guard(self._qvel[:, :3].T, self._qvel[:, 3:].T, failed)

    def _motion(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Quaternion (4, n), velocity of the centre of mass in the world and body rates (3, n)."""
        spin, com, velocity = self._spin, self._com, self._velocity
        self._quaternion[:] = self._qpos[:, 3:].T
        spin[:3] = self._qvel[:, 3:].T
        spin[3:] = spin[:2]
        self._attitude.set(self._quaternion)
        np.subtract(spin[1:4] * com[2:5], spin[2:5] * com[1:4], out=self._turned[:3])  # w x com
        self._turned[3:] = self._turned[:2]
        np.add(self._attitude.to_world(self._turned, velocity), self._qvel[:, :3].T, out=velocity)
        return self._quaternion, velocity, spin[:3]

    def _read(self) -> RobotState:
        state = RobotState.zeros(self.num_sims, 0)
        state.position[:], state.quaternion[:] = self._qpos[:, :3], self._qpos[:, 3:]
        state.linear_velocity[:], state.angular_velocity[:] = self._qvel[:, :3], self._qvel[:, 3:]
        return state

