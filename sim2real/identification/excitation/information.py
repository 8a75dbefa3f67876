"""What an experiment tells of the parameters: the Fisher information of simulated measurements.

    F = sum_t (dy_t/dp)^T R^-1 (dy_t/dp),   y: joint positions and velocities,  R: the sensors' noise

In units of each parameter's prior, (I + F)^-1 is the covariance that is left (Cramer and Rao's bound, with a prior; van
Trees 1968, "Detection, estimation, and modulation theory") and log det(I + F) / 2 the information gained. It is a bound
for a robot that is exactly as the simulator says but for these numbers, and for noise that is white.

Positions tell forces over forces only: masses, friction and gains times a common factor move alike.
"""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sim2real.errors import BadInputError, SimulationError
from sim2real.parameters import ParameterSpace
from sim2real.robots import RobotDescription

DEFAULT = ("payload_mass", "payload_offset_x", "payload_offset_y", "payload_offset_z", "link_mass_scale",
           "joint_damping_scale", "joint_friction_scale", "armature_scale", "stiffness_scale", "damping_gain_scale",
           "actuator_delay", "motor_time_constant")
ANCHOR = "link_mass_scale"  # what is known best of an arm, and fixes the common factor of all forces
TRANSPORT = ("actuator_delay", "control_jitter", "command_drop_probability", "sensor_delay")
_ROLES = ("dynamics", "actuation")  # those of others are not in a mean: noise, losses, pushes
# all that makes forces: times a common factor the arm moves as before
FORCES = (ANCHOR, "payload_mass", "joint_damping_scale", "joint_friction_scale", "armature_scale", "stiffness_scale",
          "damping_gain_scale")
_STEP = 3e-3  # of central differences, over the prior's width: less, and the jumps of friction that sticks grow
_SETTLE = 1.0  # [s] in which an arm sags into its servos before the experiment
_BLOCK = 250  # steps whose sensitivities are held at once
_CONFIDENCE = 1.959964  # standard deviations of a 95 % interval
_TOLD = 0.7  # of the prior's deviation: what is left of a parameter that the experiment hardly tells


@dataclass(frozen=True)
class Information:
    """Attributes:
        names, units: Of the P parameters.
        values: At which the sensitivities were taken, (P,).
        prior: Standard deviations of the prior, that of its range, (P,).
        matrix: Fisher information in units of the prior, (P, P).
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    values: np.ndarray
    prior: np.ndarray
    matrix: np.ndarray

    @property
    def log_det(self) -> float:
        """log det(I + F), the D-criterion; half of it is the information gained in nats."""
        return log_det(self.matrix)

    @property
    def bits(self) -> float:
        """The information gained over the prior in [bit]."""
        return self.log_det / (2.0 * np.log(2.0))

    @property
    def condition(self) -> float:
        """Condition number of F; infinite where a direction is not told at all."""
        values = np.linalg.eigvalsh(self.matrix)
        return float(values[-1] / values[0]) if values[0] > 0.0 else np.inf

    @property
    def half_width(self) -> np.ndarray:
        """Half of each parameter's expected 95 % interval, in its unit, (P,)."""
        covariance = np.linalg.inv(np.eye(len(self.names)) + self.matrix)
        return _CONFIDENCE * self.prior * np.sqrt(np.diag(covariance))

    @property
    def weakest(self) -> dict[str, float]:
        """The direction that is told least: shares of the parameters in it, over 0.1, the largest first.

        With several in it, these trade off: the measurements hardly change when they change together.
        """
        share = np.linalg.eigh(self.matrix)[1][:, 0]
        order = np.argsort(-np.abs(share))
        return {self.names[i]: float(share[i]) for i in order if abs(share[i]) > 0.1}

    def given(self, name: str) -> Information:
        """What is told of the others where ``name`` is known; the same where it is not among them."""
        kept = [i for i, other in enumerate(self.names) if other != name]
        return Information(tuple(self.names[i] for i in kept), tuple(self.units[i] for i in kept), self.values[kept],
                           self.prior[kept], self.matrix[np.ix_(kept, kept)])

    @property
    def told(self) -> np.ndarray:
        """Which parameters the experiment tells: little of the prior's deviation is left, (P,)."""
        return self.half_width < _TOLD * _CONFIDENCE * self.prior

    def rows(self) -> list[dict]:
        """One row a parameter, as ``sim2real excite --json`` prints it; ``anchored95``: with the ``ANCHOR`` known."""
        anchored = self.given(ANCHOR)
        widths = dict(zip(anchored.names, anchored.half_width, strict=True))
        return [{"name": name, "unit": unit, "value": float(value), "interval95": float(width),
                 "anchored95": widths.get(name), "prior95": float(_CONFIDENCE * prior), "told": bool(told)}
                for name, unit, value, width, prior, told in zip(self.names, self.units, self.values, self.half_width,
                                                                 self.prior, self.told, strict=True)]


