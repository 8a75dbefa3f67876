"""Random numbers for images: a function of (seed, image, frame) alone, and fast enough for one per pixel.

A generator for each image would cost more than all effects together. Random numbers therefore lie ready in a long bank,
made once by ``sim2real.rng`` with a fixed key, and an image takes a run of it. Where the run begins, and its sign, come
from the counter. Two images' runs may overlap, but then shifted against each other.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from sim2real import rng
from sim2real.randomization.events import random_column

_PLACES = 1 << 17  # where a run may begin; a bank that does not fit into the cache costs more than the arithmetic
_BLOCK = 1 << 16  # numbers that are made at once


class Draws:
    """Random numbers of a batch of images.

    Args:
        seed: The experiment's seed.
        identities: What distinguishes the images' simulations, integers, shape (n,).
        counter: Number of each image's frame, integers, shape (n,).
    """

    def __init__(self, seed: int, identities: np.ndarray, counter: np.ndarray):
        self._seed, self._identities, self._counter = seed, identities, counter

    def uniform(self, name: str, ids: np.ndarray, size: int) -> np.ndarray:
        """Uniform numbers in (0, 1) for the purpose ``name``, shape (len(ids), size)."""
        return self._stream(name, ids, size).uniform(self._counter[ids])

    def normal(self, name: str, ids: np.ndarray, size: int) -> np.ndarray:
        """Standard normal numbers for the purpose ``name``, shape (len(ids), size)."""
        halves = self._stream(name, ids, (size + 1) // 2).normal(self._counter[ids])
        return np.concatenate(halves, axis=1)[:, :size]

    def places(self, name: str, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Where ``count`` runs of every image begin in a bank, integers (count, n), and their signs, (count, n)."""
        u = self.uniform(name, np.arange(len(self._identities)), 2 * count).T
        return (u[:count] * _PLACES).astype(np.int64), np.where(u[count:] < 0.5, -1.0, 1.0)

    def _stream(self, name: str, ids: np.ndarray, size: int) -> rng.Stream:
        return rng.Stream(self._seed, self._identities[ids], "image", random_column(name) + np.arange(size))


@lru_cache(maxsize=4)
def normal_bank(size: int) -> np.ndarray:
    """Standard normal numbers, float32, of which a run of ``size`` may begin at any of ``Draws.places``."""
    stream = rng.Stream(0, np.zeros(1), "image", np.arange(_BLOCK // 2))
    return _bank(size, lambda block: stream.normal(block))


@lru_cache(maxsize=4)
def uniform_bank(size: int) -> np.ndarray:
    """Uniform numbers in [0, 1), float32: see ``normal_bank``."""
    stream = rng.Stream(1, np.zeros(1), "image", np.arange(_BLOCK))
    below_one = np.nextafter(np.float32(1), np.float32(0))  # rounding to single precision makes ones
    return _bank(size, lambda block: np.minimum(stream.uniform(block).astype(np.float32), below_one))


def _bank(size, draw):
    blocks = range(-(-(_PLACES + size) // _BLOCK))
    bank = np.concatenate([draw(block).ravel().astype(np.float32) for block in blocks])
    bank.flags.writeable = False
    return bank
