"""Training a ``PointNetwork`` on renders; aligning it with unlabelled photographs."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from sim2real.adaptation.confusion import mmd
from sim2real.adaptation.schedule import remember, rise_and_fall
from sim2real.perception.kuka_renders import Renders, joined
from sim2real.perception.point_network import PointNetwork
from sim2real.randomization.image_effects import ImageEffects

_WARM_UP = 50  # steps


@dataclass(frozen=True)
class PointConfig:
    """How a network is trained.

    Attributes:
        epochs, batch_size: Over the renders.
        learning_rate: Its greatest; it rises over the first 50 steps and falls as a cosine to zero.
        attention: Weight of the attention map's cross entropy beside the mean error in [dm].
        average: Of the weights that are kept: a running mean over steps.
        effects: Whether exposure, white balance, blur, noise and the like vary from picture to picture.
        seed: Of weights, order and effects.
    """

    epochs: int = 6
    batch_size: int = 16
    learning_rate: float = 3e-3
    attention: float = 1.0
    average: float = 0.995
    effects: bool = True
    seed: int = 0


def train(network: PointNetwork, renders: Renders, config: PointConfig,
          extra: Callable[[PointNetwork, torch.Tensor, np.ndarray], torch.Tensor] | None = None,
          progress: Callable[[float], object] | None = None) -> PointNetwork:
    """Minimise E |p - p_render| in [dm] + attention * cross entropy; returns the averaged network.

    Args:
        extra: One more term of the loss, of the network, the batch's features and its indices into ``renders``.
        progress: Called after each step with the loss.
    """
    random = np.random.default_rng(config.seed)
    torch.manual_seed(config.seed)
    effects, seen = ImageEffects(seed=config.seed) if config.effects else None, 0
    positions = torch.as_tensor(renders.positions, dtype=torch.float32)
    pixels = torch.as_tensor(renders.pixels, dtype=torch.float32)
    optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=1e-4)
    average = copy.deepcopy(network)
    per_epoch = math.ceil(len(positions) / config.batch_size)
    total = per_epoch * config.epochs
    for step in range(total):
        if step % per_epoch == 0:
            order = random.permutation(len(positions))
        batch = order[(step % per_epoch) * config.batch_size:][:config.batch_size]
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * rise_and_fall(step, total, _WARM_UP)
        images = renders.images[batch]
        if effects is not None:
            images = effects(images, seen + np.arange(len(images)))
        seen += len(images)
        position, features, attention = network(torch.from_numpy(images))
        error = (position - positions[batch]).norm(dim=1).mean()
        loss = 10.0 * error + config.attention * network.attention_loss(attention, pixels[batch])
        if extra is not None:
            loss = loss + extra(network, features, batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        remember(average, network, min(config.average, (step + 1) / (step + 10)))
        if progress is not None:
            progress(float(loss.detach()))
    return average.eval()


def align(network: PointNetwork, renders: Renders, pasted: Renders, photographs: np.ndarray, config: PointConfig,
          progress: Callable[[float], object] | None = None) -> PointNetwork:
    """Fine-tune ``network`` with unlabelled photographs (m, h, w, 3); a new network comes back.

    Pixels: it goes on learning on ``renders`` together with ``pasted``, renders of the thing before the photographs'
    own background. Features: those of ``pasted`` and of the photographs are drawn together by their maximum mean
    discrepancy (adaptation/confusion.py), which is left with what pasting did not make alike.
    """
    network = copy.deepcopy(network).train()
    random, effects = np.random.default_rng([config.seed, 3]), ImageEffects(seed=config.seed + 1)
    numbers = itertools.count()
    size = min(config.batch_size // 2, len(photographs))

    def discrepancy(network: PointNetwork, features: torch.Tensor, batch: np.ndarray) -> torch.Tensor:
        source = features[torch.from_numpy(batch >= len(renders.images))]
        if len(source) < 2:
            return features.sum() * 0.0
        drawn = photographs[random.choice(len(photographs), size, replace=False)]
        real = effects(drawn, np.fromiter(itertools.islice(numbers, size), int))
        return mmd(source, network(torch.from_numpy(real))[1])

    return train(network, joined(renders, pasted), config, discrepancy, progress)


@torch.no_grad()
def predict(network: PointNetwork, images: np.ndarray, batch_size: int = 128) -> np.ndarray:
    """Positions (n, 2) in [m] of pictures (n, h, w, 3) uint8."""
    return np.concatenate([network(torch.from_numpy(images[k:k + batch_size]))[0].numpy()
                           for k in range(0, len(images), batch_size)])
