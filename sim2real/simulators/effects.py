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
        self._seed = seed
        self._drop, self._delay = space.column("command_drop_probability"), space.column("actuator_delay")
        self._jitter = space.column("control_jitter")
        self._play = space.column("backlash") if "backlash" in space else None
        self.held = np.zeros((num_sims, size))
        self._behind = np.zeros((num_sims, size))  # set point on the far side of the play
        self.identify(np.arange(num_sims))

    def identify(self, identities: np.ndarray) -> None:
        """Key the random streams by ``identities`` (num_sims,) instead of by index."""
        self._draw = rng.Ahead(rng.Stream(self._seed, identities, "command", 2).uniform)  # loss, jitter

    def reset(self, ids: np.ndarray, command: np.ndarray) -> None:
        """Restart ``ids`` as if ``command`` (len(ids), C) had always been given."""
        self.held[ids] = command
        self._behind[ids] = command

    def apply(self, command: np.ndarray, values: np.ndarray, counter: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Effective set points (n, C) and their dead time in [s], (n,)."""
        probability, jitter = values[:, self._drop], values[:, self._jitter]
        lossy, jittery = probability.any(), jitter.any()
        draws = self._draw(counter) if lossy or jittery else None
        if lossy:
            lost = draws[:, 0] < probability
            command = np.where(lost[:, None], self.held, command)
        self.held[:] = command
        if self._play is not None and values[:, self._play].any():
            half = 0.5 * values[:, self._play, None]
            # play operator: the far side moves only when the near side pushes it
            command = np.minimum(np.maximum(self._behind, command - half), command + half)
        self._behind[:] = command
        delay = values[:, self._delay]
        if jittery:
            delay = delay + jitter * draws[:, 1]
        return command, delay


class SensorEffects:
    """Between the true state and what is reported: delay (linear interpolation), bias, noise, quantisation.

    ``measured`` is the report of the last ``record`` or ``reset``.
    """

    def __init__(self, robot: RobotDescription, space: ParameterSpace, num_sims: int, seed: int):
        self._seed = seed
        self._rows = np.arange(num_sims)
        self._period = robot.control_period
        self._delay = space.column("sensor_delay")
        depth = int(np.ceil(space.parameters[self._delay].physical_high / self._period)) + 2
        self._arm = robot.kind == "arm"
        self._joints = robot.num_joints
        self._parts = ({"joint_position": slice(0, self._joints), "joint_velocity": slice(self._joints, None)}
                       if self._arm else
                       {"position": slice(0, 3), "linear_velocity": slice(3, 6), "angular_velocity": slice(6, 9),
                        "quaternion": slice(9, 13)})
        self._ring = np.zeros((depth, num_sims, 2 * self._joints if self._arm else 13))
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
        self.identify(np.arange(num_sims))

    def identify(self, identities: np.ndarray) -> None:
        """Key the random streams by ``identities`` (num_sims,) instead of by index."""
        self._stream = rng.Stream(self._seed, identities, "sensor", self._joints if self._arm else 6)
        self._draw = rng.Ahead(self._stream.normal)

    def reset(self, ids: np.ndarray, truth: RobotState, values: np.ndarray, counter: np.ndarray) -> None:
        """Restart ``ids`` as if they had been in ``truth`` (their states only) for ever."""
        packed = np.empty((len(ids), self._ring.shape[2]))
        self._pack(truth, packed)
        self._ring[:, ids] = packed
        self.measured = self.measured.copy()  # whoever holds the last report keeps it
        self.measured[ids] = self._report(packed, truth.time, values[ids], self._stream.normal(counter[ids], ids))

    def record(self, truth: RobotState, values: np.ndarray, counter: np.ndarray) -> None:
        """Take in the true state of all simulations after a step and make the new report."""
        ring, depth = self._ring, len(self._ring)
        self._head = (self._head - 1) % depth
        self._pack(truth, ring[self._head])
        delay = values[:, self._delay]
        packed = ring[self._head]
        if delay.any():
            age = np.minimum(delay / self._period, depth - 1.001)
            whole = age.astype(int)
            part = (age - whole)[:, None]
            if whole.any():
                newer = ring[(self._head + whole) % depth, self._rows]
                older = ring[(self._head + whole + 1) % depth, self._rows]
            else:  # delays under a period need no gathering
                newer, older = packed, ring[(self._head + 1) % depth]
            packed = newer + part * (older - newer)
        self.measured = self._report(packed, truth.time, values, self._draw(counter))

    def _pack(self, state: RobotState, out: np.ndarray) -> None:
        for name, columns in self._parts.items():
            out[:, columns] = getattr(state, name)

    def _report(self, packed: np.ndarray, time: np.ndarray, values: np.ndarray, draws: np.ndarray) -> RobotState:
        sigma = [values[:, c, None] for c in self._noise]
        if self._arm:
            position, velocity = draws
            position *= sigma[0]
            position += self._space.family(values, "joint_position_bias")
            position += packed[:, :self._joints]
            velocity *= sigma[1]
            velocity += packed[:, self._joints:]
            return RobotState.of_joints(time.copy(), _quantise(position, values[:, self._quantum]), velocity)
        out = RobotState.zeros(len(packed), 0)
        out.time[:] = time
        first, second = draws
        out.position = _quantise(packed[:, :3] + sigma[0] * first[:, :3], values[:, self._quantum])
        out.linear_velocity = packed[:, 3:6] + sigma[1] * first[:, 3:]
        out.angular_velocity = packed[:, 6:9] + values[:, self._gyro_bias] + sigma[3] * second[:, :3]
        error = sigma[2] * second[:, 3:]
        error[:, :2] += values[:, self._attitude_bias]
        out.quaternion = rotations.multiply(rotations.normalize(packed[:, 9:]), rotations.from_axis_angle(error))
        return out


def _quantise(x: np.ndarray, quantum: np.ndarray) -> np.ndarray:
    """``x`` (n, k) rounded to multiples of ``quantum`` (n,); zero means exact."""
    if not quantum.any():
        return x
    exact = quantum <= 0.0
    q = np.where(exact, 1.0, quantum)[:, None]
    rounded = np.rint(x / q)
    rounded *= q
    if exact.any():
        rounded[exact] = x[exact]
    return rounded
