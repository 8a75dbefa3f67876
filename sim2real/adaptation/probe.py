"""How far apart the domains are in feature space, told by a fresh linear probe, and how good predictions are.

The classifier inside adversarial training says nothing: it can sit at chance while another tells the domains apart. So
alignment is judged by a classifier that had no part in it, on images that had none either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional


@dataclass(frozen=True)
class Probe:
    """What a fresh probe found.

    Attributes:
        accuracy: Share of held-out images whose domain it tells; 0.5 = aligned, 1 = apart.
        images: How many of each domain it was trained and tested on.
    """

    accuracy: float
    images: int

    @property
    def a_distance(self) -> float:
        """Proxy A-distance 2 (1 - 2 err), 0 to 2 (Ben-David et al. 2007, "Analysis of representations for domain
        adaptation")."""
        return max(0.0, 2.0 * (1.0 - 2.0 * (1.0 - self.accuracy)))


def domain_probe(source: np.ndarray, target: np.ndarray, seed: int = 0) -> Probe:
    """Accuracy of a logistic regression between frozen features (n, f) and (m, f), as many of each domain.

    It is trained on one half and tested on the other, then the other way round.
    """
    generator = np.random.default_rng(seed)
    count = min(len(source), len(target))
    sides = [side[generator.permutation(len(side))[:count]] for side in (source, target)]
    half = count // 2
    first, second = ([side[part] for side in sides] for part in (slice(half), slice(half, 2 * half)))
    accuracy = 0.5 * (_tested(first, second) + _tested(second, first))
    return Probe(accuracy, 2 * half)


def _tested(train: list[np.ndarray], test: list[np.ndarray]) -> float:
    """Accuracy on ``test`` of a probe trained on ``train``, features of the two domains each."""
    x, y = _stack(train)
    mean, scale = x.mean(0), x.std(0, correction=0) + 1e-6
    weight, bias = logistic_regression((x - mean) / scale, y)
    x, y = _stack(test)
    return float((((x - mean) / scale @ weight + bias > 0) == (y > 0.5)).double().mean())


def logistic_regression(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights (f,) and bias () that minimise sum log loss + |w|^2 / 2 of labels y (n,) in {0, 1} given x (n, f)."""
    weight = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
    bias = torch.zeros((), dtype=x.dtype, requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=200, tolerance_grad=1e-6, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        value = functional.binary_cross_entropy_with_logits(x @ weight + bias, y) + (weight**2).sum() / (2 * len(x))
        value.backward()
        return value

    solver.step(loss)
    return weight.detach(), bias.detach()


def _stack(sides: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.as_tensor(np.concatenate(sides), dtype=torch.float64)
    y = torch.cat([torch.full((len(side),), float(k), dtype=torch.float64) for k, side in enumerate(sides)])
    return x, y
