"""What trainings of networks that look have in common: the learning rate's course, and a running mean of weights."""

from __future__ import annotations

import math

import torch
from torch import nn


def rise_and_fall(step: int, total: int, warm_up: int) -> float:
    """Share of the greatest learning rate at ``step`` of ``total``: linear from 0 over ``warm_up`` steps, for Adam's
    first steps are long and blind, times a half cosine down to 0 (Loshchilov & Hutter 2017)."""
    return min(1.0, (step + 1) / warm_up) * 0.5 * (1.0 + math.cos(math.pi * step / total))


@torch.no_grad()
def remember(average: nn.Module, network: nn.Module, kept: float) -> None:
    """average <- kept average + (1 - kept) weights (Polyak & Juditsky 1992)."""
    torch._foreach_lerp_([*average.parameters()], [*network.parameters()], 1.0 - kept)
