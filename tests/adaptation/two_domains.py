"""A tiny pair of domains: 8x8 pictures of a bright square in one of four corners; the real ones are pale and noisy."""

import numpy as np


def make(count: int, real: bool, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (n, 8, 8, 1) uint8, and the corner of each, int64 (n,)."""
    random = np.random.default_rng([seed, real])
    labels, places = random.integers(0, 4, count), random.integers(0, 3, (count, 2))
    images = np.zeros((count, 8, 8))
    for image, label, (row, column) in zip(images, labels, places, strict=True):
        row, column = row + 3 * (label // 2), column + 3 * (label % 2)
        image[row:row + 3, column:column + 3] = 1.0
    ground, square, noise = (130.0, 175.0, 12.0) if real else (20.0, 230.0, 5.0)
    images = ground + (square - ground) * images + random.normal(0.0, noise, images.shape)
    return np.clip(images, 0, 255).astype(np.uint8)[..., None], labels
