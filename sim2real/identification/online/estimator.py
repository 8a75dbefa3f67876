"""The identifier as a torch module: whitened features, a network with a memory, and heads on its output."""

from __future__ import annotations

import math

import torch
from torch import nn

from sim2real.identification.online.networks import make_network
from sim2real.identification.online.whitening import Whitening

CLIP = 1.5  # of means that a policy is conditioned on, in unit coordinates: beyond it the policy was never trained
PRIOR = math.log(1.0 / math.sqrt(3.0))  # logarithm of the standard deviation of a uniform on [-1, 1]
# bounds of the logarithm of a deviation: less is a claim that a few thousand episodes cannot bear out
LEAST, MOST = math.log(0.01), 1.0


class Identifier(nn.Module):
    """What is exported as ``identifier.onnx``.

    Args:
        features: Columns F of the task's ``dynamics_terms``.
        parameters: How many parameters K are estimated.
        context: What the policy is conditioned on: "mean" (UP-OSI), "latent" (RMA), "state" (a recurrent policy).
        latent: Columns of the latent.
        kind, width: Of the network.
    """

    def __init__(self, features: int, parameters: int, *, context: str = "mean", latent: int = 0, kind: str = "gru",
                 width: int = 64):
        super().__init__()
        self.features, self.estimates, self.context, self.kind = features, parameters, context, kind
        self.whitening = Whitening(features)
        self.enter = nn.Sequential(nn.Linear(self.whitening.size, width), nn.ELU())
        self.network = make_network(kind, width, width)
        self.leave = nn.Sequential(nn.Linear(width, width), nn.ELU())
        self.memory_size = self.network.memory_size + self.whitening.memory_size
        self.context_size = {"mean": parameters, "latent": latent, "state": width}[context]
        self.head = nn.Linear(width, 2 * parameters) if parameters else None
        self.to_latent = nn.Linear(width, latent) if context == "latent" else None
        self.register_buffer("temperature", torch.ones(parameters))

    def forward(self, features: torch.Tensor, memory: torch.Tensor) -> dict[str, torch.Tensor]:
        """One instant: (n, F), (n, M) -> memory_out (n, M), context (n, C), and mean and deviation (n, K)."""
        own, seen = memory.split([self.network.memory_size, self.whitening.memory_size], dim=1)
        x, seen = self.whitening.step(features, seen)
        hidden, own = self.network.step(self.enter(x), own)
        return {"memory_out": torch.cat([own, seen], dim=1), **self.read(hidden)}

    def sequence(self, features: torch.Tensor) -> dict[str, torch.Tensor]:
        """Whole episodes from their start: (T, n, F) -> context (T, n, C), mean and deviation (T, n, K)."""
        return self.read(self.network.sequence(self.enter(self.whitening.sequence(features))))

    def read(self, hidden: torch.Tensor) -> dict[str, torch.Tensor]:
        """The heads on the network's output (..., H)."""
        out = {}
        state, hidden = hidden, self.leave(hidden)
        if self.head is not None:
            mean, log_deviation = self.head(hidden).chunk(2, dim=-1)
            out["mean"] = mean
            out["deviation"] = torch.exp(torch.clamp(log_deviation + PRIOR, LEAST, MOST)) * self.temperature
        if self.context == "mean":
            out["context"] = torch.clamp(out["mean"], -CLIP, CLIP)
        elif self.to_latent is not None:
            out["context"] = torch.tanh(self.to_latent(hidden))
        else:
            out["context"] = state
        return out

    def empty_memory(self, n: int) -> torch.Tensor:
        """The beginning of ``n`` episodes (n, M)."""
        return torch.zeros(n, self.memory_size)
