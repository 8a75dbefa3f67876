"""Image randomization (docs/images.md) of what is trained on: domains that overlap more are aligned more easily."""

from __future__ import annotations

import numpy as np

from sim2real.adaptation.config import Augment
from sim2real.envs.vector import load_plan
from sim2real.parameters import ParameterSpace
from sim2real.randomization.images import ImageRandomizer
from sim2real.randomization.visual import draw_frames


def image_randomization(plan: str) -> Augment | None:
    """An augmentation by the effects of cameras and their links, drawn anew for each image of each step.

    Grey images are taken as colour ones without colour, and averaged again.

    Args:
        plan: ``none``, ``default``, or the YAML file of a plan of image effects.

    Raises:
        RandomizationError: A plan that cannot be carried out.
    """
    space = ParameterSpace.for_images()
    resolved = load_plan(plan, space)
    if resolved is None:
        return None
    randomizer = ImageRandomizer(space)

    def augment(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
        frames = random.integers(1 << 62, size=len(images))
        colour = np.broadcast_to(images, (*images.shape[:3], 3))
        seen = randomizer.apply(colour, draw_frames(resolved, space, frames), identities=frames)
        if images.shape[3] == 3:
            return seen
        return np.round(seen.mean(axis=3, keepdims=True)).astype(np.uint8)

    return augment
