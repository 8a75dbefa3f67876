"""The gate of the driver itself: its states, that somebody takes the commands, and that nobody else gives any."""

from __future__ import annotations

import time

from sim2real.robots import RobotDescription
from sim2real.ros import gates
from sim2real.ros.driver_link import DriverLink
from sim2real.ros.guard_node import NODE as GUARD
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
        self._count = 0  # of publishers, when they were looked at
        self._rivals: list[str] = []
        self._guards: set[bytes] = set()  # publishers of guards: one stays in the graph for seconds after its process

    def closed(self) -> list[str]:
        """The gates of ``gates.closed`` that are not green."""
        link = self._link
        seen = gates.Seen(link.latest, time.monotonic(), list(link.received), link.takers, self._look(), link.rejected)
        return gates.closed(self._robot, self._profile, self._command, seen)

    def judge(self) -> tuple[str, str]:
        """Stop where nobody takes the commands any more, or somebody else gives some; states are the runner's to
        judge. It takes 5 us, for as long as nobody comes or goes."""
        if not self._link.takers:
            return "stop", (f"nobody takes commands on {self._command.topic} any more: its controller was stopped, or "
                            "switched away")
        if self._link.publishers != self._count:
            self._look()
        return ("stop", gates.rivals_sentence(self._command, self._rivals)) if self._rivals else ("", "")

    def _look(self) -> list[str]:
        """Names of the rivals."""
        count, others = self._link.publishers, self._link.others()
        if self._watched is not None and not self._guards & set(others) and self._watched.accompanied:
            # it may have come this moment, its name not yet known, and the user may have given it another one
            guards = sorted(others, key=lambda gid: others[gid] != GUARD)
            self._guards.update(guards[:1])
        self._count, self._rivals = count, [name for gid, name in others.items() if gid not in self._guards]
        return self._rivals
