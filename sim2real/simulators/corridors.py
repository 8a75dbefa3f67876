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

SEGMENTS = 7
THICKNESS = 0.1  # of walls, floors and ceilings in [m]
_LEFT_RIGHT = np.array([1.0, -1.0])
_DEAD_ENDS = np.arange(1, SEGMENTS - 1, 2)  # segments that may go on straight where the corridor turns
_PANEL = 0.03  # how far doors and boards stand out of the wall in [m]
_AWAY = -50.0  # [m]: where boxes are that a corridor has not
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


def slots() -> tuple[tuple[str, str], ...]:
    """Name and group of each box of a corridor."""
    found = [(f"wall {side} {k}", f"wall {(k + (side == 'right')) % 3}") for side in ("left", "right")
             for k in range(SEGMENTS)]
    found += [(f"dead end {part} {k}", f"wall {2 - k % 2}") for part in ("cap", "side") for k in _DEAD_ENDS]
    found += [("start", "wall 2"), ("end", "wall 2")]
    for kind in ("floor", "ceiling", "pillar", "furniture", "door", "board"):
        found += [(f"{kind} {k}", kind) for k in range(SEGMENTS)]
    return tuple(found)


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
    open_ends = take(len(_DEAD_ENDS)) < plan.dead_end_share
    # a dead end is as deep as drawn behind the corner between it and the next segment
    depth = 0.5 * width / np.tan(0.5 * turn) + between(plan.dead_end, len(_DEAD_ENDS))
    shell = _Shell(line, heading, width, height)
    boxes = [*shell.walls(np.where(open_ends, depth, 0.0)), *shell.floors(np.where(open_ends, depth, 0.0))]
    boxes += [_pillars(plan, shell, lengths, take), _furniture(plan, shell, lengths, take)]
    boxes += [_panels(plan, shell, lengths, take, *rows) for rows in (((0.8, 1.0), (1.95, 2.1), 0.0),
                                                                     ((0.4, 1.2), (0.3, 0.8), 1.0))]
    centre, size, yaw = (np.concatenate(part, axis=1) for part in zip(*boxes, strict=True))
    return Corridors(line, width[:, 0], height[:, 0], centre, size, yaw)


_Boxes = tuple[np.ndarray, np.ndarray, np.ndarray]  # centre (n, b, 3), size (n, b, 3), yaw (n, b)


