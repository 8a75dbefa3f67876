"""``locate``: the position of a block on a table from one camera image, learned from rendered images alone.

Tobin et al. 2017, "Domain randomization for transferring deep neural networks from simulation to the real world": a
network that has seen enough different renders takes reality for one more. With unlabelled images of the target
``sim2real.adaptation`` aligns the features as well (Tzeng et al. 2014 and others).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sim2real.cameras import CameraModel
from sim2real.errors import BadInputError, TaskError
from sim2real.perception.dataset import Frames, Placing, render_dataset
from sim2real.perception.domains import PLAIN, Domain, randomized
from sim2real.robots import RobotDescription, load_robot
from sim2real.simulators.scenes.table_scene import BLOCK, FRONT, table_scene, workspace
from sim2real.simulators.scenes.visual_scene import VisualScene

NAME = "locate"
LABELS, UNIT = ("block_x", "block_y"), "m"
WIDTH, LEAST_WIDTH = 96, 32  # [pixels]
CLOSE = "close"
_MARGIN = 0.02  # [m] beyond where the block may lie, so that a place at its border is no exception
_EDGE = 0.048, 0.062  # [m] of blocks
_JOINT_SPREAD = 0.4  # [rad]
_REACHING = 0.5  # share of images in which the arm is on its way, or there


@dataclass(frozen=True)
class Locate:
    """The task of one robot.

    Attributes:
        robot: An arm.
        scene: Its table with the block, seen by one camera in as many pixels as the encoder takes.
        placing: Where the block and the arm are.
    """

    robot: RobotDescription
    scene: VisualScene
    placing: Placing

    @classmethod
    def of(cls, robot: RobotDescription, camera: str = "", width: int = WIDTH) -> Locate:
        """The task of an arm.

        Args:
            robot: The arm.
            camera: One of its description's, or "front", "close" or "overview"; default: its description's first, or
                "front".
            width: Of the encoder's images in [pixels]; their shape is the camera's.

        Raises:
            BadInputError: A drone, no such camera, or too few or too many pixels.
        """
        scene = _scene(robot)
        names = [str(entry.get("name")) for entry in robot.cameras]
        model = scene.camera(camera or (names[0] if names else FRONT))
        if not LEAST_WIDTH <= width <= model.width:
            raise BadInputError(f"expected a width of {LEAST_WIDTH} to {model.width} pixels, which camera {model.name} "
                                f"has, got {width}")
        scene = scene.with_cameras(model.resized(width, round(width * model.height / model.width)))
        (x_low, x_high), (y_low, y_high) = workspace(robot)
        region = x_low - _MARGIN, x_high + _MARGIN, y_low - _MARGIN, y_high + _MARGIN
        return cls(robot, scene, Placing(BLOCK, region, _EDGE, _JOINT_SPREAD, _REACHING))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the images in [pixels]."""
        return self.scene.cameras[0].width, self.scene.cameras[0].height

    def source(self, randomize: bool) -> Domain:
        """What training images look like: randomized, or plain."""
        return randomized(self.scene, BLOCK) if randomize else PLAIN

    def render(self, domain: Domain, count: int, seed: int, **options: Any) -> Frames:
        """Labelled images: see ``render_dataset``."""
        return render_dataset(self.scene, self.placing, domain, count, seed, **options)

    def camera_entry(self) -> dict[str, Any]:
        """The camera as a robot's description has it, in its own number of pixels."""
        return _scene(self.robot).camera(self.scene.cameras[0].name).as_entry()


def close_camera(robot: RobotDescription) -> CameraModel:
    """The camera "close": opposite the arm as "front", but nearer, so that the workspace fills the picture; 128 x 96
    pixels, 40 degrees, 0.95 m from the middle of a UR5e's workspace."""
    scale = workspace(robot)[1][1] / 0.3
    eye, target = scale * np.array([1.15, 0.0, 0.65]), scale * np.array([0.3375, 0.0, 0.0])
    return CameraModel.looking_at(CLOSE, eye, target, width=128, height=96, fovy=40.0)


def _scene(robot: RobotDescription) -> VisualScene:
    scene = table_scene(robot)
    own = [camera for camera in scene.cameras if camera.name != CLOSE]
    described = [camera for camera in scene.cameras if camera.name == CLOSE]
    return scene.with_cameras(*own, *(described or [close_camera(robot)]))


def robot_of(task: str, robot: str | None = None) -> RobotDescription:
    """The robot of a task such as ``ur5e-locate``; ``locate`` with a path to another.

    Raises:
        TaskError: Another task.
        RobotDescriptionError: No such robot.
    """
    name, _, kind = task.rpartition("-")
    if kind != NAME or bool(name) == (robot is not None):
        raise TaskError(f"expected a task such as ur5e-{NAME}, or {NAME} with --robot PATH, got {task!r}"
                        f"{' and --robot' if robot is not None else ''}")
    return load_robot(robot or name)


def summary(prediction: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Distances in [m] between predicted and true positions, (n, 2) each: mean, median and 95th percentile."""
    distance = np.linalg.norm(np.asarray(prediction, float) - labels, axis=1)
    return {"error_mean_m": float(distance.mean()), "error_median_m": float(np.median(distance)),
            "error_p95_m": float(np.quantile(distance, 0.95))}
