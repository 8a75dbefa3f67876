"""Networks with a memory, one interface: features of one instant (n, F) and memory (n, M) in, output and memory out.

A memory of zeros is the beginning of an episode. ``step`` is what is deployed, ``sequence`` the same over whole
episodes at once, for training; tests compare the two.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from sim2real.errors import BadInputError, unknown

KERNEL = 2  # instants that each layer of the temporal convolution sees


class Gru(nn.Module):
    """Gated recurrent units (Cho et al. 2014), in the form that PyTorch and cuDNN compute; memory: the hidden state."""

    def __init__(self, features: int, width: int):
        super().__init__()
        self.cell = nn.GRU(features, width)
        self.memory_size = self.output_size = width

    def step(self, x: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, F), (n, M) -> (n, H), (n, M)."""
        output, _ = self.cell(x[None], memory[None].contiguous())
        return output[0], output[0]

    def sequence(self, x: torch.Tensor) -> torch.Tensor:
        """(T, n, F) -> (T, n, H), from an empty memory."""
        return self.cell(x)[0]


class Tcn(nn.Module):
    """Dilated causal convolutions with residual connections (Bai, Kolter, Koltun 2018) over 2 ** ``depth`` instants.

    Memory: of each layer its inputs of the last ``dilation`` instants, the oldest first, so that one step takes one
    small product per layer, however long the window.
    """

    def __init__(self, features: int, width: int, depth: int = 5):
        super().__init__()
        self.enter = nn.Linear(features, width)
        self.layers = nn.ModuleList(nn.Linear(KERNEL * width, width) for _ in range(depth))
        self.dilations = [KERNEL**i for i in range(depth)]
        self.memory_size, self.output_size = width * sum(self.dilations), width

    def step(self, x: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, F), (n, M) -> (n, H), (n, M)."""
        x, width, kept = functional.elu(self.enter(x)), self.output_size, []
        for layer, cache in zip(self.layers, memory.split([width * d for d in self.dilations], dim=1), strict=True):
            kept += [cache[:, width:], x]
            x = x + functional.elu(layer(torch.cat([cache[:, :width], x], dim=1)))
        return x, torch.cat(kept, dim=1)

    def sequence(self, x: torch.Tensor) -> torch.Tensor:
        """(T, n, F) -> (T, n, H), from an empty memory."""
        x = functional.elu(self.enter(x))
        for layer, dilation in zip(self.layers, self.dilations, strict=True):
            x = x + functional.elu(layer(torch.cat([later(x, dilation), x], dim=2)))
        return x


class Window(nn.Module):
    """A perceptron over the last ``length`` instants, as Yu et al. 2017 use; memory: those before, the oldest first."""

    def __init__(self, features: int, width: int, length: int = 16):
        super().__init__()
        self.features, self.length = features, length
        self.first, self.second = nn.Linear(length * features, width), nn.Linear(width, width)
        self.memory_size, self.output_size = (length - 1) * features, width

    def step(self, x: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, F), (n, M) -> (n, H), (n, M)."""
        window = torch.cat([memory, x], dim=1)
        return self._perceive(window), window[:, self.features:]

    def sequence(self, x: torch.Tensor) -> torch.Tensor:
        """(T, n, F) -> (T, n, H), from an empty memory."""
        return self._perceive(torch.cat([later(x, age) for age in range(self.length - 1, -1, -1)], dim=2))

    def _perceive(self, window: torch.Tensor) -> torch.Tensor:
        return functional.elu(self.second(functional.elu(self.first(window))))


NETWORKS: dict[str, type[nn.Module]] = {"gru": Gru, "tcn": Tcn, "window": Window}


def make_network(kind: str, features: int, width: int) -> nn.Module:
    """The network ``kind`` ("gru", "tcn", "window") of ``features`` inputs and ``width`` outputs."""
    if kind not in NETWORKS:
        raise BadInputError(unknown("network", kind, NETWORKS))
    return NETWORKS[kind](features, width)


def later(x: torch.Tensor, steps: int) -> torch.Tensor:
    """``x`` (T, n, C) delayed by ``steps`` instants, zeros before it began."""
    return x if steps == 0 else functional.pad(x, (0, 0, 0, 0, steps, 0))[:len(x)]
