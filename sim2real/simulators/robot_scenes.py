"""What the cameras of a simulated robot look at: the robot alone over a floor, or an arm at a table with a block."""

from __future__ import annotations

from sim2real.cameras import CameraModel
from sim2real.errors import BadInputError
from sim2real.robots import RobotDescription
from sim2real.simulators.layout import FIELD_OF_VIEW, overview
from sim2real.simulators.visual_scene import Light, Thing, VisualScene

SCENES = ("bare", "table")
BLOCK = "block"
BLOCK_SIZE = 0.05  # [m], each way
_TABLE_HEIGHT = 0.74  # [m] of the table's top over the floor
_GREY, _WOOD, _RED = (0.55, 0.55, 0.58, 1.0), (0.80, 0.66, 0.46, 1.0), (0.80, 0.12, 0.10, 1.0)


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
        raise BadInputError(f"unknown scene {scene!r}; known: {', '.join(SCENES)}")
    return VisualScene(cameras, (Thing("floor", "box", (12.0, 12.0, 0.02), (0.0, 0.0, -0.01), rgba=_GREY),), robot)


def table_scene(robot: RobotDescription, *cameras: CameraModel) -> VisualScene:
    """``robot`` on a table, whose top is the plane z = 0, and a red block that ``Poses`` place; for ``visual-reach``.

    Raises:
        BadInputError: It is no arm.
    """
    if robot.kind != "arm":
        raise BadInputError(f"the scene table is for arms, which {robot.name} is not")
    reach = robot.goal.radius[1]
    centre = (0.65 * reach, 0.0, 0.0)
    things = (
        Thing("floor", "box", (12.0, 12.0, 0.02), (0.0, 0.0, -_TABLE_HEIGHT - 0.01), rgba=_GREY),
        Thing("table", "box", (2.4 * reach, 3.2 * reach, 0.04), (0.5 * reach, 0.0, -0.02), rgba=_WOOD),
        Thing(BLOCK, "box", (BLOCK_SIZE,) * 3, (*centre[:2], 0.5 * BLOCK_SIZE), rgba=_RED))
    return VisualScene(cameras, things, robot, lights=(Light((1.0, -1.5, 3.0), centre),), centre=centre,
                       extent=3.0 * reach, distractor_region=((0.2 * reach, 1.2 * reach), (-reach, reach), 0.0))
