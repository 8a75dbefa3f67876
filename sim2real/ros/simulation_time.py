"""Where the node runs on simulation time (``use_sim_time``): is there a clock, does it run evenly, is it the driver's?

Commands leave on deadlines of the monotonic clock whatever other clocks say. So a simulation has to keep up with real
time, and one that is paused, reset or set forward is a robot that is not where it was: the runner stops.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sim2real.ros.context import RosContext, message_class
from sim2real.ros.driver_link import DriverLink

TOPIC = "/clock"
_HOLD, _STOP = 0.1, 0.5  # [s] for which the clock may stand still, as for a state
_FORWARD = 0.25  # [s] beyond the time that has gone by: a jump
_EVEN = 0.5  # [s] for which it has to run evenly before anything moves
_SLOWEST, _FASTEST = 0.5, 2.0  # of real time
_APART = 1.0  # [s] between a state's stamp and the clock: they are not of one simulation


class SimulationTime:
    """The gate of simulation time; open where the node does not use it.

    Args:
        ros: An open context; its executor must be spun.
        link: The driver's, whose stamps have to be of that clock.
        clock: The monotonic time in [s].
    """

    def __init__(self, ros: RosContext, link: DriverLink, clock: Callable[[], float] = time.monotonic):
        self._link, self._clock = link, clock
        self.used = bool(ros.node.get_parameter("use_sim_time").value)
        self._now = self._since = self._moved = float("nan")  # simulation time; when an even run began and last moved
        self._begun = float("nan")  # simulation time at ``_since``
        self._jump = ""
        if self.used:
            ros.node.create_subscription(message_class("rosgraph_msgs/msg/Clock"), TOPIC, self._receive,
                                         ros.qos("best_effort"))

    def _receive(self, message: Any) -> None:
        at, now = self._clock(), message.clock.sec + 1e-9 * message.clock.nanosec
        gone, passed = now - self._now, at - self._moved
        if gone == 0.0:
            return
        if gone < 0.0:
            self._jump = f"{TOPIC} went back by {-gone:.3g} s"
        elif gone > _FASTEST * passed + _FORWARD:
            self._jump = f"{TOPIC} jumped forward by {gone:.3g} s"
        elif passed <= _STOP:
            self._now, self._moved = now, at
            return
        self._now = self._begun = now
        self._moved = self._since = at

    def closed(self) -> list[str]:
        """One sentence for each thing that is not green."""
        if not self.used:
            return []
        if self._now != self._now:
            return [f"nothing came on {TOPIC}, but this node is to use simulation time; start the simulation, or, for "
                    "a real robot, do not set use_sim_time"]
        return [*self._of_run(), *self._of_stamps()]

    def judge(self) -> tuple[str, str]:
        """Hold while the clock stands, stop where it goes on standing, or jumped."""
        if not self.used:
            return "", ""
        if self._jump:
            return "stop", self._jump
        still = self._clock() - self._moved
        if still <= _HOLD:
            return "", ""
        return "stop" if still > _STOP else "hold", f"{TOPIC} stands still"

    def _of_run(self) -> list[str]:
        still = self._clock() - self._moved
        if still > _STOP:
            return [f"{TOPIC} has stood still for {still:.1f} s; let the simulation run"]
        if self._moved - self._since < _EVEN:
            return [f"{TOPIC} has run evenly for less than {_EVEN:g} s" + (f": {self._jump}" if self._jump else "")]
        self._jump = ""
        rate = (self._now - self._begun) / (self._moved - self._since)
        if _SLOWEST <= rate <= _FASTEST:
            return []
        return [f"the simulation runs at {rate:.2g} of real time; commands leave in real time, so {_SLOWEST:g} to "
                f"{_FASTEST:g} are needed"]

    def _of_stamps(self) -> list[str]:
        stamp = self._link.stamp
        if self._link.latest is None or abs(stamp - self._now) <= _APART:
            return []
        return [f"states are stamped {stamp:.3f} s while {TOPIC} says {self._now:.3f} s: their driver does not run on "
                "simulation time; for a real robot do not set use_sim_time"]
