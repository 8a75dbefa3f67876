"""Corridors as boxes: bends, dead ends, doors, pillars and furniture, drawn by number from ranges.

A corridor is a chain of straight segments that turn by one angle, to and fro or in stairs, so that it never meets
itself. Everything in it is a box that stands upright, in the same slots for every corridor: one scene with as many
boxes shows them all, and distances are those of rays and boxes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim2real import rng
from sim2real.errors import BadInputError
from sim2real.simulators.scenes.corridor_boxes import DEAD_ENDS, SEGMENTS, THICKNESS, Shell, furniture, panels, pillars

_DRAWS = 200  # random numbers for one corridor at most


@dataclass(frozen=True)
class CorridorPlan:
    """What corridors are drawn from: ranges (from, to), in [m] where nothing else is said.

    Attributes:
        length: Of the middle line from end wall to end wall.
        shortest: Least length of a segment.
        width, height: Of a corridor.
        turn: Angle of its bends in [rad], at most a right angle.
        dead_end: Depth of dead ends behind the corner.
        dead_end_share, pillar_share, furniture_share, panel_share: How often a bend or a segment has one.
        pillar: How far pillars and cupboards stand out of the wall.
        gap: Least width that they leave.
        furniture: Height of what stands on the floor, below the flight.
        clear: Way behind the start that is free of pillars.
    """

    length: float = 36.0
    shortest: float = 3.6
    width: tuple[float, float] = (1.7, 2.4)
    height: tuple[float, float] = (2.2, 2.9)
    turn: tuple[float, float] = (math.radians(55.0), math.radians(90.0))
    dead_end: tuple[float, float] = (1.0, 1.8)
    dead_end_share: float = 0.4
    pillar_share: float = 0.6
    pillar: tuple[float, float] = (0.2, 0.6)
    gap: float = 1.0
    furniture_share: float = 0.5
    furniture: tuple[float, float] = (0.2, 0.6)
    panel_share: float = 0.7
    clear: float = 3.0

    def __post_init__(self) -> None:
        spare = self.shortest * math.sin(self.turn[0]) - self.width[1] - 3.0 * THICKNESS
        if not (0.0 < self.turn[0] <= self.turn[1] <= 0.5 * math.pi + 1e-9 and spare >= 0.0):
            raise BadInputError(f"corridors of up to {self.width[1]:g} m width whose segments may be "
                                f"{self.shortest:g} m short and turn by {math.degrees(self.turn[0]):g} degrees would "
                                "meet themselves; give longer or narrower ones, and turns up to 90 degrees")
        if self.length < SEGMENTS * self.shortest:
            raise BadInputError(f"expected a length of at least {SEGMENTS * self.shortest:g} m for {SEGMENTS} segments "
                                f"of {self.shortest:g} m, got {self.length:g} m")
        if self.width[0] - self.pillar[0] < self.gap:
            raise BadInputError(f"pillars of {self.pillar[0]:g} m leave less than the gap of {self.gap:g} m in a "
                                f"corridor of {self.width[0]:g} m; make the gap smaller")


@dataclass(frozen=True)
class Corridors:
    """``n`` corridors.

    Attributes:
        line: Corners of the middle lines in [m], (n, SEGMENTS + 1, 2); corridors begin at the origin along x.
        width, height: In [m], (n,).
        centre, size: Of the boxes in [m], (n, B, 3), in the order of ``slots()``.
        yaw: Of the boxes in [rad], (n, B).
    """

    line: np.ndarray
    width: np.ndarray
    height: np.ndarray
    centre: np.ndarray
    size: np.ndarray
    yaw: np.ndarray

    def __len__(self) -> int:
        return len(self.line)

    def __getitem__(self, which: np.ndarray | slice) -> Corridors:
        """Those at ``which``, one of them as often as it is named."""
        return Corridors(self.line[which], self.width[which], self.height[which], self.centre[which],
                         self.size[which], self.yaw[which])

    @property
    def lengths(self) -> np.ndarray:
        """Of the segments in [m], (n, SEGMENTS)."""
        return np.linalg.norm(np.diff(self.line, axis=1), axis=2)

    @property
    def directions(self) -> np.ndarray:
        """Of the segments in [rad], (n, SEGMENTS)."""
        way = np.diff(self.line, axis=1)
        return np.arctan2(way[..., 1], way[..., 0])

    def at(self, way: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions (n, 2) on the middle lines, ``way`` (n,) [m] from the start, and directions there (n,) [rad]."""
        ends = np.cumsum(self.lengths, axis=1)
        k = np.minimum((way[:, None] > ends).sum(axis=1), SEGMENTS - 1)
        rows = np.arange(len(self))
        direction = self.directions[rows, k]
        before = way - (ends[rows, k] - self.lengths[rows, k])
        ahead = np.stack([np.cos(direction), np.sin(direction)], axis=1)
        return self.line[rows, k] + before[:, None] * ahead, direction

    def progress(self, position: np.ndarray) -> np.ndarray:
        """Way along the middle line in [m], (n,), of the point on it that is nearest to ``position`` (n, 2)."""
        lengths, begin = self.lengths, self.line[:, :-1]
        ahead = np.diff(self.line, axis=1) / lengths[..., None]
        along = np.clip(((position[:, None] - begin) * ahead).sum(axis=2), 0.0, lengths)
        off = np.linalg.norm(begin + along[..., None] * ahead - position[:, None], axis=2)
        k, rows = off.argmin(axis=1), np.arange(len(self))
        return (np.cumsum(lengths, axis=1) - lengths + along)[rows, k]


