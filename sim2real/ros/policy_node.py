"""The policy as a managed node: a thin shell around ``Runner.step``, which decides everything.

Three threads share the work: the caller's takes states in, the control loop makes commands of them, and the services'
brings the node from one state of its life to the next. How old a state is, is told by when it was received.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim2real.deployment.bundle import Bundle
from sim2real.deployment.stream import CommandStream
from sim2real.errors import DeploymentError, Sim2RealError
from sim2real.robots import RobotDescription
from sim2real.ros.camera_gates import CameraGates
from sim2real.ros.cameras import Camera
from sim2real.ros.context import RosContext, StopSignal, message_class
from sim2real.ros.control_loop import ControlLoop
from sim2real.ros.driver_gate import DriverGate
from sim2real.ros.driver_link import DriverLink
from sim2real.ros.estimated import Estimated
from sim2real.ros.figures import Figures
from sim2real.ros.gates import Gate, all_closed, gravest
from sim2real.ros.goals import GoalSequence, goal_of_pose
from sim2real.ros.lifecycle import Aside, ManagedNode
from sim2real.ros.log import Recorder
from sim2real.ros.profiles import CommandTopic, RosProfile
from sim2real.ros.report import Report
from sim2real.ros.settings import Settings
from sim2real.ros.simulation_time import SimulationTime
from sim2real.ros.timing import prefer_this_process
from sim2real.ros.topic_gates import TopicGates
from sim2real.ros.transforms import GoalFrames, Transforms
from sim2real.ros.vision.eye import Eye
from sim2real.ros.watched import Watched

NAME = "sim2real_policy"
_TURN = 2e-4  # [s] for which a thread keeps the interpreter while the control loop waits for it
_TELL = 0.02  # [s] between two looks at what there is to say or to do
_MOST_STATES = 1000  # of one turn, that wait for the recorder
_FAST = 4.0  # states in a control period that make a driver a fast one
_WARM_UP = 30  # calls of the policy before the first one that counts
_PATIENCE, _SLOW_PATIENCE = 1.0, 5.0  # [s] in which a gate may turn green, and one of what may come up after this node


class PolicyNode:
    """Runs a bundle on the robot behind a profile.

    It configures where a state arrives and somebody takes commands, activates only where all gates are green and
    somebody armed it, and goes back to inactive and disarmed after every stop.

    Args:
        ros: An open context.
        bundle: The policy.
        robot: The robot's description on this machine, whose profile may differ from the bundle's.
        profile: Its driver's topics.
        command: Command interface of the profile.
        goals: What to do; with none, goals come from the topic ``~/goal``.
        recorder: Where to log, or None.
        wait: How long to wait for the driver when configuring in [s].
        watched: The guard's eye on it, or None.
        cameras: Open ones that have to see the robot while it moves.
        eye: Whose goals ``goals`` are, or None.
        speed: Share of the policy's speed, 0 to 1, at which an arm moves, until the parameter ``speed`` says another.
        priority: SCHED_FIFO priority of the control loop, 0: an ordinary thread.
        hold_outside: Whether to hold while an estimate of the bundle's identifier is outside training's range.
        log_states: Whether every state that the driver sends while the node is active is logged, not the steps' alone.

    Attributes:
        figures: What was measured since the last activation.
        fault: Why the runner stopped by itself, "" if it did not; latched until it is armed again.
    """

    def __init__(self, ros: RosContext, bundle: Bundle, robot: RobotDescription, profile: RosProfile,
                 command: CommandTopic, goals: GoalSequence, recorder: Recorder | None = None, *, wait: float = 10.0,
                 watched: Watched | None = None, cameras: Sequence[Camera] = (), eye: Eye | None = None,
                 speed: float = 1.0, priority: int = 0, hold_outside: bool = False, log_states: bool = True):
        self._ros, self._bundle, self._profile = ros, bundle, profile
        self._goals, self._recorder, self._wait, self._priority = goals, recorder, wait, priority
        self._watched, self._transforms = watched, Transforms(ros, robot, profile.frames)
        self._period = bundle.task.control_period
        # what the stream makes of it, by which velocities are worked out: whole ticks for each set point
        self._rate = 1.0 / CommandStream(self._period, command.rate or 1.0 / self._period).tick_period
        self._quantity = command.quantity
        self._fast = profile.state.rate * self._period > _FAST
        self._states: deque[tuple[int, dict[str, Any]]] = deque(maxlen=_MOST_STATES)  # (wall clock [ns], row)
        section = bundle.manifest.identifier
        self._link = DriverLink(ros, robot, profile, command, self._rate,
                                self._keep_state if recorder is not None and log_states else None,
                                needs_effort=section is not None and section.sees_effort)
        if watched is not None:
            watched.beside(lambda: self._link.takers)
        self._slow: list[Gate] = [  # what may come up after this node: waited for when configuring
            CameraGates(cameras, lambda: self._link.stamp, recorder), GoalFrames(self._transforms, goals),
            *(gate for gate in (eye, watched) if gate is not None)]
        self._gates: list[Gate] = [DriverGate(robot, profile, command, self._link, watched), TopicGates(ros, profile),
                                   SimulationTime(ros, self._link),
                                   *self._slow]
        self._estimated = Estimated(section, hold_outside) if section is not None and section.parameters else None
        if self._estimated is not None:
            self._gates.append(self._estimated)
        self._armed = False
        self._stop: StopSignal | None = None
        self._loop: ControlLoop | None = None
        self.figures = Figures(bundle.limits, 1.0 / self._rate)
        self.fault = ""
        self._settings = Settings(robot)
        self.managed = ManagedNode(ros, NAME, self, {"speed": float(speed)})
        self._report = Report(ros, self.managed, self._link, goals, recorder, eye, self._estimated)
        self.managed.node.create_subscription(message_class("geometry_msgs/msg/PoseStamped"), "~/goal",
                                              self._receive_goal, ros.qos("reliable"))

    # ------------------------------------------------------------------ messages
    def _receive_goal(self, message: Any) -> None:
        task = self._bundle.task
        try:
            self._goals.replace(self._transforms.goal(goal_of_pose(message, task), message.header.frame_id, task))
        except Sim2RealError as error:
            self._ros.complain("goals", f"goal rejected: {error}")

    # ------------------------------------------------------------------ life cycle, in the services' thread
    def configure(self) -> str:
        """Wait for the driver, check what arrives, warm the policy up."""
        end = time.monotonic() + self._wait
        while not self._link.answered or all_closed(self._slow):
            if self._stop is not None and self._stop.is_set:
                return "asked to stop"
            if time.monotonic() > end:
                return "; ".join(self._closed()) if self._link.answered else self._link.missing(
                    self._bundle.robot.name, self._wait)
            time.sleep(0.02)
        policy, identifier = self._bundle.policy, self._bundle.identifier
        for _ in range(_WARM_UP):
            policy(np.zeros((1, policy.observation_size), np.float32))
            if identifier is not None:
                identifier(*(np.zeros((1, size), np.float32) for size in (identifier.feature_size,
                                                                          identifier.memory_size)))
        return "; ".join(self._closed())

    def activate(self) -> str:
        """Start the control loop: from rest, where the robot is, with histories and filters new."""
        if not self._armed:
            return "not armed: see that the robot has room, then call ~/arm (std_srvs/srv/Trigger)"
        if closed := self._closed():
            return "; ".join(closed)
        self.figures = Figures(self._bundle.limits, 1.0 / self._rate)
        self._loop = ControlLoop(self._bundle, self._goals, lambda: self._link.latest, self._link.send, rate=self._rate,
                                 quantity=self._quantity, follow=not self._fast and self._rate * self._period < 1.5,
                                 unlock=self._profile.unlock, figures=self.figures, gates=lambda: gravest(self._gates),
                                 recorder=self._recorder, watched=self._watched, speed=self._settings.speed,
                                 priority=self._priority, estimated=self._estimated,
                                 asked=lambda: self._stop is not None and self._stop.is_set)
        gc.collect()
        gc.freeze()  # what lives now lives for ever: the collector need not look at it in the loop
        self._event("active")
        self._loop.start()
        return ""

    def deactivate(self) -> str:
        """Bring the robot to rest; to move again somebody has to arm it anew."""
        if self._loop is not None:
            self._loop.stop("asked to stop")
            self._loop.join()
            gc.unfreeze()
            self.fault = self.fault or self._loop.fault
        self._armed = False
        self._event(f"inactive: {self.fault}" if self.fault else "inactive")
        return ""

    def cleanup(self) -> str:
        """Nothing is held that configuring would have to get again."""
        return ""

    def arm(self) -> str:
        """Allow one activation; a person's word that the robot has room."""
        if self.managed.state != "inactive":
            return f"arming is for an inactive node; this one is {self.managed.state}"
        if closed := self._closed():
            return "; ".join(closed)
        self._armed, self.fault = True, ""
        self._event("armed")
        return ""

    def disarm(self) -> str:
        """Take the word back; a moving robot comes to rest first."""
        if self.managed.state == "active":
            return self.managed.change("deactivate")
        self._armed = False
        self._event("disarmed")
        return ""

    def set_parameters(self, values: Mapping[str, Any]) -> str:
        """Take all of them, or none; while the node is active, only a lower ``speed``."""
        refused = self._settings.set(values, active=self._running)
        if self._loop is not None:
            self._loop.speed = self._settings.speed
        return refused

    def _closed(self) -> list[str]:
        """The gates that are not green and do not turn so in a moment: a busy machine may be late with one state, and
        other processes with finding each other."""
        begin = time.monotonic()
        while closed := all_closed(self._gates):
            slow = all_closed(self._slow)
            if time.monotonic() - begin > (_SLOW_PATIENCE if closed == slow else _PATIENCE):
                return closed
            time.sleep(0.02)
        return []

    # ------------------------------------------------------------------ the caller's thread
    def run(self, stop: StopSignal, duration: float | None = None, *, arm: bool = True, managed: bool = False) -> None:
        """Live until ``stop``; the robot is at rest when it returns.

        Args:
            stop: What asks for the end.
            duration: Time of an activation in [s], None: until the goals are done.
            arm: Configure, arm and activate at once, and end with that activation.
            managed: Leave all transitions to others, as launch files do.

        Raises:
            DeploymentError: A transition was refused, or the control loop itself failed.
        """
        self._stop = stop
        sys.setswitchinterval(_TURN)
        self.managed.start()
        prefer_this_process()
        try:
            self._live(stop, duration, [] if managed else ["configure", "arm", "activate"] if arm else ["configure"],
                       once=arm and not managed)
        finally:
            if self.managed.state == "active":
                self.managed.change("deactivate")
            self._tell("ENDED")
            self.managed.close()
        if self._loop is not None and self._loop.failure is not None:
            raise DeploymentError(f"the control loop failed: {self._loop.failure}") from self._loop.failure

    def _live(self, stop: StopSignal, duration: float | None, steps: list[str], once: bool) -> None:
        """Make the transitions ``steps``, then serve until ``stop`` or, with ``once``, the first activation's end."""
        work, begun = Aside(), 0.0
        while not stop.is_set or self._running or work.busy:
            self._ros.serve(_TELL)
            self._log_states()
            self._tell()
            # first: a loop runs before the state is active, so one that does not run any more has ended
            active = self.managed.state == "active"
            if work.busy:
                begun = time.monotonic()
            elif work.refused:
                if stop.is_set:
                    return
                raise DeploymentError(work.refused)
            elif self._running:
                if duration is not None and time.monotonic() - begun >= duration:
                    self._loop.stop("the time is over")
            elif active:  # the loop has ended by itself
                work.do(lambda: self.managed.change("deactivate"))
            elif steps and not stop.is_set:
                step, begun = steps.pop(0), time.monotonic()
                work.do(self.arm if step == "arm" else lambda step=step: self.managed.change(step))
            elif once:
                return
            else:
                begun = time.monotonic()

    @property
    def _running(self) -> bool:
        return self._loop is not None and self._loop.running

    def _tell(self, mode: str | None = None) -> None:
        state = ("ACTIVE" if self._running else "FAULT" if self.fault else "ARMED" if self._armed
                 else self.managed.state.upper())
        self._report.tell(state, mode, self.fault, self._loop, self.figures, self._settings.speed)

    def _keep_state(self, row: dict[str, Any]) -> None:
        if self._running:
            self._states.append((time.time_ns(), row))

    def _log_states(self) -> None:
        """Give the recorder the states of a turn together: one by one they made ticks of the control loop late."""
        while self._states:
            stamp, row = self._states.popleft()
            self._recorder.put("/measured", row, stamp)

    def _event(self, text: str) -> None:
        if self._recorder is not None:
            self._recorder.put("/event", {"text": text})
