"""What the cameras of a simulated robot look at: the robot alone over a floor, or an arm at a table with a block."""

from __future__ import annotations

from sim2real.cameras import CameraModel
from sim2real.errors import BadInputError, unknown
from sim2real.robots import RobotDescription
from sim2real.simulators.layout import FIELD_OF_VIEW, overview
from sim2real.simulators.table_scene import table_scene
from sim2real.simulators.visual_scene import Thing, VisualScene

SCENES = ("bare", "table")
_GREY = (0.55, 0.55, 0.58, 1.0)


def camera_of(robot: RobotDescription, name: str) -> CameraModel:
    """The camera ``name`` of the description; one that it does not list sees the workspace, 160 x 120 pixels.

    Raises:
        RobotDescriptionError: Its entry cannot be used; names the field.
    """
    listed = CameraModel.of(robot, name)
    if listed is not None:
        return listed
    if robot.kind == "arm":
        eye, target = overview(robot)
    else:
        from sim2real.simulators.drone_scene import view

        eye, target = view(robot, "overview")
    return CameraModel.looking_at(name, eye, target, fovy=FIELD_OF_VIEW)


def robot_scene(scene: str, robot: RobotDescription, *cameras: CameraModel) -> VisualScene:
    """The scene of that name, one of ``SCENES``, seen by ``cameras``.

    Raises:
        BadInputError: An unknown scene, or a drone at a table.
    """
    if scene == "table":
        return table_scene(robot, *cameras)
    if scene != "bare":
        raise BadInputError(unknown("scene", scene, SCENES))
    return VisualScene(cameras, (Thing("floor", "box", (12.0, 12.0, 0.02), (0.0, 0.0, -0.01), rgba=_GREY),), robot)
