"""What the identifier estimates while the robot moves: told on ``~/parameters``, logged, and watched as a gate.

An estimate that has left the range that the policy was trained in means a robot that the policy does not know.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim2real.deployment.decision import Decision
from sim2real.deployment.identifier_manifest import QUANTILE, IdentifierSection
from sim2real.ros.context import RosContext, message_class
from sim2real.ros.lifecycle import ManagedNode

OUTSIDE = 1.1  # unit coordinate from which on an estimate is outside: a twentieth of the range beyond its end
LASTING = 0.5  # [s] for which it has to be: the first estimates after a start are guesses


class Estimated:
    """The estimates of one robot; a gate that holds the robot while one is outside, if that is asked for.

    Args:
        section: What the identifier says of itself; with parameters.
        hold: Whether to hold.
    """

    def __init__(self, section: IdentifierSection, hold: bool = False):
        self._rows, self._hold = section.parameters, hold
        self._since = np.full(len(self._rows), np.inf)  # when each came to be outside
        self._latest: tuple[int, np.ndarray, np.ndarray] | None = None  # one object, as another thread reads it
        self._outside: tuple[int, ...] = ()

    def start(self) -> None:
        """A new activation: what was seen before is another one's."""
        self._since[:], self._outside, self._latest = np.inf, (), None

    def take(self, decision: Decision, now: float) -> None:
        """The ``decision`` made at ``now`` [s]; in the control loop's thread."""
        if decision.estimate is None:
            return
        mean, deviation = (part[0].copy() for part in decision.estimate)
        beyond = ~(np.abs(mean) <= OUTSIDE)
        self._since = np.where(beyond, np.minimum(self._since, now), np.inf)
        self._outside = tuple(np.flatnonzero(now - self._since >= LASTING))
        self._latest = (0 if self._latest is None else self._latest[0] + 1, mean, deviation)

    def row(self) -> dict[str, Any]:
        """The last estimate by name: value and 90 % interval, for the log; empty before there is one."""
        if self._latest is None:
            return {}
        return {name: dict(zip(("value", "low", "high"), values, strict=True))
                for name, *values in self._values(*self._latest[1:])}

    @property
    def words(self) -> str:
        """Which estimates are outside their ranges, "" if none is."""
        latest, outside = self._latest, self._outside
        if latest is None or not outside:
            return ""
        values = self._values(*latest[1:])
        return "; ".join(f"{name} is estimated at {value:.3g} {row.unit} [{low:.3g}, {high:.3g}], the policy was "
                         f"trained for {row.low:.3g} to {row.high:.3g}"
                         for row, (name, value, low, high) in ((self._rows[k], values[k]) for k in outside))

    # ------------------------------------------------------------------ the gate
    def closed(self) -> list[str]:
        """Nothing is known before the robot moves."""
        return []

    def judge(self) -> tuple[str, str]:
        """("hold", why) while an estimate is outside and that was asked for."""
        return ("hold", self.words) if self._hold and self._outside else ("", "")

    # ------------------------------------------------------------------ what others see
    def statuses(self) -> tuple[int, list[tuple[bool, str, dict[str, str]]]]:
        """Number of the last estimate, -1 before there is one; of each parameter whether it is outside, its name, and
        its figures as text."""
        latest, outside = self._latest, self._outside
        if latest is None:
            return -1, []
        number, mean, deviation = latest
        rows = []
        for k, (name, value, low, high) in enumerate(self._values(mean, deviation)):
            row = self._rows[k]
            figures = {"value": value, "low": low, "high": high, "training low": row.low, "training high": row.high}
            rows.append((k in outside, name, {**{key: f"{x:.6g}" for key, x in figures.items()}, "unit": row.unit}))
        return number, rows

    def _values(self, mean: np.ndarray, deviation: np.ndarray) -> list[tuple[str, float, float, float]]:
        """Name, value and ends of the 90 % interval of each parameter, in its unit."""
        ends = np.stack([mean, mean - QUANTILE * deviation, mean + QUANTILE * deviation], axis=1).astype(float)
        return [(row.name, *row.from_unit(end).tolist()) for row, end in zip(self._rows, ends, strict=True)]


class ParametersTopic:
    """Publishes estimates on ``~/parameters`` (diagnostic_msgs/DiagnosticArray, a status for each parameter)."""

    def __init__(self, ros: RosContext, managed: ManagedNode, estimated: Estimated):
        self._estimated, self._managed, self._told = estimated, managed, -1
        self._array = message_class("diagnostic_msgs/msg/DiagnosticArray")
        self._status = message_class("diagnostic_msgs/msg/DiagnosticStatus")
        self._pair = message_class("diagnostic_msgs/msg/KeyValue")
        self._publisher = managed.node.create_publisher(self._array, "~/parameters", ros.qos("reliable"))

    def tell(self) -> None:
        """Publish the last estimate, if it is a new one."""
        number, rows = self._estimated.statuses()
        if number == self._told or not rows:
            return
        self._told = number
        array = self._array(status=[
            self._status(level=bytes([int(outside)]), name=name, hardware_id="sim2real",
                         message="outside the training range" if outside else "",
                         values=[self._pair(key=key, value=value) for key, value in figures.items()])
            for outside, name, figures in rows])
        array.header.stamp = self._managed.node.get_clock().now().to_msg()
        self._publisher.publish(array)
