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
from dataclasses import dataclass
from queue import Empty

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


def render(settings: Settings, name: str):
    """Frames that all rows share: of "randomized", "plain" or a twin, or such a one's test."""
    from sim2real.perception.domains import TWINS
    from sim2real.perception.locate import Locate
    from sim2real.robots import load_robot

    kind, test = name.removesuffix(" test"), name.endswith(" test")
    task = Locate.of(load_robot(settings.robot), width=settings.width)
    domain = TWINS[kind] if kind in TWINS else task.source(kind == "randomized")
    count = TESTS if test else {"plain": settings.plain_images, "randomized": settings.images}.get(
        kind, UNLABELLED + settings.twin_images)
    seed = _SEEDS["test" if test else "twin" if kind in TWINS else "train"]
    return task.render(domain, count, seed, cache=settings.cache)


def work(settings: Settings, todo, done) -> None:
    """A process: jobs until there are none."""
    while (job := todo.get()) is not None:
        done.put(run(job, settings))


def results(settings: Settings, seeds: int, processes: int) -> Iterator[list[dict]]:
    """Rows as they come."""
    context = multiprocessing.get_context("spawn")
    todo, done, queue = context.Queue(), context.Queue(), jobs(settings, seeds)
    for job in [*queue, *[None] * processes]:
        todo.put(job)
    workers = [context.Process(target=work, args=(settings, todo, done)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    try:
        for _ in queue:
            while True:
                try:
                    yield done.get(timeout=5.0)
                    break
                except Empty:
                    if any(worker.exitcode not in (None, 0) for worker in workers):
                        raise SystemExit("a training failed; its error is above") from None
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
    parser.add_argument("--width", type=int, default=64, help="of the images in pixels")
    parser.add_argument("--confusion", default="mmd", help="objectives of alignment")
    parser.add_argument("--robot", default="ur5e")
    parser.add_argument("--cache", help="keep renders in this folder (default: a temporary one)")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    begin, rows = time.perf_counter(), []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(args.robot, args.cache or folder, args.images, args.images // 3, args.images // 3,
                            args.width, args.epochs, tuple(args.twins), args.confusion)
        for name in ("randomized", "plain", *args.twins):
            for part in (name, f"{name} test"):
                render(settings, part)
        note(f"rendered in {time.perf_counter() - begin:.0f} s")
        for found in results(settings, args.seeds, args.processes):
            rows += found
            for row in found:
                note(f"{row['method']}, seed {row['seed']}, twin {row['twin']}: {100 * row['error_mean_m']:.2f} cm, "
                     f"probe {row['domain_accuracy']:.1%} ({row['seconds']:.0f} s)")
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
