"""The guard as a node: a second process that brings the robot to rest when the runner cannot.

It watches the runner's heartbeat in shared memory a hundred times a second. A process that is gone is seen at the next
look, one that hangs after ``timeout``. Its publishers exist from the start, so that nothing has to be discovered then.

One race is left, and kept harmless: a runner that is halted between its last look at ``taken_over`` and the call that
publishes sends one old command when it wakes. While the guard sends, its own next command replaces it. Afterwards a
position is where the robot stands anyway, and below the velocity interface the guard sends zeros again as soon as it
sees the runner beat or end.
"""

from __future__ import annotations

import gc
import json
import threading
import time
from typing import Any

import numpy as np

from sim2real.deployment.heartbeat import DISARMED, MOVING, TIMEOUT, Heartbeat, Snapshot
from sim2real.errors import DeploymentError
from sim2real.robots import RobotDescription
from sim2real.ros.context import RosContext, StopSignal, message_class
from sim2real.ros.driver_link import command_publishers
from sim2real.ros.messages import CommandWriter, StateReader
from sim2real.ros.profiles import CommandTopic, RosProfile
from sim2real.ros.takeover import ArmTakeOver, DroneTakeOver, take_over
from sim2real.ros.timing import Deadlines, prefer_this_process
from sim2real.types import RobotState

NODE = "sim2real_guard"
WAITING, WATCHING, TAKING_OVER, TAKEN_OVER = "WAITING", "WATCHING", "TAKING_OVER", "TAKEN_OVER"
_PERIOD = 0.01  # [s]
_ON_TIME = 0.03  # [s] between two looks at most for the second to count
_STATUS_SECONDS, _DIAGNOSTICS_SECONDS = 0.2, 1.0
_LISTENING = 0.05  # [s] between states while all is well
_STILL = 0.02  # [rad/s]: measured joints slower than that are at rest
_LEAVING = 30.0  # [s] that a guard that was asked to end waits for the runner to disarm


