"""Between a robot's true state and what its sensors report, the same for every engine."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim2real import rng, rotations
from sim2real.parameters import ParameterSpace
from sim2real.robots import RobotDescription
from sim2real.types import RobotState


@dataclass(frozen=True)
class _Age:
    """How old a report is: whole control periods (n,), None where all are 0, and the part of the next, (n, 1)."""

    whole: np.ndarray | None
    part: np.ndarray


class Sensors(abc.ABC):
    """Delay (linear interpolation), bias, noise and quantisation of ``num_sims`` robots of one kind.

    Args:
        robot: The robot description.
        space: Its vocabulary.
        num_sims: Number of simulations.
        seed: The experiment's seed.

    Attributes:
        measured: The report of the last ``record`` or ``reset``.
    """

    _parameters: tuple[str, ...]  # of the vocabulary, families by their names

    def __init__(self, robot: RobotDescription, space: ParameterSpace, num_sims: int, seed: int, *,
                 shape: tuple[int, int], draws: int):
        self._seed, self._period, self._space, self._num_draws = seed, robot.control_period, space, draws
        columns = [i for i, name in enumerate(space.names) if name.split(".")[0] in self._parameters]
        self._columns = slice(columns[0], columns[-1] + 1)  # neighbours in the vocabulary
        depth = int(np.ceil(space.parameters[space.column("sensor_delay")].physical_high / self._period)) + 2
        self._ring = np.zeros((depth, shape[0], num_sims, shape[1]))
        self._head = 0
        self._rows = np.arange(shape[0] * num_sims)
        self._seen = np.full((num_sims, self._columns.stop - self._columns.start), np.nan).T
        self.measured = RobotState.zeros(num_sims, robot.num_joints)
        self.identify(np.arange(num_sims))

    def identify(self, identities: np.ndarray) -> None:
        """Key the random streams by ``identities`` (num_sims,) instead of by index."""
        self._stream = rng.Stream(self._seed, identities, "sensor", self._num_draws)
        self._draw = rng.Ahead(self._stream.normal)

    def reset(self, ids: np.ndarray, truth: RobotState, values: np.ndarray, counter: np.ndarray) -> None:
        """Restart ``ids`` as if they had been in ``truth`` (their states only) for ever."""
        packed = np.empty((self._ring.shape[1], len(ids), self._ring.shape[3]))
        self._pack(truth, packed)
        self._ring[:, :, ids] = packed
        self.measured = self.measured.copy()  # whoever holds the last report keeps it
        self.measured[ids] = self._report(packed, truth.time, self._errors(values[ids]),
                                          self._stream.normal(counter[ids], ids))

    def record(self, truth: RobotState, values: np.ndarray, counter: np.ndarray) -> None:
        """Take in the true state of all simulations after a step and make the new report."""
        self._head = (self._head - 1) % len(self._ring)
        packed = self._ring[self._head]
        self._pack(truth, packed)
        now = values[:, self._columns].T  # rows of ``values`` lie apart, columns together
        if not (now == self._seen).all():  # parameters seldom change between resets
            self._seen, self._age, self._known = now.copy(), self._old(values), self._errors(values)
        if self._age is not None:
            packed = self._delayed(packed, self._age)
        self.measured = self._report(packed, truth.time, self._known, self._draw(counter))

    def _old(self, values: np.ndarray) -> _Age | None:
        delay = values[:, self._space.column("sensor_delay")]
        if not delay.any():
            return None
        age = np.minimum(delay / self._period, len(self._ring) - 1.001)
        whole = age.astype(int)
        return _Age(whole if whole.any() else None, (age - whole)[:, None])

    def _delayed(self, newest: np.ndarray, age: _Age) -> np.ndarray:
        if age.whole is None:  # delays under a period need no gathering
            newer, older = newest, self._ring[(self._head + 1) % len(self._ring)]
        else:
            newer, older = (self._gather(age.whole + k) for k in range(2))
        out = older - newer
        out *= age.part
        out += newer
        return out

    def _gather(self, periods: np.ndarray) -> np.ndarray:
        """What was packed ``periods`` (n,) ago."""
        depth, parts, n, size = self._ring.shape
        slot = np.tile((self._head + periods) % depth, parts)
        return self._ring.reshape(-1, size)[slot * (parts * n) + self._rows].reshape(parts, n, size)

    # ------------------------------------------------------------------ hooks of a kind of robot
    @abc.abstractmethod
    def _pack(self, state: RobotState, out: np.ndarray) -> None:
        """Write what sensors see of ``state`` to ``out`` (parts, k, size)."""

    @abc.abstractmethod
    def _errors(self, values: np.ndarray) -> Sequence:
        """What ``_report`` takes of the parameters ``values`` (k, P)."""

    @abc.abstractmethod
    def _report(self, packed: np.ndarray, time: np.ndarray, errors: Sequence, draws: np.ndarray) -> RobotState:
        """The report of ``packed`` (parts, k, size) with ``errors`` and standard normal ``draws`` (2, k, num_draws)."""


class ArmSensors(Sensors):
    """Joint encoders: positions with noise, bias and quantum, velocities with noise; efforts where there are any."""

    _parameters = ("joint_position_noise", "joint_velocity_noise", "joint_position_bias", "joint_position_quantum",
                   "joint_effort_scale", "joint_effort_noise", "sensor_delay")

    def __init__(self, robot: RobotDescription, space: ParameterSpace, num_sims: int, seed: int):
        n = robot.num_joints
        self._efforts = _Efforts(robot, space) if robot.sensors.effort_noise is not None else None
        # more draws leave the first ones what they were
        super().__init__(robot, space, num_sims, seed, shape=(2 if self._efforts is None else 3, n),
                         draws=n if self._efforts is None else n + (n + 1) // 2)

    def _pack(self, state: RobotState, out: np.ndarray) -> None:
        out[0], out[1] = state.joint_position, state.joint_velocity
        if self._efforts is not None:
            out[2] = state.joint_effort

    def _errors(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, _Quantum | None, Any]:
        column, joints = self._space.column, self._ring.shape[3]
        sigma = values[:, [column("joint_position_noise"), column("joint_velocity_noise")]].T
        # whole arrays are many times faster than rows that are repeated
        return (sigma[:, :, None].repeat(joints, axis=2), self._space.family(values, "joint_position_bias"),
                _Quantum.of(values[:, column("joint_position_quantum")], joints),
                None if self._efforts is None else self._efforts.errors(values))

    def _report(self, packed: np.ndarray, time: np.ndarray, errors: Sequence, draws: np.ndarray) -> RobotState:
        sigma, bias, quantum, effort = errors
        joints = self._ring.shape[3]
        report = draws[..., :joints] * sigma
        report += packed[:2]
        position, velocity = report
        position += bias
        return RobotState.of_joints(
            time.copy(), position if quantum is None else quantum.round(position), velocity,
            None if effort is None else _Efforts.measured(packed[2], effort, draws[..., joints:]))


class _Efforts:
    """Measured efforts of joint drives: a scale of each joint, and noise as a share of the joint's largest effort."""

    def __init__(self, robot: RobotDescription, space: ParameterSpace):
        self._space, self._limit = space, robot.effort_limit

    def errors(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scales and standard deviations (k, J) of parameters ``values`` (k, P)."""
        noise = values[:, self._space.column("joint_effort_noise"), None]
        return self._space.family(values, "joint_effort_scale"), noise * self._limit

    @staticmethod
    def measured(effort: np.ndarray, errors: tuple[np.ndarray, np.ndarray], draws: np.ndarray) -> np.ndarray:
        """What is reported of ``effort`` (k, J), with standard normal ``draws`` (2, k, at least J / 2)."""
        scale, sigma = errors
        return scale * effort + sigma * np.concatenate([*draws], axis=1)[:, :effort.shape[1]]


class DroneSensors(Sensors):
    """What a drone's estimator reports: position with a quantum, velocity, attitude and body rates with biases."""

    _parameters = ("position_noise", "velocity_noise", "attitude_noise", "gyro_noise", "gyro_bias_x", "gyro_bias_y",
                   "gyro_bias_z", "attitude_bias_x", "attitude_bias_y", "position_quantum", "sensor_delay")

    def __init__(self, robot: RobotDescription, space: ParameterSpace, num_sims: int, seed: int):
        super().__init__(robot, space, num_sims, seed, shape=(1, 13), draws=6)

    def _pack(self, state: RobotState, out: np.ndarray) -> None:
        row = out[0]
        row[:, :3], row[:, 3:6], row[:, 6:9] = state.position, state.linear_velocity, state.angular_velocity
        row[:, 9:] = state.quaternion

    def _errors(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, _Quantum | None]:
        column = self._space.column
        sigma = [values[:, column(f"{what}_noise"), None] for what in ("position", "velocity", "gyro", "attitude")]
        bias = values[:, [column(f"gyro_bias_{a}") for a in "xyz"] + [column(f"attitude_bias_{a}") for a in "xy"]]
        return (np.concatenate([sigma[0], sigma[1]], axis=1).repeat(3, axis=1),
                np.concatenate([sigma[2], sigma[3]], axis=1).repeat(3, axis=1), bias,
                _Quantum.of(values[:, column("position_quantum")], 3))

    def _report(self, packed: np.ndarray, time: np.ndarray, errors: Sequence, draws: np.ndarray) -> RobotState:
        outer, inner, bias, quantum = errors
        packed, (first, second) = packed[0], draws
        motion = packed[:, :6] + outer * first
        turning = inner * second
        turning[:, :5] += bias
        position = motion[:, :3]
        return RobotState(
            time=time.copy(), **dict.fromkeys(("joint_position", "joint_velocity", "joint_effort"),
                                              np.zeros((len(time), 0))),
            position=position if quantum is None else quantum.round(position),
            quaternion=rotations.multiply(rotations.normalize(packed[:, 9:]),
                                          rotations.from_axis_angle(turning[:, 3:])),
            linear_velocity=motion[:, 3:], angular_velocity=packed[:, 6:9] + turning[:, :3])


@dataclass(frozen=True)
class _Quantum:
    """Rounding to multiples of a quantum: ``width`` (n, k), 1 for those that are ``exact``, (m,) of n."""

    width: np.ndarray
    exact: np.ndarray

    @classmethod
    def of(cls, quantum: np.ndarray, columns: int) -> _Quantum | None:
        """Quanta (n,) for values of so many columns; zero means exact, None that all are."""
        if not quantum.any():
            return None
        exact = quantum <= 0.0
        return cls(np.where(exact, 1.0, quantum)[:, None].repeat(columns, axis=1), np.flatnonzero(exact))

    def round(self, x: np.ndarray) -> np.ndarray:
        """``x`` (n, k) in multiples of its quanta."""
        rounded = x / self.width
        np.rint(rounded, out=rounded)
        rounded *= self.width
        if len(self.exact):
            rounded[self.exact] = x[self.exact]
        return rounded


def make_sensors(robot: RobotDescription, space: ParameterSpace, num_sims: int, seed: int) -> Sensors:
    """The sensors of an arm or a drone."""
    return (ArmSensors if robot.kind == "arm" else DroneSensors)(robot, space, num_sims, seed)
