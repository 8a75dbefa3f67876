"""The boxes that a corridor is made of: walls around a middle line, floors, dead ends, and what stands at the walls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sim2real.simulators.scenes.corridors import CorridorPlan

SEGMENTS = 7
THICKNESS = 0.1  # of walls, floors and ceilings in [m]
DEAD_ENDS = np.arange(1, SEGMENTS - 1, 2)  # segments that may go on straight where the corridor turns
_LEFT_RIGHT = np.array([1.0, -1.0])
_PANEL = 0.03  # how far doors and boards stand out of the wall in [m]
_AWAY = -50.0  # [m]: where boxes are that a corridor has not

Boxes = tuple[np.ndarray, np.ndarray, np.ndarray]  # centre (n, b, 3), size (n, b, 3), yaw (n, b)
Take = Callable[[int], np.ndarray]  # so many random numbers in (0, 1) for each corridor, (n, count)


def slots() -> tuple[tuple[str, str], ...]:
    """Name and group of each box of a corridor."""
    found = [(f"wall {side} {k}", f"wall {(k + (side == 'right')) % 3}") for side in ("left", "right")
             for k in range(SEGMENTS)]
    found += [(f"dead end {part} {k}", f"wall {2 - k % 2}") for part in ("cap", "side") for k in DEAD_ENDS]
    found += [("start", "wall 2"), ("end", "wall 2")]
    for kind in ("floor", "ceiling", "pillar", "furniture", "door", "board"):
        found += [(f"{kind} {k}", kind) for k in range(SEGMENTS)]
    return tuple(found)


class Shell:
    """Walls, floors and ceilings, and places along the walls."""

    def __init__(self, line: np.ndarray, heading: np.ndarray, width: np.ndarray, height: np.ndarray):
        self.line, self.heading, self.width, self.height = line, heading, width, height
        self.ahead = np.stack([np.cos(heading), np.sin(heading)], axis=2)
        self.left = np.stack([-np.sin(heading), np.cos(heading)], axis=2)
        self.turns = np.diff(heading, axis=1)  # (n, SEGMENTS - 1), positive to the left

    def walls(self, depth: np.ndarray) -> list[Boxes]:
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
        for j, k in enumerate(DEAD_ENDS):
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

    def _wall(self, begin, end, outward, past_begin, past_end, here=None) -> Boxes:
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

    def floors(self, depth: np.ndarray) -> list[Boxes]:
        """A floor and a ceiling for each segment; they overlap at the corners, so each lies a little lower."""
        more = 0.5 * self.width + THICKNESS
        begin = self.line[:, :-1] - more[..., None] * self.ahead
        past = np.repeat(more, SEGMENTS, axis=1)
        past[:, DEAD_ENDS] = np.maximum(more, depth + THICKNESS)
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


def _boxes(centre: np.ndarray, size: np.ndarray, yaw: np.ndarray, here: np.ndarray | None = None) -> Boxes:
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


def pillars(plan: CorridorPlan, shell: Shell, lengths: np.ndarray, take: Take) -> Boxes:
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


def furniture(plan: CorridorPlan, shell: Shell, lengths: np.ndarray, take: Take) -> Boxes:
    """Benches, bins and boxes on the floor at the walls, one a segment at most."""
    here = take(SEGMENTS) < plan.furniture_share
    side = np.where(take(SEGMENTS) < 0.5, 1.0, -1.0)
    depth, long = 0.25 + 0.4 * take(SEGMENTS), 0.25 + 0.95 * take(SEGMENTS)
    tall = plan.furniture[0] + (plan.furniture[1] - plan.furniture[0]) * take(SEGMENTS)
    along = _along(lengths, take(SEGMENTS), 0.5 * shell.width + 0.6)
    centre = np.concatenate([shell.beside(along, side, depth), 0.5 * tall[..., None]], axis=2)
    return _boxes(centre, np.stack([long, depth, tall], axis=2), shell.heading, here)


def panels(plan: CorridorPlan, shell: Shell, lengths: np.ndarray, take: Take, long: tuple[float, float],
            tall: tuple[float, float], bottom: float) -> Boxes:
    """Doors, or boards at ``bottom`` [m] over the floor, on the walls, one a segment at most."""
    here = take(SEGMENTS) < plan.panel_share
    side = np.where(take(SEGMENTS) < 0.5, 1.0, -1.0)
    wide, high = long[0] + (long[1] - long[0]) * take(SEGMENTS), tall[0] + (tall[1] - tall[0]) * take(SEGMENTS)
    along = _along(lengths, take(SEGMENTS), 0.5 * shell.width + 0.6)
    depth = np.full_like(wide, _PANEL)
    centre = np.concatenate([shell.beside(along, side, depth), (bottom + 0.5 * high)[..., None]], axis=2)
    return _boxes(centre, np.stack([wide, depth, high], axis=2), shell.heading, here)