class _Shell:
    """Walls, floors and ceilings, and places along the walls."""

    def __init__(self, line: np.ndarray, heading: np.ndarray, width: np.ndarray, height: np.ndarray):
        self.line, self.heading, self.width, self.height = line, heading, width, height
        self.ahead = np.stack([np.cos(heading), np.sin(heading)], axis=2)
        self.left = np.stack([-np.sin(heading), np.cos(heading)], axis=2)
        self.turns = np.diff(heading, axis=1)  # (n, SEGMENTS - 1), positive to the left

    def walls(self, depth: np.ndarray) -> list[_Boxes]:
        """Left and right walls, caps and sides of the dead ends (0 deep: none), start and end."""
        n, half = len(self.line), 0.5 * self.width
        # where the inner faces meet: on the line that halves the corner
        mitre = (self.left[:, :-1] + self.left[:, 1:]) / (1.0 + np.cos(self.turns))[..., None]
        aside = np.concatenate([self.left[:, :1], mitre, self.left[:, -1:]], axis=1) * half[..., None]
        begin = self.line[:, None, :-1] + _LEFT_RIGHT[:, None, None] * aside[:, None, :-1]  # (n, 2, SEGMENTS, 2)
        end = self.line[:, None, 1:] + _LEFT_RIGHT[:, None, None] * aside[:, None, 1:]
        # outer corners get walls that reach around them; inner ones none, which would stand in the way
        outer = _LEFT_RIGHT[:, None] * self.turns[:, None] < 0.0
        past_begin, past_end = (np.full((n, 2, SEGMENTS), THICKNESS) for _ in range(2))
        past_end[..., :-1] *= outer
        past_begin[..., 1:] *= outer
        caps, sides = [], []
        rows = np.arange(n)
        for j, k in enumerate(_DEAD_ENDS):
            deep, turn = depth[:, j, None], self.turns[:, k, None]
            corner, ahead, left = self.line[:, k + 1], self.ahead[:, k], self.left[:, k]
            out = -np.sign(turn)  # the side on which the wall goes on: 1 left
            far = corner + deep * ahead + half * out * left
            across = corner + deep * ahead - half * out * left
            # where the dead end's other side meets the next segment's wall
            meet = corner + half / np.tan(0.5 * np.abs(turn)) * ahead - half * out * left
            here = deep[:, 0] > 0.0
            side = (out[:, 0] < 0).astype(int)
            end[rows[here], side[here], k] = far[here]
            begin[rows[here], side[here], k + 1] = meet[here]
            # both walls of the sharp corner there begin where they do not stand out on its other side
            sharp = -THICKNESS / np.tan(np.abs(turn[:, 0]))
            past_begin[rows[here], side[here], k + 1] = sharp[here]
            caps.append(self._wall(far, across, ahead, THICKNESS, THICKNESS, here))
            sides.append(self._wall(meet, across, -out * left, sharp, THICKNESS, here))
        main = [self._wall(begin[:, s, k], end[:, s, k], sign * self.left[:, k], past_begin[:, s, k],
                           past_end[:, s, k]) for s, sign in enumerate(_LEFT_RIGHT) for k in range(SEGMENTS)]
        return main + caps + sides + [
            self._wall(begin[:, 0, 0], begin[:, 1, 0], -self.ahead[:, 0], THICKNESS, THICKNESS),
            self._wall(end[:, 0, -1], end[:, 1, -1], self.ahead[:, -1], THICKNESS, THICKNESS)]

    def _wall(self, begin, end, outward, past_begin, past_end, here=None) -> _Boxes:
        """A wall whose inner face goes from ``begin`` to ``end`` (n, 2), and past them by so much."""
        way = end - begin
        length = np.linalg.norm(way, axis=1)
        ahead = way / np.maximum(length, 1e-9)[:, None]
        middle = 0.5 * (begin + end) + 0.5 * np.atleast_1d(past_end - past_begin)[:, None] * ahead + \
            0.5 * THICKNESS * outward
        high = self.height[:, 0]
        size = np.stack([length + past_begin + past_end, np.full_like(length, THICKNESS), high], axis=1)
        return _boxes(np.concatenate([middle, 0.5 * self.height], axis=1)[:, None], size[:, None],
                      np.arctan2(way[:, 1], way[:, 0])[:, None], None if here is None else here[:, None])

    def floors(self, depth: np.ndarray) -> list[_Boxes]:
        """A floor and a ceiling for each segment; they overlap at the corners, so each lies a little lower."""
        more = 0.5 * self.width + THICKNESS
        begin = self.line[:, :-1] - more[..., None] * self.ahead
        past = np.repeat(more, SEGMENTS, axis=1)
        past[:, _DEAD_ENDS] = np.maximum(more, depth + THICKNESS)
        end = self.line[:, 1:] + past[..., None] * self.ahead
        step = 0.001 * np.arange(SEGMENTS)
        size = np.stack([np.linalg.norm(end - begin, axis=2), np.repeat(2.0 * more, SEGMENTS, axis=1),
                         np.full(past.shape, THICKNESS)], axis=2)
        below = np.broadcast_to(-0.5 * THICKNESS - step, past.shape)
        above = self.height + 0.5 * THICKNESS + step
        return [_boxes(np.concatenate([0.5 * (begin + end), z[..., None]], axis=2), size, self.heading)
                for z in (below, above)]

    def beside(self, along: np.ndarray, side: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Centres (n, SEGMENTS, 2) of things ``depth`` deep that stand at the wall on ``side`` (1 left, -1 right)."""
        off = side * (0.5 * self.width - 0.5 * depth)
        return self.line[:, :-1] + along[..., None] * self.ahead + off[..., None] * self.left


def _boxes(centre: np.ndarray, size: np.ndarray, yaw: np.ndarray, here: np.ndarray | None = None) -> _Boxes:
    """Boxes (n, b), those that are not ``here`` (n, b) far below."""
    if here is None:
        return centre, size, yaw
    return (np.where(here[..., None], centre, [0.0, 0.0, _AWAY]), np.where(here[..., None], size, THICKNESS),
            np.where(here, yaw, 0.0))


def _along(lengths: np.ndarray, share: np.ndarray, margin: np.ndarray, first: float = 0.0) -> np.ndarray:
    """Places along each segment in [m], (n, SEGMENTS), ``margin`` from its ends and ``first`` from the start."""
    low = np.minimum(margin, 0.5 * lengths)
    high = lengths - low
    low[:, 0] = np.minimum(np.maximum(low[:, 0], first), high[:, 0])
    return low + share * (high - low)


def _pillars(plan: CorridorPlan, shell: _Shell, lengths: np.ndarray, take) -> _Boxes:
    """Pillars up to the ceiling and cupboards that reach above the flight, one a segment at most."""
    here = take(SEGMENTS) < plan.pillar_share
    side = np.where(take(SEGMENTS) < 0.5, 1.0, -1.0)
    widest = np.minimum(plan.pillar[1], shell.width - plan.gap)
    depth = plan.pillar[0] + (widest - plan.pillar[0]) * take(SEGMENTS)
    long = 0.2 + 0.7 * take(SEGMENTS)
    tall = np.where(take(SEGMENTS) < 0.5, shell.height, 1.6 + (shell.height - 1.6) * take(SEGMENTS))
    margin = 0.5 * shell.width + 0.9
    along = _along(lengths, take(SEGMENTS), margin, plan.clear)
    here[:, 0] &= lengths[:, 0] - margin[:, 0] >= plan.clear
    centre = np.concatenate([shell.beside(along, side, depth), 0.5 * tall[..., None]], axis=2)
    return _boxes(centre, np.stack([long, depth, tall], axis=2), shell.heading, here)


def _furniture(plan: CorridorPlan, shell: _Shell, lengths: np.ndarray, take) -> _Boxes:
    """Benches, bins and boxes on the floor at the walls, one a segment at most."""
    here = take(SEGMENTS) < plan.furniture_share
    side = np.where(take(SEGMENTS) < 0.5, 1.0, -1.0)
    depth, long = 0.25 + 0.4 * take(SEGMENTS), 0.25 + 0.95 * take(SEGMENTS)
    tall = plan.furniture[0] + (plan.furniture[1] - plan.furniture[0]) * take(SEGMENTS)
    along = _along(lengths, take(SEGMENTS), 0.5 * shell.width + 0.6)
    centre = np.concatenate([shell.beside(along, side, depth), 0.5 * tall[..., None]], axis=2)
    return _boxes(centre, np.stack([long, depth, tall], axis=2), shell.heading, here)


def _panels(plan: CorridorPlan, shell: _Shell, lengths: np.ndarray, take, long: tuple[float, float],
            tall: tuple[float, float], bottom: float) -> _Boxes:
    """Doors, or boards at ``bottom`` [m] over the floor, on the walls, one a segment at most."""
    here = take(SEGMENTS) < plan.panel_share
    side = np.where(take(SEGMENTS) < 0.5, 1.0, -1.0)
    wide, high = long[0] + (long[1] - long[0]) * take(SEGMENTS), tall[0] + (tall[1] - tall[0]) * take(SEGMENTS)
    along = _along(lengths, take(SEGMENTS), 0.5 * shell.width + 0.6)
    depth = np.full_like(wide, _PANEL)
    centre = np.concatenate([shell.beside(along, side, depth), (bottom + 0.5 * high)[..., None]], axis=2)
    return _boxes(centre, np.stack([wide, depth, high], axis=2), shell.heading, here)
