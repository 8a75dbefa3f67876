"""Image randomization (docs/images.md) of what is trained on: domains that overlap more are aligned more easily."""

from __future__ import annotations

from sim2real.adaptation.config import Augment
from sim2real.envs.vector import load_plan
from sim2real.parameters import ParameterSpace
from sim2real.randomization.image_effects import ImageEffects


def image_randomization(plan: str) -> Augment | None:
    """An augmentation by the effects of cameras and their links, drawn anew for each image of each step.

    Args:
        plan: ``none``, ``default``, or the YAML file of a plan of image effects.

    Raises:
        RandomizationError: A plan that cannot be carried out.
    """
    resolved = load_plan(plan, ParameterSpace.for_images())
    return None if resolved is None else ImageEffects(resolved).augment