def log_det(matrix: np.ndarray) -> np.ndarray:
    """log det(I + F) of information matrices (..., P, P)."""
    return np.linalg.slogdet(np.eye(matrix.shape[-1]) + matrix)[1]


def choose_parameters(space: ParameterSpace, patterns: Sequence[str] = DEFAULT) -> tuple[str, ...]:
    """The names that ``patterns`` (names, or such as ``joint_friction_scale.*``) say, each once.

    Raises:
        ParameterError: An unknown name.
        BadInputError: None, or one whose value no motion can tell.
    """
    names: list[str] = []
    for pattern in patterns:
        found = fnmatch.filter(space.names, pattern) if any(c in pattern for c in "*?[") else []
        names += found or [space.parameters[space.column(pattern)].name]
    if not names:
        raise BadInputError("expected at least one parameter to identify; sim2real list parameters names them")
    for name in names:
        p = space[name]
        if p.role not in _ROLES and name != "actuator_delay" or not p.low < p.high:
            raise BadInputError(f"parameter {name}: a motion cannot tell it ({p.role}, range [{p.low:g}, {p.high:g}] "
                                f"{p.unit}); leave it out")
    return tuple(dict.fromkeys(names))


def reference_values(space: ParameterSpace, names: Sequence[str], payload: float | None = None) -> np.ndarray:
    """Where sensitivities to ``names`` are taken, (P,): nominal, or the middle of a range at whose end that is.

    At such an end there is nothing to be told: without a payload nothing of where it is. A ``payload`` [kg] is taken
    as it is; default: half of its range.
    """
    row = space.nominal.copy()
    for name in {*names, "payload_mass"}:
        p = space[name]
        if p.nominal in (p.low, p.high):
            row[space.column(name)] = 0.5 * (p.low + p.high)
    if payload is not None:
        row[space.column("payload_mass")] = space.check("payload_mass", payload)
    return row


def noise(robot: RobotDescription, space: ParameterSpace) -> tuple[float, float]:
    """Standard deviations of a measured position [rad] (with its resolution's q / sqrt(12)) and velocity [rad/s].

    Where the description leaves one out, half of the vocabulary's largest.
    """
    position, velocity = (space[name].nominal or 0.5 * space[name].high
                          for name in ("joint_position_noise", "joint_velocity_noise"))
    return float(np.hypot(position, robot.sensors.position_quantum / np.sqrt(12.0))), velocity


