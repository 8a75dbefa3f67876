"""What engines lack, the same for all of them: lost and late commands, backlash, imperfect sensors."""

from __future__ import annotations

import numpy as np

from sim2real import rng, rotations
from sim2real.parameters import ParameterSpace
from sim2real.robots import RobotDescription
from sim2real.types import RobotState


class CommandEffects:
    """Between the policy's command and the servo: loss (hold the last), backlash (play operator), dead time.

    Attributes:
        held: The last command that arrived, shape (n, C).
    """

    def __init__(self, space: ParameterSpace, num_sims: int, size: int, seed: int):
        self._seed, self._sims = seed, np.arange(num_sims)
        self._drop, self._delay = space.column("command_drop_probability"), space.column("actuator_delay")
        self._jitter = space.column("control_jitter")
        self._play = space.column("backlash") if "backlash" in space else None
        self.held = np.zeros((num_sims, size))
        self._behind = np.zeros((num_sims, size))  # set point on the far side of the play

    def identify(self, identities: np.ndarray) -> None:
        """Key the random streams by ``identities`` (num_sims,) instead of by index."""
        self._sims = np.asarray(identities)

    def reset(self, ids: np.ndarray, command: np.ndarray) -> None:
        """Restart ``ids`` as if ``command`` (len(ids), C) had always been given."""
        self.held[ids] = command
        self._behind[ids] = command

    def apply(self, command: np.ndarray, values: np.ndarray, counter: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Effective set points (n, C) and their dead time in [s], (n,)."""
        probability = values[:, self._drop]
        if probability.any():
            lost = rng.uniform(self._seed, self._sims, counter, "drop", 1)[:, 0] < probability
            command = np.where(lost[:, None], self.held, command)
        self.held[:] = command
        if self._play is not None and values[:, self._play].any():
            half = 0.5 * values[:, self._play, None]
            # play operator: the far side moves only when the near side pushes it
            command = np.clip(self._behind, command - half, command + half)
        self._behind[:] = command
        delay = values[:, self._delay]
        jitter = values[:, self._jitter]
        if jitter.any():
            delay = delay + jitter * rng.uniform(self._seed, self._sims, counter, "jitter", 1)[:, 0]
        return command, delay


class SensorEffects:
    """Between the true state and what is reported: delay (linear interpolation), bias, noise, quantisation.

    ``measured`` is the report of the last ``record`` or ``reset``.
    """

    def __init__(self, robot: RobotDescription, space: ParameterSpace, num_sims: int, seed: int):
        self._seed = seed
        self._sims, self._rows = np.arange(num_sims), np.arange(num_sims)
        self._period = robot.control_period
        self._delay = space.column("sensor_delay")
        depth = int(np.ceil(space.parameters[self._delay].physical_high / self._period)) + 2
        self._arm = robot.kind == "arm"
        self._joints = robot.num_joints
        width = 2 * self._joints if self._arm else 13
        self._ring = np.zeros((depth, num_sims, width))
        self._head = 0
        self._space = space
        column = space.column
        if self._arm:
            self._noise = [column("joint_position_noise"), column("joint_velocity_noise")]
            self._quantum = column("joint_position_quantum")
        else:
            self._noise = [column(f"{what}_noise") for what in ("position", "velocity", "attitude", "gyro")]
            self._quantum = column("position_quantum")
            self._gyro_bias = [column(f"gyro_bias_{a}") for a in "xyz"]
            self._attitude_bias = [column(f"attitude_bias_{a}") for a in "xy"]
        self.measured = RobotState.zeros(num_sims, self._joints)

    def identify(self, identities: np.ndarray) -> None:
        """Key the random streams by ``identities`` (num_sims,) instead of by index."""
        self._sims = np.asarray(identities)

    def reset(self, ids: np.ndarray, truth: RobotState, values: np.ndarray, counter: np.ndarray) -> None:
        """Restart ``ids`` as if they had been in ``truth`` (their states only) for ever."""
        packed = self._pack(truth)
        self._ring[:, ids] = packed
        self.measured = self.measured.copy()  # whoever holds the last report keeps it
        self.measured[ids] = self._report(packed, truth.time, values[ids], self._sims[ids], counter[ids])

    def record(self, truth: RobotState, values: np.ndarray, counter: np.ndarray) -> None:
        """Take in the true state of all simulations after a step and make the new report."""
        depth = len(self._ring)
        self._head = (self._head - 1) % depth
        self._ring[self._head] = self._pack(truth)
        delay = values[:, self._delay]
        packed = self._ring[self._head]
        if delay.any():
            age = np.minimum(delay / self._period, depth - 1.001)
            whole = age.astype(int)
            part = (age - whole)[:, None]
            newer = self._ring[(self._head + whole) % depth, self._rows]
            older = self._ring[(self._head + whole + 1) % depth, self._rows]
            packed = newer + part * (older - newer)
        self.measured = self._report(packed, truth.time, values, self._sims, counter)

    def _pack(self, state: RobotState) -> np.ndarray:
        if self._arm:
            return np.concatenate([state.joint_position, state.joint_velocity], axis=1)
        return np.concatenate([state.position, state.linear_velocity, state.angular_velocity, state.quaternion], axis=1)

    def _report(self, packed: np.ndarray, time: np.ndarray, values: np.ndarray, sims: np.ndarray,
                counter: np.ndarray) -> RobotState:
        out = RobotState.zeros(len(packed), self._joints)
        out.time[:] = time
        draws = rng.normal(self._seed, sims, counter, "sensor", 2 * self._joints if self._arm else 12)
        if self._arm:
            n = self._joints
            bias = self._space.family(values, "joint_position_bias")
            out.joint_position = packed[:, :n] + bias + values[:, self._noise[0], None] * draws[:, :n]
            out.joint_velocity = packed[:, n:] + values[:, self._noise[1], None] * draws[:, n:]
            out.joint_position = _quantise(out.joint_position, values[:, self._quantum])
            return out
        sigma = [values[:, c, None] for c in self._noise]
        out.position = _quantise(packed[:, :3] + sigma[0] * draws[:, :3], values[:, self._quantum])
        out.linear_velocity = packed[:, 3:6] + sigma[1] * draws[:, 3:6]
        out.angular_velocity = packed[:, 6:9] + values[:, self._gyro_bias] + sigma[3] * draws[:, 6:9]
        error = sigma[2] * draws[:, 9:12]
        error[:, :2] += values[:, self._attitude_bias]
        out.quaternion = rotations.multiply(rotations.normalize(packed[:, 9:]), rotations.from_axis_angle(error))
        return out


def _quantise(x: np.ndarray, quantum: np.ndarray) -> np.ndarray:
    """``x`` (n, k) rounded to multiples of ``quantum`` (n,); zero means exact."""
    if not quantum.any():
        return x
    q = np.where(quantum > 0.0, quantum, 1.0)[:, None]
    return np.where(quantum[:, None] > 0.0, np.round(x / q) * q, x)
