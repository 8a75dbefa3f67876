"""Pixels from the camera's process to the control loop's: a few slots of shared memory without a name.

Nothing is left behind when the processes end, in whatever way. Memory is taken only as far as images fill it.
"""

from __future__ import annotations

import mmap
import os
import struct

import numpy as np

SLOTS = 4
SLOT_BYTES = 8 * 2**20  # a depth image of 1920 x 1080
_HEAD = struct.Struct("<q")  # number of the frame in the slot, -1 while it is written
_PAGE = 4096  # pixels begin on one


class SharedFrames:
    """Frames by their number, written by one process and read by another; old ones are overwritten.

    Args:
        descriptor: Of the writer's memory, inherited; None makes a new one.
    """

    def __init__(self, descriptor: int | None = None):
        size = SLOTS * (_PAGE + SLOT_BYTES)
        self.descriptor = os.memfd_create("sim2real_camera") if descriptor is None else descriptor
        if descriptor is None:
            os.ftruncate(self.descriptor, size)
        self._memory = mmap.mmap(self.descriptor, size)
        if descriptor is None:
            for number in range(SLOTS):
                _HEAD.pack_into(self._memory, self._slot(number), -1)

    def write(self, number: int, pixels: np.ndarray) -> None:
        """Put frame ``number`` (at most SLOT_BYTES) into its slot."""
        at = self._slot(number)
        _HEAD.pack_into(self._memory, at, -1)
        target = np.ndarray(pixels.shape, pixels.dtype, self._memory, at + _PAGE)
        target[...] = pixels
        _HEAD.pack_into(self._memory, at, number)

    def read(self, number: int, shape: tuple[int, ...], dtype: str) -> np.ndarray | None:
        """A read-only copy of frame ``number``; None where it has been overwritten."""
        at = self._slot(number)
        if _HEAD.unpack_from(self._memory, at)[0] != number:
            return None
        pixels = np.ndarray(shape, dtype, self._memory, at + _PAGE).copy()
        if _HEAD.unpack_from(self._memory, at)[0] != number:  # while it was copied
            return None
        pixels.flags.writeable = False
        return pixels

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()
        os.close(self.descriptor)

    @staticmethod
    def _slot(number: int) -> int:
        return number % SLOTS * (_PAGE + SLOT_BYTES)
