"""The recorder at a driver's topics, in the test's own process, and what its record says.

Times are of the monotonic clock in [s]. A command counts from when its publisher sent it, whatever kept the recorder.
"""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path

import numpy as np

from sim2real.deployment.limits import CommandLimits
from sim2real.errors import DeploymentError
from sim2real.robots import load_robot
from sim2real.ros.context import RosContext, message_class
from sim2real.ros.messages import CommandReader, StateReader
from sim2real.ros.profiles import RosProfile
from tests.faults import judge
from tests.faults.judge import Sample

REST = {"arm": 0.02, "drone": 0.1}  # [rad/s], [m/s]: a robot that is measured slower is at rest
_DEPTH = 20_000


class Recorder:
    """Hears commands, states and what the nodes say of themselves.

    Args:
        ros: A context that somebody spins.
        robot: Name of the robot, or path of its robot.yaml.
        interface: Command interface; default: the profile's first.

    Attributes:
        status, guard_status: (time of reception, row) of ~/status of the policy and of the guard.
    """

    def __init__(self, ros: RosContext, robot: str | Path = "ur5e", interface: str | None = None):
        self.ros = ros
        self.robot = load_robot(robot)
        self.profile = RosProfile.for_robot(self.robot)
        self.command = self.profile.command(interface)
        self.limits = CommandLimits.from_robot(self.robot)
        self.period = 1.0 / self.command.rate if self.command.rate else self.robot.control_period
        self._command_reader = CommandReader(self.robot, self.profile, self.command)
        self._state_reader = StateReader(self.robot, self.profile)
        self._deserialize = importlib.import_module("rclpy.serialization").deserialize_message
        self._raw_commands: list[tuple[dict, bytes]] = []
        self._raw_states: list[tuple[dict, bytes]] = []
        self._samples: list[Sample] = []
        self._speeds: list[tuple[float, float]] = []
        self._foreign = b""  # the last state's message that cannot be read
        self.status: list[tuple[float, dict]] = []
        self.guard_status: list[tuple[float, dict]] = []
        self._clocks = float(np.median([time.time() - time.monotonic() for _ in range(101)]))
        self._listen()

    def _listen(self) -> None:
        listen, qos, text = self.ros.node.create_subscription, self.ros.qos, message_class("std_msgs/msg/String")
        self._command_kind, state = message_class(self.command.type), self.profile.state
        self._state_kind = message_class(state.type)
        # A thousand messages a second are too many for an executor beside what is judged: bytes are taken from the
        # middleware's queues and looked at later.
        self._ears = self.ros.rclpy.create_node("_recorder", context=self.ros.context)
        self._queues = [
            (self._ears.create_subscription(kind, topic, print, qos(reliability, depth=_DEPTH), raw=True), into)
            for kind, topic, reliability, into in (  # nobody spins it, so nothing is printed
                (self._command_kind, self.command.topic, self.command.qos, self._raw_commands),
                (self._state_kind, state.topic, "best_effort", self._raw_states))]
        for topic, into in (("/sim2real_policy/status", self.status), ("/sim2real_guard/status", self.guard_status)):
            listen(text, topic, lambda m, into=into: into.append((time.monotonic(), json.loads(m.data))),
                   qos("reliable", depth=200))

    def hear(self) -> None:
        """Take what has come."""
        for subscription, into in self._queues:
            with subscription.handle:
                while (taken := subscription.handle.take_message(subscription.msg_type, True)) is not None:
                    into.append((taken[1], taken[0]))

    def close(self) -> None:
        """Leave the network."""
        self._ears.destroy_node()

    # ------------------------------------------------------------------ what was heard
    @property
    def samples(self) -> list[Sample]:
        """All commands on the driver's topic so far, whoever sent them, in the order of their coming."""
        reader = self._command_reader
        for info, message in self._raw_commands[len(self._samples):]:
            try:
                command = reader.read(self._deserialize(message, self._command_kind))[-1][1]
            except (DeploymentError, IndexError):  # the driver would not take it
                command = np.full(len(self.limits), np.nan)
            self._samples.append(Sample(self._sent(info), info["publication_sequence_number"],
                                        info["publisher_gid"]["data"], command))
        return self._samples

    @property
    def speeds(self) -> list[tuple[float, float]]:
        """(time, largest joint speed [rad/s] or speed [m/s]) of every state; nan where it cannot be read."""
        for info, message in self._raw_states[len(self._speeds):]:
            self._speeds.append((self._sent(info), self._speed(message)))
        return self._speeds

    @property
    def speed(self) -> float:
        """The last measured speed."""
        return self.speeds[-1][1] if self._raw_states else 0.0

    @property
    def positions(self) -> np.ndarray:
        """The last measured joint positions [rad], shape (J,)."""
        message = self._deserialize(self._raw_states[-1][1], self._state_kind)
        return StateReader(self.robot, self.profile).read(message, 0.0).joint_position[0]

    @property
    def states(self) -> int:
        """State messages that came."""
        return len(self._raw_states)

    def _speed(self, message: bytes) -> float:
        if message == self._foreign:  # a flood repeats one a million times
            return float("nan")
        try:
            state = self._state_reader.read(self._deserialize(message, self._state_kind), 0.0)
        except DeploymentError:
            self._foreign = message
            return float("nan")
        if self.robot.kind == "arm":
            return float(np.abs(state.joint_velocity).max())
        return float(np.linalg.norm(state.linear_velocity))

    def _sent(self, info: dict) -> float:
        """When a message was sent; a publisher whose wall clock is another one is taken by its reception."""
        sent, received = (1e-9 * info[key] - self._clocks for key in ("source_timestamp", "received_timestamp"))
        return sent if abs(received - sent) < 5.0 else received

    def modes(self, since: float = 0.0) -> list[str]:
        """Words of ~/status since then, each once in a row: INACTIVE, ACTIVE, HOLD, STOP, FAULT, ENDED, ..."""
        rows = [word for at, row in self.status if at >= since for word in (row["state"], row["mode"])]
        return [word for k, word in enumerate(rows) if k == 0 or rows[k - 1] != word]

    def causes(self, since: float = 0.0) -> str:
        """Every cause that ~/status named since then, in one text."""
        return "; ".join(dict.fromkeys(row["cause"] for at, row in self.status if at >= since and row["cause"]))

    # ------------------------------------------------------------------ what it comes to
    def over_bounds(self, first: int = 0) -> float:
        """Of every publisher's stream from a sample on; a drone's unlocking zeros before it and motors off after it are
        no jumps."""
        worst = 0.0
        for stream in judge.by_publisher(self.samples[first:]):
            if late := self._lateness(stream):
                worst = max(worst, judge.over_bounds_by_time(stream, self.limits, late, self.command.quantity))
                continue
            for rows in judge.unbroken(stream):
                if self.robot.kind == "drone":
                    on = np.flatnonzero(rows[:, 0] != 0.0)
                    rows = rows[on[0]:on[-1] + 1] if len(on) else rows[:0]
                if len(rows):
                    worst = max(worst, judge.over_bounds(rows, self.limits, self.period, self.command.quantity))
        return worst

    def _lateness(self, stream: list[Sample]) -> float:
        """How late a guard was at most that left periods out of this stream, in [s]; 0 of any other stream."""
        heard = stream[0].time
        begun = heard - (stream[0].number - 1) * self.period  # the first ones may have been lost, or sent in other runs
        return max((max(row["worst_late_s"], self.period) for _, row in self.guard_status
                    if row["skipped"] and begun - 0.1 < row["taken_over_at_s"] < heard + 0.1), default=0.0)

    @property
    def lost(self) -> int:
        """Commands that did not reach the recorder."""
        return sum(map(judge.lost, judge.by_publisher(self.samples)))

    def rest_s(self, since: float, until: float | None = None, *, measured: bool = True) -> float | None:
        """From ``since`` until commands (and measured joints) stood still to the end of the record, or ``until``."""
        until = time.monotonic() if until is None else until
        samples = [sample for sample in self.samples if sample.time <= until]
        at = judge.last_motion(samples, since, self.command.quantity)
        if measured:
            fast = [t for t, speed in self.speeds if since < t <= until and speed > REST[self.robot.kind]]
            at = max([at, *fast[-1:]])
        return at - since if until - at >= 0.25 else None

    def resumed(self, since: float) -> bool:
        """Whether commands changed or joints moved again after a stop for good had come to rest."""
        latched = [at for at, row in self.status if at >= since
                   and (row["state"] == "FAULT" or row["mode"] in ("STOP", "FAULT", "ENDED"))]
        if not latched or not self._raw_commands:  # nothing that moved has stopped
            return False
        rest = judge.first_rest(self.samples, latched[0], time.monotonic(), self.command.quantity)
        if rest is None:
            return False
        again = judge.last_motion([s for s in self.samples if s.time > rest], rest, self.command.quantity) > rest
        fast = any(t > rest + 0.5 and speed > 5.0 * REST[self.robot.kind] for t, speed in self.speeds)
        return again or fast
