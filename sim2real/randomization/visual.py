"""Visual domain randomization: frames whose looks are drawn after a plan (Tobin et al. 2017; Sadeghi & Levine 2017).

The looks of a frame depend on (seed, frame) and the plan alone: any frame can be drawn again alone, in any batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sim2real.parameters import ParameterSpace
from sim2real.randomization.distributions import Uniform
from sim2real.randomization.plan import RandomizationPlan
from sim2real.randomization.sampler import Sampler
from sim2real.simulators.painting.painter import Painter
from sim2real.simulators.scenes.visual_scene import Poses


def draw_frames(plan: RandomizationPlan, space: ParameterSpace, frames: np.ndarray | Sequence[int], seed: int = 0
                ) -> np.ndarray:
    """Parameter values (n, P) of frames, numbered by integers (n,): each is an episode of its own.

    Raises:
        RandomizationError: A term that cannot be carried out, with its name and the fix.
    """
    frames = np.asarray(frames)
    sampler = Sampler(plan, space, len(frames), seed, identities=frames)
    return sampler.episode(np.arange(len(frames)), np.zeros(len(frames), int))


def with_pictures(plan: RandomizationPlan, space: ParameterSpace) -> RandomizationPlan:
    """``plan`` whose textures and backgrounds are also the pictures of the scene's folder, as often as each pattern."""
    kinds = [term for term in plan.terms if term.parameter.startswith(("texture_kind.", "background_kind"))]
    return plan.extended(*(replace(term, distribution=Uniform(0.0, space[term.parameter].physical_high))
                           for term in kinds))


class VisualRandomizer:
    """Renders simulations whose looks are drawn anew each episode, and within it for terms of ``when: step``.

    Args:
        painter: Draws the frames.
        plan: What varies of ``painter.scene.space``; default: everything, over its training range.
        num_sims: Number of simulations.
        seed: Everything drawn follows from it.
    """

    def __init__(self, painter: Painter, num_sims: int, plan: RandomizationPlan | None = None, seed: int = 0):
        self.painter, self.num_sims = painter, num_sims
        space = painter.scene.space
        self._sampler = Sampler(RandomizationPlan.default(space) if plan is None else plan, space, num_sims, seed)
        self._episodes = np.zeros(num_sims, np.int64)
        self.values = self._sampler.episode(np.arange(num_sims), self._episodes)

    def reset(self, ids: np.ndarray) -> None:
        """Begin the next episode of ``ids``: their looks are drawn anew, from nominal."""
        self._episodes[ids] += 1
        self.values[ids] = self._sampler.episode(np.asarray(ids), self._episodes[ids])

    def render(self, camera: str, poses: Poses, time: np.ndarray, ids: np.ndarray | None = None, kind: str = "color"
               ) -> np.ndarray:
        """Frames of simulations ``ids`` (all by default) with ``poses`` of as many, at ``time`` [s], (num_sims,), since
        their resets; see ``Painter.render``."""
        self._sampler.advance(self.values, time)
        return self.painter.render(camera, poses, self.values if ids is None else self.values[ids], kind)
