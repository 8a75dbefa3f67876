"""What an encoder says of itself: the pictures it takes, what it tells of them, and the camera that they are of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sim2real.deployment.sealed import Count, Finite, Positive, Sealed, Section
from sim2real.errors import BundleError

MAX_SIDE = 1024  # [pixels] of a picture that an encoder takes
MAX_PREDICTIONS, MAX_FEATURES = 64, 65_536
ASPECT_TOLERANCE = 0.02  # of width over height, between a camera's pictures and those that the encoder takes

Word = Annotated[str, Field(pattern=r"^[^\s]+$", max_length=80)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]


class CameraEntry(BaseModel):
    """One entry of a robot description's ``cameras``, whole: intrinsics in [pixels], and whatever else stands there,
    as where it is mounted."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: Word
    width: Count
    height: Count
    fx: Positive
    fy: Positive
    cx: Finite
    cy: Finite


class EncoderSection(Section):
    """One encoder.

    Attributes:
        height, width: Of its pictures in [pixels]; larger ones of the camera are averaged down to them.
        labels: A name for each number of its prediction, as block_x, block_y.
        unit: Of the predictions, "m"; "" for numbers without one.
        frame: That predicted places are in: a link of the robot or "world"; "" where they are no places.
        features: Columns of its features.
        camera: That its pictures are of, None: any.
        training: What is worth knowing of where it comes from: method, data, errors.
    """

    height: Side
    width: Side
    labels: list[Word] = Field(min_length=1, max_length=MAX_PREDICTIONS)
    unit: str = Field(max_length=40)
    frame: str = Field(pattern=r"^[^\s]*$", max_length=200)
    features: Annotated[int, Field(ge=1, le=MAX_FEATURES)]
    camera: CameraEntry | None = None
    training: dict[str, Any] = {}

    @field_validator("labels")
    @classmethod
    def _each_once(cls, labels: list[str]) -> list[str]:
        if len(set(labels)) < len(labels):
            raise ValueError(f"each label once, got {', '.join(labels)}")
        return labels

    @model_validator(mode="after")
    def _same_shape(self):
        if self.camera is None:
            return self
        theirs, ours = self.camera.width / self.camera.height, self.width / self.height
        if abs(theirs / ours - 1.0) > ASPECT_TOLERANCE:
            raise ValueError(f"camera {self.camera.name} has {self.camera.width} x {self.camera.height} pixels, the "
                             f"encoder takes {self.width} x {self.height}: expected the same shape; train it with that "
                             "camera's pictures")
        return self


class EncoderManifest(Sealed):
    """The contract of a file ``encoder.s2r``."""

    kind: Literal["encoder"] = "encoder"
    encoder: EncoderSection

    @classmethod
    def _check_kind(cls, raw: dict[str, Any]) -> None:
        if raw.get("kind") != "encoder":
            raise BundleError("this is no encoder: a policy's bundle, or another kind of file; sim2real adapt makes "
                              "encoders")
