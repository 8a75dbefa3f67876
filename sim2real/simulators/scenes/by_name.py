"""Scenes by name: what a simulated robot's cameras look at."""

from __future__ import annotations

from collections.abc import Iterable

from sim2real.errors import BadInputError, unknown
from sim2real.robots import RobotDescription
from sim2real.simulators.scenes.robot_scene import overview_camera, robot_scene
from sim2real.simulators.scenes.table_scene import table_scene
from sim2real.simulators.scenes.visual_scene import VisualScene
from sim2real.visual_vocabulary import SCENES

_SIZE = 160, 120  # [pixels] of a camera that the robot's description does not have


def make_scene(name: str, robot: RobotDescription, cameras: Iterable[str] | None = None) -> VisualScene:
    """The scene of that name with ``robot`` in it.

    Args:
        name: "robot", alone over a floor, or "table", an arm at a table with a block.
        robot: The robot.
        cameras: Their names; one that the scene does not have sees the workspace. Default: all of the scene's.

    Raises:
        BadInputError: An unknown scene, or a drone at a table.
        RobotDescriptionError: A camera of the description cannot be used.
    """
    if name not in SCENES:
        raise BadInputError(unknown("scene", name, SCENES))
    scene = table_scene(robot) if name == "table" else robot_scene(robot)
    if cameras is None:
        return scene
    known = {camera.name: camera for camera in scene.cameras}
    return scene.with_cameras(*(known.get(camera) or overview_camera(robot, camera, *_SIZE) for camera in cameras))
