"""Image randomization: what cameras, their links and training do to images, from the image as it is each time.

The order is that of the light: through the lens onto the sensor (defocus, motion blur, vignetting; the rows of a
rolling shutter are moved before, where they are bytes), into photons and numbers (exposure, gain, noise, dead pixels),
through the camera's processor (white balance, saturation, hue, gamma, contrast), over the link (resolution, JPEG). What
only training does comes last.
"""

from __future__ import annotations

import numpy as np

from sim2real.errors import BadInputError, ParameterError
from sim2real.image_vocabulary import PREFIX, settle
from sim2real.parameters import ParameterSpace
from sim2real.randomization.image_colour import Colour
from sim2real.randomization.image_disguise import Cutout, RandomConvolution
from sim2real.randomization.image_light import Light
from sim2real.randomization.image_link import Link
from sim2real.randomization.image_noise import Draws


class ImageRandomizer:
    """Applies the image parameters of a vocabulary to images.

    Args:
        space: A vocabulary with every column of ``ParameterSpace.for_images()``; others may stand beside them.
        seed: The experiment's seed.
    """

    def __init__(self, space: ParameterSpace | None = None, seed: int = 0):
        self.space = ParameterSpace.for_images() if space is None else space
        self.seed = seed
        self._columns = {p.name.removeprefix(PREFIX): self.space.column(p.name)
                         for p in ParameterSpace.for_images().parameters}
        self._physical = np.array([[p.physical_low, p.physical_high] for p in self.space.parameters]).T

    def apply(self, images: np.ndarray, values: np.ndarray, counter: np.ndarray | int = 0,
              identities: np.ndarray | None = None) -> np.ndarray:
        """New images, each with its own values. Delay and lost images are ``FrameDelay``'s.

        Args:
            images: RGB, uint8, shape (n, h, w, 3); never changed.
            values: One row of the space for each image, shape (n, P), as ``Sampler`` draws them.
            counter: Number of the frame, one or one for each image, shape (n,): noise is new with each.
            identities: What distinguishes the images' simulations to the random numbers, integers, shape (n,);
                default: 0, 1, 2, ...

        Returns:
            uint8, shape (n, h, w, 3). An image depends on its own pixels, values, identity and counter and on the
            seed, and on nothing else in the batch; with nominal values it is the same to the last bit.

        Raises:
            BadInputError: Images or numbers of another shape or kind.
            ParameterError: A value outside its physical range.
        """
        images, values = self._checked(images, values)
        n, shape = len(images), images.shape[1:]
        counter = _integers("counter", np.broadcast_to(counter, n) if np.ndim(counter) == 0 else counter, n)
        identities = _integers("identities", np.arange(n) if identities is None else identities, n)
        out = np.empty(images.shape, np.uint8)
        if out.size == 0:
            return out
        draws = Draws(self.seed, identities, counter)
        settings = {name: settle(PREFIX + name, values[:, column], self.space.nominal[column])
                    for name, column in self._columns.items()}
        light = Light(settings, draws, shape)
        stages = [light, Colour(settings, light.exposed), Link(settings, shape),
                  RandomConvolution(settings, draws, shape), Cutout(settings, draws, shape)]
        # image by image, not stage by stage: what one has just written is still in the cache for the next
        for i, active in enumerate(np.array([stage.active for stage in stages]).T.tolist()):
            frame = out[i]
            frame[:] = images[i]
            for stage, on in zip(stages, active, strict=True):
                if on:
                    stage.apply(i, frame)
        return out

    def _checked(self, images: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images = check_images(images)
        values = np.asarray(values, float)
        if values.shape != (len(images), len(self.space)):
            raise BadInputError(f"expected one row of {len(self.space)} parameter values for each of {len(images)} "
                                f"images, got shape {values.shape}")
        low, high = self._physical
        bad = np.argwhere(~((values >= low) & (values <= high)))  # nan, too
        if len(bad):
            row, column = bad[0]
            try:
                self.space.check(self.space.names[column], values[row, column])
            except ParameterError as error:
                raise ParameterError(f"image {row}: {error}") from None
        return images, values


def check_images(images: object) -> np.ndarray:
    """``images`` if they are RGB uint8 (n, h, w, 3); raises BadInputError in one line otherwise."""
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        what = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise BadInputError(f"expected images as uint8 array (n, height, width, 3), got {what}; "
                            "stack single images with images[None] and scale floats by 255")
    return images


def _integers(name: str, numbers: object, n: int) -> np.ndarray:
    numbers = np.asarray(numbers)
    if numbers.shape != (n,) or not np.issubdtype(numbers.dtype, np.integer):
        raise BadInputError(f"expected {name} as {n} integers, one for each image, got {numbers.dtype} {numbers.shape}")
    return numbers
