"""Image randomization of what is learned from: the effects of cameras and their links, new for each image."""

from __future__ import annotations

import numpy as np

from sim2real.parameters import ParameterSpace
from sim2real.randomization.images import ImageRandomizer
from sim2real.randomization.plan import RandomizationPlan
from sim2real.randomization.visual import draw_frames

# they move things in the image or are of its way to the policy: labels would be wrong, or nothing would be different
_NOT_FOR_LABELS = ("image_rolling_shutter", "image_delay", "image_drop_probability")


class ImageEffects:
    """Applies image effects that are drawn after a plan, anew for each image.

    Args:
        plan: Of ``ParameterSpace.for_images()``; default: all effects that leave things in their places.
        seed: Together with an image's number all its effects follow from it.
    """

    def __init__(self, plan: RandomizationPlan | None = None, seed: int = 0):
        self._space, self._seed = ParameterSpace.for_images(), seed
        self._plan = RandomizationPlan.default(self._space).without(*_NOT_FOR_LABELS) if plan is None else plan
        self._randomizer = ImageRandomizer(self._space, seed)

    def __call__(self, images: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """New images of the shape of ``images``, (n, h, w, 3) or grey (n, h, w, 1), uint8.

        Grey images are taken as colour ones without colour, and averaged again.

        Args:
            images: uint8; never changed.
            numbers: Of the images, integers (n,): the same number brings the same effects.
        """
        values = draw_frames(self._plan, self._space, numbers, self._seed)
        colour = np.broadcast_to(images, (*images.shape[:3], 3))
        seen = self._randomizer.apply(colour, values, identities=numbers)
        return seen if images.shape[3] == 3 else np.round(seen.mean(axis=3, keepdims=True)).astype(np.uint8)

    def augment(self, images: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """The same with numbers that are drawn: an augmentation as ``sim2real.adaptation`` takes it."""
        return self(images, random.integers(1 << 62, size=len(images)))
