"""Pixels through shared memory: exact, bounded, and never half of one frame and half of another."""

from __future__ import annotations

import os

import numpy as np
import pytest

from sim2real.ros.shared_frames import SLOT_BYTES, SLOTS, SharedFrames


@pytest.fixture
def frames():
    shared = SharedFrames()
    yield shared
    shared.close()


def test_what_is_written_is_read_in_another_mapping(frames):
    other = SharedFrames(os.dup(frames.descriptor))
    colors = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    depth = np.array([[1.5, np.nan]], np.float32)
    frames.write(0, colors)
    frames.write(1, depth)
    np.testing.assert_array_equal(other.read(0, (2, 3, 3), "|u1"), colors)
    np.testing.assert_array_equal(other.read(1, (1, 2), "<f4"), depth)
    assert not other.read(0, (2, 3, 3), "|u1").flags.writeable
    other.close()


def test_old_frames_are_overwritten_and_say_so(frames):
    for number in range(SLOTS + 1):
        frames.write(number, np.full((4, 4), number, np.uint8))
    assert frames.read(0, (4, 4), "|u1") is None
    assert frames.read(SLOTS + 1, (4, 4), "|u1") is None  # not written yet
    for number in range(1, SLOTS + 1):
        assert (frames.read(number, (4, 4), "|u1") == number).all()


def test_what_is_read_stays_as_it_was(frames):
    frames.write(0, np.zeros((2, 2), np.uint8))
    pixels = frames.read(0, (2, 2), "|u1")
    frames.write(SLOTS, np.ones((2, 2), np.uint8))  # the same slot
    assert (pixels == 0).all()


def test_a_frame_that_is_overwritten_while_it_is_read_is_none(frames, monkeypatch):
    frames.write(0, np.zeros((2, 2), np.uint8))
    real = np.ndarray

    def overtaken(*arguments):
        frames._memory[0:8] = (-1).to_bytes(8, "little", signed=True)
        return real(*arguments)

    monkeypatch.setattr(np, "ndarray", overtaken)
    assert frames.read(0, (2, 2), "|u1") is None


def test_the_largest_frame_fits_and_touches_no_other(frames):
    for number in range(SLOTS):
        frames.write(number, np.full(SLOT_BYTES, number, np.uint8))
    for number in range(SLOTS):
        assert (frames.read(number, (SLOT_BYTES,), "|u1") == number).all()
    with pytest.raises(TypeError):  # numpy: the buffer is too small
        frames.write(SLOTS - 1, np.zeros(SLOT_BYTES + 1, np.uint8))
