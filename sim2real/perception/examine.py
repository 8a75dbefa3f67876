"""How far an encoder of ``locate`` is off on images of a twin: another renderer, with a shift that has a name."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.deployment.encoder import EncoderFile, load_encoder
from sim2real.errors import BundleError, Sim2RealError
from sim2real.perception.domains import twin
from sim2real.perception.locate import LABELS, Locate, robot_of, summary

_SEED = 3_000_017  # added to the caller's, for other frames than those of training
_CHUNK = 128
MOST_EPISODES = 100_000


def examine(path: str | Path, engine: str = "pybullet", episodes: int = 200, seed: int = 0, shift: str = "full", *,
            workers: int = 0, progress: Callable[[int], object] | None = None) -> dict[str, Any]:
    """Errors of the encoder at ``path`` on ``episodes`` images of a twin, each with the block elsewhere.

    Args:
        path: As of ``sim2real perceive``.
        engine: That draws the twin.
        episodes: Number of images.
        seed: Places, poses of the arm and noise follow from it.
        shift: The twin's name, see ``domains.TWINS``.
        workers: Processes that render; default: one a core.
        progress: Called with the number of images that are done.

    Returns:
        Plain data: error_mean_m, error_median_m, error_p95_m, the shift in words and what else there is to say.

    Raises:
        BundleError: No encoder, or one of another task.
        BadInputError: An unknown engine or twin, or no or too many episodes.
    """
    begin, file = time.perf_counter(), load_encoder(path)
    task, domain = task_of(file), replace(twin(shift), engine=engine)
    frames = task.render(domain, episodes, seed + _SEED, workers=workers, progress=progress)
    prediction = np.concatenate([file.encoder(frames.images[k:k + _CHUNK]) for k in range(0, episodes, _CHUNK)])
    middle = np.tile(frames.labels.mean(axis=0), (episodes, 1))
    return {"encoder": str(path), "engine": engine, "episodes": episodes, "twin": domain.name, "shift": domain.shift,
            **summary(prediction, frames.labels), "error_of_the_mean_m": summary(middle, frames.labels)["error_mean_m"],
            "seconds": round(time.perf_counter() - begin, 1)}


def task_of(file: EncoderFile) -> Locate:
    """The task that an encoder was trained for, with its own camera.

    Raises:
        BundleError: It is of another task, or its robot or camera is not here any more.
    """
    said = file.manifest.encoder
    training = said.training
    if tuple(said.labels) != LABELS or not isinstance(training.get("task"), str) or said.camera is None:
        raise BundleError(f"expected an encoder of the task locate, got one of {', '.join(said.labels)}; only those "
                          "that sim2real perceive made can be evaluated")
    try:
        task = Locate.of(robot_of(training["task"], training.get("robot")), said.camera.name, said.width)
    except Sim2RealError as error:
        raise BundleError(f"the encoder's task cannot be set up here: {error}") from error
    if said.camera.model_dump() != task.camera_entry() or task.size[1] != said.height:
        raise BundleError(f"camera {said.camera.name} is another one now than the encoder was trained with; train it "
                          "again")
    return task
