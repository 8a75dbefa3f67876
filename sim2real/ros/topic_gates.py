"""What else a driver says about whether the robot may move: e-stop, program running, speed scaling.

Extras of the profile that have a ``gate``. A gate that stops is latched by what stops; one that holds opens again by
itself. A topic that never came or fell silent closes its gate too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from sim2real.ros.context import RosContext, message_class
from sim2real.ros.profiles import ExtraTopic, RosProfile

_SILENT = 0.5  # [s] after which a topic that comes at a rate is missing


class TopicGates:
    """Listens to the gates of a profile.

    Args:
        ros: An open context; its executor must be spun.
        profile: The robot's.
        clock: Of the receptions in [s].
    """

    def __init__(self, ros: RosContext, profile: RosProfile, clock: Callable[[], float] = time.monotonic):
        self._clock, self._misfits = clock, ros.misfits
        self._gates = [extra for extra in profile.extras if extra.gate is not None]
        self._seen: dict[str, tuple[float, float | bool]] = {}
        self._tripped: dict[str, str] = {}  # gates that stop and were closed for a moment, by topic
        for gate in self._gates:
            latched = gate.rate == 0.0
            ros.node.create_subscription(
                message_class(gate.type), gate.topic, partial(self._receive, gate),
                ros.qos("reliable" if latched else "best_effort", depth=10, latched=latched),
                event_callbacks=ros.subscription_events(gate.topic))

    def _receive(self, gate: ExtraTopic, message: Any) -> None:
        self._seen[gate.topic] = (self._clock(), message.data)
        if gate.gate == "stop" and (sentence := self._why(gate)):
            self._tripped[gate.topic] = sentence  # it may be open again before somebody looks

    def closed(self) -> list[str]:
        """One sentence for each gate that is not open; what was before is forgotten."""
        self._tripped.clear()
        return [sentence for gate in self._gates if (sentence := self._why(gate))]

    def judge(self) -> tuple[str, str]:
        """("stop", why) or ("hold", why) of the gravest gate that is closed, ("", "") where all are open."""
        if self._tripped:
            return "stop", next(iter(self._tripped.values()))
        found = [(str(gate.gate), sentence) for gate in self._gates if (sentence := self._why(gate))]
        return max(found, key=lambda pair: pair[0] == "stop", default=("", ""))

    def _why(self, gate: ExtraTopic) -> str:
        seen = self._seen.get(gate.topic)
        if seen is None:
            return self._misfits.get(gate.topic) or f"nothing came on {gate.topic} ({gate.type})"
        received, value = seen
        if gate.rate > 0.0 and self._clock() - received > _SILENT:
            return f"{gate.topic} is silent for more than {1e3 * _SILENT:g} ms"
        if gate.least is not None:
            return "" if value >= gate.least else f"{gate.topic} is {value:g}; it has to be {gate.least:g} at least"
        return "" if value == gate.value else f"{gate.topic} is {value}; it has to be {gate.value}"
