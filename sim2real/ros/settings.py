"""What may be changed of a policy node from outside, and when: only a lower speed while it is active."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim2real.robots import RobotDescription


class Settings:
    """The parameters of a policy node, and the rules for setting them.

    Args:
        robot: The robot's description.

    Attributes:
        speed: Share of the policy's speed, 0 to 1, at which an arm moves.
    """

    def __init__(self, robot: RobotDescription):
        self._drone = robot.kind == "drone"
        self.speed = 1.0

    def set(self, values: Mapping[str, Any], *, active: bool) -> str:
        """Take all of ``values``, or none; returns why not, "" where it did.

        Args:
            values: By the parameters' names.
            active: Whether the robot may be moving.
        """
        refused = [why for name, value in values.items() if (why := self._refuse(name, value, active))]
        if not refused:
            self.speed = float(values.get("speed", self.speed))
        return "; ".join(refused)

    def _refuse(self, name: str, value: Any, active: bool) -> str:
        if name == "use_sim_time":
            return "use_sim_time is settled when the node starts: --ros-args -p use_sim_time:=true"
        if name != "speed":
            return f"{name} is read-only while the node is active; disarm it first" if active else ""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value <= 1.0:
            return f"expected a speed between 0 and 1, got {value!r}"
        if self._drone and value != 1.0:
            return "a drone's speed cannot be scaled: its commands are thrust and body rates"
        if active and value > self.speed:
            return (f"the speed can only be lowered while the node is active: it is {self.speed:g}, not to become "
                    f"{value:g}; disarm it first")
        return ""
