"""``visual-reach``: ``reach`` to a point above a block on a table, which a camera sees.

Observation, action and reward are those of ``reach``, so a policy that was trained for it serves as it is. Where the
block stands is said by an encoder in the policy's bundle; who knows better (a simulation) may give goals as ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from sim2real.errors import TaskError
from sim2real.tasks.reach import Reach

EDGE = 0.03  # [m] outside the area at which a block may still be seen: what is allowed for its place being inexact


class VisualReach(Reach):
    """Goals are ``hover`` [m] above the centre of a block, whose height is ``block_z`` [m], in the base frame.

    ``area``: (x low, x high, y low, y high) in [m], where blocks stand; by default a rectangle in front of the arm
    inside the description's goal region.
    """

    name = "visual-reach"
    sees = ("block_x", "block_y")
    defaults = {**Reach.defaults, "hover": 0.12, "block_z": 0.03, "area": None}

    def __init__(self, robot, options=None):
        super().__init__(robot, options)
        if self.orientation != "free":
            raise TaskError(f"task visual-reach: option orientation: expected free, got {self.orientation}: a camera "
                            "says where the block is, not how the tool should look")
        self.hover, self.block_z = self._metres("hover", 0.0), self._metres("block_z", -10.0)
        self.area = self._area()
        self.options["area"] = self.area.tolist()
        self.goal_uniforms = 2

    def goal_of(self, seen: Mapping[str, float]) -> np.ndarray:
        """The goal (3,) above a block that is seen at ``block_x``, ``block_y`` and, if it is said, ``block_z`` [m].

        Raises:
            TaskError: No finite place, or one outside the area.
        """
        place = np.array([seen["block_x"], seen["block_y"], seen.get("block_z", self.block_z)], float)
        if not np.isfinite(place).all():
            raise TaskError(f"the block is seen at {_words(place[:2])}: no place")
        outside = np.maximum(self.area[::2] - place[:2], place[:2] - self.area[1::2])
        if (outside > EDGE).any():
            raise TaskError(f"the block is seen at {_words(place[:2])} m, outside the area where it may stand: x "
                            f"{_words(self.area[:2])}, y {_words(self.area[2:])} m")
        return place + np.array([0.0, 0.0, self.hover])

    # ------------------------------------------------------------------ episodes
    @cached_property
    def _bank(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The postures nearest to home whose tool is above a grid of places, as ``Reach`` has them."""
        u = np.stack(np.meshgrid(np.linspace(0.0, 1.0, 32), np.linspace(0.0, 1.0, 64)), axis=-1).reshape(-1, 2)
        low, high = self._low + self._margin, self._high - self._margin
        natural, error = self.chain.solve_position(self.sample_goal(u), self._home, low, high, iterations=40)
        if error.max() > 0.01:
            raise TaskError(f"robot {self.robot.name}: its tool does not come to the whole area of the task by "
                            f"{1e3 * error.max():.0f} mm; give a smaller 'area' (x {_words(self.area[:2])}, y "
                            f"{_words(self.area[2:])} m), or another 'hover'")
        weight = np.arange(1, len(u) + 1) / len(u)
        return natural, weight, natural

    def sample_goal(self, u: np.ndarray) -> np.ndarray:
        """Goals above blocks that stand anywhere in the area, evenly."""
        low, high = self.area[::2], self.area[1::2]
        height = np.full((len(u), 1), self.block_z + self.hover)
        return np.concatenate([low + u * (high - low), height], axis=1)

    def _metres(self, key: str, low: float) -> float:
        value = self.options[key]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= 10.0:
            raise TaskError(f"task visual-reach: option {key}: expected metres, at least {low:g}, got {value!r}")
        return float(value)

    def _area(self) -> np.ndarray:
        value: Any = self.options["area"]
        if value is None:
            near, far = self.robot.goal.radius
            value = [near, 0.8 * far, -0.5 * far, 0.5 * far]  # its corners are inside the outer radius
        numbers = np.array(value, float) if _is_four_numbers(value) else np.zeros(4)
        if not (np.isfinite(numbers).all() and (numbers[::2] < numbers[1::2]).all()):
            raise TaskError("task visual-reach: option area: expected four numbers [x low, x high, y low, y high] in "
                            f"[m], got {value!r}")
        return numbers


def _is_four_numbers(value: Any) -> bool:
    return (isinstance(value, Sequence) and len(value) == 4
            and all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in value))


def _words(values: np.ndarray) -> str:
    return f"({', '.join(f'{x:.3g}' for x in values)})"
