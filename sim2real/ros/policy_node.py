"""The policy as a node: a thin shell around ``Runner.step``, which decides everything.

The control loop runs in a thread of its own on absolute deadlines of the monotonic clock; the executor's thread only
hands messages over, and the log has its own. How old a state is, is told by when it was received.
"""

from __future__ import annotations

import gc
import json
import threading
import time
from typing import Any

import numpy as np

from sim2real import rotations
from sim2real.deployment.bundle import Bundle
from sim2real.deployment.runner import Decision
from sim2real.errors import DeploymentError, MissingDependencyError
from sim2real.robots import RobotDescription
from sim2real.ros.context import RosContext, StopSignal, message_class
from sim2real.ros.figures import Figures
from sim2real.ros.goals import GoalSequence
from sim2real.ros.landing import Ending
from sim2real.ros.log import Recorder
from sim2real.ros.messages import CommandWriter, StateReader
from sim2real.ros.pilot import Pilot
from sim2real.ros.profiles import CommandTopic, RosProfile
from sim2real.ros.timing import Deadlines, prefer_this_process
from sim2real.types import RobotState

_STATUS_SECONDS = 0.2
_LISTENING = 0.1  # of a control period: how much older than it looks a state of a fast driver may be
_FAST = 4.0  # states in a control period that make a driver a fast one
_FRESH, _SHIFT = 0.0015, 0.0005  # [s]: age of a slow driver's state at a tick that is aimed at, and the step towards it


