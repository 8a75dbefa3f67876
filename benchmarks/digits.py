"""Digits across domains: accuracy on the target without one of its labels, beside published figures.

    python -m benchmarks.digits --json

USPS and MNIST as ADDA (Tzeng et al. 2017) and others use them: 1800 and 2000 training images drawn by the seed, LeNet,
the target's published test images (all 2007 of USPS; of MNIST the first 3000 that ../shared/data/digits holds). USPS is
brought to 28 x 28 pixels by linear interpolation, nothing else is done to either. The target's training images come
without labels; a tenth of each domain's training images is held out to choose the epoch (docs/adaptation.md), again
without labels of the target. Rows "augmented" see every training image shifted, turned, sheared and scaled a little,
both domains alike; their baseline is source augmented.

"probe" is the accuracy of a fresh linear probe between the features of both test sets, 0.5 = aligned.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty

import numpy as np

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "digits"
DIRECTIONS = {"usps->mnist": ("usps", "mnist"), "mnist->usps": ("mnist", "usps")}
TRAINING_IMAGES = {"usps": 1800, "mnist": 2000}
SIDE = 28
# Tzeng et al. 2017, "Adversarial discriminative domain adaptation", table 2; LeNet, the same numbers of images.
PUBLISHED = {
    "usps->mnist": {"source": 0.571, "dann": 0.730, "confusion": 0.665, "CoGAN": 0.891, "ADDA": 0.901},
    "mnist->usps": {"source": 0.752, "dann": 0.771, "confusion": 0.791, "CoGAN": 0.912, "ADDA": 0.894},
}


@dataclass(frozen=True)
class Digits:
    """One domain: images (n, 28, 28, 1) uint8 and labels (n,), for training and for testing."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]

    def sample(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """``count`` training images and their labels, drawn by the seed."""
        rows = np.random.default_rng(seed).permutation(len(self.train[0]))[:count]
        return self.train[0][rows], self.train[1][rows]


def load_mnist(folder: Path) -> Digits:
    """60000 training images and the first 3000 test images."""
    with np.load(folder / "mnist63k.npz") as file:
        images, labels = file["x"][..., None], file["y"].astype(np.int64)
    return Digits((images[:60000], labels[:60000]), (images[60000:], labels[60000:]))


def load_usps(folder: Path) -> Digits:
    """7291 training and 2007 test images, 16 x 16 pixels brought to 28 x 28."""
    import h5py
    from PIL import Image

    def part(group) -> tuple[np.ndarray, np.ndarray]:
        small = np.round(255.0 * np.asarray(group["data"])).astype(np.uint8).reshape(-1, 16, 16)
        large = [np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR)) for image in small]
        return np.stack(large)[..., None], np.asarray(group["target"]).astype(np.int64)

    with h5py.File(folder / "usps.h5", "r") as file:
        return Digits(part(file["train"]), part(file["test"]))


