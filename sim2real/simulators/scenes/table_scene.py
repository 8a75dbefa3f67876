"""An arm on a table with a block and some clutter, as a camera opposite sees them.

The table's top is the plane z = 0 that the arm stands on: what collides with the floor in a simulator collides with it.
"""

from __future__ import annotations

import numpy as np

from sim2real.cameras import CameraModel
from sim2real.errors import BadInputError
from sim2real.robots import RobotDescription
from sim2real.simulators.layout import FIELD_OF_VIEW
from sim2real.simulators.scenes.robot_scene import cameras_of
from sim2real.simulators.scenes.visual_scene import Light, Thing, VisualScene, half_height

BLOCK = "block"
BLOCK_SIZE = 0.06  # [m]
FRONT = "front"
_SIZE = 128, 96  # [pixels] of the camera "front"
_HEIGHT = 0.74  # [m] of the table's top over the floor
_REACH = 0.6  # [m] of the arm that the lengths here were chosen for; others scale them
_WOOD, _RED = (0.80, 0.66, 0.46, 1.0), (0.80, 0.12, 0.10, 1.0)
_GREY, _WALL = (0.55, 0.55, 0.58, 1.0), (0.84, 0.84, 0.80, 1.0)
_CLUTTER = (("box", (0.05, 0.09, 0.07), (0.35, 0.30), (0.15, 0.35, 0.70, 1.0)),
            ("sphere", (0.04,), (0.62, -0.24), (0.90, 0.75, 0.20, 1.0)),
            ("cylinder", (0.035, 0.10), (0.25, -0.33), (0.20, 0.55, 0.30, 1.0)),
            ("capsule", (0.025, 0.06), (0.66, 0.20), (0.55, 0.30, 0.60, 1.0)))


def workspace(robot: RobotDescription | None) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where on the table the block may lie: x and y from, to, in [m]; within the arm's reach and the view of "front".
    """
    scale = _scale(robot)
    return (0.30 * scale, 0.60 * scale), (-0.30 * scale, 0.30 * scale)


def front_camera(robot: RobotDescription | None, width: int = _SIZE[0], height: int = _SIZE[1]) -> CameraModel:
    """The camera "front": opposite the arm, 1.3 m from the middle of a UR5e's workspace, 35 degrees up."""
    (x_low, x_high), _ = workspace(robot)
    target = np.array([0.5 * (x_low + x_high), 0.0, 0.05 * _scale(robot)])
    away = 1.3 * _scale(robot) * np.array([np.cos(np.radians(35.0)), 0.0, np.sin(np.radians(35.0))])
    return CameraModel.looking_at(FRONT, target + away, target, width=width, height=height, fovy=FIELD_OF_VIEW)


def table_scene(robot: RobotDescription | None, *cameras: CameraModel) -> VisualScene:
    """A table with a red block of 6 cm ("block"), four distractors, a floor and two walls.

    Args:
        robot: An arm, which stands on the table; None leaves it out.
        cameras: Default: "front", with an arm "overview" too, and those of its description.

    Raises:
        BadInputError: A drone.
    """
    if robot is not None and robot.kind != "arm":
        raise BadInputError(f"the table scene needs an arm, {robot.name} is a {robot.kind}; take the robot's own scene")
    scale, half = _scale(robot), 0.5 * BLOCK_SIZE
    (x_low, x_high), _ = workspace(robot)
    centre = (0.5 * (x_low + x_high), 0.0, 0.0)
    cameras = cameras or _default_cameras(robot)
    table = (1.3 * scale, 1.5 * scale, _HEIGHT)
    things = (
        Thing("floor", "box", (8.0, 8.0, 0.02), (0.0, 0.0, -_HEIGHT - 0.01), rgba=_GREY),
        Thing("wall", "box", (0.05, 8.0, 4.0), (-1.5, 0.0, 2.0 - _HEIGHT), rgba=_WALL),
        Thing("side_wall", "box", (8.0, 0.05, 4.0), (0.0, 2.0, 2.0 - _HEIGHT), rgba=_WALL, group="wall"),
        Thing("table", "box", table, (0.35 * scale, 0.0, -0.5 * _HEIGHT), rgba=_WOOD, pattern="wood"),
        Thing(BLOCK, "box", (BLOCK_SIZE,) * 3, (*centre[:2], half), rgba=_RED),
        *(Thing(f"distractor{k}", kind, size, (scale * x, scale * y, float(half_height(kind, size))), rgba=color,
                distractor=True) for k, (kind, size, (x, y), color) in enumerate(_CLUTTER)))
    return VisualScene(cameras, things, robot, lights=(Light((1.0, -1.5, 2.5), centre),), centre=centre,
                       extent=2.0 * scale,
                       distractor_region=((0.15 * scale, 0.75 * scale), (-0.5 * scale, 0.5 * scale), 0.0))


def _default_cameras(robot: RobotDescription | None) -> tuple[CameraModel, ...]:
    """Those of the description and, where it has none of these names, "front" and "overview"."""
    if robot is None:
        return (front_camera(None),)
    others = cameras_of(robot)
    return others if FRONT in {camera.name for camera in others} else (front_camera(robot), *others)


def _scale(robot: RobotDescription | None) -> float:
    return 1.0 if robot is None else robot.goal.radius[1] / _REACH
