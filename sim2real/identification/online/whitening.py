"""What an identifier's network sees of the last instants: every direction of the data as large as every other.

What parameters do shows in small deviations beside large motions: a sag of millimetres under a load, an acceleration
that comes a little late. With each feature scaled alone they drown in what all motions share, and a network needs many
times the training to find them. So the features of the last instants are decorrelated together (principal components,
each over its own standard deviation: PCA whitening as of LeCun et al. 1998, "Efficient BackProp", section 4.3).
"""

from __future__ import annotations

import torch
from torch import nn

from sim2real.identification.online.networks import later

INSTANTS = 6  # of the window; twice as many tell no more
CLIP = 5.0  # standard deviations
SMALL = 3.0  # a third of a standard deviation is a small one
# of the largest variance: what is less is the rounding of features that follow from others
_LEAST = 1e-13


class Whitening(nn.Module):
    """Features (..., F) of an instant and their last changes as (..., ``size``) for the network.

    Args:
        features: Columns F.

    Attributes:
        memory_size: Numbers kept from one instant to the next: features, earlier changes, and whether there was one.
        size: Columns of what it gives.
    """

    def __init__(self, features: int):
        super().__init__()
        self.features, n = features, INSTANTS * features
        self.memory_size, self.size = (INSTANTS - 1) * features + 1, 2 * n
        # in float64: small components are differences of large numbers
        self.register_buffer("mean", torch.zeros(n, dtype=torch.float64))
        self.register_buffer("matrix", torch.eye(n, dtype=torch.float64))

    @torch.no_grad()
    def fit(self, features: torch.Tensor) -> None:
        """Take in what whole episodes (T, n, F) look like."""
        rows = windows(features).double().flatten(0, 1)
        self.mean.copy_(rows.mean(dim=0))
        variance, directions = torch.linalg.eigh(torch.cov((rows - self.mean).T))
        scale = torch.where(variance > _LEAST * variance[-1], variance.clamp(min=1e-300).rsqrt(), 0.0)
        self.matrix.copy_(directions * scale)

    def sequence(self, features: torch.Tensor) -> torch.Tensor:
        """Whole episodes from their start: (T, n, F) -> (T, n, ``size``)."""
        return self.whiten(windows(features))

    def step(self, features: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """One instant: (n, F), (n, M) -> (n, ``size``), (n, M); a memory of zeros is the beginning."""
        last, earlier, seen = memory.split([self.features, memory.shape[1] - self.features - 1, 1], dim=1)
        changes = torch.cat([seen * (features - last), earlier], dim=1)
        memory = torch.cat([features, changes[:, :-self.features], torch.ones_like(seen)], dim=1)
        return self.whiten(torch.cat([features, changes], dim=1)), memory

    def whiten(self, window: torch.Tensor) -> torch.Tensor:
        """Each component twice, the second time on a logarithmic scale: (..., L F) -> (..., 2 L F)."""
        x = ((window.double() - self.mean) @ self.matrix).float()
        return torch.cat([torch.clamp(x, -CLIP, CLIP), torch.asinh(SMALL * x)], dim=-1)


def windows(features: torch.Tensor) -> torch.Tensor:
    """Features of each instant and their changes up to it, the latest first, (T, n, F) -> (T, n, L F).

    Before an episode began nothing changed.
    """
    change = torch.diff(features, dim=0, prepend=features[:1])
    return torch.cat([features, *(later(change, k) for k in range(INSTANTS - 1))], dim=-1)
