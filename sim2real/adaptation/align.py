"""Training with domain confusion: labelled simulation and unlabelled real images become an encoder with a head."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from sim2real.adaptation.confusion import Batch, make_objectives, parse_method
from sim2real.adaptation.networks import Network, make_network

Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
WEIGHTS = {"dann": 1.0, "confusion": 1.0, "mmd": 1.0, "pairwise": 1.0, "coral": 1.0, "cdan": 1.0}


@dataclass(frozen=True)
class AlignConfig:
    method: str = "mmd"
    encoder: str = "auto"
    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    average: float = 0.99
    weights: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0


class Trainer:
    def __init__(self, network: Network, source: np.ndarray, labels: np.ndarray, target: np.ndarray,
                 config: AlignConfig, pairs: np.ndarray | None = None, augment: Augment | None = None):
        self.network, self._config, self._augment = network, config, augment
        self._source, self._target = source, target
        self._labels = torch.as_tensor(labels)
        self._pairs = pairs
        self._random = np.random.default_rng(config.seed)
        self.objectives = make_objectives(config.method, network.feature_size, network.head[-1].out_features,
                                          network.classes)
        self.average = copy.deepcopy(network)
        parameters = [*network.parameters(), *self.objectives.parameters()]
        self._optimizer = torch.optim.AdamW(parameters, config.learning_rate, weight_decay=config.weight_decay)
        self._weights = {name: config.weights.get(name, WEIGHTS[name]) for name in self.objectives}
        self._steps = math.ceil(len(source) / config.batch_size)
        self.total = self._steps * config.epochs
        self._step = 0
        self._streams = [self._indices(len(x)) for x in (source, target)]

    def _indices(self, count: int) -> Iterator[np.ndarray]:
        size, order = min(self._config.batch_size, count), np.zeros(0, np.int64)
        while True:
            while len(order) < size:
                order = np.concatenate([order, self._random.permutation(count)])
            yield order[:size]
            order = order[size:]

    def epoch(self) -> dict[str, float]:
        sums: dict[str, float] = {}
        for _ in range(self._steps):
            for name, value in self._one().items():
                sums[name] = sums.get(name, 0.0) + value / self._steps
        return sums

    def _one(self) -> dict[str, float]:
        progress = self._step / self.total
        for group in self._optimizer.param_groups:
            group["lr"] = self._config.learning_rate * min(1.0, (self._step + 1) / 50) * 0.5 * (
                1 + math.cos(math.pi * progress))
        i, j = (next(stream) for stream in self._streams)
        images = [self._source[i], self._target[j]]
        if self._pairs is not None:
            k = self._pairs[self._random.integers(len(self._pairs), size=min(32, len(self._pairs)))]
            images += [self._source[k[:, 0]], self._target[k[:, 1]]]
        sizes = [len(x) for x in images]
        images = np.concatenate(images)
        if self._augment is not None:
            images = self._augment(images, self._random)
        prediction, features = self.network(torch.from_numpy(images))
        z, g = features.split(sizes), prediction.split(sizes)
        labels = self._labels[i]
        losses = {"task": functional.cross_entropy(g[0], labels) if self.network.classes
                  else functional.smooth_l1_loss(g[0], labels)}
        batch = Batch(z[0], z[1], g[0], g[1], progress, (z[2], z[3]) if self._pairs is not None else None)
        for name, objective in self.objectives.items():
            losses[name] = self._weights[name] * objective(batch)
        self._optimizer.zero_grad()
        sum(losses.values()).backward()
        self._optimizer.step()
        self._step += 1
        with torch.no_grad():
            rate = min(self._config.average, self._step / (self._step + 10))
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - rate)
        return {name: float(loss.detach()) for name, loss in losses.items()}
