"""Training with domain confusion: labelled simulated and unlabelled real images become an encoder with a head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from sim2real.adaptation.config import AlignConfig, Augment, Progress
from sim2real.adaptation.networks import Network, make_network
from sim2real.adaptation.selection import Judge, Verdict
from sim2real.adaptation.training import Trainer
from sim2real.errors import BadInputError

_LEAST = 16  # images of each domain


@dataclass(frozen=True)
class Aligned:
    """An encoder with its head.

    Attributes:
        network: Takes uint8 images (n, h, w, c).
        epoch: Which was chosen, from 1.
        history: What was found after each epoch.
        held_source, held_target: Images that it was not trained on, indices (h,) and (g,).
    """

    network: Network
    epoch: int
    history: list[Verdict]
    held_source: np.ndarray
    held_target: np.ndarray


def align(source: np.ndarray, labels: np.ndarray, target: np.ndarray, config: AlignConfig | None = None, *,
          pairs: np.ndarray | None = None, augment: Augment | None = None, network: Network | None = None,
          progress: Progress | None = None) -> Aligned:
    """Train on labelled ``source`` and unlabelled ``target`` images. No label of the target is seen by anything here.

    Args:
        source, target: uint8 images of one size, (n, h, w, c) and (m, h, w, c).
        labels: Of the source: classes from 0, integers (n,); or numbers, floats (n, k).
        config: How; by default ``AlignConfig()``.
        pairs: Weak pairs (p, 2), indices into source and target, for the objective pairwise.
        augment: Changes a step's images (b, h, w, c) by a random generator, both domains alike; labels stay.
        network: One to train instead of the one that ``config.encoder`` names.
        progress: Called with (epoch, epochs, text).

    Raises:
        BadInputError: A setting or an array that does not fit.
    """
    config = config or AlignConfig()
    torch.set_num_threads(1)  # small networks: more threads are slower (libraries.md)
    check(source, labels, target, pairs)
    random = np.random.default_rng(config.seed)
    held, rows = zip(*(_split(len(side), config.held_out, random) for side in (source, target)), strict=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        if network is None:
            classes = labels.ndim == 1
            predictions = int(labels.max()) + 1 if classes else labels.shape[1]
            network = make_network(config.encoder, *source.shape[1:], predictions, classes)
        trainer = Trainer(network, config, source, labels, target, rows, pairs=pairs, augment=augment)
        judge = Judge(source[held[0]], labels[held[0]], target[held[1]])
        for epoch in range(1, config.epochs + 1):
            verdict = judge.consider(epoch, trainer.average, trainer.epoch())
            if progress is not None:
                progress(epoch, config.epochs, str(verdict))
    return Aligned(judge.best, judge.chosen, judge.history, *held)


def check(source: np.ndarray, labels: np.ndarray, target: np.ndarray, pairs: np.ndarray | None) -> None:
    """Raise BadInputError where arrays do not go together."""
    for name, side in (("source", source), ("target", target)):
        if side.dtype != np.uint8 or side.ndim != 4 or side.shape[3] not in (1, 3):
            raise BadInputError(f"{name}: expected uint8 images (n, h, w, 3) or (n, h, w, 1), got {side.dtype} "
                                f"{side.shape}")
        if len(side) < _LEAST:
            raise BadInputError(f"{name}: {len(side)} images are too few; at least {_LEAST} are needed")
    if source.shape[1:] != target.shape[1:]:
        raise BadInputError(f"expected images of one size, got {source.shape[1:]} and {target.shape[1:]}")
    if len(labels) != len(source) or (labels.ndim, labels.dtype.kind) not in ((1, "i"), (2, "f")):
        raise BadInputError(f"labels: expected classes (n,) int64 or numbers (n, k) float32 of {len(source)} images, "
                            f"got {labels.dtype} {labels.shape}")
    if pairs is not None and not (pairs.ndim == 2 and pairs.shape[1] == 2 and len(pairs)
                                  and 0 <= pairs.min() and (pairs.max(0) < (len(source), len(target))).all()):
        raise BadInputError(f"pairs: expected rows (source, target) of indices, got {pairs.shape}")


def _split(count: int, share: float, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are held out, and rows to train on."""
    order = random.permutation(count)
    held = max(_LEAST // 2, round(share * count)) if share > 0.0 else 0
    return np.sort(order[:held]), np.sort(order[held:])
