"""Counter-based random numbers: the same for a simulation whatever the number of simulations or threads.

A number depends only on (seed, simulation, counter, stream, column), never on what was drawn before: there is no state
to share, to save or to drift. The mixing function is SplitMix64's finaliser (Steele, Lea, Flood 2014, "Fast splittable
pseudorandom number generators"), applied once per key word, as counter-based generators do (Salmon et al. 2011).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_ONE = np.uint64(1)
_30, _27, _31, _11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_ALL = (1 << 64) - 1
_EVERY = slice(None)
_DEPTH = 8  # calls that ``Ahead`` works out at once
_TO_UNIT = 2.0**-53

STREAMS = {name: i for i, name in enumerate(
    ("episode", "step", "interval", "initial", "goal", "sensor", "command", "drop", "jitter", "observation",
     "evaluation", "wind", "push", "image", "distractor", "corridor", "inference", "identification"))}


def _mix(z: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser, in place."""
    half = z >> _30
    z ^= half
    z *= _MIX1
    np.right_shift(z, _27, out=half)
    z ^= half
    z *= _MIX2
    np.right_shift(z, _31, out=half)
    z ^= half
    return z


class Stream:
    """The numbers of one stream for fixed simulations: what ``uniform`` and ``normal`` give, with less work per draw.

    Args:
        seed: The experiment's seed.
        sims: Identity of each simulation, integers, shape (n,).
        stream: What the numbers are for, a key of ``STREAMS``: streams are independent.
        size: Numbers per simulation, or which of them: columns, shape (m,), of what a larger size would give.
    """

    def __init__(self, seed: int, sims: np.ndarray, stream: str, size: int | np.ndarray):
        columns = np.arange(size) if np.ndim(size) == 0 else np.asarray(size)
        self._columns = (columns.astype(np.uint64) + _ONE) * _GOLDEN
        key = _mix(np.array([int(seed) & _ALL], np.uint64) * _GOLDEN + np.uint64(STREAMS[stream] + 1))
        self._key = _mix(key + np.atleast_1d(sims).astype(np.uint64) * _GOLDEN)

    def uniform(self, counter: np.ndarray | int, ids: np.ndarray | slice = _EVERY) -> np.ndarray:
        """Uniform numbers in (0, 1) of the simulations at ``ids``, shape (k, size), for ``counter``, () or (k,).

        With several counters for each, shape (m, k), the result is (m, k, size).
        """
        bits = self._bits(counter, ids)
        bits >>= _11
        out = bits.astype(float)
        out += 0.5
        out *= _TO_UNIT
        return out

    def normal(self, counter: np.ndarray | int, ids: np.ndarray | slice = _EVERY) -> np.ndarray:
        """Standard normal numbers, shape (2, k, size) or (m, 2, k, size): Box-Muller on the two halves of random words.

        In single precision, five times as fast and exact to 1e-6: every measurement of every step takes some.
        """
        words = self._bits(counter, ids).view(np.uint32).astype(np.float32)
        words += np.float32(0.5)
        words *= np.float32(2.0**-32)
        radius, angle = words[..., ::2].copy(), words[..., 1::2].copy()
        np.log(radius, out=radius)
        radius *= np.float32(-2.0)
        np.sqrt(radius, out=radius)
        angle *= np.float32(2.0 * np.pi)
        out = np.empty((*radius.shape[:-2], 2, *radius.shape[-2:]))
        np.multiply(radius, np.cos(angle), out=out[..., 0, :, :])
        np.multiply(radius, np.sin(angle), out=out[..., 1, :, :])
        return out

    def _bits(self, counter: np.ndarray | int, ids: np.ndarray | slice) -> np.ndarray:
        key = _mix(self._key[ids] + np.atleast_1d(counter).astype(np.uint64) * _GOLDEN)
        return _mix(key[..., None] + self._columns)


class Ahead:
    """What ``draw`` gives for counters that go up by one from call to call, a few calls' worth at a time.

    Args:
        draw: ``Stream.uniform`` or ``Stream.normal``.
    """

    def __init__(self, draw: Callable[[np.ndarray], np.ndarray]):
        self._draw = draw
        self._first, self._block = np.zeros(0, np.int64), np.zeros(0)

    def __call__(self, counter: np.ndarray) -> np.ndarray:
        """The numbers for ``counter`` (n,); read only."""
        if len(self._first) == len(counter):
            k = int(counter[0] - self._first[0])
            if 0 <= k < _DEPTH and (counter - k == self._first).all():
                return self._block[k]
        self._first = counter.copy()
        self._block = self._draw(counter + np.arange(_DEPTH)[:, None])
        self._block.flags.writeable = False
        return self._block[0]


def uniform(seed: int, sims: np.ndarray, counter: np.ndarray | int, stream: str,
            size: int | np.ndarray) -> np.ndarray:
    """Uniform numbers in (0, 1), shape (len(sims), size): see ``Stream``.

    ``counter`` is the episode or step number, one or one per simulation, shape (n,).
    """
    return Stream(seed, sims, stream, size).uniform(counter)


def normal(seed: int, sims: np.ndarray, counter: np.ndarray | int, stream: str, size: int) -> np.ndarray:
    """Standard normal numbers, shape (len(sims), size): see ``Stream``."""
    return np.concatenate(Stream(seed, sims, stream, (size + 1) // 2).normal(counter), axis=1)[:, :size]
