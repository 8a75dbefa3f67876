"""What a camera is expected to be, and whether its CameraInfo says so: at the start, and ever after."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sim2real.errors import RobotDescriptionError
from sim2real.robots import RobotDescription
from sim2real.ros.section_errors import one_line

TOLERANCE = 0.02  # of focal lengths, of the picture's size for the centre, absolute for distortion coefficients

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Focal = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
_Pixels = Annotated[int, Field(ge=1)]


class Intrinsics(BaseModel):
    """One entry of the robot description's ``cameras``; other fields there (extrinsics) are not looked at here.

    Attributes:
        name: The camera's.
        width, height: In [pixels].
        fx, fy: Focal lengths in [pixels].
        cx, cy: Principal point in [pixels].
        distortion_model: As in CameraInfo.
        distortion: Its coefficients; () is none.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    name: str
    width: _Pixels
    height: _Pixels
    fx: _Focal
    fy: _Focal
    cx: _Finite
    cy: _Finite
    distortion_model: str = "plumb_bob"
    distortion: tuple[_Finite, ...] = ()

    @classmethod
    def of(cls, robot: RobotDescription, name: str) -> Intrinsics | None:
        """The camera of that name in ``robot``'s description; None where it has none."""
        entries = [entry for entry in robot.cameras if entry.get("name") == name]
        if not entries:
            return None
        return cls.parse(entries[0], f"robot {robot.name}, robot.yaml")

    @classmethod
    def parse(cls, entry: Mapping[str, Any], where: str) -> Intrinsics:
        """One entry of ``cameras`` in ``where``; raises RobotDescriptionError with the field that is wrong."""
        try:
            return cls.model_validate(entry)
        except ValidationError as error:
            name = f"cameras.{entry.get('name')}"
            raise RobotDescriptionError(f"{where}: {one_line(error, cls, name)} (sizes and intrinsics in pixels)"
                                        ) from None


class InfoWatch:
    """Compares CameraInfo messages with the expected intrinsics, and with the first one that came.

    Attributes:
        seen: Whether one came.
        mismatch: How the first one differs from what was expected, one sentence, "" if it does not.
        changed: How a later one differs from the first, latched, "" if none does.
    """

    def __init__(self, expected: Intrinsics | None):
        self.seen = False
        self.mismatch = ""
        self.changed = ""
        self._expected = expected
        self._first: dict[str, Any] = {}

    def update(self, message: Any) -> None:
        """Take the next sensor_msgs/msg/CameraInfo."""
        values = _values(message)
        if not self.seen:
            self.seen, self._first = True, values
            self.mismatch = "" if self._expected is None else _compare(values, self._expected)
        elif not self.changed and values != self._first:
            name = next(key for key, value in values.items() if value != self._first[key])
            self.changed = (f"its CameraInfo changed while running: {name} was {_short(self._first[name])}, is "
                            f"{_short(values[name])}")


def _values(message: Any) -> dict[str, Any]:
    roi = message.roi
    return {"the size": (int(message.width), int(message.height)), "K": _numbers(message.k),
            "the distortion model": str(message.distortion_model), "D": _numbers(message.d),
            "binning": (max(1, int(message.binning_x)), max(1, int(message.binning_y))),
            "the region of interest": (int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height))}


def _numbers(values: Any) -> tuple[float | str, ...]:
    """As floats; NaN as text, which equals itself."""
    return tuple("nan" if math.isnan(x) else x for x in map(float, values))


def _compare(values: Mapping[str, Any], expected: Intrinsics) -> str:
    """How a CameraInfo differs from what is expected by more than the tolerance, "" if it does not."""
    size = expected.width, expected.height
    if values["the size"] != size:
        return _differs("the size", values["the size"], size)
    if not all(isinstance(x, float) and math.isfinite(x) for x in (*values["K"], *values["D"])):
        return "its CameraInfo holds numbers that are not finite; calibrate the camera"
    fx, _, cx, _, fy, cy = values["K"][:6]
    if fx == 0.0:
        return "its CameraInfo holds no calibration (K is zero); calibrate the camera"
    for name, value, target, scale in (("fx", fx, expected.fx, expected.fx), ("fy", fy, expected.fy, expected.fy),
                                       ("cx", cx, expected.cx, size[0]), ("cy", cy, expected.cy, size[1])):
        if abs(value - target) > TOLERANCE * scale:
            return _differs(name, value, target)
    count = max(len(values["D"]), len(expected.distortion))
    given, wanted = ((*d, *[0.0] * (count - len(d))) for d in (values["D"], expected.distortion))
    if any(abs(a - b) > TOLERANCE for a, b in zip(given, wanted, strict=True)):
        return _differs("D", values["D"], expected.distortion)
    if (any(given) or any(wanted)) and values["the distortion model"] != expected.distortion_model:
        return _differs("the distortion model", values["the distortion model"], expected.distortion_model)
    return ""


def _differs(name: str, value: Any, expected: Any) -> str:
    return (f"its CameraInfo differs from the robot description: {name} is {_short(value)}, expected "
            f"{_short(expected)}; set the driver to what the policy was trained with, or correct 'cameras'")


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return f"({', '.join(map(_short, value))})" if isinstance(value, tuple) else str(value)[:40]