def steps_around(space: ParameterSpace, row: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of values for central differences, all steps up, then all down, (2 P', P); and their distances (P',)."""
    columns = [space.column(name) for name in names]
    rows = np.tile(row, (2 * len(names), 1))
    for i, (name, column) in enumerate(zip(names, columns, strict=True)):
        p = space[name]
        step = _STEP * (p.high - p.low)
        rows[i, column] = min(row[column] + step, p.physical_high)
        rows[len(names) + i, column] = max(row[column] - step, p.physical_low)
    up, down = rows[:len(names)], rows[len(names):]
    return rows, np.array([up[i, column] - down[i, column] for i, column in enumerate(columns)])


def information(robot: RobotDescription, command: np.ndarray, period: float, names: Sequence[str], *,
                values: np.ndarray | None = None, update: Callable[[float], None] = lambda share: None
                ) -> Information:
    """What measuring ``robot`` under a command stream would tell of the parameters ``names``.

    Args:
        robot: An arm.
        command: Joint positions at ``period`` [s], shape (T, J); at rest at its first row before.
        period: Of the stream; sensitivities are simulated at the robot's own integration step.
        names: Of the vocabulary.
        values: The values around which it is asked, (P,); default: ``reference_values``.
        update: Told of the share that is done, from 0 to 1.

    Raises:
        SimulationError: The simulation is unstable at these values.
    """
    space = ParameterSpace.for_robot(robot)
    row = reference_values(space, names) if values is None else np.asarray(values, float)
    rows, distance = steps_around(space, row, names)
    sigma = noise(robot, space)
    prior = np.array([(space[name].high - space[name].low) / np.sqrt(12.0) for name in names])
    scale = (prior / distance)[:, None, None]
    matrix, count = np.zeros((len(names), len(names))), len(names)
    for position, velocity, share in simulated(robot, command, period, rows):
        for values_now, deviation in ((position, sigma[0]), (velocity, sigma[1])):
            s = (scale * (values_now[:count] - values_now[count:]) / deviation).reshape(count, -1)
            matrix += s @ s.T
        update(share)
    matrix *= robot.sensors.rate * robot.substep  # samples of the sensors to one of the simulation
    if (common := _common_factor(space, names, row, prior)) is not None:  # what differences pretend to tell of it
        matrix = common @ matrix @ common
    units = tuple(space[name].unit for name in names)
    return Information(tuple(names), units, row[[space.column(name) for name in names]], prior, matrix)


def _common_factor(space: ParameterSpace, names: Sequence[str], row: np.ndarray, prior: np.ndarray
                   ) -> np.ndarray | None:
    """The projection (P, P) that takes out the direction in which all forces grow alike, if ``names`` has them all."""
    present = [name for name in FORCES if row[space.column(name)] != 0.0]
    if not set(present) <= set(names):
        return None
    direction = np.array([row[space.column(name)] if name in present else 0.0 for name in names]) / prior
    direction /= np.linalg.norm(direction)
    return np.eye(len(names)) - np.outer(direction, direction)


def simulated(robot: RobotDescription, command: np.ndarray, period: float, rows: np.ndarray
              ) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """True positions and velocities (k, steps, J) under ``rows`` (k, P) of values, block by block, and the share done.

    At the robot's integration step; the arm has settled under the first row of ``command`` (T, J) at ``period`` [s].
    """
    from sim2real.simulators import make_simulator

    step = robot.substep
    fine, space = with_step(robot, step), ParameterSpace.for_robot(robot)
    delay = rows[:, space.column("actuator_delay")]
    inside = rows.copy()
    inside[:, [space.column(name) for name in TRANSPORT]] = 0.0
    grid = period * np.arange(len(command))
    count, settle = round(grid[-1] / step), round(_SETTLE / step)
    with make_simulator("mujoco", fine, len(rows), threads=1) as sim:
        sim.set_parameters(None, inside)
        start = sim.home_state(len(rows))
        start.joint_position[:] = command[0]
        sim.reset(None, start)
        for _ in range(settle):
            sim.step(start.joint_position)
        for first in range(0, count, _BLOCK):
            time = np.maximum(np.arange(first, min(first + _BLOCK, count))[:, None] * step - delay, 0.0)
            acting = np.stack([np.interp(time.ravel(), grid, column).reshape(time.shape) for column in command.T],
                              axis=2)  # of each simulation: a command acts after its own dead time
            q, qd = np.empty((2, len(rows), len(time), robot.num_joints))
            for i, now in enumerate(acting):
                sim.step(now)
                truth = sim.true_state()
                q[:, i], qd[:, i] = truth.joint_position, truth.joint_velocity
            if sim.unstable.any():
                raise SimulationError("the simulation of the excitation is unstable at the values asked about; give "
                                      "narrower ranges or a smaller payload")
            yield q, qd, (first + len(time)) / count


def with_step(robot: RobotDescription, step: float) -> RobotDescription:
    """``robot`` simulated at ``step`` [s], without dead times: those are acted out on the command stream."""
    kept = {name: change for name, change in robot.parameter_overrides.items() if name not in TRANSPORT}
    return dataclasses.replace(robot, control_period=step, substep=step, parameter_overrides=kept,
                               sensors=dataclasses.replace(robot.sensors, delay=0.0),
                               actuator=dataclasses.replace(robot.actuator, delay=0.0))
