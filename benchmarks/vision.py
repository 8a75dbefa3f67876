"""Where a block is, trained in MuJoCo, tested on images of a twin that PyBullet's TinyRenderer draws (issue 4, item 6).

    python -m benchmarks.vision --json

Rows, each with three seeds, the same renders and the same network (``sim2real.perception.training``):

- plain: renders as the scene was described
- images: the same renders, the images randomized (exposure, noise, blur, ...)
- randomized: renders with everything randomized: textures, colours, lights, camera, distractors
- randomized+confusion: the same, then features aligned with 500 unlabelled images of the twin; "randomized" is trained
  on for as many steps without them. No label of the twin is used, nor to choose an epoch
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
from dataclasses import dataclass
from queue import Empty

import numpy as np

METHODS = ("plain", "images", "randomized", "randomized+confusion", "oracle")
ALIGNED, ORACLE = "randomized+confusion", "oracle"
UNLABELLED, TESTS = 500, 600
_SEEDS = {"train": 11, "twin": 21, "test": 31}  # of the renders, which all rows share


@dataclass(frozen=True)
class Job:
    """Trainings in one process: of one method and seed, or "randomized" and what begins with its network."""

    method: str
    seed: int
    twin: str = ""  # whose labelled images the oracle is trained with


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
    align_epochs: int
    twins: tuple[str, ...]
    confusion: str


def jobs(settings: Settings, seeds: int) -> list[Job]:
    """The longest first, so that all processes end together."""
    return [*(Job("randomized", seed) for seed in range(seeds)),
            *(Job(ORACLE, seed, twin) for twin in settings.twins for seed in range(seeds)),
            *(Job(method, seed) for method in ("images", "plain") for seed in range(seeds))]


def run(job: Job, settings: Settings) -> Iterator[dict]:
    """Train, and measure on the twins that the training may be judged by."""
    from sim2real.perception.dataset import Frames
    from sim2real.perception.training import LocateConfig, align, learn

    kind = job.twin or ("randomized" if job.method == "randomized" else "plain")
    frames = render(settings, kind)
    if job.twin:
        frames = Frames(frames.images[UNLABELLED:], frames.labels[UNLABELLED:])
    # few images are seen more often, half as many steps in all: they are learned sooner
    epochs = max(settings.epochs, round(0.5 * settings.epochs * settings.images / len(frames)))
    config = LocateConfig(f"{settings.robot}-locate", method=settings.confusion, seed=job.seed, epochs=epochs,
                          encoder="fine", learning_rate=2e-3, align_epochs=settings.align_epochs)
    network, effects = learn(frames, config, job.method == "images"), job.method == "images"
    if job.method == "randomized":
        for twin in settings.twins:
            target = render(settings, twin).images[:UNLABELLED]
            yield measured(ALIGNED, job.seed, twin, align(network, frames, target, config, effects), settings, kind)
        network = align(network, frames, None, config, effects)  # as many steps as the aligned ones
    for twin in [job.twin] if job.twin else settings.twins:
        yield measured(job.method, job.seed, twin, network, settings, kind)


def measured(method: str, seed: int, twin: str, network, settings: Settings, kind: str) -> dict:
    """A row: errors on the twin's test images, and a fresh probe between features of these and of its own renders."""
    from sim2real.adaptation.probe import domain_probe
    from sim2real.perception.locate import summary

    tests = render(settings, f"{twin} test")
    prediction, features = network.predict(tests.images)
    own = network.predict(render(settings, f"{kind} test").images)[1]
    return {"method": method, "seed": seed, "twin": twin, **summary(prediction, tests.labels),
            "domain_accuracy": domain_probe(own, features, seed).accuracy}


def render(settings: Settings, name: str):
    """Frames that all rows share: of "randomized", "plain" or a twin, or such a one's test."""
    from sim2real.perception.domains import TWINS
    from sim2real.perception.locate import Locate
    from sim2real.robots import load_robot

    kind, test = name.removesuffix(" test"), name.endswith(" test")
    task = Locate.of(load_robot(settings.robot), camera="close", width=settings.width)
    domain = TWINS[kind] if kind in TWINS else task.source(kind == "randomized")
    count = TESTS if test else {"plain": settings.plain_images, "randomized": settings.images}.get(
        kind, UNLABELLED + settings.twin_images)
    seed = _SEEDS["test" if test else "twin" if kind in TWINS else "train"]
    return task.render(domain, count, seed, cache=settings.cache)


