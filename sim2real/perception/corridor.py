"""Free distances from one picture: learned in randomized renders of corridors, after CAD2RL (Sadeghi and Levine 2017).

The paper predicts for each cell of the picture the probability to collide within a horizon, by Monte Carlo rollouts in
the simulator. Here walls are known boxes and flights straight on have one outcome, so one ray replaces the rollouts:
the label is the distance that is free along each heading, cut off at a horizon, and the collision within any shorter
horizon follows from it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from sim2real import rng
from sim2real.adaptation.networks import Network
from sim2real.adaptation.schedule import remember, rise_and_fall
from sim2real.errors import BadInputError
from sim2real.perception.flight import HEADINGS, HORIZON, RADIUS, SAFE_RADIUS, Flight
from sim2real.randomization import RandomizationPlan
from sim2real.randomization.image_effects import ImageEffects
from sim2real.simulators.painting.painter import Painter
from sim2real.simulators.scenes.corridor_scene import CAMERA, corridor_poses
from sim2real.simulators.scenes.corridors import CorridorPlan, Corridors, draw_corridors
from sim2real.simulators.scenes.rays import clearance, free_distance
from sim2real.simulators.scenes.visual_scene import Poses, VisualScene

COLLISION = 2.0  # [m]: the horizon of the collision that is judged, two seconds of flight
_TILT, _PITCH = math.radians(20.0), math.radians(8.0)  # of the drone in training pictures
_HEIGHT = (0.85, 1.15)  # [m] of the camera there
_TRIES = 8  # places drawn for one view, the first of which is free is taken
_ASTRAY = 0.15  # share of views that look anywhere
_AHEAD = math.radians(75.0)  # the others look that far off the corridor's direction at most
_LEAST = 64  # pictures to train with
_WARM_UP = 50  # steps in which the learning rate rises


@dataclass(frozen=True)
class Views:
    """Places of the camera and what is to be predicted there.

    Attributes:
        corridors: One for each view.
        position: Of the camera in [m], (n, 3).
        yaw, roll, pitch: Of the drone in [rad], (n,).
        free: Distances along HEADINGS in [m], (n, K), at most HORIZON.
    """

    corridors: Corridors
    position: np.ndarray
    yaw: np.ndarray
    roll: np.ndarray
    pitch: np.ndarray
    free: np.ndarray

    @property
    def poses(self) -> Poses:
        """The frames to be drawn."""
        return corridor_poses(self.corridors, self.position, self.yaw, self.roll, self.pitch)


def draw_views(count: int, seed: int = 0, plan: CorridorPlan | None = None, first: int = 0, each: int = 8) -> Views:
    """``count`` views at random places of random corridors, ``each`` in one corridor, from number ``first`` on.

    Places are at least the drone's radius off everything; of what is drawn the first such place is taken, and a view
    without one takes the place in the middle of the corridor.
    """
    if count < 1 or each < 1:
        raise BadInputError(f"expected at least one view and one per corridor, got {count} and {each}")
    numbers = np.arange(count)
    corridors = draw_corridors(plan or CorridorPlan(), first + np.arange(math.ceil(count / each)), seed)
    corridors = corridors[numbers // each]
    u = rng.uniform(seed, first * each + numbers, 1, "corridor", 5 + 2 * _TRIES)
    way = 0.5 + u[:, :_TRIES] * (corridors.lengths.sum(axis=1) - 1.0)[:, None]
    height = _HEIGHT[0] + u[:, -1] * (_HEIGHT[1] - _HEIGHT[0])
    position, direction = _place(corridors, way[:, 0], np.zeros(count), height)  # in the middle
    found = np.zeros(count, bool)
    for k in range(_TRIES):
        there, along = _place(corridors, way[:, k], 2.0 * u[:, _TRIES + k] - 1.0, height)
        new = ~found & (clearance(corridors, there) > 1.5 * RADIUS)
        position[new], direction[new] = there[new], along[new]
        found |= new
    off = np.where(u[:, -2] < _ASTRAY, math.pi, _AHEAD) * (2.0 * u[:, -3] - 1.0)
    yaw = direction + off
    free = free_distance(corridors, position, yaw[:, None] + HEADINGS, SAFE_RADIUS, HORIZON)
    roll, pitch = _TILT * (2.0 * u[:, -4] - 1.0), _PITCH * (2.0 * u[:, -5] - 1.0)
    return Views(corridors, position, yaw, roll, pitch, free.astype(np.float32))


def _place(corridors: Corridors, way: np.ndarray, aside: np.ndarray, height: np.ndarray
           ) -> tuple[np.ndarray, np.ndarray]:
    """Positions (n, 3), ``aside`` in [-1, 1] of the way from the middle to the wall, and directions there."""
    place, direction = corridors.at(way)
    off = 0.5 * corridors.width * aside
    left = np.stack([-np.sin(direction), np.cos(direction)], axis=1)
    return np.concatenate([place + off[:, None] * left, height[:, None]], axis=1), direction


def training_plan(scene: VisualScene) -> RandomizationPlan:
    """Everything that the scene can vary, over its training range, but for a lens that no wide camera has."""
    return RandomizationPlan.default(scene.space).without("lens_k*")


@dataclass(frozen=True)
class TrainingConfig:
    """How a predictor is trained.

    Attributes:
        epochs, batch_size: Over the pictures.
        learning_rate: The greatest: it rises over the first steps and falls as a half cosine to zero.
        weight_decay: Of AdamW.
        average: Of the weights that are kept: a running mean over steps.
        effects: Whether exposure, colours, blur, noise and the like are drawn anew for each picture each time.
        seed: Everything random follows from it.
    """

    epochs: int = 16
    batch_size: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    average: float = 0.99
    effects: bool = False
    seed: int = 0


def make_predictor_network(height: int, width: int, predictions: int = len(HEADINGS)) -> Network:
    """Four convolutions down to a sixteenth, 128 features: ``adaptation.networks.deep`` at half its width and cost."""
    small = math.ceil(height / 16) * math.ceil(width / 16)
    layers = [nn.Conv2d(3, 16, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
              nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, stride=2, padding=1),
              nn.ReLU(), nn.Flatten(), nn.Linear(64 * small, 128)]
    network = Network(layers, height, width, 3, predictions, classes=False)
    network.label_scale.fill_(HORIZON)
    return network


class Predictor:
    """Free distances of pictures.

    Args:
        network: Its predictions are free distances in [m].
    """

    def __init__(self, network: Network):
        self.network = network.eval()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Free distances (n, K) in [m] of images (n, h, w, 3) uint8."""
        return self.network.predict(images)[0]


