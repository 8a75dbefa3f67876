"""What the policy node says of itself: ``~/status`` five times a second and at every change, ``/diagnostics`` once."""

from __future__ import annotations

import json
import time

from sim2real.ros.context import RosContext, message_class
from sim2real.ros.control_loop import ControlLoop
from sim2real.ros.figures import Figures
from sim2real.ros.goals import GoalSequence
from sim2real.ros.lifecycle import ManagedNode
from sim2real.ros.log import Recorder

_STATUS_SECONDS, _DIAGNOSTIC_SECONDS = 0.2, 1.0


class Report:
    """Publishes on the topics of a managed node.

    Args:
        ros: An open context.
        managed: The node.
        goals: Whose count is told.
        recorder: Whose drops are told, or None.
    """

    def __init__(self, ros: RosContext, managed: ManagedNode, goals: GoalSequence, recorder: Recorder | None):
        self._managed, self._goals, self._recorder = managed, goals, recorder
        self._message = message_class("std_msgs/msg/String")
        self._publisher = managed.node.create_publisher(self._message, "~/status", ros.qos("reliable"))
        self._told = ("", "")
        self._status_at = self._diagnosed_at = 0.0

    def tell(self, state: str, mode: str | None, fault: str, loop: ControlLoop | None, figures: Figures) -> None:
        """Publish what is due.

        Args:
            state: INACTIVE, ARMED, ACTIVE, FAULT, ...
            mode: A word in place of the loop's own mode, or None.
            fault: Why the runner stopped by itself, "" if it did not.
            loop: The present or last activation's, or None.
            figures: Its figures.
        """
        now, running = time.monotonic(), loop is not None and loop.running
        mode = mode or (loop.mode if running else state)
        if (state, mode) != self._told or now - self._status_at >= _STATUS_SECONDS:
            self._told, self._status_at = (state, mode), now
            row = {"state": state, "mode": mode, "cause": fault or (loop.cause if loop else ""),
                   "age_s": loop.age if running else None, "error_m": loop.error if loop else None,
                   "worst_latency_s": 1e-6 * figures.latency_us(1.0), "goals": self._goals.goals,
                   "reached": self._goals.reached, "commands": figures.commands}
            text = json.dumps({key: None if value != value else value for key, value in row.items()})
            self._publisher.publish(self._message(data=text))
        if now - self._diagnosed_at >= _DIAGNOSTIC_SECONDS:
            self._diagnosed_at = now
            self._diagnose(fault, figures)

    def _diagnose(self, fault: str, f: Figures) -> None:
        skipped = f"{f.skipped} ticks were skipped" if f.skipped else ""
        level, words = (2, fault) if fault else (1, skipped) if skipped else (0, self._managed.state)
        figures = {"state": self._managed.state, "commands": f.commands, "skipped ticks": f.skipped,
                   "outside a limit": f.violations, "worst age [ms]": f"{1e3 * f.worst_age:.1f}",
                   "log rows dropped": self._recorder.dropped if self._recorder else 0}
        for name, quantile in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
            figures[f"latency {name} [us]"] = f"{f.latency_us(quantile):.0f}"
            figures[f"lateness {name} [us]"] = f"{f.late_us(quantile):.0f}"
        self._managed.diagnose(level, words, figures)
