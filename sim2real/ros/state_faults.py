"""Faults of any robot's state messages on their way: lost, frozen, late, out of order, wrongly stamped, too many."""

from __future__ import annotations

import copy
from typing import Annotated, Any, Literal

from pydantic import Field

from sim2real.ros.fault_types import Duration, Fault, Offset, Share, Stage, Time
from sim2real.ros.messages import set_stamp, stamp_seconds


class Silence(Fault):
    """No state messages at all."""

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        return []


class Freeze(Fault):
    """The same state again and again, at the usual rate."""

    stamps: Literal["frozen", "running"] = Field("frozen", description="whether stamps stand still, too")
    _held: Any = None

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        out = []
        for message in batch:
            self._held = message if self._held is None else self._held
            again = copy.deepcopy(self._held)
            if self.stamps == "running":
                again.header.stamp = message.header.stamp
            out.append(again)
        return out


class Drop(Fault):
    """State messages are lost at random."""

    share: Share = Field(0.1, description="how many, 0 to 1 or in %")
    burst: Annotated[int, Field(ge=1, le=10_000)] = Field(1, description="messages that are lost in a row")
    _left: int = 0
    _losing: bool = False

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        out = []
        for message in batch:
            if self._left == 0:
                self._left, self._losing = self.burst, bool(self.drawn(stage)[0] < self.share)
            self._left -= 1
            if not self._losing:
                out.append(message)
        return out


class Late(Fault):
    """State messages come late, in order; what is still under way at the end is lost."""

    delay: Duration = Field(description="how late at least in [s]")
    jitter: Time = Field(0.0, description="up to this much later, drawn anew for each, in [s]")
    _waiting: list[tuple[float, Any]] = []

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        for message in batch:
            due = elapsed + self.delay + (self.jitter * float(self.drawn(stage)[0]) if self.jitter else 0.0)
            self._waiting.append((max(due, self._waiting[-1][0]) if self._waiting else due, message))
        count = sum(due <= elapsed + 1e-6 for due, _ in self._waiting)
        out, self._waiting = self._waiting[:count], self._waiting[count:]
        return [message for _, message in out]


class OutOfOrder(Fault):
    """State messages come in groups, the newest of a group first."""

    group: Annotated[int, Field(ge=2, le=1000)] = Field(2, description="messages in a group")
    _waiting: list[Any] = []

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        self._waiting = [*self._waiting, *batch]
        if len(self._waiting) < self.group:
            return []
        out, self._waiting = self._waiting[::-1], []
        return out


class Duplicate(Fault):
    """Every state message comes several times, the same stamp included."""

    copies: Annotated[int, Field(ge=2, le=1000)] = Field(2, description="how often it comes in all")

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        return [copy.deepcopy(message) for message in batch for _ in range(self.copies)]


class Flood(Fault):
    """State messages at a multiple of their rate, their stamps spread over the period."""

    factor: Annotated[int, Field(ge=2, le=10_000)] = Field(10, description="how many times the rate")

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        out, spacing = [], 1.0 / (self.factor * stage.profile.state.rate)
        for message in batch:
            begin = stamp_seconds(message.header)
            for k in range(self.factor):
                again = copy.deepcopy(message)
                set_stamp(again.header, begin + k * spacing)
                out.append(again)
        return out


class StampOffset(Fault):
    """Stamps lie in the future, or in the past."""

    by: Offset = Field(description="how far in [s], negative for the past")

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        for message in batch:
            set_stamp(message.header, max(stamp_seconds(message.header) + self.by, 0.0))
        return batch


class StampZero(Fault):
    """Stamps are zero."""

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        for message in batch:
            set_stamp(message.header, 0.0)
        return batch


class StampBackward(Fault):
    """Stamps run backwards from where they were."""

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        for message in batch:
            set_stamp(message.header, stamp_seconds(message.header) - 2.0 * elapsed)
        return batch
