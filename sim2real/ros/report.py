"""What the policy node says of itself: ``~/status`` five times a second and at every change, ``/diagnostics`` once, and
``~/parameters`` at every new estimate of an identifier."""

from __future__ import annotations

import json
import time

from sim2real.ros.context import RosContext, message_class
from sim2real.ros.control_loop import ControlLoop
from sim2real.ros.driver_link import DriverLink
from sim2real.ros.estimated import Estimated, ParametersTopic
from sim2real.ros.figures import Figures, Series
from sim2real.ros.goals import GoalSequence
from sim2real.ros.lifecycle import ManagedNode
from sim2real.ros.log import Recorder
from sim2real.ros.vision.eye import Eye

_STATUS_SECONDS, _DIAGNOSTIC_SECONDS = 0.2, 1.0
_RECENT = 2000  # values that the quantiles of ``/diagnostics`` are of: those of a whole run take too long to sort


class Report:
    """Publishes on the topics of a managed node.

    Args:
        ros: An open context.
        managed: The node.
        link: Whose states that were not taken are told.
        goals: Whose count is told.
        recorder: Whose drops are told, or None.
        eye: Whose latency is told, or None.
        estimated: Whose estimates are told, or None.
    """

    def __init__(self, ros: RosContext, managed: ManagedNode, link: DriverLink, goals: GoalSequence,
                 recorder: Recorder | None, eye: Eye | None = None, estimated: Estimated | None = None):
        self._managed, self._link, self._goals, self._recorder, self._eye = managed, link, goals, recorder, eye
        self._estimated = estimated
        self._parameters = None if estimated is None else ParametersTopic(ros, managed, estimated)
        self._message = message_class("std_msgs/msg/String")
        self._publisher = managed.node.create_publisher(self._message, "~/status", ros.qos("reliable"))
        self._told = ("", "")
        self._status_at = self._diagnosed_at = 0.0

    def tell(self, state: str, mode: str | None, fault: str, loop: ControlLoop | None, figures: Figures,
             speed: float) -> None:
        """Publish what is due.

        Args:
            state: INACTIVE, ARMED, ACTIVE, FAULT, ...
            mode: A word in place of the loop's own mode, or None.
            fault: Why the runner stopped by itself, "" if it did not.
            loop: The present or last activation's, or None.
            figures: Its figures.
            speed: Share of the policy's speed that is allowed.
        """
        now, running = time.monotonic(), loop is not None and loop.running
        mode = mode or (loop.mode if running else state)
        if (state, mode) != self._told or now - self._status_at >= _STATUS_SECONDS:
            self._told, self._status_at = (state, mode), now
            row = {"state": state, "mode": mode, "cause": fault or (loop.cause if loop else ""),
                   "age_s": loop.age if running else None, "error_m": loop.error if loop else None, "speed": speed,
                   "worst_latency_s": figures.latency.largest, "goals": self._goals.goals,
                   "reached": self._goals.reached, "commands": figures.commands}
            text = json.dumps({key: None if value != value else value for key, value in row.items()})
            self._publisher.publish(self._message(data=text))
        if self._parameters is not None:
            self._parameters.tell()
        if now - self._diagnosed_at >= _DIAGNOSTIC_SECONDS:
            self._diagnosed_at = now
            self._diagnose(fault, loop, figures, speed)

    def _diagnose(self, fault: str, loop: ControlLoop | None, f: Figures, speed: float) -> None:
        refused = f"states were refused: {self._link.rejected}" if self._link.refused else ""
        skipped = f"{f.skipped} ticks were skipped" if f.skipped else ""
        note = loop.note if loop else ""
        restarts = self._recorder.restarts if self._recorder else 0
        again = f"the recorder was started again {restarts} times" if restarts else ""
        strange = self._estimated.words if self._estimated else ""
        words = "; ".join(filter(None, (fault, strange, skipped, refused, again, note))) or self._managed.state
        level = 2 if fault else 1 if strange or skipped or refused or again or note else 0
        figures = {"state": self._managed.state, "speed": speed, "commands": f.commands, "skipped ticks": f.skipped,
                   "outside a limit": f.violations, "clipped": f.clipped, "saturated": f.saturated,
                   "states refused": self._link.refused,
                   "log rows dropped": self._recorder.dropped if self._recorder else 0,
                   "log restarts": restarts}
        measured = [("period", f.periods, 1e3, "ms"), ("latency", f.latency, 1e6, "us"),
                    ("lateness", f.lateness, 1e6, "us"), ("age", f.ages, 1e3, "ms")]
        if self._eye is not None:
            estimates = self._eye.estimates
            figures |= {"predictions": self._eye.predictions, "predictions rejected": estimates.rejected,
                        "seen to be moved": estimates.moved}
            measured += [("estimate latency", self._eye.latency, 1e3, "ms"), ("encoder", self._eye.took, 1e3, "ms")]
        for name, series, factor, unit in measured:
            for word, value in _spread(series).items():
                figures[f"{name} {word} [{unit}]"] = f"{factor * value:.3f}"
        self._managed.diagnose(level, words, figures)


def _spread(series: Series) -> dict[str, float]:
    """Median and 99th percentile of the recent values, and the largest of all."""
    return {"p50": series.quantile(0.5, _RECENT), "p99": series.quantile(0.99, _RECENT), "max": series.largest}
