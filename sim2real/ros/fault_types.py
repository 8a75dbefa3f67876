"""What every rehearsed fault is: when it acts, on what, and the stage on which it does."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from sim2real import rng
from sim2real.errors import RobotDescriptionError, unknown
from sim2real.robots import RobotDescription
from sim2real.ros.context import RosContext
from sim2real.ros.driver_nature import Controllers
from sim2real.ros.profiles import RosProfile
from sim2real.ros.twin_cameras import TwinCameras
from sim2real.ros.twin_plant import TwinPlant
from sim2real.units import quantity


def _si(dimension: str) -> BeforeValidator:
    return BeforeValidator(lambda value: quantity(value, dimension))


def _not_negative(value: float) -> float:
    if value < 0.0:
        raise ValueError("must not be negative")
    return value


def _over_zero(value: float) -> float:
    if value <= 0.0:
        raise ValueError("must be over zero")
    return value


def _share(value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise ValueError("expected a share of 0 to 1, or '0 %' to '100 %'")
    return value


Time = Annotated[float, _si("s"), AfterValidator(_not_negative)]
Duration = Annotated[float, _si("s"), AfterValidator(_over_zero)]
Offset = Annotated[float, _si("s")]
Share = Annotated[float, _si("1"), AfterValidator(_share)]
Rate = Annotated[float, _si("1/s"), AfterValidator(_over_zero)]
Angle = Annotated[float, _si("rad|m")]
Mass = Annotated[float, _si("kg"), AfterValidator(_not_negative)]


@dataclass
class Stage:
    """What faults act on.

    Attributes:
        seed: Seed of whatever is drawn.
        ros: Where rival nodes are created; None without ROS.
        cameras: The twin's, None where it has none.
    """

    robot: RobotDescription
    profile: RosProfile
    plant: TwinPlant
    controllers: Controllers
    seed: int = 0
    ros: RosContext | None = None
    cameras: TwinCameras | None = None

    def draw(self, place: int, counter: int, size: int = 1) -> np.ndarray:
        """Uniform numbers in (0, 1), shape (size,), of the fault at ``place`` in the file, for its event ``counter``.

        They depend on the seed and these two alone.
        """
        return rng.uniform(self.seed, np.array([place + 1]), np.array([counter]), "drop", size)[0]


class Fault(BaseModel):
    """One entry of a faults file.

    Attributes:
        at: When it begins in [s].
        for_: How long it lasts in [s], ``for`` in the file; None is to the end of the run.
        since: What ``at`` counts from: the twin's start, or the first command that it gets.
        robots: Kinds of robots it exists for.
        acts_on: "state" messages, the "robot", the "commands" or the "cameras".
    """

    model_config = ConfigDict(extra="forbid")
    robots: ClassVar[tuple[str, ...]] = ("arm", "drone")
    acts_on: ClassVar[str] = "state"

    at: Time
    for_: Duration | None = Field(None, alias="for")
    since: Literal["start", "command"] = "start"

    _place: int = 0
    _count: int = 0

    @property
    def duration(self) -> float:
        """How long it lasts in [s]."""
        return math.inf if self.for_ is None else self.for_

    @property
    def who(self) -> Hashable:
        """Its name towards the plant, which keeps apart what several faults want."""
        return "fault", self._place

    @property
    def takes_commands(self) -> bool:
        """Whether commands come through to the robot while it acts."""
        return True

    def mutes(self, topic: str) -> bool:
        """Whether a topic beside the state says nothing while it acts."""
        return False

    def check(self, robot: RobotDescription, profile: RosProfile) -> None:
        """Raise BadInputError where its parameters do not fit the robot."""

    def begin(self, stage: Stage, now: float) -> None:
        """It begins at ``now`` [s] (monotonic)."""

    def tick(self, stage: Stage, now: float, elapsed: float) -> None:
        """A period of the twin while it acts, ``elapsed`` [s] after its beginning."""

    def end(self, stage: Stage, now: float) -> None:
        """It ends: take everything back."""

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        """What goes out in place of the state messages ``batch``; they may be changed, but each belongs to one tick."""
        return batch

    def drawn(self, stage: Stage, size: int = 1) -> np.ndarray:
        """The next numbers of its own, uniform in (0, 1), shape (size,)."""
        self._count += 1
        return stage.draw(self._place, self._count, size)


def check_joint(joint: str | None, robot: RobotDescription) -> None:
    """Raise unless ``joint`` is one of the robot's, or None."""
    if joint is not None and joint not in robot.joint_names:
        raise RobotDescriptionError(unknown("joint", joint, robot.joint_names))


def joint_column(joint: str | None, robot: RobotDescription) -> int:
    """Column of ``joint`` in the robot description's order; None is the first."""
    return 0 if joint is None else robot.joint_names.index(joint)
