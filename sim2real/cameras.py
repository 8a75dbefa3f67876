"""Cameras: pinholes with lens distortion, mounted on a link or standing in the world.

Frames: the optical frame has z forward, x right and y down, as in ROS and OpenCV. Distortion is OpenCV's "plumb bob"
model (k1, k2, p1, p2, k3) (Brown 1966).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sim2real import rotations
from sim2real.errors import BadInputError, RobotDescriptionError, unknown
from sim2real.robots import RobotDescription
from sim2real.units import quantity

_DEFAULT_SIZE = 160, 120  # [pixels]
_DEFAULT_FOV = 45.0  # [deg], vertical
_MAX_PIXELS = 8192
_MAX_FRAME = 4096  # [pixels] that are drawn
_COEFFICIENTS = 5


@dataclass(frozen=True)
class CameraModel:
    """One camera.

    Attributes:
        name: Unique within a robot or a scene.
        width, height: In [pixels].
        fx, fy: Focal lengths in [pixels].
        cx, cy: Principal point in [pixels], from the outer corner of the upper left pixel.
        distortion: k1, k2, p1, p2, k3; () is none.
        link: The link that it is mounted on; "": it stands in the world, or in the robot's base frame.
        position: Of its optical frame there in [m].
        quaternion: (w, x, y, z) of its optical frame there.
    """

    name: str
    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()
    link: str = ""
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)

    @classmethod
    def looking_at(cls, name: str, eye: np.ndarray, target: np.ndarray, *, width: int = _DEFAULT_SIZE[0],
                   height: int = _DEFAULT_SIZE[1], fovy: float = _DEFAULT_FOV, roll: float = 0.0) -> CameraModel:
        """A camera without distortion at ``eye`` that sees ``target`` in its middle, upright but for ``roll`` [rad].

        Args:
            name: Its name.
            eye, target: In the world in [m], (3,).
            width, height: In [pixels].
            fovy: Vertical field of view in [deg].
            roll: About its axis, clockwise in the picture of a scene that turns the other way.
        """
        eye, target = np.asarray(eye, float), np.asarray(target, float)
        forward = (target - eye) / np.linalg.norm(target - eye)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        if np.linalg.norm(right) < 1e-9:  # straight down or up: north is up in the picture
            right = np.array([0.0, -1.0, 0.0]) if forward[2] < 0 else np.array([0.0, 1.0, 0.0])
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(forward, right), forward], axis=1)
        turn = rotations.multiply(rotations.from_matrix(axes),
                                  np.array([math.cos(0.5 * roll), 0.0, 0.0, math.sin(0.5 * roll)]))
        focal = 0.5 * height / math.tan(math.radians(0.5 * fovy))
        return cls(name, width, height, focal, focal, 0.5 * width, 0.5 * height, (), "", tuple(eye.tolist()),
                   tuple(turn.tolist()))

    @classmethod
    def of(cls, robot: RobotDescription, name: str) -> CameraModel | None:
        """The camera ``name`` of a robot's description, None where it has none.

        Raises:
            RobotDescriptionError: Its entry cannot be used; names the field.
        """
        entry = next((e for e in robot.cameras if e.get("name") == name), None)
        if entry is None:
            return None
        camera = cls.from_entry(entry, f"robot {robot.name}, robot.yaml")
        links = [link.name for link in robot.model.links]
        if camera.link and camera.link not in links:
            raise RobotDescriptionError(f"robot {robot.name}, robot.yaml: field 'cameras.{name}.link': "
                                        f"{unknown('link', camera.link, links)}")
        return camera

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any], where: str) -> CameraModel:
        """A camera of one entry of ``cameras`` in a robot.yaml or a manifest.

        Fields: name, width, height [pixels]; fx, fy, cx, cy [pixels] (default: 45 degrees, the middle);
        distortion; link, position [m], rpy [rad] or quaternion.

        Raises:
            RobotDescriptionError: A field is wrong; ``where`` and the field are named.
        """
        name = str(entry.get("name", ""))

        def number(field: str, default: float) -> float:
            value = entry.get(field, default)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                raise RobotDescriptionError(f"{where}: field 'cameras.{name}.{field}': expected a number in pixels, "
                                            f"got {value!r}")
            return float(value)

        def size(field: str, default: int) -> int:
            value = number(field, default)
            if value != int(value) or not 1 <= value <= _MAX_PIXELS:
                raise RobotDescriptionError(f"{where}: field 'cameras.{name}.{field}': expected a whole number of "
                                            f"pixels from 1 to {_MAX_PIXELS}, got {entry.get(field)!r}")
            return int(value)

        width, height = size("width", _DEFAULT_SIZE[0]), size("height", _DEFAULT_SIZE[1])
        fy = number("fy", 0.5 * height / math.tan(math.radians(0.5 * _DEFAULT_FOV)))
        fx = number("fx", fy)
        if min(fx, fy) <= 0.0:
            raise RobotDescriptionError(f"{where}: field 'cameras.{name}.fy': focal lengths must be over zero, "
                                        f"got {fx:g} and {fy:g}")
        camera = cls(name, width, height, fx, fy, number("cx", 0.5 * width), number("cy", 0.5 * height),
                     _numbers(entry, "distortion", "1", None, name, where), str(entry.get("link", "")),
                     _numbers(entry, "position", "m", 3, name, where))
        if "quaternion" in entry:
            given = np.array(_numbers(entry, "quaternion", "1", 4, name, where))
            if abs(np.linalg.norm(given) - 1.0) > 1e-3:
                raise RobotDescriptionError(f"{where}: field 'cameras.{name}.quaternion': expected (w, x, y, z) of "
                                            f"length one, got {entry['quaternion']!r}")
            return replace(camera, quaternion=tuple((given / np.linalg.norm(given)).tolist()))
        rpy = _numbers(entry, "rpy", "rad", 3, name, where)
        return replace(camera, quaternion=tuple(rotations.from_rpy(np.array(rpy)).tolist()))

    def as_entry(self) -> dict[str, Any]:
        """Plain data from which ``from_entry`` makes an equal camera."""
        return {"name": self.name, "width": self.width, "height": self.height, "fx": self.fx, "fy": self.fy,
                "cx": self.cx, "cy": self.cy, "distortion": list(self.distortion), "link": self.link,
                "position": list(self.position), "quaternion": list(self.quaternion)}

    @property
    def matrix(self) -> np.ndarray:
        """K, shape (3, 3)."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def resized(self, width: int, height: int) -> CameraModel:
        """The same view in another number of pixels."""
        x, y = width / self.width, height / self.height
        return replace(self, width=width, height=height, fx=x * self.fx, cx=x * self.cx, fy=y * self.fy, cy=y * self.cy)

    def framed(self, height: int, width: int) -> CameraModel:
        """The same view in another number of rows; one that is wider or narrower sees more or less at the sides.

        Raises:
            BadInputError: Not 1 to 4096 pixels.
        """
        if not (1 <= height <= _MAX_FRAME and 1 <= width <= _MAX_FRAME):
            raise BadInputError(f"expected a picture of at most {(_MAX_FRAME, _MAX_FRAME)} (height, width), got "
                                f"{(height, width)}")
        scale = height / self.height
        return replace(self, width=width, height=height, fx=scale * self.fx, fy=scale * self.fy, cy=scale * self.cy,
                       cx=0.5 * width + scale * (self.cx - 0.5 * self.width))

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels (n, 2) of points (n, 3) in the frame that the camera stands in; NaN behind the camera."""
        q = np.broadcast_to(np.array(self.quaternion), (len(points), 4))
        x, y, z = rotations.rotate_inverse(q, np.asarray(points, float) - np.array(self.position)).T
        with np.errstate(divide="ignore", invalid="ignore"):
            seen = np.where(z > 0.0, z, np.nan)
            u, v = distort(x / seen, y / seen, self.distortion)
        return np.stack([self.fx * u + self.cx, self.fy * v + self.cy], axis=1)


def distort(x: np.ndarray, y: np.ndarray, coefficients: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Normalised image coordinates behind the lens of ideal ones: OpenCV's five-parameter model."""
    k1, k2, p1, p2, k3 = (*coefficients, *[0.0] * (_COEFFICIENTS - len(coefficients)))
    r2 = x * x + y * y
    radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
    return (x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x),
            y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y)


def _numbers(entry: Mapping[str, Any], field: str, unit: str, count: int | None, name: str, where: str
             ) -> tuple[float, ...]:
    """Numbers of a field: ``count`` of them, or up to five coefficients."""
    given = entry.get(field, (0.0,) * (count or 0))
    fits = isinstance(given, (list, tuple)) and (len(given) == count if count else len(given) <= _COEFFICIENTS)
    if not fits:
        wanted = f"{count} numbers in [{unit}]" if count else f"at most {_COEFFICIENTS} numbers (k1, k2, p1, p2, k3)"
        raise RobotDescriptionError(f"{where}: field 'cameras.{name}.{field}': expected {wanted}, got {given!r}")
    return tuple(quantity(value, unit) for value in given)
