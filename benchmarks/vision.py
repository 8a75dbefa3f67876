"""Where a block is, trained in MuJoCo, tested on images of a twin that PyBullet's TinyRenderer draws (issue 4, item 6).

    python -m benchmarks.vision --json

Rows, each with three seeds, the same renders and the same network (``sim2real.perception.training``):

- plain: renders as the scene was described
- images: the same renders, the images randomized (exposure, noise, blur, ...)
- randomized: renders with everything randomized (textures, colours, lights, camera, distractors), and the images
- randomized+confusion: the same, features aligned with 500 unlabelled images of the twin (no label is used anywhere,
  nor to choose an epoch)
- oracle: labelled images of the twin itself

A number says nothing without the shift that it was measured under: each twin's is printed. ``domain_accuracy`` is the
accuracy of a fresh linear probe between features of renders and of twin images that no training has seen; 50 % is
aligned. Errors are on 600 twin images, the same for all rows.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

METHODS = ("plain", "images", "randomized", "randomized+confusion", "oracle")
ALIGNED, ORACLE = "randomized+confusion", "oracle"
UNLABELLED, TESTS = 500, 600
_SEEDS = {"train": 11, "twin": 21, "test": 31}  # of the renders, which all rows share


@dataclass(frozen=True)
class Job:
    """One training: a row, or one row for each twin where the training has seen none."""

    method: str
    seed: int
    twin: str = ""  # whose images it is trained with


@dataclass(frozen=True)
class Settings:
    """Sizes of the benchmark."""

    robot: str
    cache: str
    images: int
    plain_images: int
    twin_images: int
    width: int
    epochs: int
    twins: tuple[str, ...]
    confusion: str


def jobs(settings: Settings, seeds: int) -> list[Job]:
    """The longest first, so that both cores end together."""
    own = [Job(method, seed, twin) for method in (ALIGNED, ORACLE) for twin in settings.twins for seed in range(seeds)]
    return own[:len(own) // 2] + [Job(method, seed) for method in ("randomized", "images", "plain")
                                  for seed in range(seeds)] + own[len(own) // 2:]


def run(job: Job, settings: Settings) -> list[dict]:
    """Train, and measure on the twins that the training may be judged by."""
    from sim2real.adaptation.probe import domain_probe
    from sim2real.perception.dataset import Frames
    from sim2real.perception.locate import summary
    from sim2real.perception.training import LocateConfig, fit

    begin, target = time.perf_counter(), None
    name = job.twin if job.method == ORACLE else "plain" if job.method in ("plain", "images") else "randomized"
    frames = render(settings, name)
    if job.method == ALIGNED:
        target = render(settings, job.twin).images[:UNLABELLED]
    elif job.method == ORACLE:
        frames = Frames(frames.images[UNLABELLED:], frames.labels[UNLABELLED:])
    config = LocateConfig(f"{settings.robot}-locate", images=len(frames), real=job.twin or None, seed=job.seed,
                          method=settings.confusion if job.method == ALIGNED else None,
                          epochs=round(settings.epochs * max(1.0, 0.5 * settings.images / len(frames))))
    network = fit(frames, target, config, effects=job.method != "plain" and job.method != ORACLE)
    _, source = network.predict(render(settings, f"{name} test").images)
    rows = []
    for twin in [job.twin] if job.twin else settings.twins:
        tests = render(settings, f"{twin} test")
        prediction, features = network.predict(tests.images)
        rows.append({"method": job.method, "seed": job.seed, "twin": twin, **summary(prediction, tests.labels),
                     "domain_accuracy": domain_probe(source, features, job.seed).accuracy,
                     "seconds": round(time.perf_counter() - begin, 1)})
    return rows
