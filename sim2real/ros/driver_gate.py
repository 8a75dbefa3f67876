"""The gate of the driver itself: its states, who takes the commands, and that nobody else gives any."""

from __future__ import annotations

import time

from sim2real.robots import RobotDescription
from sim2real.ros import gates
from sim2real.ros.driver_link import DriverLink
from sim2real.ros.profiles import CommandTopic, RosProfile
from sim2real.ros.watched import Watched


class DriverGate:
    """Judges what a link to the driver sees.

    Args:
        watched: The guard's eye, whose publisher on the command topic is no rival, or None.
    """

    def __init__(self, robot: RobotDescription, profile: RosProfile, command: CommandTopic, link: DriverLink,
                 watched: Watched | None = None):
        self._robot, self._profile, self._command = robot, profile, command
        self._link, self._watched = link, watched

    def closed(self) -> list[str]:
        """The gates of ``gates.closed`` that are not green."""
        link, guards = self._link, 0 if self._watched is None else self._watched.guards
        seen = gates.Seen(link.latest, time.monotonic(), list(link.received), link.takers,
                          link.publishers - 1 - guards, link.rejected)
        return gates.closed(self._robot, self._profile, self._command, seen)

    def judge(self) -> tuple[str, str]:
        """States are the runner's to judge."""
        return "", ""
