"""An excitation: a motion of an arm inside all its limits that tells as much as possible of chosen parameters.

A finite Fourier series (tasks/joint_series.py) is searched for by D-optimality (search.py), its set points
pass the command filter and the envelope of the policy node here as they will there, and what it tells is simulated
(information.py). Swevers, Ganseman, Tukel, De Schutter, Van Brussel 1997, "Optimal robot excitation and
identification"; D-optimality with a prior: Chaloner, Verdinelli 1995, "Bayesian experimental design: a review".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sim2real.deployment.safety import CommandFilter
from sim2real.deployment.stream import CommandStream
from sim2real.errors import BadInputError, SimulationError
from sim2real.identification.excitation.information import (
    DEFAULT,
    Information,
    choose_parameters,
    information,
    reference_values,
)
from sim2real.identification.excitation.limits import ExcitationLimits, Margin, first_violation
from sim2real.identification.excitation.search import Search, Shape
from sim2real.parameters import ParameterSpace
from sim2real.robots import RobotDescription
from sim2real.tasks.joint_series import JointSeries
from sim2real.units import quantity

GENERATIONS = 60
_FOLLOWED = 1e-2  # [rad] by which the command filter may change a set point: what is sent is its output
_SHRINK, _LEAST = 0.97, 0.01  # of the amplitudes, where a closer look finds a bound broken; and how far
_TAIL = 4  # set points after the last one: the stream's way to it
_LONGEST = 3600.0  # [s]

Update = Callable[[float, str], None]


@dataclass(frozen=True)
class Excitation:
    """A planned excitation.

    Attributes:
        robot: The arm.
        series: Of which the set points are samples.
        time: Of each row of ``command`` in [s], (T,).
        command: Joint positions at the driver's rate in [rad], (T, J): what a node that plays it sends.
        information: What it tells.
        margins: How near it comes to each bound.
        values: Parameters at which that was asked, (P,).
    """

    robot: RobotDescription
    series: JointSeries
    time: np.ndarray
    command: np.ndarray
    information: Information
    margins: list[Margin]
    values: np.ndarray


def plan_excitation(robot: RobotDescription, parameters: Sequence[str] = DEFAULT, *, duration: float = 30.0,
                    base_frequency: float = 0.2, periods: int | None = None, harmonics: int = 5,
                    limits: ExcitationLimits | None = None, payload: float | None = None, rate: float | None = None,
                    seed: int = 0, generations: int = GENERATIONS,
                    update: Update = lambda share, text: None) -> Excitation:
    """Plan an excitation of ``robot``.

    Args:
        robot: An arm.
        parameters: Names of the vocabulary, or patterns such as ``joint_friction_scale.*``.
        duration: Of the whole motion in [s].
        base_frequency: Of the first harmonic in [Hz]; the nearest one of which whole periods fit is taken.
        periods: In place of it: how many periods the duration has.
        harmonics: How many, at least 2.
        limits: What it has to keep; default: all of the robot's.
        payload: What the arm will carry in [kg]; default: unknown, sensitivities are taken at half the range.
        rate: Of the driver in [1/s]; default: the first one of the robot's ros section, else one per set point.
        seed: Of the search.
        generations: Of the search.
        update: Told of the share done, 0 to 1, and of how it stands.

    Raises:
        BadInputError: No arm, an unknown parameter, or numbers that cannot be.
        SimulationError: No motion at all keeps the bounds.
    """
    limits = limits or ExcitationLimits(robot)
    space = ParameterSpace.for_robot(robot)
    names = choose_parameters(space, parameters)
    shape = _shape(robot, duration, base_frequency, periods, harmonics)
    search = Search(limits, names, shape, payload)
    best = search.run(seed, generations, lambda share, value: update(
        0.85 * share, f"{value / (2 * np.log(2)):.1f} bit" if np.isfinite(value) else "on the way inside the limits"))
    if not (best.sine.any() or best.cosine.any()):
        raise SimulationError(f"no motion of {robot.name} about home that is worth it keeps its bounds; widen the box")
    share, time, command = within(lambda share: set_points(best.scaled(share), robot.control_period), limits, rate)
    values = reference_values(space, names, payload)
    told = information(robot, command, _period(time), names, values=values,
                       update=lambda share: update(0.85 + 0.15 * share, "sensitivities"))
    return Excitation(robot, best.scaled(share), time, command, told, limits.margins(command, _period(time)), values)


def within(points: Callable[[float], np.ndarray], limits: ExcitationLimits, rate: float | None = None, *,
           shrink: float = _SHRINK) -> tuple[float, np.ndarray, np.ndarray]:
    """The largest share of a motion, as powers of ``shrink``, whose stream keeps every bound at the driver's rate.

    Args:
        points: Set points (K, J) of a share, 0 to 1, of the motion's amplitudes; they begin at home.
        limits: What to keep.
        rate: Of the driver in [1/s].

    Returns:
        The share, and the stream as ``play`` gives it.

    Raises:
        SimulationError: Nothing is left of it.
    """
    share, said = 1.0, ""
    while share > _LEAST:
        said, time, command = play(points(share), limits, rate)
        if not said and (broken := first_violation(limits.margins(command, _period(time)))) is not None:
            said = str(broken)
        if not said:
            return share, time, command
        share *= shrink
    raise SimulationError(f"no motion about home keeps the bounds of {limits.robot.name}: {said}; widen the box, or "
                          "correct home")


def play(points: np.ndarray, limits: ExcitationLimits, rate: float | None = None
         ) -> tuple[str, np.ndarray, np.ndarray]:
    """What the policy node would send: set points through command filter and envelope, then at the driver's rate.

    Args:
        points: Set points (K, J) in [rad], one a control period, from home; it stays at the last one.

    Returns:
        What the filter or envelope say against it ("" for nothing), where the stream ends; times (T,) in [s];
        commands (T, J) in [rad].
    """
    robot, period = limits.robot, limits.robot.control_period
    stream = CommandStream(period, driver_rate(robot) if rate is None else rate)
    keep = CommandFilter(limits.command, 1, period)
    keep.reset(None, robot.home[None])
    stream.reset(robot.home)
    rows, said = [robot.home], ""
    for wanted in [*points, *points[[-1] * _TAIL]]:
        command = keep.step(wanted[None])[0]
        said = limits.envelope.arm(command, keep.velocity[0], keep.acceleration[0])
        if np.abs(command - wanted).max() > _FOLLOWED:
            said = "the command filter cannot follow it"
        if said:
            break
        stream.push(command)
        rows += [stream.tick() for _ in range(stream.ticks)]
    return said, stream.tick_period * np.arange(len(rows)), np.array(rows)


def set_points(series: JointSeries, period: float) -> np.ndarray:
    """Samples (K, J) of a series, one a control ``period`` [s], without the one at home before it."""
    return series.position(period * np.arange(1, round(series.duration / period) + 1))


def driver_rate(robot: RobotDescription) -> float:
    """Commands per second of the first interface in the robot's ros section; one per set point where it has none."""
    interface = next(iter((robot.ros.get("commands") or {}).values()), {})
    rate = interface.get("rate")
    return 1.0 / robot.control_period if rate is None else quantity(rate, "1/s")


def _shape(robot: RobotDescription, duration: float, base_frequency: float, periods: int | None, harmonics: int
           ) -> Shape:
    if not 10.0 * robot.control_period <= duration <= _LONGEST:
        raise BadInputError(f"duration: expected {10.0 * robot.control_period:g} to {_LONGEST:g} s, got {duration:g}")
    if not 0.0 < base_frequency < np.inf:
        raise BadInputError(f"base frequency: expected over 0 Hz, got {base_frequency:g}")
    if periods is not None and periods < 1:
        raise BadInputError(f"periods: expected at least 1, got {periods}")
    periods = max(1, round(duration * base_frequency)) if periods is None else periods
    steps = round(duration / periods / robot.control_period)  # a period has whole set points
    if not 2 <= harmonics <= steps / 8:
        raise BadInputError(f"harmonics: expected 2 to {int(steps / 8)}, which have 8 set points a period each, got "
                            f"{harmonics}")
    return Shape(harmonics, steps * robot.control_period, periods)


def _period(time: np.ndarray) -> float:
    return float(time[1] - time[0])
