"""The runner: measured states in, safe commands out. Deterministic, without a clock and without ROS.

The same object drives simulated twins in evaluation and the real robot, so what is measured is what is deployed.
"""

from __future__ import annotations

import math

import numpy as np

from sim2real.deployment.bundle import Bundle
from sim2real.deployment.decision import ACTIVE, HOLD, HOLD_AGE, STOP, STOP_AGE, Decision
from sim2real.deployment.envelope import Envelope, margin_limits
from sim2real.deployment.fallback import DroneFallback
from sim2real.deployment.identifier import Estimator
from sim2real.deployment.network import first_line
from sim2real.deployment.plausibility import Plausibility
from sim2real.deployment.safety import CommandFilter
from sim2real.errors import DeploymentError
from sim2real.tasks import Context
from sim2real.types import RobotState

__all__ = ["ACTIVE", "HOLD", "HOLD_AGE", "STOP", "STOP_AGE", "Decision", "Runner"]


class Runner:
    """Runs a bundle's policy on ``num_robots`` robots, each with its own goal, clock of its goal, and mode.

    Call ``reset`` once, then ``step`` once per ``bundle.task.control_period``. ``now`` and the states' ``time`` must
    come from one clock that never goes back (on a robot: the monotonic clock at reception).

    Args:
        bundle: The policy.
        num_robots: Number of robots.
        hold_age, stop_age: Age of a state from which a robot brakes, and from which that is latched, in [s].
        envelope: Of the one robot: where it may be. A command that would lead out is not sent, and a measured state
            outside latches STOP; an arm's joints are kept off their limits by its margin.
        plausibility: Of the one robot: which of its samples are believed, and how far commands may lead its joints.
        streamed: Whether a ``CommandStream`` sends the commands; only an identifier has to know.

    Attributes:
        command: Last command, shape (n, C).
        mode: Present modes, shape (n,).
        speed: Share, 0 to 1, of the way that the policy wants an arm to go in a period; the filter brakes down to it.
    """

    def __init__(self, bundle: Bundle, num_robots: int = 1, *, hold_age: float = HOLD_AGE, stop_age: float = STOP_AGE,
                 envelope: Envelope | None = None, plausibility: Plausibility | None = None, streamed: bool = False):
        if (envelope is not None or plausibility is not None) and num_robots != 1:
            raise DeploymentError(f"an envelope or a plausibility is one robot's, got one for {num_robots} robots")
        if not 0.0 < hold_age <= stop_age:
            raise DeploymentError(f"expected 0 < hold_age <= stop_age, got {hold_age:g} s and {stop_age:g} s")
        task = bundle.task
        self.bundle, self.num_robots = bundle, num_robots
        self.hold_age, self.stop_age = hold_age, stop_age
        self._envelope, self._plausibility = envelope, plausibility
        self._task, self._policy = task, bundle.policy
        self._filter = CommandFilter(bundle.limits, num_robots, task.control_period)
        self._builder = task.builder(num_robots)
        self._estimator = None if bundle.identifier is None else Estimator(
            bundle.identifier, bundle.manifest.identifier, task, num_robots, streamed=streamed)
        drone = task.robot.kind == "drone"
        self._fallback = DroneFallback(task.robot, num_robots, task.control_period) if drone else None
        self._all = np.arange(num_robots)
        self._shapes = RobotState.zeros(num_robots, task.robot.num_joints).shapes
        self._goal = np.zeros((num_robots, task.goal_size))
        self._since = np.full(num_robots, np.nan)  # when the goal began; nan: at the next step
        self._beginning = True  # whether any of these, or of ``_good``, is nan
        self._action = np.zeros((num_robots, task.action_size))
        # masks of all and of none, told by their identity: one robot's step has no time to ask whether all is well
        self._everyone, self._nobody = np.ones(num_robots, bool), np.zeros(num_robots, bool)
        self._fresh = self._everyone  # whose observation history begins at the next step
        self._good = np.full(num_robots, np.nan)  # when a robot could last be driven
        self._stopped, self._any_stopped = np.zeros(num_robots, bool), False
        self._no_cause = np.full(num_robots, "", dtype=object)
        self._stop_cause = self._no_cause.copy()
        self._state: RobotState | None = None
        self.mode = self._active = np.full(num_robots, ACTIVE)
        self.speed, self._now = 1.0, -np.inf

    @property
    def command(self) -> np.ndarray:
        """Last command, shape (n, C); after a reset the one that the stream starts from."""
        return self._filter.command

    def reset(self, state: RobotState, goal: np.ndarray, command: np.ndarray | None = None) -> None:
        """Start from rest at ``state`` towards ``goal`` (n, G) or (G,); clears STOP.

        Args:
            state: Measured, finite, of all robots.
            goal: Of the task, in SI units.
            command: Command stream's start (n, C); default: the measured joint positions, or hover thrust.

        Raises:
            DeploymentError: Wrong sizes, or numbers that are not finite.
        """
        self._check_state(state)
        if not state.is_finite().all():
            raise DeploymentError("reset: the measured state is not finite; wait for a complete one")
        if command is None:
            command = state.joint_position if self._fallback is None else np.tile(
                [self._task.robot.hover_thrust, 0.0, 0.0, 0.0], (self.num_robots, 1))
        self.set_goal(goal)
        if self._envelope is not None and self._fallback is None:
            start, margin = state.joint_position[0], self._envelope.limits.joint_margin
            self._envelope.start(start)
            self._filter = CommandFilter(margin_limits(self.bundle.limits, margin, start), 1, self._task.control_period)
        self._filter.reset(None, command)
        if self._plausibility is not None:
            self._plausibility.start(state, self._filter.command[0])
        self._state = state.copy()
        if self._fallback is not None:
            self._fallback.observe(self._all, state)
        self._action, self._fresh = np.zeros((self.num_robots, self._task.action_size)), self._everyone
        if self._estimator is not None:
            self._estimator.reset(self._all)
        self._stopped[:], self._any_stopped = False, False
        self._good[:], self._stop_cause[:], self.mode = np.nan, "", self._active
        self._now = -np.inf

    def set_goal(self, goal: np.ndarray, ids: np.ndarray | None = None) -> None:
        """Give the robots ``ids`` (None: all) the goals ``goal`` (k, G) or one (G,); their time starts anew."""
        ids = self._all if ids is None else np.atleast_1d(ids)
        goal = np.asarray(goal, float)
        size = self._task.goal_size
        if goal.shape not in ((size,), (len(ids), size)) or not np.isfinite(goal).all():
            raise DeploymentError(f"goal of task {self._task.name}: expected {size} finite numbers for each of "
                                  f"{len(ids)} robots, got shape {goal.shape}")
        self._goal[ids] = goal
        self._since[ids], self._beginning = np.nan, True

    def stop(self, cause: str, ids: np.ndarray | None = None) -> None:
        """Latch STOP for the robots ``ids`` (None: all): from the next step they brake to rest, or come down."""
        self._stop(self._all if ids is None else np.atleast_1d(ids), cause)

    @property
    def at_rest(self) -> np.ndarray:
        """Whether each robot's command stream stands still, shape (n,)."""
        return self._filter.at_rest

    def shift(self, offset: np.ndarray, along: np.ndarray) -> np.ndarray:
        """Move the command streams as ``CommandFilter.shift`` does."""
        moved = self._filter.shift(offset, along)
        if self._estimator is not None:
            self._estimator.shift(moved)
        return moved

    def step(self, state: RobotState, now: float, hold: str = "") -> Decision:
        """The commands for the period that begins at ``now`` [s]; with a reason to ``hold``, all robots brake.

        Raises:
            DeploymentError: Not reset, wrong sizes, or a ``now`` that is not finite.
        """
        if self._state is None:
            raise DeploymentError("the runner was stepped before reset(state, goal); reset it first")
        self._check_state(state)
        if not math.isfinite(now):
            raise DeploymentError(f"expected now as finite seconds, got {now!r}")
        rejected = ""
        if self._plausibility is not None:
            state, rejected, hold = self._believed(state, hold)
        cause, age, usable = self._judge(state, float(now))
        if usable is self._everyone:  # as nearly always: whole arrays take a fraction of the time of chosen rows
            self._state = state.copy()
        else:
            self._state[usable] = state[usable]
            if rejected:
                cause[~usable] = rejected
        if self._fallback is not None:
            self._fallback.observe(self._all[usable], state[usable])
        if self._envelope is not None and usable[0] and (outside := self._outside(state)):
            self._stop(self._all, outside)
        if hold:
            cause[usable] = hold
        if self._estimator is not None and usable is not self._everyone:
            self._estimator.reset(self._all[~usable])  # what is seen next does not follow from what was seen last
        desired, saturated, driven = self._drive(now, cause, usable is self._everyone and not hold)
        if self._plausibility is not None:
            desired = self._plausibility.bounded(desired)
        if driven is self._everyone:
            self._good[:] = now
        else:
            self._good[cause == ""] = now
            self._latch(now, cause, age)
            driven = driven & ~self._stopped
        command = self._send(desired, driven, usable)
        if driven is self._everyone and not self._any_stopped:
            self.mode = self._active
        else:
            driven = cause == ""
            self.mode = np.where(self._stopped, STOP, np.where(driven, ACTIVE, HOLD))
            cause = np.where(self._stopped, self._stop_cause, cause)
        return Decision(command, self.mode.copy(), cause, age, self._filter.clipped, saturated,
                        None if self._estimator is None else self._estimator.estimate)

    # ------------------------------------------------------------------ the parts of a step
    def _believed(self, state: RobotState, hold: str) -> tuple[RobotState, str, str]:
        """The state to use, the last one that was believed where this one is not; why not; and a reason to hold."""
        judge = self._plausibility
        assert judge is not None and self._state is not None
        judge.look(state, self._filter.command[0], bool(hold))
        if judge.stop:
            self._stop(self._all, judge.stop)
        return self._state if judge.rejected else state, judge.rejected, hold or judge.hold

    def _judge(self, state: RobotState, now: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Why each robot's state cannot be used ("" if it can), its age, and whether it can: ``_everyone`` if all."""
        age = now - np.asarray(state.time, float)
        cause = self._no_cause.copy()
        usable = self._everyone
        if not (state.adds_up() and max(map(abs, age.tolist())) <= self.hold_age):
            cause[~(age <= self.hold_age)] = f"the state is older than {1e3 * self.hold_age:g} ms"
            cause[age < -self.hold_age] = "the state is stamped in the future"
            cause[~state.is_finite()] = "the state is not finite"
            usable = cause == ""
        if now < self._now:
            self._stop(self._all, "the clock went back")
        self._now = max(now, self._now)
        if self._beginning:
            self._good[np.isnan(self._good)] = now
        return cause, age, usable

    def _drive(self, now: float, cause: np.ndarray, fine: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the policy wants (n, C), whether it wants too much, and whom it drives (n,): ``_everyone`` if all.

        Adds to ``cause`` where its numbers cannot be used; ``fine``: there are no causes yet.
        """
        if self._beginning:
            self._since[np.isnan(self._since)] = now
            self._beginning = False
        context = Context(self._state, self._goal, now - self._since, self._filter.command, self._filter.velocity,
                          self._action, single=self._envelope is not None)
        observation = self._builder.build(context, None if self._fresh is self._nobody else self._fresh)
        try:
            if self._estimator is not None:
                observation = np.concatenate([observation, self._estimator.step(context)], axis=1)
            action, failure = np.asarray(self._policy(observation), float), ""
        except Exception as error:  # onnxruntime's have no common base; whatever it is, the robot has to brake
            action, failure = np.full_like(self._action, np.nan), f"the policy failed: {first_line(error)}"
        # as observations are bounded, the sums of squares are finite where all numbers are, and no huge action is
        if not (fine := fine and math.isfinite(np.vdot(action, action) + np.vdot(observation, observation))):
            finite = np.isfinite(action).all(axis=1) & np.isfinite(observation).all(axis=1)
            cause[~finite & (cause == "")] = failure or "the policy's observation or action is not finite"
        if self._plausibility is not None and cause[0] == "" and (wild := self._plausibility.act(action[0], now)):
            self._stop(self._all, wild)
        driven = self._everyone if fine and not self._any_stopped else (cause == "") & ~self._stopped
        saturated = self._nobody
        if driven is not self._everyone or not np.maximum.reduce(np.abs(action), axis=None) <= 1.0:
            clipped = np.minimum(np.maximum(action, -1.0), 1.0)
            saturated = driven & (clipped != action).any(axis=1)
            action = np.where(driven[:, None], clipped, 0.0)
        self._action, self._fresh = action, self._nobody if driven is self._everyone else ~driven
        desired = self._task.desired(action, context)
        if self.speed < 1.0:
            desired = context.command + self.speed * (desired - context.command)
        return desired, saturated, driven

    def _latch(self, now: float, cause: np.ndarray, age: np.ndarray) -> None:
        """STOP where a state is too old, or a robot could not be driven for as long."""
        late = (age > self.stop_age) | (now - self._good > self.stop_age)
        for i in np.flatnonzero(late & ~self._stopped):
            self._stop(self._all[i:i + 1], f"{cause[i]}, for more than {1e3 * self.stop_age:g} ms")

    def _stop(self, ids: np.ndarray, cause: str) -> None:
        self._any_stopped = True
        ids = ids[~self._stopped[ids]]
        self._stopped[ids] = True
        self._stop_cause[ids] = cause

    def _send(self, desired: np.ndarray, driven: np.ndarray, usable: np.ndarray) -> np.ndarray:
        """Commands inside the limits: the policy's where ``driven``, else braking or the drone's fallback."""
        if self._fallback is None:
            before = self._filter.snapshot()
            command = self._filter.step(desired, None if driven is self._everyone else ~driven)
            if self._envelope is None or not driven[0]:  # braking is always allowed
                return command
            outside = self._envelope.arm(command[0], self._filter.velocity[0], self._filter.acceleration[0])
            if not outside:
                return command
            self._stop(self._all, outside)
            self._filter.restore(before)  # as if that command had never been thought of
            return self._filter.step(desired, np.ones(1, bool))
        if driven is not self._everyone:
            instead = self._fallback.command(self._state, self._stopped, usable)
            desired = np.where(driven[:, None], desired, instead)
        command = self._filter.step(desired)
        self._fallback.advance(command)
        return command

    def _outside(self, state: RobotState) -> str:
        """Why the one robot should not be where it is measured, "" where it may."""
        assert self._envelope is not None
        if self._fallback is None:
            return self._envelope.observe(state.joint_position[0])
        return self._envelope.drone(state.position[0], state.quaternion[0], state.linear_velocity[0])

    def _check_state(self, state: RobotState) -> None:
        if misfit := state.misfit(self._shapes):
            raise DeploymentError(f"state of {self._task.robot.name}: {misfit}")
