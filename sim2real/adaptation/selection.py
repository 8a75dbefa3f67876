"""Which epoch to keep, chosen without one label of the target.

The target error is bounded by source error + distance of the domains in feature space + what no head could do better
on both (Ben-David et al. 2007). The first two can be measured on held-out images, and their sum is the score.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch

from sim2real.adaptation.confusion import mmd
from sim2real.adaptation.networks import Network


@dataclass(frozen=True)
class Verdict:
    """What was found after one epoch.

    Attributes:
        epoch: From 1.
        losses: Means over the epoch, weighted as they were added.
        source_error: On held-out source images, as a share of the error of a constant prediction.
        discrepancy: MMD between held-out features of both domains, 0 = alike.
    """

    epoch: int
    losses: dict[str, float]
    source_error: float
    discrepancy: float

    @property
    def score(self) -> float:
        """Less is better."""
        return self.source_error + self.discrepancy

    def __str__(self) -> str:
        return f"source error {self.source_error:.1%}, discrepancy {self.discrepancy:.3f}"


class Judge:
    """Keeps the best network so far.

    Args:
        source, labels, target: Held-out images and labels; empty where the last epoch is to be taken.
    """

    def __init__(self, source: np.ndarray, labels: np.ndarray, target: np.ndarray):
        self._source, self._labels, self._target = source, labels, target
        self._trivial = _trivial_error(labels) if len(labels) else 1.0
        self.history: list[Verdict] = []
        self.best: Network | None = None
        self.chosen = 0

    def consider(self, epoch: int, network: Network, losses: dict[str, float]) -> Verdict:
        """Judge ``network`` and keep a copy of it if it is the best so far."""
        if len(self._source) and len(self._target):
            predictions, z_s = network.predict(self._source)
            z_t = network.predict(self._target)[1]
            error = prediction_error(predictions, self._labels) / self._trivial
            verdict = Verdict(epoch, losses, error, max(0.0, float(mmd(torch.from_numpy(z_s), torch.from_numpy(z_t)))))
        else:
            verdict = Verdict(epoch, losses, float("nan"), float("nan"))
        best = min((past.score for past in self.history), default=float("inf"))
        if not verdict.score > best:
            self.best, self.chosen = copy.deepcopy(network), epoch
        self.history.append(verdict)
        return verdict


def prediction_error(predictions: np.ndarray, labels: np.ndarray) -> float:
    """Share of wrong classes, or mean distance |prediction - label| over all numbers of an image together."""
    if labels.ndim == 1:
        return float((predictions.argmax(1) != labels).mean())
    return float(np.linalg.norm(predictions - labels, axis=1).mean())


def _trivial_error(labels: np.ndarray) -> float:
    """Of the best constant: the most frequent class, or the mean."""
    if labels.ndim == 1:
        return max(1e-9, 1.0 - float(np.bincount(labels).max()) / len(labels))
    return max(1e-9, prediction_error(labels.mean(0), labels))
