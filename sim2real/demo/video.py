"""A short film of a twin under the deployed policy, with its goal drawn in."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim2real.deployment.bundle import Bundle
from sim2real.evaluation.rollout import run_episodes
from sim2real.evaluation.twins import SEED, TwinPlan
from sim2real.files import atomic_path
from sim2real.robots import RobotDescription
from sim2real.simulators import Simulator, make_simulator
from sim2real.simulators.scenes.robot_scene import overview_camera
from sim2real.tasks import Task

_GOAL, _INK = (209, 73, 62), (34, 48, 58)


def write_gif(bundle: Bundle, engine: str, seeds: np.ndarray, path: Path, *, size: tuple[int, int] = (270, 360),
              frames_per_second: float = 12.5) -> None:
    """Episodes of ``bundle`` on twins, one after the other, as one animated picture.

    Args:
        bundle: The deployed policy.
        engine: An engine that can render.
        seeds: Seeds of the episodes, shape (n,).
        path: GIF file to write.
        size: Height and width in pixels.
        frames_per_second: Of the picture; simulated time passes at its real pace.
    """
    every = max(1, round(1.0 / (bundle.robot.control_period * frames_per_second)))
    frames: list = []
    with make_simulator(engine, bundle.robot, 1, seed=SEED) as simulator:
        for seed in seeds:
            film = _Film(bundle.task, frames, every, size, f"twin in {engine}, seed {seed}")
            run_episodes(bundle, engine, np.array([seed]), TwinPlan(), simulator=simulator, on_step=film)
    with atomic_path(path) as temporary:
        frames[0].save(temporary, format="GIF", save_all=True, append_images=frames[1:], loop=0, optimize=True,
                       duration=round(1e3 * every * bundle.robot.control_period))


class _Film:
    """Takes a picture at every ``every``-th step of one episode."""

    def __init__(self, task: Task, frames: list, every: int, size: tuple[int, int], title: str):
        self._task, self._frames, self._every, self._size, self._title = task, frames, every, size, title
        self._count = 0

    def __call__(self, simulator: Simulator, goal: np.ndarray) -> None:
        self._count += 1
        if self._count % self._every:
            return
        from PIL import Image, ImageDraw

        picture = Image.fromarray(simulator.render("overview", size=self._size)[0])
        draw = ImageDraw.Draw(picture)
        x, y = project(simulator.robot, target(self._task, goal, simulator.time)[0], self._size)
        draw.ellipse([x - 4, y - 4, x + 4, y + 4], outline=_GOAL, width=2)
        error = self._task.error(simulator.true_state(), goal, simulator.time)[0]
        text = f"{self._title}   {simulator.time[0]:.1f} s   error {1e3 * error:.0f} mm"
        draw.text((8, self._size[0] - 18), text, fill=_INK)
        self._frames.append(picture.quantize(64))


def target(task: Task, goal: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Where the robot should be at ``time`` [s], shape (n, 3)."""
    return goal[:, :3] if task.robot.kind == "arm" else task.reference(goal, time)[0]


def project(robot: RobotDescription, point: np.ndarray, size: tuple[int, int]) -> tuple[float, float]:
    """Pixel (x, y) of a world point (3,) in the overview picture of ``size`` (height, width)."""
    x, y = overview_camera(robot).framed(*size).project(np.asarray(point, float)[None])[0]
    return float(x), float(y)