class PolicyNode:
    """Runs a bundle on the robot behind a profile.

    Args:
        ros: An open context.
        bundle: The policy.
        robot: The robot's description on this machine, whose profile may differ from the bundle's.
        interface: Command interface of the profile.
        goals: What to do; with none, goals come from the topic ``~/goal``.
        recorder: Where to log, or None.

    Attributes:
        figures: What was measured.
        fault: Why the runner stopped by itself, "" if it did not.
    """

    def __init__(self, ros: RosContext, bundle: Bundle, robot: RobotDescription, profile: RosProfile,
                 command: CommandTopic, goals: GoalSequence, recorder: Recorder | None = None):
        self._ros, self._bundle, self._profile, self._command = ros, bundle, profile, command
        self._goals, self._recorder = goals, recorder
        self._open_ended = goals.finished
        self._period = bundle.task.control_period
        self._pilot = Pilot(bundle)
        self._reader = StateReader(robot, profile)
        self._ending = Ending(robot)
        self.figures = Figures(bundle.limits, self._period)
        self.fault = ""
        self._fast = profile.state.rate * self._period > _FAST
        self._latest: RobotState | None = None
        self._rejected = ""
        self._stop_cause = ""
        self._failure: BaseException | None = None
        self._status_at = 0.0
        self._publishers = self._connect()
        self._writer = CommandWriter(robot, profile, command, lambda name: message_class(name)(),
                                     without={part.topic for part in command.also} - set(self._publishers))

    # ------------------------------------------------------------------ the executor's thread
    def _connect(self) -> dict[str, Any]:
        node, state = self._ros.node, self._profile.state
        # best effort takes what either kind of publisher offers, and never waits for a lost message
        node.create_subscription(message_class(state.type), state.topic, self._receive, self._ros.qos("best_effort"),
                                 event_callbacks=self._ros.subscription_events(state.topic))
        node.create_subscription(message_class("geometry_msgs/msg/PoseStamped"), "~/goal", self._receive_goal,
                                 self._ros.qos("reliable"))
        string = message_class("std_msgs/msg/String")
        self._status = string()
        self._status_publisher = node.create_publisher(string, "~/status", self._ros.qos("reliable"))
        publishers = {}
        for part in (self._command, *self._command.also):
            try:
                kind = message_class(part.type)
            except MissingDependencyError as error:
                if not part.optional:
                    raise
                node.get_logger().warning(f"{part.topic} is left out: {error}")
                continue
            publishers[part.topic] = node.create_publisher(kind, part.topic, self._ros.qos(part.qos))
        return publishers

    def _receive(self, message: Any) -> None:
        try:
            self._latest = self._reader.read(message, time.monotonic())
        except DeploymentError as error:
            self._rejected = str(error)
            self._ros.node.get_logger().error(self._rejected, throttle_duration_sec=1.0)

    def _receive_goal(self, message: Any) -> None:
        task, p, o = self._bundle.task, message.pose.position, message.pose.orientation
        q = rotations.normalize(np.array([o.w, o.x, o.y, o.z]))
        extra = {3: [], 4: [rotations.to_rpy(q)[2]], 6: rotations.rotate(q, np.array([0.0, 0.0, 1.0])), 7: q}
        goal = np.array([p.x, p.y, p.z, *extra.get(task.goal_size, [])])
        if len(goal) != task.goal_size or not np.isfinite(goal).all():
            self._ros.node.get_logger().error(f"goal rejected: task {task.name} takes {task.goal_size} finite numbers")
            return
        self._goals.replace(goal)

    def wait_ready(self, timeout: float, stop: StopSignal) -> bool:
        """Wait up to ``timeout`` [s] for a first state and somebody who takes commands; False if asked to stop.

        Raises:
            DeploymentError: They do not come; names the topic.
        """
        end = time.monotonic() + timeout
        taker = self._publishers[self._command.topic]
        while not stop.is_set:
            if self._latest is not None and taker.get_subscription_count() > 0:
                return True
            if time.monotonic() > end:
                raise DeploymentError(self._missing(timeout))
            self._ros.spin_once(0.05)
        return False

    def _missing(self, timeout: float) -> str:
        state, name = self._profile.state, self._bundle.robot.name
        if self._latest is not None:
            needs = f"; the driver needs: {self._command.needs}" if self._command.needs else ""
            return f"nobody takes commands on {self._command.topic} ({self._command.type}) within {timeout:g} s{needs}"
        if self._rejected:
            return f"no usable state within {timeout:g} s: {self._rejected}"
        count = self._ros.node.count_publishers(state.topic)
        return (f"no message on {state.topic} ({state.type}) within {timeout:g} s, {count} publishers there; start the "
                f"driver or `sim2real twin {name}` in the same ROS domain")

    def run(self, stop: StopSignal, duration: float | None = None) -> None:
        """Control until the goals are done, ``duration`` [s] is over or ``stop``; then bring the robot to rest.

        Raises:
            DeploymentError: The control loop itself failed.
        """
        thread = threading.Thread(target=self._guarded, name="control", daemon=True)
        end = None if duration is None else time.monotonic() + duration
        prefer_this_process()
        gc.collect()
        gc.freeze()  # what lives now lives for ever: the collector need not look at it in the loop
        thread.start()
        while thread.is_alive():
            self._ros.spin_once(0.05)
            if self._fast:  # need not be listened to at every message: this leaves the processor to the loop
                time.sleep(_LISTENING * self._period)
            if stop.is_set:
                self._stop_cause = self._stop_cause or "asked to stop"
            elif end is not None and time.monotonic() >= end:
                self._stop_cause = self._stop_cause or "the time is over"
        thread.join()
        gc.unfreeze()
        self._publish_status("ENDED", self.fault or self._stop_cause, float("nan"), float("nan"))
        if self._failure is not None:
            raise DeploymentError(f"the control loop failed: {self._failure}") from self._failure

    # ------------------------------------------------------------------ the control thread
    def _guarded(self) -> None:
        try:
            self._loop()
        except Exception as error:  # handed to run(), which raises it
            self._failure = error

    def _loop(self) -> None:
        deadlines = Deadlines(self._period)
        if self._begin(deadlines):
            while self._tick(deadlines):
                pass
        self.skipped = deadlines.skipped

    def _begin(self, deadlines: Deadlines) -> bool:
        """Wait for a goal, unlock the vehicle, start the runner at rest where the robot is."""
        while (goal := self._goals.next(time.monotonic())) is None:
            if self._stop_cause:
                return False
            deadlines.next()
        if self._profile.unlock:
            self._send(np.zeros(4), np.zeros(4))
            deadlines.next()
        assert self._latest is not None
        self._pilot.start(self._latest, goal, time.monotonic())
        self._log("/goal", goal=goal)
        return True

    def _tick(self, deadlines: Deadlines) -> bool:
        """One control period; whether there is another one."""
        deadlines.next()
        now, state = time.monotonic(), self._latest
        assert state is not None
        goal = self._goals.next(now)
        if goal is not None:
            self._pilot.start(state, goal, now)
            self._log("/goal", goal=goal)
        if self._stop_cause:
            self._pilot.stop(state, self._stop_cause)
        previous = self._pilot.command[0]
        decision = self._pilot.step(state, now)
        if not self._fast:  # tick just after a state has come, not just before the next one
            deadlines.shift(float(np.clip(_FRESH - decision.age[0], -_SHIFT, _SHIFT)))
        self._send(decision.command[0], previous)
        latency = time.monotonic() - now
        if self._pilot.approaching:
            self._goals.restart(now)
        error = float("nan") if self._pilot.approaching else self._goals.judge(state, now)
        self._account(state, decision, latency, error)
        if decision.mode[0] == "STOP":
            if not self._stop_cause:
                self.fault = self._stop_cause = str(decision.cause[0])
            return self._stopping(state, now)
        if self._goals.finished and not self._open_ended:
            self._stop_cause = "the goals are done"
        return True

    def _stopping(self, state: RobotState, now: float) -> bool:
        """Whether the robot has still to come to rest; sends what ends it."""
        if not self._ending.over(state, self._pilot.at_rest, now):
            return True
        last = self._ending.last_command
        if last is not None:
            self._send(last, last)
        return False

    def _send(self, command: np.ndarray, previous: np.ndarray) -> None:
        for part, message in self._writer.write(command, previous, time.time()):
            self._publishers[part.topic].publish(message)

    def _account(self, state: RobotState, decision: Decision, latency: float, error: float) -> None:
        age, mode, cause = float(decision.age[0]), str(decision.mode[0]), str(decision.cause[0])
        self.figures.add(decision.command, age, latency)
        self.figures.saturated += int(decision.saturated[0])
        self.figures.clipped += int(decision.clipped[0])
        if self._recorder is not None:
            self._log("/state", age=age, joint_position=state.joint_position[0], joint_velocity=state.joint_velocity[0],
                      position=state.position[0], quaternion=state.quaternion[0],
                      linear_velocity=state.linear_velocity[0], angular_velocity=state.angular_velocity[0])
            self._log("/command", command=decision.command[0])
            self._log("/decision", mode=mode, cause=cause, clipped=bool(decision.clipped[0]), latency_us=1e6 * latency,
                      error=error)
        if time.monotonic() - self._status_at >= _STATUS_SECONDS:
            self._publish_status(mode, cause, age, error)

    def _publish_status(self, mode: str, cause: str, age: float, error: float) -> None:
        self._status_at = time.monotonic()
        row = {"mode": mode, "cause": cause, "age_s": age, "error_m": error, "goals": self._goals.goals,
               "reached": self._goals.reached, "commands": self.figures.commands}
        self._status.data = json.dumps({k: None if v != v else v for k, v in row.items()})
        self._status_publisher.publish(self._status)

    def _log(self, topic: str, **row: Any) -> None:
        if self._recorder is not None:
            self._recorder.put(topic, row)
