"""Drones on PyBullet: one world per simulation; Bullet moves the body and knows the floor.

Bullet gets a body whose frame is the centre of mass, so its positions and velocities are those of that point; its
quaternions are (x, y, z, w) and its angular velocities are in the world. Both are converted here and nowhere else.
"""

from __future__ import annotations

import numpy as np

from sim2real import rotations
from sim2real.errors import SimulationError
from sim2real.robot_model import Geom
from sim2real.robots import RobotDescription
from sim2real.simulators.drone import GRAVITY, DroneSimulator, clearance
from sim2real.simulators.quiet_bullet import pybullet
from sim2real.simulators.rotors import body_properties
from sim2real.types import RobotState

_SHAPES = {"box": pybullet.GEOM_BOX, "sphere": pybullet.GEOM_SPHERE, "cylinder": pybullet.GEOM_CYLINDER,
           "capsule": pybullet.GEOM_CAPSULE}
_AWAY = 1e3  # [m]
_ANY_SPEED = 1e9  # in place of Bullet's limit of 100 on every velocity component


class BulletDrone:
    """A physics client with one drone in it."""

    def __init__(self, robot: RobotDescription, step: float):
        self._robot, self._step = robot, step
        self._client = pybullet.connect(pybullet.DIRECT)
        if self._client < 0:
            raise SimulationError("PyBullet gives no more physics clients (its limit is 1024); use fewer simulations")
        self.body = -1

    def load(self, mass: float, com: np.ndarray, inertia: np.ndarray, friction: float) -> None:
        """Start anew with a drone of these properties, (3,) each."""
        p, client = pybullet, self._client
        p.resetSimulation(physicsClientId=client)
        p.setPhysicsEngineParameter(fixedTimeStep=self._step, numSubSteps=0, deterministicOverlappingPairs=1,
                                    physicsClientId=client)
        p.setGravity(0.0, 0.0, -GRAVITY, physicsClientId=client)
        plane = p.createCollisionShape(p.GEOM_PLANE, physicsClientId=client)
        floor = p.createMultiBody(0, plane, basePosition=[0.0, 0.0, -clearance(self._robot)], physicsClientId=client)
        # Bullet multiplies the coefficients of two surfaces
        p.changeDynamics(floor, -1, lateralFriction=1.0, restitution=0.0, physicsClientId=client)
        geoms = self._robot.model.link(self._robot.model.root).geoms
        solid = _shapes([g for g in geoms if g.collision], com, client)
        self.body = p.createMultiBody(float(mass), solid, physicsClientId=client)
        p.changeDynamics(self.body, -1, localInertiaDiagonal=inertia.tolist(), linearDamping=0.0, angularDamping=0.0,
                         restitution=0.0, rollingFriction=0.0, spinningFriction=0.0, lateralFriction=float(friction),
                         maxJointVelocity=_ANY_SPEED, physicsClientId=client)

    def write(self, position: np.ndarray, quaternion: np.ndarray, velocity: np.ndarray, spin: np.ndarray) -> None:
        """Put the centre of mass there; quaternion (x, y, z, w), everything in the world."""
        p, client = pybullet, self._client
        # out of reach of the floor for a moment, so that Bullet forgets its contacts
        p.resetBasePositionAndOrientation(self.body, [0.0, 0.0, _AWAY], [0.0, 0.0, 0.0, 1.0], physicsClientId=client)
        p.performCollisionDetection(physicsClientId=client)
        p.resetBasePositionAndOrientation(self.body, position.tolist(), quaternion.tolist(), physicsClientId=client)
        p.resetBaseVelocity(self.body, velocity.tolist(), spin.tolist(), physicsClientId=client)

    def step(self, force: list[float], torque: list[float], position: list[float]) -> None:
        """One integration step under a force and a torque at the centre of mass, in the world."""
        p, client = pybullet, self._client
        p.applyExternalForce(self.body, -1, force, position, p.WORLD_FRAME, physicsClientId=client)
        p.applyExternalTorque(self.body, -1, torque, p.WORLD_FRAME, physicsClientId=client)
        p.stepSimulation(physicsClientId=client)

    def read(self) -> tuple[float, ...]:
        """Position, quaternion (x, y, z, w), velocity and spin as 13 numbers."""
        pose = pybullet.getBasePositionAndOrientation(self.body, physicsClientId=self._client)
        motion = pybullet.getBaseVelocity(self.body, physicsClientId=self._client)
        return (*pose[0], *pose[1], *motion[0], *motion[1])

    def close(self) -> None:
        """Disconnect; closing twice is fine."""
        if self._client >= 0:
            pybullet.disconnect(physicsClientId=self._client)
            self._client = -1


