"""A network that finds one thing in a picture and says where it is on a plane in the world."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from sim2real import rotations
from sim2real.adaptation.networks import SpatialSoftmax
from sim2real.cameras import CameraModel

_MAPS, _POOLED, _HIDDEN, _GROUPS = 16, 48, 64, 4
_BLUR = 0.7  # [cells] of the attention map that is asked for about the thing
_FAR = 3.0  # [m]: what is seen at the horizon counts as so far away


class PointNetwork(nn.Module):
    """Position (x, y) in [m] of a thing at a known height from pictures (n, h, w, 3) uint8.

    Attention maps of a quarter of the resolution give points in the image (Levine et al. 2016, "End-to-end training
    of deep visuomotor policies"). The first of them is asked to be at the thing; the calibrated camera turns it into a
    point of the plane; what the camera is off in this picture is left to a small network on all points and on an
    average of the whole picture.

    Args:
        camera: The nominal camera, in the pictures' resolution (multiples of 8).
        height: Of the plane in [m] in the frame that the camera stands in.
        centre: (x, y) in [m] that is predicted where nothing is known.

    Attributes:
        feature_size: Of ``features``.
    """

    def __init__(self, camera: CameraModel, height: float, centre: tuple[float, float]):
        super().__init__()
        self.camera = camera
        self.near = nn.Sequential(*_layer(3, 16, 5, stride=2), *_layer(16, 32, 3, stride=2), *_layer(32, 32, 3))
        self.wide = nn.Sequential(*_layer(32, _POOLED, 3, stride=2), *_layer(_POOLED, _POOLED, 3),
                                  *_layer(_POOLED, _POOLED, 3, dilation=2))
        self.across = nn.Conv2d(_POOLED, 32, 1)
        self.maps = nn.Sequential(nn.ReLU(), *_layer(32, 32, 3), nn.Conv2d(32, _MAPS, 1))
        self.rows, self.columns = camera.height // 4, camera.width // 4
        self.points = SpatialSoftmax(self.rows, self.columns)
        self.pooled = nn.LayerNorm(_POOLED, elementwise_affine=False)
        self.feature_size = 2 * _MAPS + _POOLED
        self.correct = nn.Sequential(nn.Linear(self.feature_size + 2, _HIDDEN), nn.ReLU(),
                                     nn.Linear(_HIDDEN, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, 2))
        nn.init.zeros_(self.correct[-1].weight)
        nn.init.zeros_(self.correct[-1].bias)
        self.register_buffer("centre", torch.tensor(centre, dtype=torch.float32))
        self.register_buffer("plane", torch.tensor(np.linalg.inv(_from_plane(camera, height)), dtype=torch.float32))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Positions (n, 2) in [m], features (n, f), and the logits of the first map (n, rows, columns)."""
        near = self.near(images.permute(0, 3, 1, 2).float() / 127.5 - 1.0)
        wide = self.wide(near)
        maps = self.maps(near + functional.interpolate(self.across(wide), scale_factor=2.0))
        points = self.points(maps)
        features = torch.cat([points, self.pooled(wide.mean((2, 3)))], dim=1)
        start = self.on_plane(points[:, :2]) - self.centre
        return self.centre + start + self.correct(torch.cat([features, start], dim=1)), features, maps[:, 0]

    def on_plane(self, points: torch.Tensor) -> torch.Tensor:
        """Points of the plane (n, 2) in [m] that the nominal camera sees at points (n, 2) of a map in [-1, 1]."""
        cells = torch.tensor([self.columns, self.rows], dtype=points.dtype)
        share = (0.5 * (points + 1.0) * (cells - 1.0) + 0.5) / cells
        size = torch.tensor([self.camera.width, self.camera.height], dtype=points.dtype)
        ray = functional.pad(share * size, (0, 1), value=1.0) @ self.plane.T
        return (ray[:, :2] / ray[:, 2:].clamp_min(1e-3)).clamp(-_FAR, _FAR)

    def attention_loss(self, logits: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
        """Cross entropy of the first map with a blob about the thing's pixel (n, 2) over width and height; beyond the
        picture's edge the blob is at the edge."""
        y = _blob(pixels[:, 1], self.rows)
        x = _blob(pixels[:, 0], self.columns)
        wanted = (y[:, :, None] * x[:, None, :]).flatten(1)
        return -(wanted * logits.flatten(1).log_softmax(1)).sum(1).mean()


def _layer(channels: int, out: int, size: int, *, stride: int = 1, dilation: int = 1) -> list[nn.Module]:
    """A convolution; normalised within each picture, so that its brightness and contrast count less; rectified."""
    return [nn.Conv2d(channels, out, size, stride, dilation * (size // 2), dilation, bias=False),
            nn.GroupNorm(_GROUPS, out), nn.ReLU()]


def _blob(share: torch.Tensor, cells: int) -> torch.Tensor:
    """Weights (n, cells) of sum one about positions (n,) in [0, 1]."""
    at = (share.clamp(0.0, 1.0) * cells - 0.5).clamp(0.0, cells - 1.0)
    return (-0.5 * ((torch.arange(cells) - at[:, None]) / _BLUR) ** 2).softmax(1)


def _from_plane(camera: CameraModel, height: float) -> np.ndarray:
    """H (3, 3) with s (u, v, 1) = H (x, y, 1) for points (x, y, height), s > 0 ahead: K R^T [e_x, e_y, height e_z - p].
    """
    turn = rotations.matrix(np.array(camera.quaternion)[None])[0].T
    ahead = np.stack([turn[:, 0], turn[:, 1], turn @ (np.array([0.0, 0.0, height]) - np.array(camera.position))],
                     axis=1)
    return camera.matrix @ ahead
