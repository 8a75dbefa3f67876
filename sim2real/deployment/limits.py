"""Bounds of a command stream, and an independent check that a recorded stream kept them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from sim2real.errors import BadInputError

if TYPE_CHECKING:
    from sim2real.robots import RobotDescription

# time in which a drone's thrust or body rate may cross half its range [s]: a rotor's own lag is 20 to 50 ms
_DRONE_SLEW_TIME = 0.04


@dataclass(frozen=True)
class CommandLimits:
    """Bounds of the C channels of a command; ``inf`` is no bound.

    Attributes:
        low, high: Values in the command's unit (arm: [rad]; drone: [N], [rad/s]), shape (C,).
        velocity, acceleration, jerk: Largest first, second and third rate of change per second, shape (C,).
        rest: Where a channel goes when the command is unusable, shape (C,); nan: it brakes and stays.
    """

    low: np.ndarray
    high: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    jerk: np.ndarray
    rest: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.rest is None:
            object.__setattr__(self, "rest", np.full(np.size(self.low), np.nan))
        for f in fields(self):
            value = np.array(getattr(self, f.name), float)
            if value.shape != np.shape(self.low) or value.ndim != 1:
                raise BadInputError(f"command limits: expected {f.name} of shape {np.shape(self.low)}, "
                                    f"got {value.shape}")
            value.flags.writeable = False
            object.__setattr__(self, f.name, value)
        if np.isnan(self.low).any() or np.isnan(self.high).any() or not (self.low < self.high).all():
            raise BadInputError("command limits: expected low < high in every channel, "
                                f"got low {self.low.tolist()}, high {self.high.tolist()}")
        for name in ("velocity", "acceleration", "jerk"):
            if not (getattr(self, name) > 0.0).all():
                raise BadInputError(f"command limits: expected {name} > 0, got {getattr(self, name).tolist()}; "
                                    "use inf for no bound")
        if not np.isfinite(np.minimum(self.velocity, self.high - self.low)).all():
            raise BadInputError("command limits: a channel needs a finite velocity or finite low and high")
        if ((self.rest < self.low) | (self.rest > self.high)).any():
            raise BadInputError(f"command limits: expected rest between low and high, got {self.rest.tolist()}")

    def __len__(self) -> int:
        return len(self.low)

    @classmethod
    def from_robot(cls, robot: RobotDescription) -> CommandLimits:
        """Limits of ``robot``'s joints, or of a drone's collective thrust [N] and body rates [rad/s]."""
        if robot.kind == "arm":
            return cls(robot.position_low, robot.position_high, robot.velocity_limit, robot.acceleration_limit,
                       robot.jerk_limit)
        rotors = robot.rotors
        high = np.array([rotors.max_thrust, *rotors.max_rate])
        low = np.array([0.0, *(-np.asarray(rotors.max_rate))])
        none = np.full(4, np.inf)
        rest = np.array([min(robot.hover_thrust, high[0]), 0.0, 0.0, 0.0])
        return cls(low, high, (high - low) / 2 / _DRONE_SLEW_TIME, none, none, rest)

    def within(self, other: CommandLimits) -> bool:
        """Whether a stream inside these bounds is inside ``other``'s."""
        if len(self) != len(other):
            return False
        tighter = [getattr(self, name) <= getattr(other, name) * (1.0 + 1e-9)
                   for name in ("velocity", "acceleration", "jerk")]
        return bool(np.all([self.low >= other.low - 1e-9, self.high <= other.high + 1e-9, *tighter]))

    def as_dict(self) -> dict[str, list[float | None]]:
        """For JSON: lists of numbers, None where there is no bound (or no ``rest``)."""
        return {f.name: [float(x) if np.isfinite(x) else None for x in getattr(self, f.name)] for f in fields(self)}

    @classmethod
    def from_dict(cls, data: dict[str, Iterable[float | None]]) -> CommandLimits:
        """What ``as_dict`` gave."""
        absent = {"low": -np.inf, "rest": np.nan}
        return cls(**{f.name: np.array([absent.get(f.name, np.inf) if x is None else x for x in data[f.name]])
                      for f in fields(cls)})


def count_violations(stream: np.ndarray, limits: CommandLimits, period: float, *, tolerance: float = 1e-6) -> int:
    """How many samples of ``stream`` (T, n, C) break a bound: value, or a finite difference of it.

    It shares no code with the filter. The tolerance is relative to each bound; what a float64 cannot resolve at this
    period (differences of rounded values) is not counted. A non-finite sample is a violation.
    """
    stream = np.asarray(stream, float)
    if stream.ndim != 3 or stream.shape[2] != len(limits):
        raise BadInputError(f"expected a command stream of shape (T, n, {len(limits)}), got {stream.shape}")
    bad = ~np.isfinite(stream)
    slack = tolerance * np.where(np.isfinite(limits.high - limits.low), limits.high - limits.low, 1.0)
    bad |= (stream < limits.low - slack) | (stream > limits.high + slack)
    rounding = np.finfo(float).eps * np.abs(np.where(np.isfinite(stream), stream, 0.0)).max(initial=0.0)
    rate = np.where(np.isfinite(stream), stream, 0.0)
    for order, bound in enumerate((limits.velocity, limits.acceleration, limits.jerk), start=1):
        if len(rate) < 2:
            break
        rate = np.diff(rate, axis=0) / period
        noise = 2.0**order * rounding / period**order
        bad[order:] |= np.abs(rate) > bound * (1.0 + tolerance) + noise
    return int(bad.sum())
