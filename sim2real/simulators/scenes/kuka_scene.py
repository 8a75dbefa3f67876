"""The scene of public photographs: a KUKA arm behind a wooden table with one white cube (matwilso/domrand).

World frame: origin on the floor under the arm's base, z up, x from the camera to the arm, y to the left. Labels are the
cube's centre in the arm's frame, 0.6 m higher: x and y are the same in both.

What is published: table, base and camera's place. The rest is measured on photographs without their labels, see
``CAMERA`` and docs/photographs.md; what cannot be measured (colours, lights) is about right, and randomized.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from sim2real.camera_calibration import calibrate
from sim2real.cameras import CameraModel
from sim2real.errors import MissingDependencyError
from sim2real.robots import load_robot
from sim2real.simulators.scenes.visual_scene import Light, Thing, VisualScene

TABLE_HEIGHT, TABLE_THICKNESS = 0.89, 0.035  # [m]
TABLE_X, TABLE_Y = (-1.26, -0.5), (-0.61, 0.61)  # [m], from and to
BASE_HEIGHT = 0.6  # [m], of the arm's base
CUBE = 0.08  # [m], side
CUBE_HEIGHT = TABLE_HEIGHT + 0.5 * CUBE  # [m], of its centre: 0.33 m over the base, as the labels say
CAMERA_PLACE = (-1.75, 0.0, 1.62)  # [m], published with the photographs
TABLE_CORNERS = np.array([[x, y, TABLE_HEIGHT] for x, y in (  # back left, back right, front right, front left
    (TABLE_X[1], TABLE_Y[1]), (TABLE_X[1], TABLE_Y[0]), (TABLE_X[0], TABLE_Y[0]), (TABLE_X[0], TABLE_Y[1]))])
# Where they are in the photographs of 640 x 480 pixels: the four edges' lines, fitted to the steepest brightness along
# them in the median of all photographs, meet here; the front corners are outside of the picture.
CORNER_PIXELS = np.array([[80.34, 189.34], [537.67, 194.55], [700.99, 448.82], [-85.40, 451.84]])
# What ``kuka_camera`` makes of these corners: all within 1.4 pixels, the camera 4 cm off its published place.
CAMERA = CameraModel(
    "kinect", 640, 480, 543.0, 543.0, 320.0, 240.0, position=(-1.7420, 0.0169, 1.6524),
    quaternion=(0.30838, -0.62938, 0.63374, -0.32735))
UPPER = 0.2  # share of the picture's height over ``lower_part``
WHITE_TAPES, DARK_TAPES, DISTRACTORS = 16, 3, 4


def kuka_camera(corners: np.ndarray = CORNER_PIXELS) -> CameraModel:
    """The camera from the pixels (4, 2) of the table's corners in a picture of 640 x 480, in ``TABLE_CORNERS``' order.

    Raises:
        BadInputError: The pixels are not (4, 2).
    """
    guess = CameraModel.looking_at("kinect", np.array(CAMERA_PLACE), TABLE_CORNERS.mean(axis=0), width=640, height=480,
                                   fovy=48.0)
    return calibrate(guess, TABLE_CORNERS, corners)


def lower_part(camera: CameraModel) -> CameraModel:
    """``camera`` without the upper fifth of its picture, where no table is."""
    top = round(UPPER * camera.height)
    return replace(camera, height=camera.height - top, cy=camera.cy - top)


def kuka_scene(width: int = 160, height: int = 120, camera: CameraModel = CAMERA) -> VisualScene:
    """The scene, seen by ``camera`` in so many pixels.

    Raises:
        MissingDependencyError: pybullet_data, which has the arm, is not installed.
    """
    try:
        import pybullet_data
    except ImportError as error:
        raise MissingDependencyError("the arm's description is in pybullet_data: pip install 'sim2real[pybullet]'"
                                     ) from error
    arm = load_robot(Path(pybullet_data.getDataPath()) / "kuka_iiwa" / "model.urdf")
    middle = (0.5 * sum(TABLE_X), 0.5 * sum(TABLE_Y), TABLE_HEIGHT)
    return VisualScene(
        (camera.resized(width, height),), (*_room(), *_table(), *_tapes(), *_distractors()), arm,
        robot_position=(0.0, 0.0, BASE_HEIGHT),
        lights=(Light((-0.9, 0.3, 2.7), middle, 0.55),), ambient=0.5, background=(0.5, 0.55, 0.65),
        distractor_region=(TABLE_X, TABLE_Y, TABLE_HEIGHT), centre=middle, extent=2.0)


def _box(name: str, x: tuple[float, float], y: tuple[float, float], z: tuple[float, float],
         rgb: tuple[float, float, float], **rest) -> Thing:
    """A box from its sides."""
    sides = np.array([x, y, z])
    return Thing(name, "box", tuple((sides[:, 1] - sides[:, 0]).tolist()), tuple(sides.mean(axis=1).tolist()),
                 rgba=(*rgb, 1.0), **rest)


def _room() -> list[Thing]:
    trim = {"rgb": (0.12, 0.14, 0.2), "group": "trim"}
    return [
        _box("floor", (-3.0, 1.5), (-1.3, 3.5), (-0.02, 0.0), (0.13, 0.15, 0.24), pattern="carpet"),
        _box("back_wall", (1.44, 1.5), (-1.3, 3.5), (0.0, 2.5), (0.66, 0.74, 0.9)),
        _box("side_wall", (-3.0, 1.5), (-1.26, -1.2), (0.0, 2.5), (0.55, 0.63, 0.82)),
        _box("skirting", (1.42, 1.44), (-1.2, 3.5), (0.0, 0.1), **trim),
        _box("post_left", (1.4, 1.44), (0.66, 0.74), (0.0, 2.5), **trim),
        _box("post_right", (1.4, 1.44), (0.39, 0.46), (0.0, 2.5), **trim),
        _box("cart", (-0.15, 0.28), (-0.44, 0.48), (0.5, BASE_HEIGHT), (0.68, 0.5, 0.38)),
        _box("metal_box", (0.05, 0.36), (-0.6, -0.28), (0.45, 0.75), (0.36, 0.38, 0.42)),
    ]


def _table() -> list[Thing]:
    below = TABLE_HEIGHT - TABLE_THICKNESS
    return [
        _box("table", TABLE_X, TABLE_Y, (below, TABLE_HEIGHT), (0.82, 0.74, 0.6), pattern="wood"),
        _box("frame", (TABLE_X[0] + 0.05, TABLE_X[1] - 0.05), (TABLE_Y[0] + 0.05, TABLE_Y[1] - 0.05),
             (below - 0.1, below), (0.1, 0.1, 0.1), group="trim"),
        Thing("cube", "box", (CUBE, CUBE, CUBE), (-0.88, 0.0, CUBE_HEIGHT), rgba=(0.95, 0.95, 0.94, 1.0)),
    ]


def _tapes() -> list[Thing]:
    """Flat markers on the table, in rows; perception puts them anywhere: they must not mean anything."""
    flat = {"z": (TABLE_HEIGHT, TABLE_HEIGHT + 0.001)}
    places = [(x, y) for x in np.linspace(-1.2, -0.56, 4) for y in np.linspace(-0.5, 0.5, 4)]
    white = [_box(f"white_tape_{k}", (x - 0.012, x + 0.012), (y - 0.016, y + 0.016), rgb=(0.9, 0.9, 0.9),
                  group="white_tape", **flat) for k, (x, y) in enumerate(places[:WHITE_TAPES])]
    dark = [_box(f"dark_tape_{k}", (-0.9, -0.87), (y - 0.02, y + 0.02), rgb=(0.05, 0.05, 0.07), group="dark_tape",
                 **flat) for k, y in enumerate(np.linspace(-0.4, 0.4, DARK_TAPES))]
    return [*white, *dark]


def _distractors() -> list[Thing]:
    shapes = [("sphere", (0.025,)), ("cylinder", (0.03, 0.05)), ("box", (0.14, 0.05, 0.02)), ("cylinder", (0.02, 0.12))]
    return [Thing(f"distractor_{k}", kind, size, (-0.6 - 0.15 * k, 0.4, TABLE_HEIGHT + 0.02), distractor=True,
                  rgba=(0.3, 0.4, 0.7, 1.0)) for k, (kind, size) in enumerate(shapes[:DISTRACTORS])]


def nominal_values(scene: VisualScene) -> np.ndarray:
    """The row of values (P,) that is the scene as photographed: an orange arm."""
    values = scene.space.nominal.copy()
    for name, value in (("mix", 1.0), ("red", 0.72), ("green", 0.24), ("blue", 0.06)):
        values[scene.space.column(f"color_{name}.robot")] = value
    return values