class GuardNode:
    """Guards the robot behind a profile.

    Args:
        ros: An open context.
        command: The interface that the runner uses.
        heartbeat: The robot's page, attached.
        timeout: Age of the runner's beat in [s] at which it counts as hung.

    Attributes:
        mode: "WAITING" for a runner, "WATCHING" it, "TAKING_OVER", or "TAKEN_OVER" (latched until a new runner starts).
        cause: Why the guard took over, "" if it never did.
        at: When the guard took over in [s] (monotonic).
        detection: Age of the runner's last beat then in [s].
        rest: Time from the runner's last beat until the arm's joints were measured at rest in [s].
        skipped: Commands on the way to rest that a busy machine left out.
    """

    def __init__(self, ros: RosContext, robot: RobotDescription, profile: RosProfile, command: CommandTopic,
                 heartbeat: Heartbeat, *, timeout: float = TIMEOUT):
        self._ros, self._robot, self._profile, self._command = ros, robot, profile, command
        self._heartbeat, self._timeout = heartbeat, timeout
        self._reader = StateReader(robot, profile)
        self._latest: RobotState | None = None
        self._snapshot: Snapshot | None = None
        self._action: ArmTakeOver | DroneTakeOver | None = None
        self._lost: Snapshot | None = None  # the last word of the runner that was replaced
        self._seen = 0  # generation of a runner that has been seen alive
        self._signs = (0.0, False)  # of life of the lost one
        self._looked, self._excused = -np.inf, False
        self._leaving = self._ending = False
        self._failure: BaseException | None = None
        self.mode, self.cause = WAITING, ""
        self.at = self.detection = self.rest = float("nan")
        self.beats, self.worst_late, self.skipped = 0, 0.0, 0
        self._deadlines = Deadlines(_PERIOD)
        self._connect()
        self._writer = self._writer_for(_PERIOD)

    # ------------------------------------------------------------------ the executor's thread
    def _connect(self) -> None:
        node, state = self._ros.node, self._profile.state
        self._publishers = command_publishers(self._ros, self._command)
        node.create_subscription(message_class(state.type), state.topic, self._receive, self._ros.qos("best_effort"),
                                 event_callbacks=self._ros.subscription_events(state.topic))
        self._status = node.create_publisher(message_class("std_msgs/msg/String"), "~/status",
                                             self._ros.qos("reliable"))
        self._diagnostics = node.create_publisher(message_class("diagnostic_msgs/msg/DiagnosticArray"),
                                                  "/diagnostics", self._ros.qos("reliable", depth=10))

    def _writer_for(self, period: float) -> CommandWriter:
        return CommandWriter(self._robot, self._profile, self._command, lambda name: message_class(name)(),
                             without={part.topic for part in self._command.also} - set(self._publishers), period=period)

    def _receive(self, message: Any) -> None:
        try:
            self._latest = self._reader.read(message, time.monotonic())
        except DeploymentError as error:
            self._ros.complain("states", str(error))

    def run(self, stop: StopSignal, duration: float | None = None) -> None:
        """Guard until ``stop`` or for ``duration`` [s].

        A guard that is asked to end stops beating, by which the runner stops the robot, and ends once the runner has
        disarmed; a second signal ends it at once.

        Raises:
            DeploymentError: The guard's own loop failed.
        """
        thread = threading.Thread(target=self._guarded, name="guard", daemon=True)
        end = None if duration is None else time.monotonic() + duration
        prefer_this_process()
        gc.collect()
        gc.freeze()
        thread.start()
        told = 0.0
        while thread.is_alive():
            self._ros.spin_once(_LISTENING)
            now = time.monotonic()
            if self.mode != TAKING_OVER:  # the newest state is all that is needed
                time.sleep(_LISTENING)
            if not self._leaving and (stop.is_set or (end is not None and now > end)):
                self._leaving, end = True, now + _LEAVING
            self._ending = self._leaving and (stop.count > 1 or now > (end or now))
            if now - told > _DIAGNOSTICS_SECONDS:
                told = now
                self._publish_diagnostics()
        thread.join()
        gc.unfreeze()
        if self._failure is not None:
            raise DeploymentError(f"the guard's loop failed: {self._failure}") from self._failure

    # ------------------------------------------------------------------ the guard's thread
    def _guarded(self) -> None:
        try:
            self._loop()
        except Exception as error:  # handed to run(), which raises it
            self._failure = error

    def _loop(self) -> None:
        told = 0.0
        while not self._over():
            due = self._deadlines.next()
            now = time.monotonic()
            self.worst_late = max(self.worst_late, now - due)
            if not self._leaving:
                self._heartbeat.guard_beat(now, self._listeners)
                self.beats += 1
            before = self.mode
            self._tick(now, due)
            if before == TAKING_OVER != self.mode:
                self._deadlines = Deadlines(_PERIOD)
            if self.mode != before or now - told > _STATUS_SECONDS:
                told = now
                self._publish_status(now)
        self._publish_status(time.monotonic())

    def _over(self) -> bool:
        """Whether a guard that is to end may: nobody needs it any more."""
        if not self._leaving or self.mode == TAKING_OVER:
            return self._ending
        idle = self._snapshot is None or self._snapshot.state == DISARMED or not self._heartbeat.runner_exists()
        return self._ending or self.mode != WATCHING or idle

    def _tick(self, now: float, due: float) -> None:
        self._snapshot = snapshot = self._heartbeat.read()
        on_time, self._looked = now - self._looked < _ON_TIME, now
        if self.mode == TAKING_OVER:
            self._send(due)
        elif self.mode == TAKEN_OVER and self._heartbeat.generation == self._lost.generation:
            self._watch_the_lost(now)
        elif snapshot is None:
            self.mode = WAITING
        else:
            self._watch(snapshot, now, on_time)

    def _watch(self, snapshot: Snapshot, now: float, on_time: bool) -> None:
        age = now - snapshot.beat
        if age <= self._timeout:
            self._seen, self._excused = snapshot.generation, False
        exists = self._heartbeat.runner_exists()
        # nothing is known of a runner that was dead before the guard came, or of where the robot is since
        watched = exists and snapshot.generation == self._seen
        self.mode = WATCHING if watched else WAITING
        if snapshot.state == DISARMED or snapshot.generation != self._seen:
            return
        if not exists:
            self._take_over(snapshot, now, "the runner's process ended without disarming")
        elif age > self._timeout and (on_time or self._excused):
            self._take_over(snapshot, now, f"the runner has not beaten for {1e3 * age:.0f} ms")
        elif age > self._timeout:  # the guard was away itself, perhaps the whole machine: the runner gets one more look
            self._excused = True

    def _take_over(self, snapshot: Snapshot, now: float, cause: str) -> None:
        self._heartbeat.take_over(snapshot.generation)  # first: from now on the runner must not send
        self._lost, self.cause, self.mode = snapshot, cause, TAKING_OVER
        self.at, self.detection, self.rest = now, now - snapshot.beat, float("nan")
        self._action = take_over(self._robot, self._command.quantity, snapshot, self.detection)
        self._writer = self._writer_for(self._action.period)
        self._deadlines = Deadlines(self._action.period)
        self._send(now)

    def _send(self, due: float) -> None:
        """The next command on the way to rest, due at ``due`` [s]; the end of the take-over once there is none."""
        self._note_rest()
        # a runner that was armed and had not sent anything has left nothing in motion
        pair = self._action.step(self._latest, due) if self._lost.state == MOVING else None
        if pair is None:
            self.mode, self._signs = TAKEN_OVER, self._signs_of_life()
            self.skipped = self._action.skipped
            self._heartbeat.release()
            return
        for part, message in self._writer.write(*pair, time.time()):
            self._publishers[part.topic].publish(message)

    def _watch_the_lost(self, now: float) -> None:
        """Speak again when the replaced runner wakes or ends: it may have had one more command on its tongue."""
        before, self._signs = self._signs, self._signs_of_life()
        if self._signs != before and self._lost.state == MOVING and self._action.repeats:
            self._action.again(now)
            self._deadlines, self.mode = Deadlines(self._action.period), TAKING_OVER

    def _signs_of_life(self) -> tuple[float, bool]:
        return (self._snapshot.beat if self._snapshot else 0.0, self._heartbeat.runner_exists())

    def _note_rest(self) -> None:
        state = self._latest
        if self.rest != self.rest and state is not None and self._robot.kind == "arm" and self._action.at_rest:
            if state.time[0] > self.at and np.abs(state.joint_velocity).max() < _STILL:
                self.rest = float(state.time[0]) - self._lost.beat

    @property
    def _listeners(self) -> int:
        """Who would hear its commands."""
        return self._publishers[self._command.topic].get_subscription_count()

    # ------------------------------------------------------------------ what it says
    def report(self) -> dict[str, Any]:
        """What is known now, for JSON: null where nothing is."""
        snapshot = self._snapshot
        row = {"mode": self.mode, "cause": self.cause, "runner": snapshot.state if snapshot else "",
               "beat_age_s": time.monotonic() - snapshot.beat if snapshot else float("nan"),
               "taken_over_at_s": self.at, "detection_s": self.detection, "rest_s": self.rest,
               "skipped": self.skipped, "worst_late_s": self.worst_late,
               "listeners": self._listeners}
        return {key: None if value != value else value for key, value in row.items()}

    def _publish_status(self, now: float) -> None:
        self._status.publish(message_class("std_msgs/msg/String")(data=json.dumps(self.report())))

    def _publish_diagnostics(self) -> None:
        status, pair, array = (message_class(f"diagnostic_msgs/msg/{name}")
                               for name in ("DiagnosticStatus", "KeyValue", "DiagnosticArray"))
        level = status.ERROR if self.cause and self.mode in (TAKING_OVER, TAKEN_OVER) else status.OK
        row = status(level=level, name=f"{NODE}: {self._robot.name}", message=self.cause or self.mode.lower(),
                     hardware_id=self._robot.name,
                     values=[pair(key=key, value=str(value)) for key, value in self.report().items()])
        message = array(status=[row])
        message.header.stamp = self._ros.node.get_clock().now().to_msg()
        self._diagnostics.publish(message)
