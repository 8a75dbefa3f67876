"""Arms on PyBullet: one world per simulation; drive, servo and friction are added to Bullet's rigid bodies exactly.

Bullet has no armature, no implicit servo and no friction that sticks. So at each integration step its own inertia
matrix M and bias b enter the equation of the whole drive,

    (M + A + h (D + kd)) v' = (M + A + h (D + kd)) v + h (kp (x - q) - kd v - D v + J^T F - b) - friction impulse

and Bullet gets the joint torque M (v' - v) / h + b, which takes its bodies from v to v'.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sim2real.errors import SimulationError
from sim2real.kinematics import Chain
from sim2real.robots import RobotDescription
from sim2real.simulators.arm_values import ArmValues, breakaway, servo_effort
from sim2real.simulators.base import Simulator
from sim2real.simulators.bullet_urdf import urdf_text
from sim2real.simulators.bullet_world import BulletWorld
from sim2real.simulators.delay import DelayLine
from sim2real.simulators.friction import solve_velocity
from sim2real.types import RobotState

_RUNAWAY = 1e6  # [rad], [rad/s] beyond which a simulation counts as unstable
_TOUCH = 1e-7  # [rad/s] of difference from free motion that can only come from a contact or a joint limit
_STEP = 0.002  # [s] at most, and half a ``substep``: differences of integration belong to what a second engine shows


class PyBulletArm(Simulator):
    """See ``Simulator``. Arrays inside are in Bullet's joint order; ``_robot_from_bullet`` and back convert."""

    engine = "pybullet"

    def __init__(self, robot: RobotDescription, num_sims: int, *, seed: int = 0, threads: int = 0):
        super().__init__(robot, num_sims, seed=seed, threads=threads)
        self._finer = max(2, int(np.ceil(self.substep / _STEP - 1e-6)))  # Bullet's steps in one substep
        self._h = self.substep / self._finer
        self._chain = Chain.from_robot(robot)
        longest = sum(self.space[name].physical_high for name in ("actuator_delay", "control_jitter"))
        self._line = DelayLine(num_sims, self.command_size, self.num_substeps, self.substep, longest)
        self._force = slice(self.space.column("external_force_x"), self.space.column("external_force_z") + 1)
        n, count = num_sims, robot.num_joints
        self._q, self._v, self._set_point, self._mode = (np.zeros((n, count)) for _ in range(4))
        self._inertia, self._bias = np.zeros((n, count, count)), np.zeros((n, count))
        self._damping, self._friction, self._armature, self._kp, self._kd, self._effort = (
            np.zeros((n, count)) for _ in range(6))
        self._follow, self._stiction = np.zeros((n, 1)), np.zeros(n)
        self._tells_effort = robot.sensors.effort_noise is not None
        self._worlds: list[BulletWorld] = []
        try:
            for _ in range(n):
                self._worlds.append(BulletWorld(robot, self._h))
            self._load(self.all_ids, ArmValues.of(robot, self.space, self.values))
        except SimulationError:
            self.close()
            raise
        names = self._worlds[0].joint_names
        self._bullet_from_robot = np.array([robot.joint_names.index(name) for name in names])
        self._robot_from_bullet = np.argsort(self._bullet_from_robot)
        self._apply_drive(self.all_ids, ArmValues.of(robot, self.space, self.values))
        self.reset()

    # ------------------------------------------------------------------ parameters
    def _apply(self, ids: np.ndarray) -> None:
        values = ArmValues.of(self.robot, self.space, self.values[ids])
        self._load(ids, values)
        for i in ids:
            self._worlds[i].write(self._q[i], self._v[i])
        self._apply_drive(ids, values)

    def _load(self, ids: np.ndarray, v: ArmValues) -> None:
        for row, i in enumerate(ids):
            urdf = urdf_text(self.robot, v.link_scale[row], v.payload_mass[row], v.payload_position[row])
            self._worlds[i].load(urdf, v.gravity[row], v.contact_friction[row])

    def _apply_drive(self, ids: np.ndarray, v: ArmValues) -> None:
        order = self._bullet_from_robot
        for target, value in ((self._damping, v.damping), (self._friction, v.friction), (self._armature, v.armature),
                              (self._kp, v.stiffness), (self._kd, v.damping_gain), (self._effort, v.effort)):
            target[ids] = value[:, order]
        # x += (u - x) (1 - exp(-h / tau)): at tau = 0 the set point follows at once
        tau = np.where(v.time_constant > 0.0, v.time_constant, 1e-12)
        self._follow[ids, 0] = -np.expm1(-self._h / tau)
        self._stiction[ids] = v.stiction

    # ------------------------------------------------------------------ state
    def _write(self, ids: np.ndarray, state: RobotState) -> None:
        self._q[ids] = state.joint_position[:, self._bullet_from_robot]
        self._v[ids] = state.joint_velocity[:, self._bullet_from_robot]
        self._mode[ids] = np.sign(self._v[ids])
        for i in ids:
            self._worlds[i].write(self._q[i], self._v[i])

    def _reset_actuators(self, ids: np.ndarray, command: np.ndarray) -> None:
        self._line.reset(ids, command)
        self._set_point[ids] = command[:, self._bullet_from_robot]

    def _read(self) -> RobotState:
        state = RobotState.zeros(self.num_sims, self.robot.num_joints)
        state.joint_position[:] = self._q[:, self._robot_from_bullet]
        state.joint_velocity[:] = self._v[:, self._robot_from_bullet]
        if self._tells_effort:
            _, effort = servo_effort(self._kp, self._kd, self._set_point, self._q, self._v, self._effort)
            state.joint_effort[:] = effort[:, self._robot_from_bullet]
        return state

    # ------------------------------------------------------------------ dynamics
    def _advance(self, command: np.ndarray, delay: np.ndarray) -> None:
        targets = self._targets(command, delay)
        start = self.true_state()
        pushed = self.values[:, self._force].any()
        with np.errstate(over="ignore", invalid="ignore"):  # a runaway simulation is found below
            for target in targets:
                for _ in range(self._finer):
                    self._integrate(target, self._push() if pushed else 0.0)
        sound = ((np.abs(self._q) < _RUNAWAY) & (np.abs(self._v) < _RUNAWAY)).all(axis=1)  # false for nan
        if not sound.all():
            self._stop(np.flatnonzero(~sound), start)

    def _targets(self, command: np.ndarray, delay: np.ndarray) -> Iterable[np.ndarray]:
        """What the servos follow in each integration step, (n, J) in Bullet's order."""
        if self.streamed:
            return self._line.push_streamed(command, delay, self.num_substeps)[:, :, self._bullet_from_robot]
        before, after, switch = self._line.push(command, delay)
        before, after = before[:, self._bullet_from_robot], after[:, self._bullet_from_robot]
        return (np.where((k >= switch)[:, None], after, before) for k in range(self.num_substeps))

    def _integrate(self, target: np.ndarray, push: np.ndarray | float) -> None:
        """One step of all simulations towards set points ``target`` (n, J), with joint torques ``push`` on top."""
        h, q, v, inertia = self._h, self._q, self._v, self._inertia
        for i, world in enumerate(self._worlds):
            inertia[i], self._bias[i] = world.dynamics(q[i].tolist(), v[i].tolist())
        servo, limited = servo_effort(self._kp, self._kd, self._set_point, q, v, self._effort)
        self._set_point += self._follow * (target - self._set_point)  # the step's force takes the one before, as MuJoCo
        resisting = self._damping + self._kd * (limited == servo)  # a servo at its limit does not damp
        torque = limited - self._damping * v + push - self._bias
        whole = inertia.copy()
        np.einsum("nii->ni", whole)[:] += self._armature + h * resisting
        friction = self._friction
        if self._stiction.any():
            friction = breakaway(friction, self._stiction, v)
        momentum = (whole @ v[..., None])[..., 0] + h * torque
        free = solve_velocity(whole, momentum, h * friction, self._mode)
        drive = (inertia @ (free - v)[..., None])[..., 0] / h + self._bias
        before = q.copy()
        for i, world in enumerate(self._worlds):
            world.step(drive[i].tolist())
            q[i], v[i] = world.read()
        touched = np.flatnonzero(np.abs(v - free).max(axis=1) > _TOUCH)
        if len(touched):
            self._share_impulse(touched, whole, free, before)

    def _share_impulse(self, ids: np.ndarray, whole: np.ndarray, free: np.ndarray, before: np.ndarray) -> None:
        """Let contacts and joint limits act on the whole drive: Bullet reckoned their impulse with its bodies alone.

        The velocity change they make is M^-1 J^T p in Bullet and (M + A + ...)^-1 J^T p here, which never adds energy.
        """
        impulse = (self._inertia[ids] @ (self._v[ids] - free[ids])[..., None])
        self._v[ids] = free[ids] + np.linalg.solve(whole[ids], impulse)[..., 0]
        self._q[ids] = before[ids] + self._h * self._v[ids]
        for i in ids:
            self._worlds[i].write(self._q[i], self._v[i])

    def _push(self) -> np.ndarray:
        """Joint torques (n, J) of the external force at the tool: J^T F."""
        jacobian = self._chain.jacobian(self._q[:, self._robot_from_bullet])[:, :3]
        force = self.values[:, self._force]
        return np.einsum("nkj,nk->nj", jacobian, force)[:, self._bullet_from_robot]

    def _stop(self, ids: np.ndarray, start: RobotState) -> None:
        """Mark ``ids`` as unstable and let them stand in the last finite state."""
        last = start[ids]
        last.joint_velocity[:] = 0.0
        values = ArmValues.of(self.robot, self.space, self.values[ids])
        self._load(ids, values)  # Bullet's caches may hold nan
        self._write(ids, last)
        self._reset_actuators(ids, self.rest_command(last))
        self.unstable[ids] = True

    def close(self) -> None:
        super().close()
        for world in self._worlds:
            world.close()
