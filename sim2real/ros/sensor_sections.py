"""The parts of a ``ros:`` section about cameras and frames: who publishes images, and who says where things are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from sim2real.errors import unknown
from sim2real.ros.images import ENCODINGS
from sim2real.ros.sections import Qos, Rate, Section, Time, Topic, si

TF = "tf2_msgs/msg/TFMessage"
TRANSFORM = "geometry_msgs/msg/TransformStamped"
POSE = "geometry_msgs/msg/PoseStamped"

Frame = Annotated[str, Field(pattern=r"^[^/\s][^\s]{0,199}$")]
_Metres = Annotated[float, si("m")]
_Angle = Annotated[float, si("rad")]


def _known_encoding(name: str) -> str:
    if name not in ENCODINGS:
        raise ValueError(unknown("encoding", name, ENCODINGS))
    return name


class CameraTopic(Section):
    """Where the driver of one camera publishes.

    Attributes:
        image: Topic of the images.
        info: Topic of their CameraInfo; None where it is not to be checked.
        encoding: What the policy needs; another encoding of the same kind (colour, grey, depth) is converted.
        rate: Images per second.
        qos: What the driver's publisher offers. Best effort loses most large images on an untuned network.
        max_age: Oldest reception in [s] of an image that may be used.
        max_skew: Largest difference in [s] of an image's and a state's stamps.
    """

    image: Topic
    info: Topic | None = None
    type: Literal["sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"] = "sensor_msgs/msg/Image"
    encoding: Annotated[str, AfterValidator(_known_encoding)] = "rgb8"
    rate: Rate = 30.0
    qos: Qos = "reliable"
    max_age: Time = 0.1
    max_skew: Time = 0.07

    @model_validator(mode="after")
    def _often_enough(self):
        if self.max_age * self.rate < 1.0:
            raise ValueError(f"'max_age' of {self.max_age:g} s is less than the time between two images at "
                             f"{self.rate:g} Hz; give more, or correct 'rate'")
        return self


class FrameTopic(Section):
    """A topic that says where one frame is in another: of a motion capture, a marker detector, a calibration.

    Attributes:
        child: The frame that is placed; a TransformStamped names it itself, a PoseStamped does not.
        static: What came once never goes stale.
        qos: "latched" for what its publisher keeps for late listeners; best effort takes what any other one offers.
    """

    topic: Topic
    type: Literal["geometry_msgs/msg/TransformStamped", "geometry_msgs/msg/PoseStamped"]
    child: Frame | None = None
    static: bool = False
    qos: Literal["best_effort", "reliable", "latched"] = "best_effort"

    @model_validator(mode="after")
    def _named(self):
        if self.type == POSE and self.child is None:
            raise ValueError("a PoseStamped names only the frame that it is in; add 'child', the frame that it places")
        return self


class FixedFrame(Section):
    """A frame that was measured once: ``position`` [m] and ``rpy`` [rad] (fixed axes) in ``parent``."""

    parent: Frame
    position: tuple[_Metres, _Metres, _Metres]
    rpy: tuple[_Angle, _Angle, _Angle] = (0.0, 0.0, 0.0)


class FramesSection(Section):
    """Where transforms come from; of each, only the latest one counts.

    Attributes:
        base: The frame that goals and states are in; None is the root link of an arm, the world of a drone.
        max_age: How old a transform that is not static may be in [s].
        tf: Listen to /tf and /tf_static, too.
        fixed: Frames by name.
    """

    base: Frame | None = None
    max_age: Time = 0.2
    tf: bool = False
    topics: tuple[FrameTopic, ...] = ()
    fixed: dict[Frame, FixedFrame] = {}