def draw_corridors(plan: CorridorPlan, numbers: np.ndarray, seed: int = 0) -> Corridors:
    """The corridors with these numbers (n,): each depends on the plan, the seed and its own number alone."""
    numbers = np.asarray(numbers)
    draws = iter(rng.uniform(seed, numbers, 0, "corridor", _DRAWS).T)

    def take(count: int) -> np.ndarray:
        return np.stack([next(draws) for _ in range(count)], axis=1)  # (n, count) in (0, 1)

    def between(low_high: tuple[float, float], count: int = 1) -> np.ndarray:
        return low_high[0] + (low_high[1] - low_high[0]) * take(count)

    width, height, turn = (between(x) for x in (plan.width, plan.height, plan.turn))
    more = -np.log(take(SEGMENTS))  # what is left is shared out evenly (Dirichlet)
    lengths = plan.shortest + (plan.length - SEGMENTS * plan.shortest) * more / more.sum(axis=1, keepdims=True)
    heading = np.zeros_like(lengths)
    heading[:, 1::2] = np.where(take(SEGMENTS // 2) < 0.5, -turn, turn)
    ways = lengths[..., None] * np.stack([np.cos(heading), np.sin(heading)], axis=2)
    line = np.concatenate([np.zeros((len(numbers), 1, 2)), np.cumsum(ways, axis=1)], axis=1)
    open_ends = take(len(DEAD_ENDS)) < plan.dead_end_share
    # a dead end is as deep as drawn behind the corner between it and the next segment
    depth = 0.5 * width / np.tan(0.5 * turn) + between(plan.dead_end, len(DEAD_ENDS))
    shell = Shell(line, heading, width, height)
    boxes = [*shell.walls(np.where(open_ends, depth, 0.0)), *shell.floors(np.where(open_ends, depth, 0.0))]
    boxes += [pillars(plan, shell, lengths, take), furniture(plan, shell, lengths, take)]
    boxes += [panels(plan, shell, lengths, take, *rows) for rows in (((0.8, 1.0), (1.95, 2.1), 0.0),
                                                                     ((0.4, 1.2), (0.3, 0.8), 1.0))]
    centre, size, yaw = (np.concatenate(part, axis=1) for part in zip(*boxes, strict=True))
    return Corridors(line, width[:, 0], height[:, 0], centre, size, yaw)
