"""Recordings replayed in simulation: every piece of every log under every set of parameters, all at once.

A piece starts from the measured state, its servo filters as if they had followed the commands so far, and then gets the
commands that were sent. Dead time, age of measurements and constant errors of encoders are applied here, outside the
engine: there dead time acts in whole steps, and a fit needs derivatives.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from sim2real.errors import BadInputError
from sim2real.parameters import ParameterSpace
from sim2real.robots import RobotDescription
from sim2real.simulators import make_simulator
from sim2real.types import RobotState

LONGEST_STEP = {"arm": 0.004, "drone": 0.002}  # [s] of integration, where a log's own period is longer
LONGEST_CYCLE = 0.004  # [s] of a driver whose log has a longer period
_OUTSIDE = ("actuator_delay", "sensor_delay")  # acted out here
# what stays off in a replay: measurements have their own noise, losses and pushes are not in a command's log
_SILENT = ("control_jitter", "command_drop_probability", "joint_position_noise", "joint_velocity_noise",
           "joint_position_quantum", "position_noise", "velocity_noise", "attitude_noise", "gyro_noise",
           "position_quantum")
MOST_SIMULATIONS = 768  # at once: beyond it memory grows and nothing is gained


@dataclass(frozen=True)
class Pieces:
    """S pieces of logs, each of T steps of simulation.

    Attributes:
        command: What was sent, (S, past + T, C): row ``past + k`` holds during step k.
        start: The state at which each begins, S robots.
        past: Rows of commands before the start.
        step: Length of a step in [s].
        cycle: Of the robot's driver in [s], which takes up a command at its next one.
    """

    command: np.ndarray
    start: RobotState
    past: int
    step: float
    cycle: float

    def __len__(self) -> int:
        return len(self.command)

    @property
    def steps(self) -> int:
        """T."""
        return self.command.shape[1] - self.past


def with_step(robot: RobotDescription, step: float) -> RobotDescription:
    """``robot`` driven in periods of one integration step [s]; its dead times and ranges of them go, see above."""
    overrides = {name: change for name, change in robot.parameter_overrides.items() if name not in
                 (*_OUTSIDE, *_SILENT)}
    return dataclasses.replace(robot, control_period=step, substep=step, parameter_overrides=overrides,
                               sensors=dataclasses.replace(robot.sensors, delay=0.0),
                               actuator=dataclasses.replace(robot.actuator, delay=0.0))


class Replay:
    """A batch engine that replays pieces of logs.

    Args:
        robot: The robot description, whose vocabulary the parameter values are of.
        engine: Engine's name, see ``make_simulator``.
        pieces: What is replayed.
        threads: Of the engine, 0 for all cores.
    """

    def __init__(self, robot: RobotDescription, engine: str, pieces: Pieces, *, threads: int = 0):
        self.robot, self.engine, self.pieces, self.threads = robot, engine, pieces, threads
        self.space = ParameterSpace.for_robot(robot)
        self._variant = with_step(robot, pieces.step)
        self._simulators: dict = {}

    @property
    def together(self) -> int:
        """Sets of parameters that are replayed in one batch."""
        return max(1, MOST_SIMULATIONS // len(self.pieces))

    def run(self, values: np.ndarray) -> np.ndarray:
        """States of the pieces under parameter values (n, P): (n, S, T + 1, D), D as ``state_channels``.

        As the sensors would report them without noise; NaN where a simulation went unstable.
        """
        return np.concatenate([self._batch(values[k:k + self.together])
                               for k in range(0, len(values), self.together)])

    def close(self) -> None:
        """Free the engines."""
        while self._simulators:
            self._simulators.popitem()[1].close()

    # ------------------------------------------------------------------ one batch
    def _batch(self, values: np.ndarray) -> np.ndarray:
        pieces, n, count = self.pieces, len(values), len(self.pieces)
        simulator = self._simulator(n * count)
        lag = self._lag(values)
        simulator.set_parameters(None, np.repeat(self._engine_values(values, simulator.space), count, axis=0))
        start = pieces.start[np.tile(np.arange(count), n)]
        simulator.reset(None, start, command=self._commands(0, lag + self._filter(values)))
        out = np.empty((pieces.steps + 1, n, count, _width(self.robot)))
        self._put(out[0], start)
        for k in range(pieces.steps):
            simulator.step(self._commands(k, lag))
            self._put(out[k + 1], simulator.true_state())
        out = np.moveaxis(_aged(out, values[:, self.space.column("sensor_delay")] / pieces.step), 0, 2)
        out += self._bias(values)[:, None, None]
        out[simulator.unstable.reshape(n, count)] = np.nan
        return out

    def _lag(self, values: np.ndarray) -> np.ndarray:
        """Dead time in steps, (n,). A driver takes a command at its next cycle: half a cycle later on average."""
        return (values[:, self.space.column("actuator_delay")] + 0.5 * self.pieces.cycle) / self.pieces.step

    def _filter(self, values: np.ndarray) -> np.ndarray:
        """By how many steps a first-order filter is behind a command that rises evenly, (n,)."""
        return values[:, self.space.column("motor_time_constant")] / self.pieces.step

    def _commands(self, k: int, lag: np.ndarray) -> np.ndarray:
        """Commands (n * S, C) during step k, ``lag`` (n,) steps late.

        The command held over [t, t + h] is the mean of what was in force then: (1 - f) u[k - m] + f u[k - m - 1] for a
        lag of m + f steps. It is continuous in the lag, so a fit has derivatives.
        """
        command, last = self.pieces.command, self.pieces.command.shape[1] - 1
        whole = np.floor(lag).astype(int)
        part = (lag - whole)[:, None, None]
        row = self.pieces.past + k - whole
        newer = command[:, np.clip(row, 0, last)].swapaxes(0, 1)
        older = command[:, np.clip(row - 1, 0, last)].swapaxes(0, 1)
        return ((1.0 - part) * newer + part * older).reshape(-1, command.shape[2])

    def _engine_values(self, values: np.ndarray, space: ParameterSpace) -> np.ndarray:
        out = values.copy()
        out[:, [space.column(name) for name in (*_OUTSIDE, *_SILENT) if name in space]] = 0.0
        return out

    def _bias(self, values: np.ndarray) -> np.ndarray:
        """Constant errors of what is reported, (n, D)."""
        out = np.zeros((len(values), _width(self.robot)))
        if self.robot.kind == "arm":
            out[:, :self.robot.num_joints] = self.space.family(values, "joint_position_bias")
        else:
            out[:, 10:] = values[:, [self.space.column(f"gyro_bias_{axis}") for axis in "xyz"]]
        return out

    def _put(self, row: np.ndarray, state: RobotState) -> None:
        parts = (state.joint_position, state.joint_velocity) if self.robot.kind == "arm" else (
            state.position, state.linear_velocity, state.quaternion, state.angular_velocity)
        row[:] = np.concatenate(parts, axis=1).reshape(row.shape)

    def _simulator(self, size: int):
        if size not in self._simulators:
            if len(self._simulators) > 1:
                self.close()
            self._simulators[size] = make_simulator(self.engine, self._variant, size, threads=self.threads)
        return self._simulators[size]


def _width(robot: RobotDescription) -> int:
    return 2 * robot.num_joints if robot.kind == "arm" else 13


def _aged(states: np.ndarray, age: np.ndarray) -> np.ndarray:
    """States (T, n, ...) as they were ``age`` (n,) steps before, between rows; the first holds before it."""
    out = np.empty_like(states)
    for column, steps in enumerate(age):
        whole = math.floor(steps)
        part, rows = steps - whole, np.arange(len(states)) - whole
        newer, older = states[np.maximum(rows, 0), column], states[np.maximum(rows - 1, 0), column]
        out[:, column] = (1.0 - part) * newer + part * older
    return out


def step_of(period: float, kind: str) -> tuple[float, int]:
    """Integration step in [s] for a log with this period, and steps per row.

    Raises:
        BadInputError: Rows are too far apart to replay.
    """
    if period > 0.2:
        raise BadInputError(f"the log has a row each {period:.3g} s; at least 5 rows a second are needed")
    count = math.ceil(period / LONGEST_STEP[kind] - 1e-9)
    return period / count, count
