"""Which frame fits a state: stamps and ages worked by hand, with clocks of the test's own."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real.ros.pairing import FROZEN, Frame, Pairing

EPOCH = 1.7e9  # the wall clock at the monotonic clock's zero


def frame(stamp, received, number=0):
    return Frame(np.zeros((1, 1, 3), np.uint8), stamp, received, number=number)


def paired(*frames, **options):
    """Frames as (stamp after EPOCH, received)."""
    pairing = Pairing(**{"epoch": EPOCH, "max_skew": 0.05, **options})
    for number, (stamp, received) in enumerate(frames):
        pairing.add(frame(EPOCH + stamp, received, number))
    return pairing


def test_before_the_first():
    pairing = paired()
    assert pairing.latest(EPOCH, 0.0) is None and pairing.reason == "no image yet"


def test_the_newest_that_fits():
    pairing = paired((9.90, 9.91), (9.93, 9.94), (9.96, 9.97))
    assert pairing.latest(EPOCH + 9.99, 10.0).number == 2  # 30 ms apart
    assert pairing.reason == "" and pairing.by_age == ""
    assert pairing.latest(EPOCH + 9.90, 10.0).number == 1  # 60, 30 and 0 ms: the newest within 50 ms
    assert pairing.latest(EPOCH + 9.885, 10.0).number == 1  # 45 ms
    assert pairing.latest(EPOCH + 9.87, 10.0).number == 0
    assert pairing.latest(EPOCH + 10.06, 10.0) is None
    assert pairing.reason == "the nearest image is 100 ms apart from the state, at most 50 ms is allowed"


@pytest.mark.parametrize(("received", "now", "fits"), [(9.0, 9.0625, True), (9.0, 9.125, False), (9.0, 9.12, True)])
def test_age_of_reception(received, now, fits):
    pairing = paired((received, received), max_age=0.12)
    assert (pairing.latest(EPOCH + received, now) is not None) is fits
    assert pairing.reason == ("" if fits else "the last image is older than 120 ms")


def test_only_a_few_frames_are_kept():
    pairing = paired(*((0.01 * k, 0.01 * k) for k in range(1000)))
    assert len(pairing._kept[0]) == 4


def test_frozen():
    pairing = paired((1.0, 1.0))
    for k in range(1, FROZEN):
        assert pairing.latest(EPOCH + 1.0, 1.05) is not None
        pairing.add(frame(EPOCH + 1.0, 1.0 + 0.005 * k))
    assert pairing.latest(EPOCH + 1.0, 1.05) is None
    assert pairing.reason == "frozen: 10 images with the same stamp"
    pairing.add(frame(EPOCH + 1.05, 1.05))  # it runs again
    assert pairing.latest(EPOCH + 1.05, 1.05) is not None


def test_an_image_that_comes_again_does_not_become_younger():
    pairing = paired((1.0, 1.0), (1.0, 1.05), (1.0, 1.09))
    assert pairing.latest(EPOCH + 1.0, 1.11) is None and "older than 100 ms" in pairing.reason


def test_images_out_of_order_are_left_out():
    pairing = paired((1.00, 1.00), (1.03, 1.03), (1.01, 1.04))
    assert pairing.reordered == 1
    assert pairing.latest(EPOCH + 1.02, 1.05).number == 1


@pytest.mark.parametrize(("offset", "words"), [
    (None, "zero"), (10.0, "10.0 s in the future"), (-10.0, "10.0 s in the past"), (3600.0, "3600.0 s in the future"),
    (-3600.0, "3600.0 s in the past"), (0.2, "0.2 s in the future"), (-EPOCH, "1700000000.0 s in the past"),
])
def test_a_clock_of_its_own_is_paired_by_reception(offset, words):
    """Zero, future, past, +-10 s: the receive age decides."""
    pairing = Pairing(epoch=EPOCH)
    for k in range(3):
        at = 100.0 + 0.03 * k
        pairing.add(frame(0.0 if offset is None else EPOCH + at + offset, at, k))
    assert pairing.latest(EPOCH + 100.07, 100.07).number == 2
    assert pairing.by_age == f"its stamps are {words}"
    assert pairing.latest(EPOCH + 100.07, 100.17) is None and "older than 100 ms" in pairing.reason


@pytest.mark.parametrize("stamp", [0.0, EPOCH - 10.0, EPOCH + 13600.0])
def test_a_state_with_a_clock_of_its_own_too(stamp):
    pairing = paired((9.9, 9.9))
    assert pairing.latest(stamp, 9.95).number == 0
    assert pairing.by_age.startswith("the states' stamps are ")


def test_a_state_stamped_not_a_number_fits_nothing():
    assert paired((9.9, 9.9)).latest(float("nan"), 9.95) is None


@pytest.mark.parametrize("jump", [-10.0, 10.0, -3600.0, 3600.0])
def test_a_camera_whose_clock_jumps_is_paired_by_reception_from_then_on(jump):
    pairing = paired((1.00, 1.00), (1.03, 1.03))
    pairing.add(frame(EPOCH + 1.06 + jump, 1.06, 2))
    assert pairing.latest(EPOCH + 1.06, 1.07).number == 2 and pairing.by_age
    pairing.add(frame(EPOCH + 1.09, 1.09, 3))  # and jumps back
    assert pairing.latest(EPOCH + 1.09, 1.10).number == 3 and not pairing.by_age


def test_an_image_that_is_very_late_is_not_taken_for_one_of_another_clock():
    pairing = paired((1.00, 1.00))
    pairing.add(frame(EPOCH + 1.03, 8.0, 1))  # 7 s on the way: its stamp has gone on
    assert pairing.latest(EPOCH + 8.0, 8.01) is None
    assert "6970 ms apart from the state" in pairing.reason


def test_steps_of_the_wall_clock_change_nothing(monkeypatch):
    pairing = Pairing()
    wall, now = time.time(), time.monotonic()
    pairing.add(frame(wall, now))
    monkeypatch.setattr(time, "time", lambda: wall + 3600.0)
    assert pairing.latest(wall, now + 0.01) is not None and not pairing.by_age


@given(st.lists(st.tuples(st.floats(-20, 20), st.floats(0, 0.05)), min_size=1, max_size=30), st.floats(-20, 20),
       st.floats(0, 0.3))
def test_never_an_old_frame_and_never_one_far_from_the_state(steps, state_offset, wait):
    """Whatever the stamps: what is given was received in time, and by stamps only within the skew."""
    pairing, at = Pairing(epoch=EPOCH), 100.0
    for number, (offset, gap) in enumerate(steps):
        at += gap
        pairing.add(frame(EPOCH + at + offset, at, number))
    state, now = EPOCH + at + wait + state_offset, at + wait
    found = pairing.latest(state, now)
    assert (found is None) == bool(pairing.reason)
    if found is not None:
        assert now - found.received <= 0.1
        assert pairing.by_age or abs(found.stamp - state) <= 0.07
