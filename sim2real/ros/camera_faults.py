"""Faults of the twin's cameras; ``sim2real twin --cameras`` has them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from sim2real.errors import BadInputError, unknown
from sim2real.robots import RobotDescription
from sim2real.ros.fault_types import Duration, Fault, Rate, Stage
from sim2real.ros.profiles import RosProfile


class CameraFault(Fault):
    """A fault of one camera."""

    acts_on: ClassVar[str] = "cameras"
    camera: str | None = Field(None, description="its name; default: the profile's first")

    def check(self, robot: RobotDescription, profile: RosProfile) -> None:
        if self.camera is not None and self.camera not in profile.cameras:
            raise BadInputError(unknown("camera", self.camera, profile.cameras))

    def changes(self) -> dict[str, Any]:
        """What is wrong with it, as ``twin_camera_process`` takes it."""
        return {}

    def begin(self, stage: Stage, now: float) -> None:
        if stage.cameras is None:
            raise BadInputError("faults of cameras need a robot with cameras in its ros section, and --cameras")
        stage.cameras.change(self.camera or stage.cameras.names[0], self.changes())

    def end(self, stage: Stage, now: float) -> None:
        if stage.cameras is not None:
            stage.cameras.change(self.camera or stage.cameras.names[0], {})


class CameraAbsent(CameraFault):
    """No image comes."""

    def changes(self) -> dict[str, Any]:
        return {"absent": True}


class CameraFrozen(CameraFault):
    """The same image comes again and again, its stamp included."""

    def changes(self) -> dict[str, Any]:
        return {"frozen": True}


class CameraSlow(CameraFault):
    """Images come at another rate."""

    rate: Rate = Field(2.0, description="images per second")

    def changes(self) -> dict[str, Any]:
        return {"rate": self.rate}


class CameraLate(CameraFault):
    """Images come late, with the stamps of when they were taken."""

    delay: Duration = Field(0.3, description="how late in [s]")

    def changes(self) -> dict[str, Any]:
        return {"late": self.delay}


class CameraSize(CameraFault):
    """Images have another size."""

    scale: Annotated[float, Field(gt=0.0, le=4.0)] = Field(0.5, description="how many times as wide and high")

    def changes(self) -> dict[str, Any]:
        return {"scale": self.scale}


class CameraExchanged(CameraFault):
    """Its CameraInfo says another focal length."""

    factor: Annotated[float, Field(gt=0.0, le=100.0)] = Field(1.1, description="how many times as long")

    def changes(self) -> dict[str, Any]:
        return {"focal": self.factor}