def work(settings: Settings, todo, done) -> None:
    """A process: jobs until there are none."""
    while (job := todo.get()) is not None:
        for row in run(job, settings):
            done.put(row)
        done.put(None)


def results(settings: Settings, seeds: int, processes: int) -> Iterator[dict]:
    """Rows as they come."""
    context = multiprocessing.get_context("spawn")
    todo, done, queue = context.Queue(), context.Queue(), jobs(settings, seeds)
    for job in [*queue, *[None] * processes]:
        todo.put(job)
    workers = [context.Process(target=work, args=(settings, todo, done), daemon=True) for _ in range(processes)]
    for worker in workers:
        worker.start()
    try:
        left = len(queue)
        while left:
            try:
                row = done.get(timeout=5.0)
            except Empty:
                if any(worker.exitcode not in (None, 0) for worker in workers):
                    raise SystemExit("a training failed; its error is above") from None
                continue
            if row is None:
                left -= 1
            else:
                yield row
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def report(rows: list[dict], twin: str) -> dict:
    """What is printed of one twin: its rows, means over seeds, and the accuracy of fresh probes on aligned features."""
    from sim2real.perception.domains import TWINS

    own = [row for method in METHODS for row in sorted(rows, key=lambda row: row["seed"])
           if (row["method"], row["twin"]) == (method, twin)]
    means = {method: float(np.mean([row["error_mean_m"] for row in own if row["method"] == method]))
             for method in METHODS}
    probes = [row["domain_accuracy"] for row in own if row["method"] == ALIGNED]
    return {"twin": twin, "shift": TWINS[twin].shift, "rows": own, "mean_m": means,
            "domain_accuracy": float(np.mean(probes))}


def print_report(found: dict) -> None:
    """A table for people: errors in cm, each seed and the mean."""
    print(f"\ntwin {found['twin']}: {found['shift']}")
    print(f"{'method':<22} {'error, mean [cm] of each seed':<32} {'mean':>6} {'median':>7} {'95 %':>6} {'probe':>6}")
    for method in METHODS:
        rows = [row for row in found["rows"] if row["method"] == method]
        each = "  ".join(f"{100 * row['error_mean_m']:.2f}" for row in rows)
        middle, most, probe = (np.mean([row[key] for row in rows])
                               for key in ("error_median_m", "error_p95_m", "domain_accuracy"))
        print(f"{method:<22} {each:<32} {100 * found['mean_m'][method]:>6.2f} {100 * middle:>7.2f} {100 * most:>6.2f} "
              f"{probe:>6.1%}", flush=True)


def main() -> int:
    """Render, train and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--twins", nargs="+", default=["full", "mild"], help="the first one's rows are the result")
    parser.add_argument("--images", type=int, default=12_000, help="randomized renders")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--align-epochs", type=int, default=1)
    parser.add_argument("--width", type=int, default=64, help="of the images in pixels")
    parser.add_argument("--confusion", default="mmd", help="objectives of alignment")
    parser.add_argument("--robot", default="ur5e")
    parser.add_argument("--cache", help="keep renders in this folder (default: a temporary one)")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    begin, rows = time.perf_counter(), []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(args.robot, args.cache or folder, args.images, args.images // 3, args.images // 3,
                            args.width, args.epochs, args.align_epochs, tuple(args.twins), args.confusion)
        for name in ("randomized", "plain", *args.twins):
            for part in (name, f"{name} test"):
                render(settings, part)
        note(f"rendered in {time.perf_counter() - begin:.0f} s")
        for row in results(settings, args.seeds, args.processes):
            rows.append(row)
            note(f"{row['method']}, seed {row['seed']}, twin {row['twin']}: {100 * row['error_mean_m']:.2f} cm, probe "
                 f"{row['domain_accuracy']:.1%} ({time.perf_counter() - begin:.0f} s)")
    reports = [report(rows, twin) for twin in args.twins]
    seconds = round(time.perf_counter() - begin)
    if args.json:
        print(json.dumps({**reports[0], "others": reports[1:], "seconds": seconds}))
    else:
        for found in reports:
            print_report(found)
        print(f"\n{seconds} s")
    return 0


def note(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
