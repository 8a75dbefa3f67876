"""The gate of the driver itself: its states, that somebody takes the commands, and that nobody else gives any."""

from __future__ import annotations

import time

from sim2real.robots import RobotDescription
from sim2real.ros import gates
from sim2real.ros.driver_link import UNNAMED, DriverLink
from sim2real.ros.guard_node import NODE as GUARD
from sim2real.ros.profiles import CommandTopic, RosProfile
from sim2real.ros.watched import Watched

# nodes that may come to the command topic and leave it again: tools that record or show
ONLOOKERS = ("_", "rosbag2", "plotjuggler", "foxglove", "rqt", "rviz", "sim2real_log")


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
        self._takers: dict[bytes, str] = {}  # when the gates were looked at last, as far as the graph had heard of them
        self._taken = 0  # how many there were

    def closed(self) -> list[str]:
        """The gates of ``gates.closed`` that are not green."""
        link = self._link
        self._takers, self._taken = link.listeners(), link.takers
        seen = gates.Seen(link.latest, time.monotonic(), list(link.received), link.takers, self._look(), link.rejected)
        return [*gates.closed(self._robot, self._profile, self._command, seen), *link.misfits]

    def judge(self) -> tuple[str, str]:
        """Stop where one of those that took the commands is gone, or somebody else gives some; states are the runner's
        to judge. It takes 5 us, for as long as nobody comes or goes."""
        link = self._link
        if link.takers < self._taken and (gone := self._gone()):
            return "stop", (f"{gone} takes no more commands on {self._command.topic}: the driver has ended, or its "
                            "controller was switched away")
        if link.takers == self._taken and (len(self._takers) < self._taken or UNNAMED in self._takers.values()):
            self._takers = link.listeners()  # the graph hears of a node's name later than of its subscriptions
        if link.publishers != self._count:
            self._look()
        return ("stop", gates.rivals_sentence(self._command, self._rivals)) if self._rivals else ("", "")

    def _gone(self) -> str:
        """Who took commands and does no longer, but for those that only look on; "" where nobody is missed.

        The graph, which knows the names, hears of newcomers and of those that leave a little later than the publisher.
        """
        here = self._link.listeners()
        gone = {gid: name for gid, name in self._takers.items() if gid not in here}
        if missed := [name for name in gone.values() if name == UNNAMED or not name.startswith(ONLOOKERS)]:
            return ", ".join("a node whose name was never heard" if name == UNNAMED else name for name in missed)
        for gid in gone:
            del self._takers[gid]
            self._taken -= 1
        unnamed = self._link.takers < self._taken and len(self._takers) < self._taken
        return "a node whose name was never heard" if unnamed else ""

    def _look(self) -> list[str]:
        """Names of the rivals."""
        count, others = self._link.publishers, self._link.others()
        if self._watched is not None and not self._guards & set(others) and self._watched.accompanied:
            # it may have come this moment, its name not yet known, and the user may have given it another one
            guards = sorted(others, key=lambda gid: others[gid] != GUARD)
            self._guards.update(guards[:1])
        self._count, self._rivals = count, [name for gid, name in others.items() if gid not in self._guards]
        return self._rivals
