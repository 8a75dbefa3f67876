"""What the cameras of a robot's description see, one picture at a time, drawn by MuJoCo whatever engine simulates.

A camera is a pinhole with square pixels and its axis through the middle of the picture; lens distortion is not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from sim2real import rotations
from sim2real.errors import MissingDependencyError, RobotDescriptionError, unknown
from sim2real.robots import RobotDescription
from sim2real.simulators import drone_scene, scene
from sim2real.simulators.layout import FIELD_OF_VIEW
from sim2real.simulators.mujoco_render import prepare_opengl
from sim2real.types import RobotState
from sim2real.units import quantity

_DEFAULT_SIZE = 160, 120  # [pixels]
_MATTE = np.array([0.0, 1.0, 0.0, 0.0])  # half a turn about x: MuJoCo looks along -z with y up


@dataclass(frozen=True)
class View:
    """One camera.

    Attributes:
        width, height: In [pixels].
        focal: Focal length in [pixels].
        link: The link that it is mounted on; "": it looks at the workspace from outside.
        position, quaternion: Of its optical frame (z forward, x right, y down) in the link, (3,) in [m], (4,).
    """

    width: int
    height: int
    focal: float
    link: str = ""
    position: tuple[float, ...] = (0.0, 0.0, 0.0)
    quaternion: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0)


def view_of(robot: RobotDescription, name: str) -> View:
    """The camera ``name`` of the description; one that it does not list sees the workspace, 160 x 120 pixels.

    Raises:
        RobotDescriptionError: Its entry cannot be used; names the field.
    """
    entry: Mapping[str, Any] = next((e for e in robot.cameras if e.get("name") == name), {})
    width, height = int(entry.get("width", _DEFAULT_SIZE[0])), int(entry.get("height", _DEFAULT_SIZE[1]))
    focal = float(entry.get("fy", 0.5 * height / math.tan(math.radians(0.5 * FIELD_OF_VIEW))))
    if "link" not in entry:
        return View(width, height, focal)
    where = f"robot {robot.name}, robot.yaml: field 'cameras.{name}"
    links = [link.name for link in robot.model.links]
    if entry["link"] not in links:
        raise RobotDescriptionError(f"{where}.link': {unknown('link', entry['link'], links)}")
    position, rpy = (_three(entry, field, unit, where) for field, unit in (("position", "m"), ("rpy", "rad")))
    return View(width, height, focal, entry["link"], position, tuple(rotations.from_rpy(np.array(rpy)).tolist()))


def _three(entry: Mapping[str, Any], field: str, unit: str, where: str) -> tuple[float, ...]:
    values = entry.get(field, (0.0, 0.0, 0.0))
    if not isinstance(values, (list, tuple)) or len(values) != 3:
        raise RobotDescriptionError(f"{where}.{field}': expected three numbers in [{unit}], got {values!r}")
    return tuple(quantity(value, unit) for value in values)


class Studio:
    """Draws one robot; made and used in one thread.

    Raises:
        MissingDependencyError: This machine has no OpenGL.
    """

    def __init__(self, robot: RobotDescription, size: tuple[int, int]):
        """``size``: Largest (width, height) that is asked for."""
        arm = robot.kind == "arm"
        self._model = scene.arm_model(robot) if arm else drone_scene.drone_model(robot)
        self._data = mujoco.MjData(self._model)
        self._joints = [self._model.joint(name).qposadr[0] for name in robot.joint_names] if arm else []
        self._overview = (self._model.cam_pos[0].copy(), self._model.cam_quat[0].copy())
        self._renderers: dict[tuple[int, int], mujoco.Renderer] = {}
        self._model.vis.global_.offwidth, self._model.vis.global_.offheight = size
        self._model.vis.quality.offsamples, self._model.vis.quality.shadowsize = 1, 0  # software draws it: be quick
        try:
            prepare_opengl()
            self._renderer((size[1], size[0]))
        except (ImportError, AttributeError, RuntimeError, mujoco.FatalError) as error:
            raise MissingDependencyError("the twin's cameras need OpenGL without a screen: install the Debian packages "
                                         f"libegl1, libopengl0 and libgl1-mesa-dri ({error})") from error

    def draw(self, view: View, state: RobotState) -> np.ndarray:
        """The picture (height, width, 3) uint8 of a camera at a state of one robot."""
        model, data = self._model, self._data
        if self._joints:
            data.qpos[self._joints] = state.joint_position[0]
        else:
            data.qpos[:3], data.qpos[3:7] = state.position[0], state.quaternion[0]
        model.cam_fovy[0] = math.degrees(2.0 * math.atan(0.5 * view.height / view.focal))
        if view.link:
            model.cam_bodyid[0] = model.body(view.link).id
            model.cam_pos[0] = view.position
            model.cam_quat[0] = rotations.multiply(np.array(view.quaternion), _MATTE)
        else:
            model.cam_bodyid[0] = 0
            model.cam_pos[0], model.cam_quat[0] = self._overview
        mujoco.mj_kinematics(model, data)
        mujoco.mj_camlight(model, data)
        renderer = self._renderer((view.height, view.width))
        for _ in range(2):  # MuJoCo lays an endless floor around the camera that the scene had before
            renderer.update_scene(data, 0)
        return renderer.render()

    def _renderer(self, size: tuple[int, int]) -> mujoco.Renderer:
        if size not in self._renderers:
            self._renderers[size] = mujoco.Renderer(self._model, *size)
        return self._renderers[size]

    def close(self) -> None:
        """Free what the pictures were drawn with."""
        for renderer in self._renderers.values():
            renderer.close()