class PyBulletDrone(DroneSimulator):
    """See ``Simulator``."""

    engine = "pybullet"

    def __init__(self, robot: RobotDescription, num_sims: int, *, seed: int = 0, threads: int = 0):
        super().__init__(robot, num_sims, seed=seed, threads=threads)
        self._rows = np.zeros((num_sims, 13))  # as Bullet gives them, of the centre of mass
        self._rows[:, 6] = 1.0
        self._com = np.zeros((num_sims, 3))
        self._worlds: list[BulletDrone] = []
        try:
            for _ in range(num_sims):
                self._worlds.append(BulletDrone(robot, self.substep))
        except SimulationError:
            self.close()
            raise
        self._apply(self.all_ids)
        self.reset()

    # ------------------------------------------------------------------ hooks
    def _apply(self, ids: np.ndarray) -> None:
        before, values = self._read()[ids], self.values[ids]
        self._drive.apply(ids, values)
        mass, com, inertia = body_properties(self.robot, self.space, values)
        friction = values[:, self.space.column("contact_friction")]
        for row, i in enumerate(ids):
            self._worlds[i].load(mass[row], com[row], inertia[row], friction[row])
        self._com[ids] = com
        self._write(ids, before)

    def _write(self, ids: np.ndarray, state: RobotState) -> None:
        q, com = rotations.normalize(state.quaternion), self._com[ids]
        rows = np.concatenate([
            state.position + rotations.rotate(q, com), q[:, [1, 2, 3, 0]],
            state.linear_velocity + rotations.rotate(q, np.cross(state.angular_velocity, com)),
            rotations.rotate(q, state.angular_velocity)], axis=1)
        self._rows[ids] = rows
        for row, i in zip(rows, ids, strict=True):
            self._worlds[i].write(row[:3], row[3:7], row[7:10], row[10:])

    def _reset_actuators(self, ids: np.ndarray, command: np.ndarray) -> None:
        self._drive.reset(ids, command, self._motion()[2][:, ids], self.values[ids])

    def _advance(self, command: np.ndarray, delay: np.ndarray) -> None:
        self._drive.begin(command, delay, self.values, self.time)
        turned, torque = np.empty((5, self.num_sims)), np.empty((3, self.num_sims))
        for k in range(self.num_substeps):
            force, moment = self._drive.wrench(k, *self._motion())
            turned[:3], turned[3:] = moment, moment[:2]
            self._drive.attitude.to_world(turned, torque)
            for i, world in enumerate(self._worlds):
                world.step(force[:, i].tolist(), torque[:, i].tolist(), self._rows[i, :3].tolist())
                self._rows[i] = world.read()
        self._guard(self._rows[:, 7:10].T, self._rows[:, 10:].T)

    def _motion(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Quaternion (4, n), velocity of the centre of mass in the world and body rates (3, n)."""
        quaternion = self._rows[:, [6, 3, 4, 5]]
        return quaternion.T, self._rows[:, 7:10].T, rotations.rotate_inverse(quaternion, self._rows[:, 10:]).T

    def _read(self) -> RobotState:
        state = RobotState.zeros(self.num_sims, 0)
        quaternion, velocity, rates = (x.T for x in self._motion())
        state.position[:] = self._rows[:, :3] - rotations.rotate(quaternion, self._com)
        state.linear_velocity[:] = velocity - rotations.rotate(quaternion, np.cross(rates, self._com))
        state.quaternion[:], state.angular_velocity[:] = quaternion, rates
        return state

    def close(self) -> None:
        """Disconnect all worlds; closing twice is fine."""
        super().close()
        for world in self._worlds:
            world.close()


def _shapes(geoms: list[Geom], com: np.ndarray, client: int) -> int:
    """A Bullet collision shape of ``geoms``, their frame moved to the centre of mass; -1 for none."""
    if not geoms:
        return -1
    return pybullet.createCollisionShapeArray(
        shapeTypes=[_SHAPES[g.kind] for g in geoms],
        radii=[0.0 if g.kind == "box" else float(g.size[0]) for g in geoms],
        halfExtents=[[0.5 * float(s) for s in g.size] if g.kind == "box" else [0.0] * 3 for g in geoms],
        lengths=[float(g.size[1]) if g.kind in ("cylinder", "capsule") else 0.0 for g in geoms],
        collisionFramePositions=[(g.xyz - com).tolist() for g in geoms],
        collisionFrameOrientations=[rotations.from_matrix(g.rotation)[[1, 2, 3, 0]].tolist() for g in geoms],
        physicsClientId=client)
