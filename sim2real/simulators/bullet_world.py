"""One Bullet world with one arm in it: the few calls that the simulator needs, in the robot's joint order."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from sim2real.errors import SimulationError
from sim2real.robots import RobotDescription
from sim2real.simulators.quiet_bullet import pybullet
from sim2real.simulators.quiet_output import quiet


class BulletWorld:
    """A physics client of its own, without any damping, friction or motor of Bullet's."""

    def __init__(self, robot: RobotDescription, step: float):
        self._robot, self._step = robot, step
        self._client = pybullet.connect(pybullet.DIRECT)
        if self._client < 0:
            raise SimulationError("PyBullet gives no more physics clients (its limit is 1024); use fewer simulations")
        self._folder = tempfile.TemporaryDirectory(prefix="sim2real-")
        self.body = -1
        self.joint_names: tuple[str, ...] = ()  # in the order of all arrays here
        self._joints: list[int] = []
        self._zeros: list[float] = []

    def load(self, urdf: str, gravity: np.ndarray, friction: float) -> None:
        """Start anew with the arm of a URDF text, gravity (3,) in [m/s2] and friction coefficient."""
        with quiet():
            self._load(urdf, gravity, friction)
            self.dynamics(self._zeros, self._zeros)  # Bullet builds its tree of bodies now, and not later aloud

    def _load(self, urdf: str, gravity: np.ndarray, friction: float) -> None:
        p, client = pybullet, self._client
        # only a reset drops the inertia matrices that Bullet caches per body
        p.resetSimulation(physicsClientId=client)
        p.setPhysicsEngineParameter(fixedTimeStep=self._step, numSubSteps=0, enableFileCaching=0,
                                    deterministicOverlappingPairs=1, physicsClientId=client)
        plane = p.createCollisionShape(p.GEOM_PLANE, physicsClientId=client)
        floor = p.createMultiBody(0, plane, physicsClientId=client)
        # Bullet multiplies the coefficients of two surfaces
        p.changeDynamics(floor, -1, lateralFriction=1.0, restitution=0.0, physicsClientId=client)
        path = Path(self._folder.name) / "robot.urdf"
        path.write_text(urdf)
        self.body = p.loadURDF(str(path), useFixedBase=True, flags=p.URDF_USE_INERTIA_FROM_FILE,
                               physicsClientId=client)
        count = p.getNumJoints(self.body, physicsClientId=client)
        self.joint_names = tuple(p.getJointInfo(self.body, i, physicsClientId=client)[1].decode() for i in range(count))
        self._joints, self._zeros = list(range(count)), [0.0] * count
        # two calls: with a value for the whole body in it, Bullet ignores those for a link
        p.changeDynamics(self.body, -1, linearDamping=0.0, angularDamping=0.0, maxJointVelocity=1e6,
                         physicsClientId=client)
        for link in range(-1, count):
            p.changeDynamics(self.body, link, lateralFriction=float(friction), rollingFriction=0.0,
                             spinningFriction=0.0, restitution=0.0, jointDamping=0.0, physicsClientId=client)
        # Bullet's default motors brake; without force they are gone
        p.setJointMotorControlArray(self.body, self._joints, p.VELOCITY_CONTROL, forces=self._zeros,
                                    physicsClientId=client)
        p.setGravity(*map(float, gravity), physicsClientId=client)

    def write(self, position: np.ndarray, velocity: np.ndarray) -> None:
        """Set joint positions and velocities, each (J,)."""
        for joint in self._joints:
            pybullet.resetJointState(self.body, joint, float(position[joint]), float(velocity[joint]),
                                     physicsClientId=self._client)

    def read(self) -> tuple[list[float], list[float]]:
        """Joint positions and velocities."""
        states = pybullet.getJointStates(self.body, self._joints, physicsClientId=self._client)
        return [s[0] for s in states], [s[1] for s in states]

    def dynamics(self, position: list[float], velocity: list[float]) -> tuple:
        """Inertia matrix (J, J) and bias torque (J,) of gravity, Coriolis and gyroscopic forces."""
        return (pybullet.calculateMassMatrix(self.body, position, physicsClientId=self._client),
                pybullet.calculateInverseDynamics(self.body, position, velocity, self._zeros,
                                                  physicsClientId=self._client))

    def step(self, torque: list[float]) -> None:
        """One integration step under joint torques (J,) in [N m]."""
        pybullet.setJointMotorControlArray(self.body, self._joints, pybullet.TORQUE_CONTROL, forces=torque,
                                           physicsClientId=self._client)
        pybullet.stepSimulation(physicsClientId=self._client)

    def friction(self) -> list[float]:
        """Friction coefficients of the links, as Bullet has them."""
        return [pybullet.getDynamicsInfo(self.body, link, physicsClientId=self._client)[1] for link in self._joints]

    def close(self) -> None:
        """Disconnect; closing twice is fine."""
        if self._client >= 0:
            pybullet.disconnect(physicsClientId=self._client)
            self._folder.cleanup()
            self._client = -1
