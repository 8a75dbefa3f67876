"""Arms on MuJoCo's batch engine: every parameter is a per-simulation model field, a control period is one C call."""

from __future__ import annotations

import mujoco
import numpy as np
from mujoco import batch as mujoco_batch

from sim2real.robots import RobotDescription
from sim2real.simulators import scene
from sim2real.simulators.arm_values import ArmValues, breakaway, servo_effort
from sim2real.simulators.base import Simulator
from sim2real.simulators.delay import DelayLine
from sim2real.types import RobotState

_MOST_PARTS = 5  # of a period in which a streamed command holds
_RUNAWAY = 1e6  # [rad], [rad/s] beyond which a simulation counts as unstable


class MujocoArm(Simulator):
    """See ``Simulator``. Set-point lag, dead time within a period, servo and friction are native to MuJoCo."""

    engine = "mujoco"

    def __init__(self, robot: RobotDescription, num_sims: int, *, seed: int = 0, threads: int = 0):
        super().__init__(robot, num_sims, seed=seed, threads=threads)
        model = scene.arm_model(robot)
        self.model = model
        self.batch = mujoco_batch.Batch(model, num_sims, threads)
        self._blank = self.batch.state[0].copy()  # all that the engine remembers of a simulation, as it begins
        joints = [model.joint(name).id for name in robot.joint_names]
        self._columns = _slice(model.jnt_dofadr[joints])  # qpos = dof address: hinges and slides only
        self._links = np.array([model.body(link.name).id for link in robot.moving_links])
        self._payload, tool = model.body(scene.PAYLOAD).id, model.body(scene.TOOL).id
        bind, longest = self.batch.bind, sum(self.space[name].physical_high for name in
                                             ("actuator_delay", "control_jitter"))
        self._qpos, self._qvel, self._set_point, self._ctrl = bind("qpos"), bind("qvel"), bind("act"), bind("ctrl")
        # history of an actuator: two words, the samples' times, the samples
        self._past = bind("history").reshape(num_sims, robot.num_joints, -1)[:, :, 2 + self.num_substeps:]
        self._after = self._ctrl.copy()  # the set points at the end of the last period
        self._push = bind("xfrc_applied")[:, tool, :3]
        self._line = DelayLine(num_sims, self.command_size, self.num_substeps, self.substep, longest)
        self._parts = max(k for k in range(1, _MOST_PARTS + 1) if self.num_substeps % k == 0)
        self._fields = {name: self.batch.expand(name) for name in (
            "body_mass", "body_inertia", "body_pos", "dof_damping", "dof_frictionloss", "dof_armature",
            "actuator_gainprm", "actuator_biasprm", "actuator_dynprm", "actuator_forcerange", "actuator_delay",
            "pair_friction", "opt.gravity")}
        self._friction = np.zeros((num_sims, robot.num_joints))
        self._stiction = np.zeros(num_sims)
        self._tells_effort = robot.sensors.effort_noise is not None
        self._force = slice(self.space.column("external_force_x"), self.space.column("external_force_z") + 1)
        self._apply(self.all_ids)
        self.reset()

    def _apply(self, ids: np.ndarray) -> None:
        v, f, model = ArmValues.of(self.robot, self.space, self.values[ids]), self._fields, self.model
        rows, dofs = ids[:, None], np.arange(self.model.nv)[self._columns]
        f["body_mass"][rows, self._links] = model.body_mass[self._links] * v.link_scale
        f["body_inertia"][rows, self._links] = model.body_inertia[self._links] * v.link_scale[:, :, None]
        f["body_mass"][ids, self._payload] = v.payload_mass
        f["body_pos"][ids, self._payload] = v.payload_position
        f["dof_damping"][rows, dofs] = v.damping
        f["dof_frictionloss"][rows, dofs] = self._friction[ids] = v.friction
        f["dof_armature"][rows, dofs] = v.armature
        f["actuator_gainprm"][ids, :, 0] = v.stiffness
        f["actuator_biasprm"][ids, :, 1] = -v.stiffness
        f["actuator_biasprm"][ids, :, 2] = -v.damping_gain
        f["actuator_dynprm"][ids, :, 0] = v.time_constant[:, None]
        f["actuator_forcerange"][ids, :, 0] = -v.effort
        f["actuator_forcerange"][ids, :, 1] = v.effort
        f["pair_friction"][ids, :, :2] = v.contact_friction[:, None, None]
        f["opt.gravity"][ids] = v.gravity
        self._stiction[ids] = v.stiction
        self.batch.set_const(ids)

    def _write(self, ids: np.ndarray, state: RobotState) -> None:
        self.batch.state[ids] = self._blank  # what Batch.reset does, in a tenth of the time
        rows = np.zeros((len(ids), self.model.nv))
        rows[:, self._columns] = state.joint_position
        self._qpos[ids] = rows
        rows[:, self._columns] = state.joint_velocity
        self._qvel[ids] = rows

    def _reset_actuators(self, ids: np.ndarray, command: np.ndarray) -> None:
        self._line.reset(ids, command)
        self._set_point[ids] = command
        self._ctrl[ids] = command
        self._after[ids] = np.nan  # the engine's memory was cleared

    def _advance(self, command: np.ndarray, delay: np.ndarray) -> None:
        self._push[:] = self.values[:, self._force]
        failed = (self._follow_stream if self.streamed else self._hold)(command, delay)
        if failed:
            self._stop(np.array(failed), self.true_state())

    def _hold(self, command: np.ndarray, delay: np.ndarray) -> list[int]:
        before, after, switch = self._line.push(command, delay)
        self._ctrl[:] = after
        if not self._line.steady:  # else the engine remembers what it has seen
            other = np.flatnonzero((before != self._after).any(axis=1))
            self._past[other] = before[other, :, None]
            # half a step early, so that the engine's comparison of times is never a tie
            self._fields["actuator_delay"][:] = np.where(switch > 0, (switch - 0.5) * self.substep, 0.0)[:, None]
        self._after = after
        return self._move(self.num_substeps)

    def _follow_stream(self, command: np.ndarray, delay: np.ndarray) -> list[int]:
        self._fields["actuator_delay"][:] = 0.0
        self._after[:] = np.nan  # the engine's memory is of another kind of commands
        failed: list[int] = []
        for target in self._line.push_streamed(command, delay, self._parts):
            self._ctrl[:] = target
            failed += self._move(self.num_substeps // self._parts)
        return failed

    def _move(self, nstep: int) -> list[int]:
        return self._slip_stick(nstep) if self._stiction.any() else self._integrate(nstep)

    def _integrate(self, nstep: int) -> list[int]:
        """The simulations in which MuJoCo raised an error; the others have advanced."""
        try:
            self.batch.step(nstep=nstep)
        except mujoco_batch.SimulationError as error:
            return list(error.ids)
        return []

    def _slip_stick(self, nstep: int) -> list[int]:
        """``_integrate`` with friction that depends on velocity: taken anew at every integration step."""
        loss, failed = self._fields["dof_frictionloss"], []
        for _ in range(nstep):
            loss[:, self._columns] = breakaway(self._friction, self._stiction, self._qvel[:, self._columns])
            failed += self._integrate(1)
        loss[:, self._columns] = self._friction
        return failed

    def _refresh(self) -> RobotState:
        last, truth = self._truth, super()._refresh()
        if np.abs(truth.joint_velocity).max() < _RUNAWAY:  # a position runs away with its velocity; false for nan
            return truth
        sound = (np.abs(truth.joint_position) < _RUNAWAY) & (np.abs(truth.joint_velocity) < _RUNAWAY)
        self._stop(np.flatnonzero(~sound.all(axis=1)), last)
        return super()._refresh()

    def _stop(self, ids: np.ndarray, last: RobotState) -> None:
        """Mark ``ids`` as unstable and let them stand where they were in the state ``last`` of all."""
        self.batch.reset(ids, stage=mujoco.mjtStage.mjSTAGE_NONE.value)  # forgets the error too
        last = last[ids]
        last.joint_velocity[:] = 0.0
        self._write(ids, last)
        self._reset_actuators(ids, self.rest_command(last))
        self.unstable[ids] = True

    def _read(self) -> RobotState:
        q, v = self._qpos[:, self._columns].copy(), self._qvel[:, self._columns].copy()
        return RobotState.of_joints(self.time.copy(), q, v, self._drive_effort(q, v) if self._tells_effort else None)

    def _drive_effort(self, q: np.ndarray, v: np.ndarray) -> np.ndarray:
        """At this instant: the engine keeps that of the last integration step, which holds while actuators act."""
        gain, bias, limit = (self._fields[f"actuator_{name}"] for name in ("gainprm", "biasprm", "forcerange"))
        return servo_effort(gain[:, :, 0], -bias[:, :, 2], self._set_point, q, v, limit[:, :, 1])[1]


def _slice(index: np.ndarray) -> np.ndarray | slice:
    """``index`` as a slice where it is 0, 1, 2, ...: a slice makes a view, an array a copy."""
    return slice(None) if np.array_equal(index, np.arange(len(index))) else np.asarray(index)
