"""Deadlines are absolute, and what is late is skipped."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from sim2real.ros.timing import Deadlines, prefer_this_process


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        assert seconds > 0.0
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


def test_ticks_do_not_drift_with_the_work_between_them(clock):
    ticks = Deadlines(0.01, clock=clock, wait=clock.sleep)
    due = []
    for k in range(5):
        due.append(ticks.next())
        clock.now += 0.002 * k  # work
    assert due == pytest.approx([100.01, 100.02, 100.03, 100.04, 100.05])
    assert ticks.skipped == 0


def test_an_overrun_is_skipped_and_counted_never_made_up(clock):
    ticks = Deadlines(0.01, clock=clock, wait=clock.sleep)
    ticks.next()
    clock.now += 0.055  # ticks 100.02 to 100.05 are gone, 100.06 is late
    due = [ticks.next() for _ in range(3)]
    assert due == pytest.approx([100.06, 100.07, 100.08])
    assert ticks.skipped == 4
    assert ticks.worst == pytest.approx(0.005)


def test_a_tick_that_is_only_late_still_happens(clock):
    ticks = Deadlines(0.01, clock=clock, wait=clock.sleep)
    ticks.next()
    clock.now += 0.014
    assert ticks.next() == pytest.approx(100.02)
    assert ticks.next() == pytest.approx(100.03)
    assert ticks.skipped == 0


def test_ticks_can_be_shifted(clock):
    ticks = Deadlines(0.01, clock=clock, wait=clock.sleep)
    ticks.next()
    ticks.shift(-0.002)
    assert [ticks.next(), ticks.next()] == pytest.approx([100.018, 100.028])


def test_asking_for_priority_never_fails():
    assert prefer_this_process() in (True, False)


def test_realtime_is_granted_or_says_what_to_do():
    """In a process of its own: it stays in force. The other threads follow one step below, its children do not."""
    code = """
import json, os, subprocess, sys, threading
from sim2real.ros.timing import realtime
ready, go = threading.Event(), threading.Event()
other = threading.Thread(target=lambda: (ready.set(), go.wait()))
other.start()
ready.wait()
note = realtime(10)
kinds = [os.sched_getscheduler(thread) & ~os.SCHED_RESET_ON_FORK for thread in (0, other.native_id)]
steps = [os.sched_getparam(thread).sched_priority for thread in (0, other.native_id)]
child = subprocess.run([sys.executable, "-c", "import os; print(os.sched_getscheduler(0))"], capture_output=True)
print(json.dumps([kinds == [os.SCHED_FIFO] * 2, steps == [10, 9], int(child.stdout) == os.SCHED_OTHER, note]))
go.set()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *granted, note = json.loads(done.stdout)
    assert all(granted) or ("SCHED_FIFO 10 is not permitted" in note and "limits.d" in note)
