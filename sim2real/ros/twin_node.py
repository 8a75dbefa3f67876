"""The twin as a node: a simulated robot behind exactly its driver's topics, types and rates.

It is a simulation with hidden parameters, never "real". The simulator runs in a thread of its own on absolute
deadlines; the executor's thread only hands messages over. Rehearsed faults act in the simulator's thread.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from sim2real.errors import DeploymentError, MissingDependencyError
from sim2real.robots import RobotDescription
from sim2real.ros.context import RosContext, StopSignal, message_class
from sim2real.ros.driver_nature import Controllers, heartbeats, reported
from sim2real.ros.driver_services import serve_controllers, serve_offboard
from sim2real.ros.fault_types import Fault, Stage
from sim2real.ros.faults import Rehearsal
from sim2real.ros.messages import CommandReader, StateWriter
from sim2real.ros.profiles import CommandTopic, ExtraTopic, RosProfile
from sim2real.ros.setpoints import Points
from sim2real.ros.timing import Deadlines, prefer_this_process
from sim2real.ros.twin_cameras import TwinCameras
from sim2real.ros.twin_plant import TwinPlant
from sim2real.types import RobotState


class TwinNode:
    """Publishes a plant's state and takes commands as the profile's driver does.

    Args:
        interface: An arm's active interface; default: the profile's first. Messages on others are refused.
        faults: Faults to rehearse.
        seed: Seed of what faults draw.
        cameras: Its cameras, or None.

    Attributes:
        interfaces: Names of the command interfaces that are served; others lack their message package.
        published, rejected: Messages sent, and commands refused as the driver would.
    """

    def __init__(self, ros: RosContext, robot: RobotDescription, profile: RosProfile, plant: TwinPlant, *,
                 interface: str | None = None, faults: Sequence[Fault] = (), seed: int = 0,
                 cameras: TwinCameras | None = None):
        self._ros, self._plant, self._profile, self._cameras = ros, plant, profile, cameras
        self._controllers = Controllers(robot, profile, interface)
        self._rehearsal = Rehearsal(faults, Stage(robot, profile, plant, self._controllers, seed, ros,
                                                 cameras))
        self._writer = StateWriter(robot, profile, lambda name: message_class(name)())
        topic = profile.state
        self._publisher = ros.node.create_publisher(message_class(topic.type), topic.topic,
                                                    ros.qos(topic.qos, depth=10))
        self._inbox: deque[tuple[Points | None, float, str]] = deque()  # no points: a heartbeat
        self._stopping = threading.Event()
        self._failure: BaseException | None = None
        self._watched = 0.0
        self._said: dict[str, float] = {}
        self.published = 0
        self.rejected = 0
        self.interfaces = tuple(name for name, command in profile.commands.items()
                                if self._subscribe(robot, name, command))
        if not self.interfaces:
            raise MissingDependencyError(f"robot {robot.name}: no command interface can be served, the message "
                                         f"packages of {', '.join(profile.commands)} are not installed")
        if robot.kind == "arm":
            serve_controllers(ros, self._controllers)
        else:
            serve_offboard(ros, profile, plant)
        self._extras = [(extra.topic, self._extra(extra)) for extra in profile.extras]
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
                self._controllers.check(name, message, time.time())
                self._inbox.append((reader.read(message), now, command.quantity))
            except DeploymentError as error:
                self.rejected += 1
                if now - self._said.get(str(error), -1.0) >= 1.0:  # each line at most once a second, as drivers do
                    self._said = {**dict(list(self._said.items())[-20:]), str(error): now}
                    self._ros.node.get_logger().error(str(error))

        # best effort takes what either kind of publisher offers
        qos = self._ros.qos("best_effort", depth=10)
        self._ros.node.create_subscription(kind, command.topic, receive, qos)
        for part in heartbeats(command):
            self._ros.node.create_subscription(message_class(part.type), part.topic,
                                               lambda _: self._inbox.append((None, time.monotonic(), "")), qos)
        return True

    @property
    def taken(self) -> tuple[str, ...]:
        """Interfaces whose messages are taken now: an arm's active one, all of a drone's."""
        active = self._controllers.active
        return self.interfaces if active is None else (active,)

    @property
    def faults_begun(self) -> int:
        """Faults that have begun so far."""
        return self._rehearsal.begun

    # ------------------------------------------------------------------ the simulator's thread
    def _guarded(self) -> None:
        try:
            self._loop()
        except Exception as error:  # handed to run(), which raises it
            self._failure = error

    def _loop(self) -> None:
        deadlines = Deadlines(1.0 / self._profile.state.rate)
        active = self._controllers.active
        self._plant.start(time.monotonic())
        self._rehearsal.start(time.monotonic())
        while not self._stopping.is_set():
            due = deadlines.next()
            self._rehearsal.advance(due)
            if self._controllers.active != active:
                active = self._controllers.active
                self._plant.hold_here(due)
            self._plant.scaled = self._controllers.scaled
            while self._inbox:
                self._receive(*self._inbox.popleft())
            self._plant.advance(due)
            if self._cameras is not None:
                self._cameras.show(self._plant.true_state, due)
            for message in self._rehearsal.outgoing(self._writer.write(self._plant.measured(), time.time())):
                self._publisher.publish(message)
                self.published += 1
            for topic, tick in self._extras:
                if not self._rehearsal.mutes(topic):
                    tick(due)
        self._rehearsal.end()

    def _receive(self, points: Points | None, now: float, quantity: str) -> None:
        if not self._rehearsal.takes_commands:
            return
        if points is None:
            self._plant.heartbeat(now)
        else:
            self._rehearsal.commanded(now)
            self._plant.receive(points, now, quantity)

    def _extra(self, extra: ExtraTopic) -> Callable[[float], None]:
        """Publishes what a topic beside the state says: at its rate, or latched whenever it changes."""
        kind = message_class(extra.type)
        publisher = self._ros.node.create_publisher(kind, extra.topic,
                                                    self._ros.qos("reliable", latched=extra.rate == 0.0))
        period, last, said = 1.0 / extra.rate if extra.rate else float("inf"), -float("inf"), None

        def tick(now: float) -> None:
            nonlocal last, said
            value = reported(extra, self._plant.running, self._plant.speed_scaling)
            if now - last >= period or (value != said and not extra.rate):
                last, said = now if now - last >= 2.0 * period else last + period, value
                publisher.publish(kind(data=value))

        return tick
