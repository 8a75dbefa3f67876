"""The steps of training with domain confusion: see ``align``."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional

from sim2real.adaptation.config import AlignConfig, Augment
from sim2real.adaptation.confusion import Batch, make_objectives
from sim2real.adaptation.networks import Network
from sim2real.adaptation.schedule import remember, rise_and_fall

_WARM_UP = 50  # steps, or a tenth of all
_PAIRS = 32  # a step


class Trainer:
    """Minimises the task's loss on the source plus the weighted objectives on both domains.

    Args:
        network: To train; it learns the scale of labels that are numbers.
        config: How.
        source, labels, target, pairs: As of ``align``.
        rows: Which images of source and target are trained on, indices (n,) and (m,).
        augment: As of ``align``.

    Attributes:
        network, objectives: What learns.
        average: The network with the moving average of its weights (Polyak & Juditsky 1992): adversarial training
            circles around its solution, and the average lies inside.
    """

    def __init__(self, network: Network, config: AlignConfig, source: np.ndarray, labels: np.ndarray,
                 target: np.ndarray, rows: tuple[np.ndarray, np.ndarray], *, pairs: np.ndarray | None = None,
                 augment: Augment | None = None):
        self.network, self._config, self._augment = network, config, augment
        self._source, self._target, self._pairs = source, target, pairs
        self._random = np.random.default_rng([config.seed, 1])
        self._labels = torch.as_tensor(labels)
        if not network.classes:
            known = self._labels[torch.as_tensor(rows[0])]
            network.label_mean.copy_(known.mean(0))
            network.label_scale.copy_(known.std(0).clamp_min(1e-6))
            self._labels = (self._labels - network.label_mean) / network.label_scale
        self.objectives = make_objectives(config.method, network.feature_size, network.prediction_size,
                                          network.classes)
        self.average = copy.deepcopy(network)
        self._optimizer = torch.optim.AdamW([*network.parameters(), *self.objectives.parameters()],
                                            config.learning_rate, weight_decay=config.weight_decay)
        self._sources, self._targets = (self._batches(side) for side in rows)
        self._steps = max(1, len(rows[0]) // config.batch_size)
        self._total, self._step = self._steps * config.epochs, 0

    def epoch(self) -> dict[str, float]:
        """One pass over the source; mean of each loss, weighted as it was added."""
        sums: dict[str, float] = {}
        for _ in range(self._steps):
            losses = self._losses()
            self._optimizer.zero_grad()
            sum(losses.values()).backward()
            self._optimizer.step()
            self._step += 1
            # the memory grows from 0, so that the first weights are soon forgotten
            remember(self.average, self.network, min(self._config.memory, self._step / (self._step + 10.0)))
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + float(loss.detach()) / self._steps
        return sums

    def _losses(self) -> dict[str, torch.Tensor]:
        progress = self._step / self._total
        warm_up = min(_WARM_UP, max(1, self._total // 10))
        for group in self._optimizer.param_groups:
            group["lr"] = self._config.learning_rate * rise_and_fall(self._step, self._total, warm_up)
        rows = next(self._sources)
        images = [self._source[rows]]
        if self.objectives:
            images.append(self._target[next(self._targets)])
        if self._pairs is not None:
            pairs = self._pairs[self._random.integers(len(self._pairs), size=min(_PAIRS, len(self._pairs)))]
            images += [self._source[pairs[:, 0]], self._target[pairs[:, 1]]]
        predictions, features = self._look(images)
        losses = {"task": self._task(predictions[0], self._labels[rows])}
        if self.objectives:
            batch = Batch(features[0], features[1], predictions[0], predictions[1], progress,
                          None if self._pairs is None else (features[2], features[3]))
            for name, objective in self.objectives.items():
                losses[name] = self._config.weight(name) * objective(batch)
        return losses

    def _look(self, images: list[np.ndarray]) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
        """Predictions and features of several sets of images, in one pass."""
        sizes, together = [len(part) for part in images], np.concatenate(images)
        if self._augment is not None:
            together = np.ascontiguousarray(self._augment(together, self._random))
        predictions, features = self.network(torch.from_numpy(together))
        return predictions.split(sizes), features.split(sizes)

    def _task(self, predictions: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if self.network.classes:
            return functional.cross_entropy(predictions, labels)
        return functional.smooth_l1_loss(predictions, labels)

    def _batches(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Endless batches; each row once before any comes again."""
        size, order = self._config.batch_size, np.zeros(0, np.int64)
        while True:
            while len(order) < size:
                order = np.concatenate([order, self._random.permutation(rows)])
            yield order[:size]
            order = order[size:]
