"""Corridors as a scene that painters draw, seen by the camera of a drone.

Each frame is drawn about the drone: the scene's centre is below its camera, so that the lamps are where it flies, in
the world's directions. One scene with as many boxes as a corridor has slots shows all of them.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from sim2real import rotations
from sim2real.cameras import CameraModel
from sim2real.simulators.scenes.corridor_boxes import slots
from sim2real.simulators.scenes.corridors import Corridors
from sim2real.simulators.scenes.visual_scene import Light, Poses, Thing, VisualScene

CAMERA = "front"
WIDTH, HEIGHT, FIELD = 64, 48, math.radians(120.0)  # pixels, and the horizontal field of view
_OPTICAL = rotations.from_matrix(np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]))  # in the body
_LIGHT_HEIGHT = 1.2  # [m] of the middle between floor and ceiling
_COLORS = {"floor": (0.55, 0.5, 0.45, 1.0), "ceiling": (0.92, 0.92, 0.92, 1.0), "pillar": (0.75, 0.74, 0.72, 1.0),
           "furniture": (0.5, 0.4, 0.3, 1.0), "door": (0.45, 0.3, 0.2, 1.0), "board": (0.3, 0.4, 0.55, 1.0)}
_WALL = (0.86, 0.85, 0.8, 1.0)


def camera(width: int = WIDTH, height: int = HEIGHT) -> CameraModel:
    """The drone's camera: it looks ahead from the drone's centre, 120 degrees wide."""
    focal = 0.5 * width / math.tan(0.5 * FIELD)
    return CameraModel(CAMERA, width, height, focal, focal, 0.5 * width, 0.5 * height)


def corridor_scene(model: CameraModel | None = None, textures: Path | None = None) -> VisualScene:
    """The scene; ``textures`` is a folder of pictures for ``texture_kind`` 6."""
    things = tuple(Thing(name, "box", (1.0, 1.0, 1.0), group=group, rgba=_COLORS.get(group, _WALL))
                   for name, group in slots())
    # lamps cast no shadows: those at the drone's place would light no other segment
    lamps = (Light((0.4, 0.3, 2.1), (0.0, 0.0, _LIGHT_HEIGHT), 0.6, False),
             Light((-0.4, -0.3, 2.1), (0.0, 0.0, _LIGHT_HEIGHT), 0.6, False))
    return VisualScene((model or camera(),), things, lights=lamps, ambient=0.45, centre=(0.0, 0.0, _LIGHT_HEIGHT),
                       extent=3.0, texture_folder=textures)


def corridor_poses(corridors: Corridors, position: np.ndarray, yaw: np.ndarray, roll: np.ndarray | float = 0.0,
                   pitch: np.ndarray | float = 0.0) -> Poses:
    """Frames of drones at ``position`` (n, 3) [m] with these angles (n,) [rad], one in each of ``n`` corridors."""
    n = len(position)
    off = np.concatenate([position[:, :2], np.zeros((n, 1))], axis=1)
    attitude = rotations.from_rpy(np.stack(np.broadcast_arrays(roll, pitch, yaw), axis=1))
    view = np.concatenate([position - off, rotations.multiply(attitude, _OPTICAL)], axis=1)
    turn = np.zeros((*corridors.yaw.shape, 4))
    turn[..., 0], turn[..., 3] = np.cos(0.5 * corridors.yaw), np.sin(0.5 * corridors.yaw)
    poses = np.concatenate([corridors.centre - off[:, None], turn], axis=2)
    names = [name for name, _ in slots()]
    return Poses(n, places=dict(zip(names, poses.transpose(1, 0, 2), strict=True)),
                 sizes=dict(zip(names, corridors.size.transpose(1, 0, 2), strict=True)), cameras={CAMERA: view})
