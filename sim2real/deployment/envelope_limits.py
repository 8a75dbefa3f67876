"""What a robot's envelope is: its numbers, where they come from, and the joint margin of a command stream."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from sim2real.deployment.limits import CommandLimits
from sim2real.errors import BadInputError
from sim2real.kinematics import Chain
from sim2real.robot_parts import GoalRegion
from sim2real.robots import RobotDescription

JOINT_MARGIN = 0.1  # [rad]: MoveIt Servo's
TILT = math.radians(60.0)  # [rad]: PX4 gives a vehicle up beyond it (FD_FAIL_R, FD_FAIL_P)
DRONE_ROOM = 2.5  # [m] around the goal region: figures of eight reach 1.2 m beyond it, a lost episode ends at 3 m
AXES = "xyz"


@dataclass(frozen=True)
class EnvelopeLimits:
    """Attributes:
        low, high: Box of an arm's tool in the base frame, or of a drone in the world (z is its altitude), in [m],
            each shape (3,); infinite where it is open.
        joint_margin: Kept from an arm's position limits in [rad], at most a tenth of a joint's range.
        ground: Its height in an arm's base frame in [m]; -inf: there is none.
        clearance: Smallest gap between an arm's links, and between them and the ground, in [m].
        padding: How much thicker than its shapes an arm's links are taken in [m]: for shapes that stand for meshes.
        tilt: Largest angle between a drone's axis and the vertical in [rad].
    """

    low: np.ndarray
    high: np.ndarray
    joint_margin: float = JOINT_MARGIN
    ground: float = 0.0
    clearance: float = 0.02
    padding: float = 0.0
    tilt: float = TILT

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            value = np.array(getattr(self, name), float)
            value.flags.writeable = False
            object.__setattr__(self, name, value)
        if self.low.shape != (3,) or self.high.shape != (3,) or not (self.low < self.high).all():
            raise BadInputError(f"envelope: expected a box with low < high on three axes, got low {self.low.tolist()}, "
                                f"high {self.high.tolist()}")
        for name in ("joint_margin", "clearance", "padding"):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise BadInputError(f"envelope: expected {name} of zero or more, got {getattr(self, name)}")
        if not self.ground < np.inf:
            raise BadInputError(f"envelope: expected ground in m, or -inf for none, got {self.ground}")
        if not 0.0 < self.tilt <= np.pi:
            raise BadInputError(f"envelope: expected a tilt in (0, pi] rad, got {self.tilt}")

    @classmethod
    def from_robot(cls, robot: RobotDescription) -> EnvelopeLimits:
        """What the description's ``safety`` section says, and for the rest:

        - arms: a box around the goal region and the tool at home, half the region's radius wider, the ground at z = 0,
          a clearance of 0.8 % of the length along the arm, 4 to 20 mm;
        - drones: ``DRONE_ROOM`` around the goal region, from the ground (and 0.2 m for drift) upwards.
        """
        given, region = robot.safety, robot.goal
        if robot.kind == "drone":
            low, high = _around(region, DRONE_ROOM)
            low[2] = -0.2
            if given.geofence:
                low[:2], high[:2] = _box(given.geofence.x, given.geofence.y)
            if given.altitude:
                low[2], high[2] = given.altitude
            return cls(low, high, tilt=TILT if given.tilt is None else given.tilt)
        length = sum(np.linalg.norm(joint.xyz) for joint in robot.model.path(robot.tool_link))
        length += np.linalg.norm(robot.tool_offset)
        ground = 0.0 if given.ground is None else given.ground
        low, high = _around(region, 0.5 * region.radius[1], _tool_at_home(robot))
        low[2] = max(low[2], ground)
        if given.workspace:
            low, high = _box(given.workspace.x, given.workspace.y, given.workspace.z)
        return cls(low, high,
                   joint_margin=JOINT_MARGIN if given.joint_margin is None else given.joint_margin,
                   ground=ground, padding=given.padding,
                   clearance=float(np.clip(0.008 * length, 0.004, 0.02))
                   if given.clearance is None else given.clearance)


def margin_limits(limits: CommandLimits, margin: float, start: np.ndarray | None = None) -> CommandLimits:
    """An arm's ``limits`` with position bounds narrower by ``margin`` [rad], at most a tenth of a channel's range.

    A ``start`` (C,) inside the margin would be trapped, or pulled out with a jerk: there the bound is the start itself,
    so that the joint can move away and come back to it, but never nearer to its limit. From the next start, which is
    outside the margin again, the whole margin holds.

    Raises:
        BadInputError: A margin below zero, or a start of another shape or not finite.
    """
    if not 0.0 <= margin < np.inf:
        raise BadInputError(f"joint margin: expected zero or more, got {margin}")
    kept = np.minimum(margin, 0.1 * (limits.high - limits.low))
    low, high = limits.low + kept, limits.high - kept
    if start is not None:
        start = np.asarray(start, float)
        if start.shape != low.shape or not np.isfinite(start).all():
            raise BadInputError(f"joint margin: expected a finite start of shape {low.shape}, "
                                f"got {np.array2string(start, threshold=16)}")
        low = np.maximum(np.minimum(low, start), limits.low)
        high = np.minimum(np.maximum(high, start), limits.high)
    return replace(limits, low=low, high=high)


def _around(region: GoalRegion, room: float, *points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Box around a goal region and points, wider by ``room`` [m]."""
    azimuth = np.linspace(*region.azimuth, 181)
    ring = np.concatenate([r * np.stack([np.cos(azimuth), np.sin(azimuth)], axis=1) for r in region.radius])
    corners = [[*ring.min(axis=0), region.height[0]], [*ring.max(axis=0), region.height[1]], *points]
    return np.min(corners, axis=0) - room, np.max(corners, axis=0) + room


def _box(*ranges: tuple[float, float] | None) -> tuple[np.ndarray, np.ndarray]:
    """Low and high of ranges; open where there is none."""
    low, high = zip(*(given or (-np.inf, np.inf) for given in ranges), strict=True)
    return np.array(low), np.array(high)


def _tool_at_home(robot: RobotDescription) -> np.ndarray:
    return Chain.from_robot(robot).forward(robot.home[None])[0][0]
