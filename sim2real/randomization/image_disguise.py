"""What no camera does, but what teaches a network not to lean on texture or on one spot: random convolution, cutout."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from sim2real.randomization.image_noise import Draws


class RandomConvolution:
    """A random 3x3 convolution over all colours, mixed with the image: new textures and colours, the same shapes.

    Lee, Lee, Shin, Lee 2020, "Network randomization"; the mixing is that of Xu et al. 2021, "Robust and generalizable
    visual representation learning via random convolutions". Weights are normal with variance 1/27, so that contrast
    is kept on average, about mid grey, because pixel values have no other middle:

        v = (1 - a) v + a (1/2 + K * (v - 1/2))

    Args:
        values: Image parameters by name without prefix, each (n,).
        draws: The batch's random numbers.
        shape: Shape of an image, (h, w, 3).

    Attributes:
        active: Which images it changes, (n,).
    """

    def __init__(self, values: Mapping[str, np.ndarray], draws: Draws, shape: tuple[int, int, int]):
        share = values["random_convolution"]
        self.active = share > 0.0
        ids = np.flatnonzero(self.active)
        share = share[ids, None, None, None, None]
        # (n, to channel, from channel, row, column)
        kernels = share * draws.normal("random convolution", ids, 81).reshape(-1, 3, 3, 3, 3) / np.sqrt(27.0)
        kernels[:, :, :, 1, 1] += (1.0 - share[:, 0, 0]) * np.eye(3)
        # mid grey, 127.5, stays: what its three channels give and this are 127.5
        self._offsets = dict(zip(ids.tolist(), 127.5 * (1.0 - kernels.sum(axis=(2, 3, 4))), strict=True))
        self._kernels = dict(zip(ids.tolist(), kernels.astype(np.float32), strict=True))

    def apply(self, i: int, frame: np.ndarray) -> None:
        """Change image ``i`` of the batch in place, (h, w, 3) uint8."""
        red, green, blue = (channel.astype(np.float32) for channel in cv2.split(frame))
        mixed = []
        for kernels, offset in zip(self._kernels[i], self._offsets[i], strict=True):
            total = cv2.filter2D(red, -1, kernels[0], delta=offset, borderType=cv2.BORDER_REPLICATE)
            for channel, kernel in ((green, kernels[1]), (blue, kernels[2])):
                total += cv2.filter2D(channel, -1, kernel, borderType=cv2.BORDER_REPLICATE)
            cv2.threshold(total, 0.0, 0.0, cv2.THRESH_TOZERO, total)
            mixed.append(cv2.convertScaleAbs(total))
        cv2.merge(mixed, frame)


class Cutout:
    """Rectangles of one colour each over the image, all of them inside it.

    DeVries and Taylor 2017, "Improved regularization of convolutional neural networks with cutout"; colours and
    shapes as in Zhong et al. 2017, "Random erasing data augmentation": sides at ratios from 1:2 to 2:1.

    Args:
        values: Image parameters by name without prefix, each (n,).
        draws: The batch's random numbers.
        shape: Shape of an image, (h, w, 3).

    Attributes:
        active: Which images it changes, (n,).
    """

    def __init__(self, values: Mapping[str, np.ndarray], draws: Draws, shape: tuple[int, int, int]):
        h, w, _ = shape
        count = np.ceil(values["cutout_count"]).astype(int)
        area = values["cutout_size"] * (h * w)
        self.active = (count > 0) & (area > 0.0)
        ids = np.flatnonzero(self.active)
        most = int(count.max(initial=0))
        u = draws.uniform("cutout", ids, 6 * most).reshape(len(ids), most, 6)
        area = area[ids, None]
        tall = np.clip(np.rint(np.sqrt(area * 4.0 ** (u[..., 0] - 0.5))), 1, h)  # height:width from 1:2 to 2:1
        wide = np.clip(np.rint(area / tall), 1, w)
        tall = np.where(wide == w, np.clip(np.rint(area / w), 1, h), tall)
        top, left = np.floor(u[..., 1] * (h - tall + 1)), np.floor(u[..., 2] * (w - wide + 1))
        boxes = np.stack([top, top + tall, left, left + wide], axis=-1).astype(int)
        colours = (u[..., 3:] * 256.0).astype(np.uint8)
        self._boxes = {i: (b[:k].tolist(), c) for i, b, c, k in
                       zip(ids.tolist(), boxes, colours, count[ids], strict=True)}

    def apply(self, i: int, frame: np.ndarray) -> None:
        """Change image ``i`` of the batch in place, (h, w, 3) uint8."""
        boxes, colours = self._boxes[i]
        for (top, bottom, left, right), colour in zip(boxes, colours, strict=False):
            frame[top:bottom, left:right] = colour
