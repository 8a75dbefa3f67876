"""Images that arrive late or not at all: a short history of frames for each simulation."""

from __future__ import annotations

import numpy as np

from sim2real.errors import BadInputError
from sim2real.randomization.image_noise import Draws


class FrameDelay:
    """Frames of the last periods; tells which one a policy sees now.

    A frame taken at period k arrives at the first period at or after its delay, unless it is lost: then the one before
    stays. Nothing older than an episode's first frame is ever seen, and that one always arrives.

    Args:
        num_sims: Number of simulations.
        shape: Shape of one frame, (h, w, 3), or (h, w) for depth.
        period: Time from one frame to the next in [s].
        longest: Largest delay that will ever be asked for in [s].
        dtype: Type of the pixels.
        seed: The experiment's seed.
        identities: What distinguishes the simulations to the random numbers, integers, shape (num_sims,);
            default: 0, 1, 2, ...
    """

    def __init__(self, num_sims: int, shape: tuple[int, ...], period: float, longest: float,
                 dtype: type = np.uint8, seed: int = 0, identities: np.ndarray | None = None):
        if not (period > 0.0 and 0.0 <= longest < float("inf")):
            raise BadInputError(f"expected a period over 0 and a longest delay of 0 or more in seconds, got "
                                f"{period:g} and {longest:g}")
        self._period, self._seed = period, seed
        self._ids = np.arange(num_sims)
        self._identities = self._ids if identities is None else np.asarray(identities)
        self._most = max(int(self._steps(longest)), 1)  # a lost frame needs the one before even without delay
        self._ring = np.zeros((self._most + 1, num_sims, *shape), dtype)
        self._age = np.zeros(num_sims, int)  # frames that are there before the next one
        self._head = 0

    def reset(self, ids: np.ndarray) -> None:
        """Forget the frames of ``ids``: an episode begins."""
        self._age[ids] = 0

    def push(self, frames: np.ndarray, delay: np.ndarray | float, drop: np.ndarray | float = 0.0,
             counter: np.ndarray | int = 0) -> np.ndarray:
        """Take in the frames of this period; what is seen now, (num_sims, ...), a new array.

        Args:
            frames: One of each simulation, (num_sims, ...).
            delay: Their delay in [s], one or (num_sims,).
            drop: Probability that a frame is lost, one or (num_sims,).
            counter: Number of the frame, one or (num_sims,): which are lost is a function of (seed, identity, counter).
        """
        frames = np.asarray(frames)
        if frames.shape != self._ring.shape[1:] or frames.dtype != self._ring.dtype:
            raise BadInputError(f"expected frames as {self._ring.dtype} {self._ring.shape[1:]}, got {frames.dtype} "
                                f"{frames.shape}")
        depth, n = self._ring.shape[:2]
        before, self._head = self._head, (self._head + 1) % depth
        self._ring[self._head] = frames
        if np.any(drop):
            draws = Draws(self._seed, self._identities, np.broadcast_to(counter, n))
            lost = self._ids[(draws.uniform("lost frame", self._ids, 1)[:, 0] < drop) & (self._age > 0)]
            self._ring[self._head, lost] = self._ring[before, lost]
        steps = np.minimum(self._steps(np.broadcast_to(delay, n)), self._age)
        self._age = np.minimum(self._age + 1, self._most)
        return self._ring[(self._head - steps) % depth, self._ids]

    def _steps(self, delay: np.ndarray | float) -> np.ndarray:
        """Periods until a frame with a ``delay`` in [s] is there; 1e-6: n periods written in floating point are n."""
        return np.ceil(np.asarray(delay) / self._period - 1e-6).astype(int)
