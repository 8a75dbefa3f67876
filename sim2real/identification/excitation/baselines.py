"""What an excitation is compared with: series drawn at random, and the chirp that one would write without thinking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2real.identification.excitation.information import ANCHOR, Information, information
from sim2real.identification.excitation.limits import ExcitationLimits
from sim2real.identification.excitation.plan import Excitation, set_points, within
from sim2real.identification.excitation.search import Search, Shape

_COARSE = 0.85  # steps of the amplitudes in which they are brought inside the bounds
_RAMP = 0.1  # share of the time in which a chirp swells, and in which it fades


def told_at_random(plan: Excitation, limits: ExcitationLimits, seed: int) -> Information:
    """What a random feasible series of the same harmonics and length tells of the same parameters."""
    series, robot = plan.series, plan.robot
    shape = Shape(series.sine.shape[1], series.period, series.periods)
    drawn = Search(limits, plan.information.names, shape).random(seed)
    _, time, command = within(lambda share: set_points(drawn.scaled(share), robot.control_period), limits,
                              shrink=_COARSE)
    return _told(plan, time, command)


def told_by_chirp(plan: Excitation, limits: ExcitationLimits) -> Information:
    """What a chirp tells: all joints at once, from half the lowest to the highest frequency of the plan."""
    points = chirp(plan, limits)
    _, time, command = within(lambda share: plan.robot.home + share * points, limits, shrink=_COARSE)
    return _told(plan, time, command)


def chirp(plan: Excitation, limits: ExcitationLimits) -> np.ndarray:
    """Set points away from home, (K, J): sin(2 pi (f0 t + (f1 - f0) t^2 / 2 T)), as large as each joint alone can."""
    series, robot = plan.series, plan.robot
    count = round(series.duration / robot.control_period)
    time = robot.control_period * np.arange(1, count + 1)
    first, last = 0.5 / series.period, series.sine.shape[1] / series.period
    phase = 2.0 * np.pi * (first * time + 0.5 * (last - first) * time**2 / series.duration)
    edge = np.clip(np.minimum(time, series.duration - time) / (_RAMP * series.duration), 0.0, 1.0)
    reach = np.minimum(robot.home - limits.command.low, limits.command.high - robot.home)
    size = limits.moving * np.minimum(0.9 * robot.velocity_limit / (2.0 * np.pi * last), 0.9 * reach)
    return (np.sin(0.5 * np.pi * edge) ** 2 * np.sin(phase))[:, None] * size


def _told(plan: Excitation, time: np.ndarray, command: np.ndarray) -> Information:
    told = plan.information
    return information(plan.robot, command, float(time[1] - time[0]), told.names, values=plan.values)


def gains(plan: Excitation, others: dict[str, Sequence[Information]]) -> dict[str, dict]:
    """How much more the plan tells than each of some others: bits, and the median ratio of their intervals to its own.

    Intervals are those of known link masses: the factor common to all forces would hide the others.
    """
    own = plan.information.given(ANCHOR)
    return {name: {"log_det": float(np.mean([told.log_det for told in all_told])),
                   "gain_bits": float(np.mean([plan.information.bits - told.bits for told in all_told])),
                   "interval_ratio": float(np.median([told.given(ANCHOR).half_width / own.half_width
                                                      for told in all_told]))}
            for name, all_told in others.items()}
