"""The twin as a node: a simulated robot behind exactly its driver's topics, types and rates.

It is a simulation with hidden parameters, never "real". The simulator runs in a thread of its own on absolute
deadlines; the executor's thread only hands messages over.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from sim2real.errors import DeploymentError, MissingDependencyError
from sim2real.robots import RobotDescription
from sim2real.ros.context import RosContext, StopSignal, message_class
from sim2real.ros.messages import CommandReader, StateWriter
from sim2real.ros.profiles import CommandTopic, RosProfile
from sim2real.ros.setpoints import Points
from sim2real.ros.timing import Deadlines, prefer_this_process
from sim2real.ros.twin_plant import TwinPlant
from sim2real.types import RobotState


class TwinNode:
    """Publishes a plant's state and takes commands on every interface of the profile.

    Attributes:
        interfaces: Names of the command interfaces that are served; others lack their message package.
        published, rejected: Messages sent, and commands refused as the driver would.
    """

    def __init__(self, ros: RosContext, robot: RobotDescription, profile: RosProfile, plant: TwinPlant):
        self._ros, self._plant, self._profile = ros, plant, profile
        self._writer = StateWriter(robot, profile, lambda name: message_class(name)())
        topic = profile.state
        self._publisher = ros.node.create_publisher(message_class(topic.type), topic.topic,
                                                    ros.qos(topic.qos, depth=10))
        self._inbox: deque[tuple[Points, float]] = deque()
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._watched = 0.0
        self.published = 0
        self.rejected = 0
        self.interfaces = tuple(name for name, command in profile.commands.items()
                                if self._subscribe(robot, name, command))
        if not self.interfaces:
            raise MissingDependencyError(f"robot {robot.name}: no command interface can be served, the message "
                                         f"packages of {', '.join(profile.commands)} are not installed")
        self._extras = [self._extra(extra) for extra in profile.extras]
        self._thread = threading.Thread(target=self._guarded, name="twin", daemon=True)

    def run(self, stop: StopSignal, duration: float | None = None,
            watch: Callable[[RobotState], None] | None = None) -> None:
        """Serve until ``stop`` or for ``duration`` [s]; ``watch`` gets the true state about ten times a second."""
        end = None if duration is None else time.monotonic() + duration
        prefer_this_process()
        self._thread.start()
        try:
            while not stop.is_set and self._failure is None and (end is None or time.monotonic() < end):
                self._ros.spin_once(0.1)
                if watch is not None and time.monotonic() - self._watched > 0.1:
                    self._watched = time.monotonic()
                    watch(self._plant.true_state())
        finally:
            self._stopping.set()
            self._thread.join(timeout=2.0)
        if self._failure is not None:
            raise DeploymentError(f"the twin's simulation stopped: {self._failure}") from self._failure

    # ------------------------------------------------------------------ the executor's thread
    def _subscribe(self, robot: RobotDescription, name: str, command: CommandTopic) -> bool:
        try:
            kind = message_class(command.type)
        except MissingDependencyError as error:
            self._ros.node.get_logger().warning(f"interface {name} is not served: {error}")
            return False
        reader = CommandReader(robot, self._profile, command)

        def receive(message: Any) -> None:
            now = time.monotonic()
            try:
                self._inbox.append((reader.read(message), now))
            except DeploymentError as error:
                self.rejected += 1
                self._ros.node.get_logger().error(str(error), throttle_duration_sec=1.0)

        # best effort takes what either kind of publisher offers
        self._ros.node.create_subscription(kind, command.topic, receive, self._ros.qos("best_effort", depth=10))
        return True

    # ------------------------------------------------------------------ the simulator's thread
    def _guarded(self) -> None:
        try:
            self._loop()
        except Exception as error:  # handed to run(), which raises it
            self._failure = error

    def _loop(self) -> None:
        deadlines = Deadlines(1.0 / self._profile.state.rate)
        self._plant.start(time.monotonic())
        while not self._stopping.is_set():
            due = deadlines.next()
            while self._inbox:
                self._plant.receive(*self._inbox.popleft())
            self._plant.advance(due)
            self._publisher.publish(self._writer.write(self._plant.measured(), time.time()))
            self.published += 1
            for extra in self._extras:
                extra(due)

    def _extra(self, extra: Any) -> Any:
        kind = message_class(extra.type)
        message = kind(data=extra.value)
        qos = self._ros.qos("reliable", latched=extra.rate == 0.0)
        publisher = self._ros.node.create_publisher(kind, extra.topic, qos)
        publisher.publish(message)
        period, last = 1.0 / extra.rate if extra.rate else float("inf"), time.monotonic()

        def tick(now: float) -> None:
            nonlocal last
            if now - last >= period:
                last += period
                publisher.publish(message)

        return tick
