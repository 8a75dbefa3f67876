"""The policy node's side of the driver's topics: states in, commands out, and who else is on the command topic."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from sim2real.errors import DeploymentError, MissingDependencyError
from sim2real.robots import RobotDescription
from sim2real.ros.context import RosContext, message_class
from sim2real.ros.messages import CommandWriter, StateReader, stamp_seconds
from sim2real.ros.ordering import InOrder
from sim2real.ros.profiles import CommandTopic, RosProfile
from sim2real.types import RobotState

UNNAMED = "_NODE_NAME_UNKNOWN_"  # what ROS calls a node whose publisher was discovered before itself
_KEPT = 32  # receptions that tell a rate


def command_publishers(ros: RosContext, command: CommandTopic) -> dict[str, Any]:
    """Publishers by topic of all messages of a command; optional ones whose package is missing are left out, and told.

    Raises:
        MissingDependencyError: The package of another message is not installed.
    """
    publishers = {}
    for part in (command, *command.also):
        try:
            kind = message_class(part.type)
        except MissingDependencyError as error:
            if not part.optional:
                raise
            ros.node.get_logger().warning(f"{part.topic} is left out: {error}")
            continue
        publishers[part.topic] = ros.node.create_publisher(kind, part.topic, ros.qos(part.qos),
                                                           event_callbacks=ros.publisher_events(part.topic))
    return publishers


class DriverLink:
    """Listens to a driver's states and publishes commands to it.

    Args:
        ros: An open context, whose executor must be spun.
        robot: The robot's description.
        profile: Its driver's topics.
        command: The command interface used.
        rate: Commands per second.
        taken: Told every state that was taken, as a row of a log: ``stamp`` by the driver's clock in [s], None where it
            gives none; ``time`` of its reception in [s] (monotonic); and the fields of ``RobotState`` that were in the
            message, arrays of one dimension in SI units. None: nobody.
        needs_effort: As of ``StateReader``.

    Attributes:
        latest: The last state that could be read, stamped with its reception [s] (monotonic), or None.
        stamp: Of the last state's message, by the driver's clock, in [s]; 0 where it gives none.
        received: When the last states came, [s], oldest first.
        rejected: Why the last message that was not taken was not, "" if all were.
        refused: How many were not taken.
    """

    def __init__(self, ros: RosContext, robot: RobotDescription, profile: RosProfile, command: CommandTopic,
                 rate: float, taken: Callable[[dict[str, Any]], None] | None = None, *,
                 needs_effort: bool = False):
        self._ros, self._state, self._command = ros, profile.state, command
        self._reader = StateReader(robot, profile, needs_effort=needs_effort)
        self._order = InOrder(1.0 / profile.state.rate)
        self._taken, self._measured = taken, self._reader.measured
        self.latest: RobotState | None = None
        self.stamp = 0.0
        self.received: deque[float] = deque(maxlen=_KEPT)
        self.rejected, self.refused = "", 0
        self._publishers = self._connect()
        self._writer = CommandWriter(robot, profile, command, lambda name: message_class(name)(),
                                     without={part.topic for part in command.also} - set(self._publishers),
                                     period=1.0 / rate)

    def _connect(self) -> dict[str, Any]:
        node, state = self._ros.node, self._state
        # best effort takes what either kind of publisher offers, and never waits for a lost message
        node.create_subscription(message_class(state.type), state.topic, self._receive, self._ros.qos("best_effort"),
                                 event_callbacks=self._ros.subscription_events(state.topic))
        return command_publishers(self._ros, self._command)

    def _receive(self, message: Any) -> None:
        now, stamp = time.monotonic(), stamp_seconds(message.header)
        if not self._order.takes(stamp, now):
            return
        try:
            self.latest = state = self._reader.read(message, now)
        except DeploymentError as error:
            self.rejected = str(error)
            self.refused += 1
            self._ros.complain("states", self.rejected)
            return
        self.stamp = stamp
        self.received.append(now)
        if self._taken is not None:
            self._taken({"stamp": stamp or None, "time": now,
                         **{field: getattr(state, field)[0] for field in self._measured}})

    def send(self, command: np.ndarray, before: np.ndarray) -> None:
        """Publish a command (C,) that follows ``before`` (C,)."""
        for part, message in self._writer.write(command, before, time.time()):
            self._publishers[part.topic].publish(message)

    @property
    def takers(self) -> int:
        """Subscribers of the command topic."""
        return self._publishers[self._command.topic].get_subscription_count()

    @property
    def misfits(self) -> list[str]:
        """Topics that somebody offers or wants with another QoS than fits, one sentence each."""
        topics = [self._state.topic, *self._publishers]
        return [self._ros.misfits[topic] for topic in topics if topic in self._ros.misfits]

    @property
    def publishers(self) -> int:
        """Publishers on the command topic, this one included; takes 4 us."""
        return self._ros.node.count_publishers(self._command.topic)

    def listeners(self) -> dict[bytes, str]:
        """Subscribers of the command topic: the name of the node by the subscriber's global id; takes 30 us."""
        return {bytes(info.endpoint_gid): info.node_name
                for info in self._ros.node.get_subscriptions_info_by_topic(self._command.topic)}

    def others(self) -> dict[bytes, str]:
        """Other publishers on the command topic: the name of the node by the publisher's global id; takes 30 us."""
        node = self._ros.node
        found = {bytes(info.endpoint_gid): info.node_name
                 for info in node.get_publishers_info_by_topic(self._command.topic)}
        ours = next((gid for gid, name in found.items() if name == node.get_name()), b"")
        return {gid: "another node" if name == UNNAMED else name for gid, name in found.items() if gid != ours}

    @property
    def answered(self) -> bool:
        """Whether a state came and somebody takes commands."""
        return self.latest is not None and self.takers > 0

    def missing(self, robot: str, waited: float) -> str:
        """What of ``answered`` is not so after ``waited`` [s], and what to do about it."""
        state, command = self._state, self._command
        if self.misfits:
            return "; ".join(self.misfits)
        if self.latest is not None:
            needs = f"; the driver needs: {command.needs}" if command.needs else ""
            return f"nobody takes commands on {command.topic} ({command.type}) within {waited:g} s{needs}"
        if self.rejected:
            return f"no usable state within {waited:g} s: {self.rejected}"
        count = self._ros.node.count_publishers(state.topic)
        return (f"no message on {state.topic} ({state.type}) within {waited:g} s, {count} publishers there; start "
                f"the driver or `sim2real twin {robot}` in the same ROS domain")
