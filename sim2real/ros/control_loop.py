"""The control loop: states in, commands out on absolute deadlines, in a thread of its own.

No message is decoded here, no file written and no service answered; what others want to know is put into queues and
plain attributes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from sim2real.deployment.bundle import Bundle
from sim2real.deployment.reckoning import Reckoning
from sim2real.deployment.replay import Transcript
from sim2real.deployment.runner import HOLD_AGE, STOP_AGE, Decision
from sim2real.deployment.senses import contradiction
from sim2real.ros.drive import Drive
from sim2real.ros.estimated import Estimated
from sim2real.ros.figures import Figures
from sim2real.ros.goals import GoalSequence
from sim2real.ros.landing import Ending, standing
from sim2real.ros.log import Recorder
from sim2real.ros.timing import Deadlines, realtime
from sim2real.ros.watched import TAKEN_OVER, Watched
from sim2real.types import RobotState

_CALM = 0.08  # [s] without another such pause until the policy drives again
_FRESH, _SHIFT = 0.0015, 0.0005  # [s]: age of a slow driver's state at a tick that is aimed at, and the step towards it


class ControlLoop:
    """One activation, from rest to rest: made when the node becomes active, gone when it is over.

    Args:
        bundle: The policy.
        goals: What to do; the loop ends when they are done, unless they come by topic.
        latest: Gives the last state that was received, or None.
        send: Publishes a command (C,) that follows another one.
        rate: Commands per second that the driver takes.
        quantity: What it takes, "position" or "velocity"; velocities are followed up by where they have led.
        follow: Whether to tick just after a slow driver's states come.
        unlock: Whether the vehicle wants one command of zeros before anything else.
        figures: Where to count.
        recorder: Where to log, or None.
        gates: Says what else closes the way: ("stop" or "hold", why), or ("", "").
        watched: The guard's eye on it, or None.
        speed: Share of the policy's speed, 0 to 1, to begin with.
        priority: Ask for SCHED_FIFO of this priority, 0: no.
        estimated: What the bundle's identifier says of the robot, or None.
        asked: Whether somebody asked for a stop; looked at in every tick, whatever the other threads do.

    Attributes:
        speed: Share of the policy's speed that counts from the next decision on.
        mode, cause, age, error: Of the last decision: its words, the age of its state [s], the distance from goal [m].
        fault: Why the runner stopped by itself, "" if it did not.
        failure: What went wrong in the loop itself, or None.
        note: What could not be had (priority), "" if nothing was asked for in vain.
    """

    def __init__(self, bundle: Bundle, goals: GoalSequence, latest: Callable[[], RobotState | None],
                 send: Callable[[np.ndarray, np.ndarray], None], *, rate: float, quantity: str = "position",
                 follow: bool, unlock: bool, figures: Figures, gates: Callable[[], tuple[str, str]] = lambda: ("", ""),
                 recorder: Recorder | None = None, watched: Watched | None = None, speed: float = 1.0,
                 priority: int = 0, estimated: Estimated | None = None, asked: Callable[[], bool] = lambda: False):
        self._asked, self._estimated = asked, estimated
        self._goals, self._latest, self._publish, self._recorder = goals, latest, send, recorder
        self._gates, self.speed, self._paced = gates, speed, 1.0
        self._follow, self._unlock, self._watched, self._priority = follow, unlock, watched, priority
        self._open_ended = goals.finished
        self._drive, self._transcript = Drive(bundle, rate), Transcript()
        self._log(self._transcript.made(rate))
        self._robot, self._ending = bundle.robot, Ending(bundle.robot)
        self._reckoning = Reckoning(bundle.robot, self._drive.stream.tick_period) if quantity == "velocity" else None
        self.figures = figures
        self.mode, self.cause = "READY", ""
        self.age = self.error = float("nan")
        self.fault = self.note = ""
        self.failure: BaseException | None = None
        self._stop_cause, self._stopping = "", False
        self._ticked = self._stalled = float("-inf")  # when the last tick was, and the last pause ended
        self._pause = 0.0
        self._thread = threading.Thread(target=self._guarded, name="control", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, cause: str) -> None:
        """Ask for a controlled stop; the first cause counts."""
        self._stop_cause = self._stop_cause or cause

    @property
    def running(self) -> bool:
        """Whether commands may still leave."""
        return self._thread.is_alive()

    def join(self) -> None:
        """Wait until the robot is at rest and the loop over."""
        self._thread.join()

    # ------------------------------------------------------------------ the control thread
    def _guarded(self) -> None:
        try:
            if self._priority:
                self.note = realtime(self._priority)
            self._run()
        except Exception as error:  # told by the node
            self.failure, self.fault = error, self.fault or f"the control loop failed: {error}"

    def _run(self) -> None:
        deadlines = self.figures.deadlines = Deadlines(self._drive.stream.tick_period)
        if self._begin(deadlines):
            while self._tick(deadlines):
                pass
            if self._watched is not None and self.fault != TAKEN_OVER:
                self._watched.ended(self._drive.stream)

    def _begin(self, deadlines: Deadlines) -> bool:
        """Wait for a goal, unlock the vehicle, start the runner at rest where the robot is."""
        while (goal := self._goals.resume(time.monotonic())) is None:
            if self._stop_cause or self._asked():
                return False
            deadlines.next()
        state = self._settled(deadlines)
        if state is None:
            self._fail(f"states contradict each other again and again: {self.cause}")
            return False
        if self._unlock:
            self._publish(np.zeros(4), np.zeros(4))
            deadlines.next()
        if self._watched is not None:
            self._watched.begin()
        self._start(state, goal, time.monotonic())
        if self._estimated is not None:
            self._estimated.start()
        if self._reckoning is not None:
            self._reckoning.start(self._drive.stream.command)
        return True

    def _settled(self, deadlines: Deadlines) -> RobotState | None:
        """A state that nothing in the 100 ms before it contradicts: commands begin where the robot is said to be.

        A driver of 500 Hz repeats a spike, so a single neighbour says little. None: 500 ms were not enough.
        """
        state = self._latest()
        assert state is not None
        begun = since = time.monotonic()
        while (now := time.monotonic()) - since < HOLD_AGE:
            if now - begun > STOP_AGE:
                return None
            deadlines.next()
            before, state = state, self._latest()
            if state.time[0] != before.time[0] and (why := contradiction(self._robot, before, state)):
                since, self.cause = now, why
        return state

    def _start(self, state: RobotState, goal: np.ndarray, now: float) -> None:
        self._drive.start(state, goal, now)
        self._log(self._transcript.started(state, goal, now))

    def _tick(self, deadlines: Deadlines) -> bool:
        """One of the driver's periods; whether there is another one."""
        due = deadlines.next()
        now = time.monotonic()
        self.figures.lateness.add(now - due)
        self._note_pause(now, deadlines.period)
        if self._asked():
            self.stop("asked to stop")
        state, decision, why = None, None, ""
        if self._drive.stream.due:
            state = self._latest()
            assert state is not None
            action, why = self._gates()
            if action == "stop":
                self._fail(why)
                if standing(self._robot, state, now):  # it was stopped by its driver: at the release it would catch up
                    self.mode, self.cause = "STOP", why
                    return False
            if not why and now - self._stalled < _CALM:
                why = f"no command left for {1e3 * self._pause:.0f} ms: this machine is overloaded"
            if self.speed != self._paced:
                self._pace(self.speed)
            if self._reckoning is not None:
                self._rebase(state, now)
            decision = self._decide(state, now, why)
        thought = time.monotonic()
        before = self._drive.stream.command
        command = self._drive.tick()
        if self._watched is not None and (gone := self._watched.sending(self._drive.stream, now)):
            self._fail(gone)
            if gone == TAKEN_OVER:
                return False
        self._publish(command, before)
        sent = time.monotonic()
        if self._reckoning is not None:
            self._reckoning.sent(command - before, sent)
        self.figures.command(command, sent)
        if state is None or decision is None:
            self._log(self._transcript.ticked(command))
            return True
        if self._follow:  # tick just after a state has come, not just before the next one
            deadlines.shift(float(np.clip(_FRESH - decision.age[0], -_SHIFT, _SHIFT)))
        self._account(state, decision, now)
        if self._estimated is not None:
            self._estimated.take(decision, now)
            self._log([("/parameters", row)] if (row := self._estimated.row()) else [])
        self.figures.decision(decision, sent - now)
        self._log(self._transcript.stepped(state, now, decision, {"late": now - due, "decide": thought - now,
                                                                  "send": sent - thought}, self.error,
                                           **({"hold": why} if why else {})))
        self._log(self._transcript.ticked(command))
        return not (self.mode == "STOP" and self._over(state, now))

    def _note_pause(self, now: float, period: float) -> None:
        """Remember a pause as long as a state may be old: the driver has braked the robot in its own way by now."""
        pause, self._ticked = now - self._ticked, now
        if max(HOLD_AGE, 2.0 * period) < pause < float("inf"):
            self._stalled, self._pause = now, pause

    def _pace(self, speed: float) -> None:
        self._paced = speed
        self._drive.set_speed(speed)
        self._log(self._transcript.slowed(speed))

    def _rebase(self, state: RobotState, now: float) -> None:
        """Let the positions of the stream be where its velocities have led."""
        offset = self._reckoning.offset(state, self._drive.stream.command, now)
        moved = self._drive.rebase(offset)
        self._reckoning.moved(moved)
        self.figures.rebased(moved)
        self._log(self._transcript.rebased(offset))

    def _fail(self, why: str) -> None:
        """Come to rest, and let the node say that it was not asked to."""
        if not self._stop_cause:
            self.fault = why
        self.stop(why)

    def _decide(self, state: RobotState, now: float, hold: str) -> Decision:
        """The next set point, of one of the policy's periods."""
        # a new goal begins from a state that can be used
        goal = self._goals.next(now) if state.is_finite()[0] else None
        if goal is not None:
            self._start(state, goal, now)
        if self._stop_cause and not self._stopping:
            self._stopping = True
            self._drive.stop(state, self._stop_cause)
            self._log(self._transcript.stopped(state, self._stop_cause))
        return self._drive.step(state, now, hold)

    def _over(self, state: RobotState, now: float) -> bool:
        """Whether the stopped robot has come to rest; sends what ends it."""
        if not self._stop_cause:
            self.fault = self._stop_cause = self.cause
        if not self._ending.over(state, self._drive.pilot.at_rest and self._drive.stream.at_rest, now):
            return False
        last = self._ending.last_command
        if last is not None:
            self._publish(last, last)
            self._log([("/event", {"text": f"ended with the command {last.tolist()}"})])
        return True

    def _account(self, state: RobotState, decision: Decision, now: float) -> None:
        approaching = self._drive.pilot.approaching
        if approaching:
            self._goals.restart(now)
        self.error = float("nan") if approaching else self._goals.judge(state, now)
        if self._goals.finished and not self._open_ended:
            self._stop_cause = self._stop_cause or "the goals are done"
        self.mode, self.cause, self.age = str(decision.mode[0]), str(decision.cause[0]), float(decision.age[0])

    def _log(self, rows: Iterable[tuple[str, dict[str, Any]]]) -> None:
        if self._recorder is not None:
            for topic, row in rows:
                self._recorder.put(topic, row)
