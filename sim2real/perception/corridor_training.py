"""Training of ``corridor``: renders of random corridors become an encoder with free distances as its prediction."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sim2real.adaptation.export import golden_vectors, to_onnx
from sim2real.deployment.encoder import write_encoder
from sim2real.errors import BadInputError, unknown
from sim2real.perception.corridor import (
    Predictor,
    TrainingConfig,
    collision_auc,
    draw_views,
    train_predictor,
    training_plan,
)
from sim2real.perception.flight import HEADINGS
from sim2real.perception.training import RANDOMIZATIONS
from sim2real.randomization.visual import draw_frames
from sim2real.simulators.painting.paint_pool import PaintPool
from sim2real.simulators.scenes.corridor_scene import CAMERA, camera, corridor_scene

LEAST_IMAGES, MOST_IMAGES = 256, 200_000
_TEST_IMAGES, _EACH = 400, 8
_RENDER_SHARE = 0.3  # of the time, as the progress bar has it
Progress = Callable[[float, str], object]


@dataclass(frozen=True)
class CorridorConfig:
    """What to train; the encoder's manifest keeps it.

    Attributes:
        images: Number of rendered pictures.
        randomization: A key of ``RANDOMIZATIONS``: whether the scene and whether the images are randomized.
        epochs: Passes over them.
        seed: Everything random follows from it.
        workers: Processes that render; default: one a core.
    """

    images: int = 10_000
    randomization: str = "default"
    epochs: int = 16
    seed: int = 0
    workers: int = 0

    def check(self) -> None:
        """Raise BadInputError where something cannot be carried out."""
        if self.randomization not in RANDOMIZATIONS:
            raise BadInputError(f"--randomization: {unknown('choice', self.randomization, RANDOMIZATIONS)}")
        if not LEAST_IMAGES <= self.images <= MOST_IMAGES or self.epochs < 1:
            raise BadInputError(f"expected {LEAST_IMAGES} to {MOST_IMAGES} images and at least 1 epoch, got "
                                f"{self.images} and {self.epochs}")


@dataclass(frozen=True)
class Trained:
    """What training gave: the predictor, its configuration, and plain figures about it."""

    predictor: Predictor
    config: CorridorConfig
    report: dict[str, Any]


def train(config: CorridorConfig, progress: Progress = lambda done, text: None) -> Trained:
    """Render, train and measure on renders of corridors that training has not seen.

    Raises:
        BadInputError: A configuration that cannot be carried out.
    """
    config.check()
    torch.set_num_threads(1)
    begin, total = time.perf_counter(), config.images + _TEST_IMAGES
    views = draw_views(total, config.seed, each=_EACH)
    scene = corridor_scene()
    varied, effects = RANDOMIZATIONS[config.randomization]
    looks = draw_frames(training_plan(scene), scene.space, np.arange(total), config.seed) if varied else None
    with PaintPool("mujoco", scene, config.workers, shadows="none", samples=0) as pool:
        images = pool.render(CAMERA, views.poses, looks,
                             lambda done: progress(_RENDER_SHARE * done / total, "rendering"))
    settings = TrainingConfig(epochs=config.epochs, effects=effects, seed=config.seed)
    predictor = train_predictor(images[:config.images], views.free[:config.images], settings,
                                lambda done: progress(_RENDER_SHARE + (1.0 - _RENDER_SHARE) * done, "learning"))
    kept = -(-config.images // _EACH) * _EACH  # the last corridor of training may go on after it
    predicted, free = predictor(images[kept:]), views.free[kept:]
    report = {"images": config.images, "test_images": len(free), "auc": round(collision_auc(free, predicted), 4),
              "error_mean_m": round(float(np.abs(predicted - free).mean()), 4),
              "seconds": round(time.perf_counter() - begin, 1)}
    return Trained(predictor, config, report)


def save(trained: Trained, path: str | Path) -> None:
    """Write the encoder to ``path``, whole or not at all: its labels are the headings in [deg], left is positive.

    Raises:
        BundleError: The network cannot be written as it is.
        StorageError: The file cannot be written.
    """
    network = trained.predictor.network
    config = {name: value for name, value in asdict(trained.config).items() if name != "workers"}
    write_encoder(path, to_onnx(network), labels=[f"free_{math.degrees(heading):+.0f}" for heading in HEADINGS],
                  unit="m", camera=camera().as_entry(), training={"task": "corridor", **config, **trained.report},
                  golden=golden_vectors(network), versions={"torch": torch.__version__})
