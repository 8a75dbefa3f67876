"""Faults of what is in a drone's pose: the world and body axes, the quaternion."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import AfterValidator, Field

from sim2real.ros import conversions
from sim2real.ros.fault_types import Fault, Stage


def _pose(message: Any) -> Any:
    """The pose in an Odometry or a PoseStamped."""
    return getattr(message.pose, "pose", message.pose)


def _read(point: Any) -> np.ndarray:
    return np.array([point.x, point.y, point.z])


def _write(point: Any, values: np.ndarray) -> None:
    point.x, point.y, point.z = values.tolist()


class FrameFlip(Fault):
    """World and body in the other convention: NED and FRD for ENU and FLU, or the other way round."""

    robots: ClassVar[tuple[str, ...]] = ("drone",)

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        topic = stage.profile.state
        other = "ned_frd" if topic.frame == "enu_flu" else "enu_flu"
        for message in batch:
            pose, twist = _pose(message), getattr(getattr(message, "twist", None), "twist", None)
            linear, angular = ((_read(twist.linear), _read(twist.angular)) if twist is not None
                               else (np.zeros(3), np.zeros(3)))
            q = pose.orientation
            state = conversions.state_from_odometry(_read(pose.position), np.array([q.x, q.y, q.z, q.w]), linear,
                                                    angular, frame=topic.frame, twist_frame=topic.twist_frame)
            position, turned, linear, angular = conversions.odometry_from_state(*state, frame=other,
                                                                                twist_frame=topic.twist_frame)
            _write(pose.position, position)
            q.x, q.y, q.z, q.w = turned.tolist()
            if twist is not None:
                _write(twist.linear, linear)
                _write(twist.angular, angular)
        return batch


class QuaternionOrder(Fault):
    """The quaternion's numbers come as w, x, y, z where x, y, z, w belong."""

    robots: ClassVar[tuple[str, ...]] = ("drone",)

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        for message in batch:
            q = _pose(message).orientation
            q.x, q.y, q.z, q.w = q.w, q.x, q.y, q.z
        return batch


class QuaternionSign(Fault):
    """Every other quaternion has the other sign, which is the same attitude."""

    robots: ClassVar[tuple[str, ...]] = ("drone",)
    _odd: bool = False

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        for message in batch:
            self._odd = not self._odd
            if self._odd:
                q = _pose(message).orientation
                q.x, q.y, q.z, q.w = -q.x, -q.y, -q.z, -q.w
        return batch


def _not_one(value: float) -> float:
    if not 0.0 <= value <= 1000.0 or value == 1.0:
        raise ValueError("expected a length of 0 to 1000 other than 1")
    return value


class QuaternionNorm(Fault):
    """The quaternion is no unit quaternion."""

    robots: ClassVar[tuple[str, ...]] = ("drone",)
    length: Annotated[float, AfterValidator(_not_one)] = Field(0.5, description="its length")

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        for message in batch:
            q = _pose(message).orientation
            q.x, q.y, q.z, q.w = (self.length * v for v in (q.x, q.y, q.z, q.w))
        return batch
