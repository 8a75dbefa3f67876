"""A recording: what a robot's sensors and commands said over time, in SI units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

# What channels measure, and in what; a channel is "quantity" or "quantity.element": position.elbow, place.z, motor.m1.
QUANTITIES = {
    "position": "rad|m", "velocity": "rad/s|m/s", "effort": "N m|N", "current": "A",
    "command": "rad|m", "command_velocity": "rad/s|m/s", "command_effort": "N m|N", "active": "1",
    "command_thrust": "N", "command_rate": "rad/s",
    "place": "m", "quaternion": "1", "linear_velocity": "m/s", "angular_velocity": "rad/s", "acceleration": "m/s^2",
    "attitude": "rad", "motor": "1", "voltage": "V",
}
# what was sent: it holds until the next
GIVEN = ("command", "command_velocity", "command_effort", "command_thrust", "command_rate", "motor", "active")


@dataclass(frozen=True)
class Recording:
    """One log.

    Attributes:
        name: Where it came from.
        time: Of each row in [s], (n,), 0 at the first; not yet checked.
        channels: Name -> values (n,) in SI units, NaN where the log has none.
        frames: Name -> the frame that a channel is said to be in.
        constants: What the log says once, such as a mass.
    """

    name: str
    time: np.ndarray
    channels: Mapping[str, np.ndarray]
    frames: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.time)

    @property
    def duration(self) -> float:
        """From the earliest to the latest row in [s]."""
        return float(np.ptp(self._known)) if len(self._known) else 0.0

    @property
    def rate(self) -> float:
        """Rows per second: one over the median step; 0 where time stands still."""
        step = float(np.median(np.diff(self._known))) if len(self._known) > 1 else 0.0
        return 1.0 / step if step > 0.0 else 0.0

    @property
    def _known(self) -> np.ndarray:
        return self.time[np.isfinite(self.time)]

    def elements(self, quantity: str) -> list[str]:
        """The elements that ``quantity`` has channels of, in order; "" for a channel without."""
        return [name.partition(".")[2] for name in self.channels if name.partition(".")[0] == quantity]

    def matrix(self, quantity: str) -> np.ndarray:
        """All channels of a quantity, (n, k)."""
        found = [values for name, values in self.channels.items() if name.partition(".")[0] == quantity]
        return np.column_stack(found) if found else np.zeros((len(self.time), 0))
