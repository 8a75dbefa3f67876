"""A robot alone over a floor, seen by its own cameras and by those that follow it from outside: what simulators draw.

Cameras: those of the description; "overview" sees the workspace; "chase" flies with a drone without turning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sim2real.cameras import CameraModel
from sim2real.robots import RobotDescription
from sim2real.simulators import drone_scene
from sim2real.simulators.drone import clearance
from sim2real.simulators.layout import BACKGROUND, FIELD_OF_VIEW, overview
from sim2real.simulators.scenes.visual_scene import Light, Poses, Thing, VisualScene
from sim2real.types import RobotState

OVERVIEW, CHASE = "overview", "chase"
_SIZE = 320, 240  # [pixels] of the cameras that are not the robot's
_FLOOR = 10.0  # its width over the scene's extent
_LIGHT = np.array([0.7, -1.0, 2.4])  # from the centre, over the extent
_PLACED = ("link", "position", "rpy", "quaternion")


def robot_scene(robot: RobotDescription) -> VisualScene:
    """The scene of ``robot``, an arm on the floor or a drone over it.

    Raises:
        RobotDescriptionError: A camera of the description cannot be used.
    """
    eye, centre = outside(robot)
    extent = float(np.linalg.norm(eye - centre)) * (1.0 if robot.kind == "arm" else 0.5)
    ground = -clearance(robot) if robot.kind == "drone" else 0.0
    thick = 0.01 * extent
    floor = Thing("floor", "box", (_FLOOR * extent, _FLOOR * extent, thick), (0.0, 0.0, ground - 0.5 * thick),
                  rgba=BACKGROUND)
    light = Light(tuple((centre + extent * _LIGHT).tolist()), tuple(centre.tolist()))
    return VisualScene(cameras_of(robot), (floor,), robot, lights=(light,), background=BACKGROUND[:3],
                       centre=tuple(centre.tolist()), extent=extent)


def cameras_of(robot: RobotDescription) -> tuple[CameraModel, ...]:
    """"overview", for a drone "chase", and the cameras of the description, which come before ours of these names.

    One that the description places nowhere stands where "overview" does.
    """
    ours = {OVERVIEW: overview_camera(robot)}
    if robot.kind == "drone":
        ours[CHASE] = CameraModel.looking_at(CHASE, *drone_scene.view(robot, CHASE), width=_SIZE[0], height=_SIZE[1],
                                             fovy=FIELD_OF_VIEW)
    described = {entry["name"]: _described(robot, entry) for entry in robot.cameras if "name" in entry}
    return tuple({**ours, **described}.values())


def overview_camera(robot: RobotDescription, name: str = OVERVIEW, width: int = _SIZE[0], height: int = _SIZE[1]
                    ) -> CameraModel:
    """A camera that sees the workspace."""
    return CameraModel.looking_at(name, *outside(robot), width=width, height=height, fovy=FIELD_OF_VIEW)


def outside(robot: RobotDescription) -> tuple[np.ndarray, np.ndarray]:
    """Eye and target of "overview" in [m], (3,) each."""
    return overview(robot) if robot.kind == "arm" else drone_scene.view(robot, OVERVIEW)


def _described(robot: RobotDescription, entry: Mapping[str, Any]) -> CameraModel:
    camera = CameraModel.of(robot, entry["name"])
    if any(field in entry for field in _PLACED):
        return camera
    there = overview_camera(robot)
    return replace(camera, position=there.position, quaternion=there.quaternion)


def robot_poses(robot: RobotDescription, state: RobotState) -> Poses:
    """Where the robot is in each row of ``state``, and the camera that follows a drone."""
    n = len(state)
    if robot.kind == "arm":
        return Poses(n, joints=state.joint_position)
    base = np.concatenate([state.position, state.quaternion], axis=1)
    if any(entry.get("name") == CHASE for entry in robot.cameras):
        return Poses(n, base=base)
    chase = next(camera for camera in cameras_of(robot) if camera.name == CHASE)
    follow = np.concatenate([state.position + chase.position, np.tile(chase.quaternion, (n, 1))], axis=1)
    return Poses(n, base=base, cameras={CHASE: follow})