def train_predictor(images: np.ndarray, free: np.ndarray, config: TrainingConfig | None = None,
                    progress: Callable[[float], object] | None = None) -> Predictor:
    """A predictor for images (n, h, w, 3) uint8 whose free distances (n, K) in [m] are known.

    Half of the pictures of each batch are mirrored, with their headings. Weights are averaged over the last steps.

    Raises:
        BadInputError: Shapes that do not fit, or too few pictures.
    """
    config = config or TrainingConfig()
    _check(images, free)
    torch.manual_seed(config.seed)
    random = np.random.default_rng(config.seed)
    network = make_predictor_network(*images.shape[1:3], free.shape[1])
    average = copy.deepcopy(network)
    effects = ImageEffects(seed=config.seed).augment if config.effects else None
    optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    batches = len(images) // config.batch_size
    steps = config.epochs * batches
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rise_and_fall(step, steps, _WARM_UP))
    for step in range(steps):
        if step % batches == 0:
            order = iter(np.array_split(random.permutation(len(images)), batches))
        batch = next(order)
        pictures, labels = images[batch], free[batch] / HORIZON
        flip = random.random(len(batch)) < 0.5
        pictures[flip], labels[flip] = pictures[flip, :, ::-1], labels[flip, ::-1]
        if effects is not None:
            pictures = effects(pictures, random)
        predicted, _ = network(torch.from_numpy(pictures))
        loss = functional.smooth_l1_loss(predicted, torch.from_numpy(labels), beta=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        # a running mean at first, so that the weights of the start are soon forgotten
        remember(average, network, min(config.average, step / (step + 10)))
        if progress is not None:
            progress((step + 1) / steps)
    return Predictor(average)


def _check(images: np.ndarray, free: np.ndarray) -> None:
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        raise BadInputError(f"expected pictures (n, height, width, 3) uint8, got {images.shape} {images.dtype}")
    if free.shape != (len(images), len(HEADINGS)):
        raise BadInputError(f"expected free distances ({len(images)}, {len(HEADINGS)}) for as many pictures, got "
                            f"{free.shape}")
    if len(images) < _LEAST:
        raise BadInputError(f"expected at least {_LEAST} pictures to train with, got {len(images)}; draw more views")


def seen_by(predictors: Sequence[Callable[[np.ndarray], np.ndarray]], painter: Painter, values: np.ndarray | None = None
            ) -> Callable[[Flight], np.ndarray]:
    """Eyes for ``flight.fly``: what predictors make of what a painter draws.

    Args:
        predictors: One for all flights, or one for each.
        painter: Of ``corridor_scene()``.
        values: Looks of all frames, (1, P).
    """
    def see(flight: Flight) -> np.ndarray:
        poses = corridor_poses(flight.corridors, flight.position, flight.yaw, flight.roll)
        images = painter.render(CAMERA, poses, values)
        if len(predictors) == 1:
            return predictors[0](images)
        return np.concatenate([predictors[k](images[i:i + 1]) for i, k in enumerate(flight.ids)])

    return see


def collision_auc(free: np.ndarray, predicted: np.ndarray, horizon: float = COLLISION) -> float:
    """Area under the ROC curve of "this heading collides within ``horizon`` [m]" by predicted distances; (n, K) both.

    The share of pairs of a colliding and a free heading that are ranked right, ties by half (Mann and Whitney 1947).

    Raises:
        BadInputError: All headings collide, or none does.
    """
    hit = (free < horizon).ravel()
    if hit.all() or not hit.any():
        raise BadInputError(f"expected headings that collide within {horizon:g} m and some that do not; take more "
                            "views")
    _, inverse, counts = np.unique(predicted.ravel(), return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - 0.5 * (counts - 1))[inverse]  # from 1, ties share the mean
    free_ones = np.count_nonzero(~hit)
    above = rank[~hit].sum() - 0.5 * free_ones * (free_ones + 1)
    return float(above / (free_ones * np.count_nonzero(hit)))