def shifted(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Digits (n, h, w, 1) shifted by up to 2 pixels, turned by up to 15 degrees, sheared and scaled by up to 20 %."""
    import cv2

    n, height, width, _ = images.shape
    angle, shear = np.deg2rad(random.uniform(-15, 15, n)), random.uniform(-0.2, 0.2, n)
    across, along = np.exp(random.uniform(-0.2, 0.2, (2, n)))
    matrix = np.empty((n, 2, 3))
    matrix[:, 0, 0], matrix[:, 0, 1] = across * np.cos(angle), shear - along * np.sin(angle)
    matrix[:, 1, 0], matrix[:, 1, 1] = across * np.sin(angle), along * np.cos(angle)
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix[:, :, 2] = centre - matrix[:, :, :2] @ centre + random.uniform(-2, 2, (n, 2))
    return np.stack([cv2.warpAffine(image, m, (width, height)) for image, m in zip(images[..., 0], matrix, strict=True)]
                    )[..., None]


AUGMENTATIONS: dict[str, Callable | None] = {"": None, "augmented": shifted}
METHODS = ("source", "dann", "confusion", "mmd", "coral", "cdan", "dann+mmd", "source augmented", "dann+mmd augmented")


def measure(method: str, direction: str, seed: int, domains: dict[str, Digits], epochs: int) -> dict:
    """One row: train without a label of the target, test on its test images."""
    from sim2real.adaptation.align import align
    from sim2real.adaptation.config import AlignConfig
    from sim2real.adaptation.probe import domain_probe

    begin, names = time.monotonic(), DIRECTIONS[direction]
    source, target = (domains[name] for name in names)
    (images, labels), (unlabelled, _) = (domains[name].sample(TRAINING_IMAGES[name], seed) for name in names)
    objectives, _, augmentation = method.partition(" ")
    config = AlignConfig(method=objectives, encoder="lenet", epochs=epochs, seed=seed)
    aligned = align(images, labels, unlabelled, config, augment=AUGMENTATIONS[augmentation])
    (found, features), (own, own_features) = (aligned.network.predict(each.test[0]) for each in (target, source))
    return {"method": method, "direction": direction, "seed": seed,
            "target_accuracy": float((found.argmax(1) == target.test[1]).mean()),
            "source_accuracy": float((own.argmax(1) == source.test[1]).mean()),
            "probe_accuracy": domain_probe(own_features, features, seed).accuracy,
            "epoch": aligned.epoch, "seconds": round(time.monotonic() - begin, 1)}


def load(folder: Path) -> dict[str, Digits]:
    """Both domains."""
    return {"mnist": load_mnist(folder), "usps": load_usps(folder)}


def work(jobs: list[tuple[str, str, int]], folder: Path, epochs: int, queue) -> None:
    """Measure rows in a process of its own."""
    domains = load(folder)
    for job in jobs:
        queue.put(measure(*job, domains, epochs))


def run_all(jobs: list[tuple[str, str, int]], folder: Path, epochs: int, workers: int) -> list[dict]:
    """The rows of all jobs, in their order; a line on standard error as each is done."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    processes = [context.Process(target=work, args=(jobs[k::workers], folder, epochs, queue), daemon=True)
                 for k in range(min(workers, len(jobs)))]
    for process in processes:
        process.start()
    rows = []
    while len(rows) < len(jobs):
        try:
            row = queue.get(timeout=5.0)
        except Empty:
            if any(process.exitcode for process in processes):
                raise SystemExit("benchmarks.digits: a worker failed; its message stands above") from None
            continue
        rows.append(row)
        print(f"{len(rows)}/{len(jobs)}  {row['direction']}  {row['method']}  seed {row['seed']}: "
              f"{row['target_accuracy']:.3f}  ({row['seconds']:.0f} s)", file=sys.stderr, flush=True)
    return sorted(rows, key=lambda row: jobs.index((row["method"], row["direction"], row["seed"])))


def print_table(rows: list[dict]) -> None:
    """Means over seeds, and the published figures beside them."""
    for direction, published in PUBLISHED.items():
        here = [row for row in rows if row["direction"] == direction]
        if not here:
            continue
        print(f"{direction}\n  {'method':<22} {'target':>7} {'worst':>7} {'best':>7} {'over source':>12} {'source':>7} "
              f"{'probe':>7} {'published':>10}")
        base = _mean(here, "source", "target_accuracy")
        for method in dict.fromkeys(row["method"] for row in here):
            values = [row["target_accuracy"] for row in here if row["method"] == method]
            mean = statistics.mean(values)
            over = f"{100 * (mean - base):+.1f}" if base is not None else "-"
            print(f"  {method:<22} {mean:>7.3f} {min(values):>7.3f} {max(values):>7.3f} {over:>12} "
                  f"{_mean(here, method, 'source_accuracy'):>7.3f} {_mean(here, method, 'probe_accuracy'):>7.3f} "
                  f"{published.get(method, '-'):>10}")
        for method in sorted(set(published) - {row["method"] for row in here}):
            print(f"  {method:<22} {'-':>7} {'-':>7} {'-':>7} {'-':>12} {'-':>7} {'-':>7} {published[method]:>10}")


def _mean(rows: list[dict], method: str, key: str) -> float | None:
    values = [row[key] for row in rows if row["method"] == method]
    return statistics.mean(values) if values else None


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help="with mnist63k.npz and usps.h5")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, metavar="M")
    parser.add_argument("--directions", nargs="+", choices=DIRECTIONS, default=tuple(DIRECTIONS), metavar="D")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="S")
    parser.add_argument("--epochs", type=int, default=30, metavar="N")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes")
    args = parser.parse_args()
    missing = [name for name in ("mnist63k.npz", "usps.h5") if not (args.data / name).is_file()]
    if missing:
        parser.error(f"{args.data}: there is no {' and no '.join(missing)}; say where the digits are with --data")
    jobs = [(method, direction, seed) for seed in args.seeds for method in args.methods
            for direction in args.directions]
    rows = run_all(jobs, args.data, args.epochs, args.workers)
    if args.json:
        print(json.dumps({"rows": rows, "published": PUBLISHED}))
    else:
        print_table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
