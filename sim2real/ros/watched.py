"""The runner's side of the guard: it says what it sends, stops when the guard is gone, and never sends after it."""

from __future__ import annotations

import time
from collections.abc import Callable

from sim2real.deployment.heartbeat import DISARMED, MOVING, Heartbeat
from sim2real.deployment.stream import CommandStream

TAKEN_OVER = "the guard has taken the robot over from this process; start it anew"
GONE = "the guard is gone"


class Watched:
    """A heartbeat as the control loop and the gates use it.

    Args:
        heartbeat: The runner's end of the page that it shares with the guard.
        required: Whether the robot may move only while a guard lives; without, one that lives at the start has to
            stay.
    """

    def __init__(self, heartbeat: Heartbeat, required: bool):
        self._heartbeat, self._required = heartbeat, required
        self._watching = False
        self._takers: Callable[[], int] = lambda: 0

    def beside(self, takers: Callable[[], int]) -> None:
        """From now on the guard has to reach as many as ``takers`` says: those that take the runner's commands."""
        self._takers = takers

    @property
    def guarded(self) -> bool:
        """Whether a guard lives."""
        return self._heartbeat.guard_alive(time.monotonic())

    @property
    def accompanied(self) -> bool:
        """Whether there is a guard's process, at work or not yet; before it has any publisher."""
        return self._heartbeat.guard_exists()

    def closed(self) -> list[str]:
        """The gates that are not green."""
        if self._heartbeat.taken_over:
            return [TAKEN_OVER]
        if self.guarded:
            reach, takers = self._heartbeat.guard_reach, self._takers()
            return [] if reach >= takers else [f"the guard reaches {reach} of the {takers} that take commands; it has "
                                               "to use the same interface and to find all of them first"]
        return ["no guard watches this process: start `sim2real guard` for the same robot, interface and ROS domain"
                ] if self._required else []

    def judge(self) -> tuple[str, str]:
        """``sending`` says it, at every command."""
        return "", ""

    def begin(self) -> None:
        """An activation begins: a guard that is there now has to stay."""
        self._watching = self.guarded

    def sending(self, stream: CommandStream, now: float) -> str:
        """Tell the guard of the command of ``stream`` that is about to leave.

        Returns:
            Why it must not leave, or why to stop after it, "" if neither.
        """
        if self._heartbeat.taken_over:
            return TAKEN_OVER
        self._heartbeat.runner_beat(now, MOVING, stream.command, stream.velocity, stream.acceleration)
        return GONE if self._watching and not self._heartbeat.guard_alive(now) else ""

    def ended(self, stream: CommandStream) -> None:
        """The robot is at rest and nothing more is sent."""
        self._heartbeat.runner_beat(time.monotonic(), DISARMED, stream.command, 0.0 * stream.command)
