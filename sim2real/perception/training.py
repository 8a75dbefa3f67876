"""Training of ``locate``: rendered images become an encoder with the positions of the block as its prediction."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sim2real.adaptation.config import WEIGHTS, AlignConfig
from sim2real.adaptation.confusion import parse_method
from sim2real.adaptation.export import golden_vectors, to_onnx
from sim2real.adaptation.networks import ENCODERS, Network, make_network
from sim2real.adaptation.probe import domain_probe
from sim2real.adaptation.sources import load_images
from sim2real.adaptation.training import Trainer
from sim2real.deployment.encoder import write_encoder
from sim2real.errors import BadInputError, unknown
from sim2real.perception.dataset import Frames
from sim2real.perception.domains import twin
from sim2real.perception.locate import LABELS, UNIT, WIDTH, Locate, robot_of, summary
from sim2real.randomization.image_effects import ImageEffects

RANDOMIZATIONS = {"default": (True, True), "scene": (True, False), "images": (False, True), "none": (False, False)}
METHOD = "mmd"
LEAST_IMAGES = 256
_TEST_IMAGES, _TWIN_IMAGES = 500, 500
_TEST_SEED, _TWIN_SEED = 1_000_003, 2_000_003  # of other frames than those of any training, added to its seed
_ALIGN_RATE = 0.5  # of the learning rate
_STAGES = 0.1, 1.0  # of the objectives' weights: at full weight from the start all features may become one
_RENDER_SHARE = 0.4  # of the time, as the progress bar has it
Progress = Callable[[float, str], object]


@dataclass(frozen=True)
class LocateConfig:
    """What to train; the encoder's manifest keeps it.

    Attributes:
        task: Such as "ur5e-locate"; "locate" with ``robot``.
        robot: Path of another robot.
        camera, width: See ``Locate.of``.
        images: Number of rendered images.
        randomization: A key of ``RANDOMIZATIONS``: whether the scene and whether the images are randomized.
        real: Unlabelled images to align with: as of ``load_images``, or "twin:" and the name of a twin.
        method: Of alignment, see ``sim2real.adaptation.confusion``; default: ``METHOD``.
        encoder: A key of ``adaptation.networks.ENCODERS``. "fine" is fast and exact where the thing covers six pixels
            or more; where it is smaller it may learn nothing, and "deep" does.
        epochs, batch_size, learning_rate: Of the training.
        align_epochs: Of each stage of the alignment that follows it.
        seed: Everything random follows from it.
        cache: Folder of rendered images.
        workers: Processes that render; default: one a core.
    """

    task: str
    robot: str | None = None
    camera: str = ""
    width: int = WIDTH
    images: int = 12_000
    randomization: str = "default"
    real: str | None = None
    method: str | None = None
    encoder: str = "deep"
    epochs: int = 6
    align_epochs: int = 1
    batch_size: int = 64
    learning_rate: float = 1e-3
    seed: int = 0
    cache: str | None = None
    workers: int = 0

    def check(self) -> None:
        """Raise BadInputError where something cannot be carried out."""
        if self.randomization not in RANDOMIZATIONS:
            raise BadInputError(f"--randomization: {unknown('choice', self.randomization, RANDOMIZATIONS)}")
        if self.encoder not in ENCODERS:
            raise BadInputError(f"--encoder: {unknown('encoder', self.encoder, ENCODERS)}")
        if self.images < LEAST_IMAGES or min(self.epochs, self.align_epochs) < 1:
            raise BadInputError(f"expected at least {LEAST_IMAGES} images and 1 epoch, got {self.images} and "
                                f"{min(self.epochs, self.align_epochs)}")
        if self.method is not None and self.real is None:
            raise BadInputError("--method aligns with images of the target; give unlabelled ones with --real")
        parse_method(self.method or METHOD)


@dataclass(frozen=True)
class Located:
    """What training gave: the network, its task and configuration, and plain figures about it."""

    network: Network
    task: Locate
    config: LocateConfig
    report: dict[str, Any]


def train(config: LocateConfig, progress: Progress = lambda done, text: None) -> Located:
    """Render, train and measure on renders that training has not seen.

    Args:
        config: What to do.
        progress: Called with the share that is done, and words.

    Raises:
        BadInputError: A configuration that cannot be carried out, or images that cannot be used.
    """
    config.check()
    task = Locate.of(robot_of(config.task, config.robot), config.camera, config.width)
    begin, (scene, effects) = time.perf_counter(), RANDOMIZATIONS[config.randomization]
    target = target_images(config, task)
    source, total = task.source(scene), config.images + _TEST_IMAGES
    options = {"workers": config.workers, "cache": config.cache}
    frames = task.render(source, config.images, config.seed, **options,
                         progress=lambda done: progress(_RENDER_SHARE * done / total, "rendering"))
    tests = task.render(source, _TEST_IMAGES, config.seed + _TEST_SEED, **options)
    aligned = 1.0 if target is None else _RENDER_SHARE + 0.6 * (1.0 - _RENDER_SHARE)  # where alignment begins
    network = learn(frames, config, effects,
                    lambda done, text: progress(_RENDER_SHARE + (aligned - _RENDER_SHARE) * done, text))
    if target is not None:
        network = align(network, frames, target, config, effects,
                        lambda done, text: progress(aligned + (1.0 - aligned) * done, text))
    prediction, features = network.predict(tests.images)
    middle = np.tile(frames.labels.mean(axis=0), (len(tests), 1))
    report = {"images": len(frames), "test_images": len(tests), **summary(prediction, tests.labels),
              "error_of_the_mean_m": summary(middle, tests.labels)["error_mean_m"]}
    if target is not None:
        report["domain_accuracy"] = domain_probe(features, network.predict(target)[1], config.seed).accuracy
    return Located(network, task, config, {**report, "seconds": round(time.perf_counter() - begin, 1)})


def target_images(config: LocateConfig, task: Locate) -> np.ndarray | None:
    """Unlabelled images (n, height, width, 3) to align with, None without any."""
    if config.real is None:
        return None
    if config.real.startswith("twin:"):
        return task.render(twin(config.real.removeprefix("twin:")), _TWIN_IMAGES, config.seed + _TWIN_SEED,
                           workers=config.workers, cache=config.cache).images
    pixels = load_images(config.real, task.size).pixels
    return np.repeat(pixels, 3, axis=3) if pixels.shape[3] == 1 else pixels


def learn(frames: Frames, config: LocateConfig, effects: bool, progress: Progress = lambda done, text: None) -> Network:
    """A network for labelled ``frames``: the task alone."""
    torch.set_num_threads(1)
    torch.manual_seed(config.seed)
    height, width = frames.images.shape[1:3]
    network = make_network(config.encoder, height, width, 3, len(LABELS), False)
    settings = AlignConfig(method="source", encoder=config.encoder, epochs=config.epochs, batch_size=config.batch_size,
                           learning_rate=config.learning_rate, seed=config.seed)
    return _train(network, frames, None, settings, effects, progress)


def align(network: Network, frames: Frames, target: np.ndarray | None, config: LocateConfig, effects: bool,
          progress: Progress = lambda done, text: None) -> Network:
    """``network`` trained on with unlabelled images ``target`` (m, height, width, 3), so that its features of both
    domains are alike; None: trained on as long with ``frames`` alone, to compare.

    Alignment comes second: objectives on features that say nothing yet lead away from the task.
    """
    torch.set_num_threads(1)
    torch.manual_seed(config.seed)
    network = copy.deepcopy(network)
    for stage, share in enumerate(_STAGES):
        settings = AlignConfig(method="source" if target is None else config.method or METHOD,
                               encoder=config.encoder, epochs=config.align_epochs, batch_size=config.batch_size,
                               learning_rate=_ALIGN_RATE * config.learning_rate, seed=config.seed)
        settings = replace(settings, weights={name: share * WEIGHTS[name] for name in settings.objectives})
        network = _train(network, frames, target, settings, effects,
                         lambda done, text, stage=stage: progress((stage + done) / len(_STAGES), text))
    return network


def _train(network: Network, frames: Frames, target: np.ndarray | None, settings: AlignConfig, effects: bool,
           progress: Progress) -> Network:
    """The moving average after the last epoch: without labels of the target there is nothing to select by."""
    rows = np.arange(len(frames)), np.arange(0 if target is None else len(target))
    trainer = Trainer(network, settings, frames.images, frames.labels, target, rows,
                      augment=ImageEffects(seed=settings.seed).augment if effects else None)
    for epoch in range(settings.epochs):
        losses = trainer.epoch()
        progress((epoch + 1) / settings.epochs, ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items()))
    return trainer.average


def save(result: Located, path: str | Path) -> None:
    """Write the encoder to ``path``, whole or not at all.

    Raises:
        BundleError: The network cannot be written as it is.
        StorageError: The file cannot be written.
    """
    config = {name: value for name, value in vars(result.config).items() if name not in ("cache", "workers")}
    write_encoder(path, to_onnx(result.network), labels=LABELS, unit=UNIT, frame=result.task.robot.model.root,
                  camera=result.task.camera_entry(), training={**config, **result.report},
                  golden=golden_vectors(result.network), versions={"torch": torch.__version__})
