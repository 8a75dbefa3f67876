"""Faults of what is in an arm's joint states (sensor_msgs/JointState): order, names, lengths and numbers."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from sim2real.errors import BadInputError
from sim2real.robots import RobotDescription
from sim2real.ros.fault_types import Angle, Fault, Stage, check_joint, joint_column
from sim2real.ros.profiles import RosProfile

_ARRAYS = ("position", "velocity", "effort")
Array = Literal["position", "velocity", "effort"]


def _pick(message: Any, columns: list[int]) -> None:
    """Keep only ``columns`` of a message, in that order, in its names and all arrays that have numbers."""
    for field in ("name", *_ARRAYS):
        values = getattr(message, field)
        if len(values):
            setattr(message, field, [values[i] for i in columns])


class JointFault(Fault):
    """A fault of one joint; the robot description's name, default: the first."""

    robots: ClassVar[tuple[str, ...]] = ("arm",)
    joint: str | None = Field(None, description="the robot description's name; default: its first joint")

    def check(self, robot: RobotDescription, profile: RosProfile) -> None:
        check_joint(self.joint, robot)


class PermuteJoints(Fault):
    """Joints stand in another order, names and numbers alike."""

    robots: ClassVar[tuple[str, ...]] = ("arm",)
    every: Literal["message", "fault"] = Field("message", description="how often a new order is drawn")
    _order: list[int] = []

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        for message in batch:
            if self.every == "message" or not self._order:
                count = len(message.name)
                order = [int(i) for i in np.argsort(self.drawn(stage, count))]
                self._order = order if order != sorted(order) else [*order[1:], *order[:1]]
            _pick(message, self._order)
        return batch


class MissingJoint(JointFault):
    """A joint is missing."""

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        for message in batch:
            gone = joint_column(self.joint, stage.robot)
            _pick(message, [i for i in range(len(message.name)) if i != gone])
        return batch


class DuplicateJoint(JointFault):
    """A joint comes twice."""

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        for message in batch:
            _pick(message, [*range(len(message.name)), joint_column(self.joint, stage.robot)])
        return batch


class ExtraJoints(Fault):
    """Joints that the robot does not have; 2000 of them make a huge message."""

    robots: ClassVar[tuple[str, ...]] = ("arm",)
    count: Annotated[int, Field(ge=1, le=100_000)] = Field(1, description="how many")

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        names, zeros = [f"surplus_{k}" for k in range(self.count)], [0.0] * self.count
        for message in batch:
            for field in _ARRAYS:
                if len(getattr(message, field)):
                    setattr(message, field, [*getattr(message, field), *zeros])
            message.name = [*message.name, *names]
        return batch


class WrongLength(Fault):
    """An array has another length than the names."""

    robots: ClassVar[tuple[str, ...]] = ("arm",)
    field: Array = Field("position", description="which array")
    by: Annotated[int, Field(ge=-1000, le=1000)] = Field(-1, description="numbers more, or less where negative")

    def check(self, robot: RobotDescription, profile: RosProfile) -> None:
        if self.by == 0:
            raise BadInputError("field 'by': expected another length, got 0")

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        for message in batch:
            values = [*getattr(message, self.field)]
            size = max(len(message.name) + self.by, 0)
            setattr(message, self.field, [*values, *[0.0] * size][:size])
        return batch


class NotFinite(Fault):
    """Numbers are NaN or infinite; a drone's velocity and attitude where there are no arrays."""

    field: Literal["position", "velocity", "effort", "attitude"] = Field("position", description="which numbers")
    value: Literal["nan", "inf"] = Field("nan", description="what they are")
    joint: str | None = Field(None, description="the robot description's name; default: all joints")

    def check(self, robot: RobotDescription, profile: RosProfile) -> None:
        check_joint(self.joint, robot)
        known = _ARRAYS if robot.kind == "arm" else ("position", "velocity", "attitude")
        if self.field not in known:
            raise BadInputError(f"field 'field': the messages of this {robot.kind} have no {self.field}; expected "
                                f"{', '.join(known)}")
        if self.field == "velocity" and robot.kind == "drone" and "Odometry" not in profile.state.type:
            raise BadInputError("field 'field': this driver's pose has no velocity; use position or attitude")

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        number = float(self.value)
        for message in batch:
            if stage.robot.kind == "arm":
                values = [*getattr(message, self.field)] or [0.0] * len(message.name)
                wrong = range(len(values)) if self.joint is None else [joint_column(self.joint, stage.robot)]
                for i in wrong:
                    values[i] = number
                setattr(message, self.field, values)
                continue
            pose = getattr(message.pose, "pose", message.pose)
            target = {"position": pose.position, "attitude": pose.orientation}.get(self.field)
            target = message.twist.twist.linear if target is None else target
            target.x = number
        return batch


class EmptyArray(Fault):
    """An array is empty, as where an interface is missing."""

    robots: ClassVar[tuple[str, ...]] = ("arm",)
    field: Array = Field("velocity", description="which array")

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        for message in batch:
            setattr(message, self.field, [])
        return batch


class Spike(JointFault):
    """An encoder jumps and comes back."""

    size: Angle = Field(1.0, description="how far in [rad] or [m]")
    count: Annotated[int, Field(ge=1)] | None = Field(None, description="messages it is in; default: all")
    _done: int = 0

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        for message in batch:
            if self.count is not None and self._done >= self.count:
                break
            self._done += 1
            values, column = [*message.position], joint_column(self.joint, stage.robot)
            if column < len(values):
                values[column] += self.size
            message.position = values
        return batch


class Degrees(Fault):
    """Positions and velocities come in degrees."""

    robots: ClassVar[tuple[str, ...]] = ("arm",)

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        for message in batch:
            message.position = [math.degrees(value) for value in message.position]
            message.velocity = [math.degrees(value) for value in message.velocity]
        return batch
