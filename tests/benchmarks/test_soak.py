"""The soak's arithmetic: trends that jumps do not move, leaks that are found, faults that are scheduled."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.soak import growth, schedule, theil_sen
from benchmarks.soak_steps import sample

MIB = 2**20


def rows(rss, files=10, threads=4, seconds=600):
    """Samples once a second; each argument a number or a function of the second."""
    def at(value, k):
        return int(value(k) if callable(value) else value)
    return [(float(k), at(rss, k), at(files, k), at(threads, k)) for k in range(seconds)]


def test_the_slope_is_the_median_one():
    t = np.arange(100.0)
    assert theil_sen(t, 3.0 * t + 7.0) == pytest.approx(3.0)
    jump = np.where(t > 50, 500.0, 0.0)  # a cache that is filled once
    assert abs(theil_sen(t, jump)) < 10.0 and np.polyfit(t, jump, 1)[0] > 7.0
    spikes = 3.0 * t
    spikes[::10] += 1e6
    assert theil_sen(t, spikes) == pytest.approx(3.0, rel=0.2)


@pytest.mark.parametrize("grows, leaks", [
    ({"rss": lambda k: 50 * MIB + 1.2 * MIB / 60 * k}, True),
    ({"rss": lambda k: 50 * MIB + 0.8 * MIB / 60 * k}, False),
    ({"rss": lambda k: 50 * MIB + (k < 120) * 40 * MIB}, False),  # falls while it warms up
    ({"rss": lambda k: 50 * MIB + 20 * MIB * ((k // 60) % 2)}, False),  # comes and goes
    ({"rss": 50 * MIB, "files": lambda k: 10 + k // 100}, True),
    ({"rss": 50 * MIB, "files": lambda k: 10 + (k % 60 == 0)}, False),  # the next part of a log
    ({"rss": 50 * MIB, "threads": lambda k: 4 + k // 200}, True)])
def test_leaks_are_told_from_what_comes_and_goes(grows, leaks):
    assert growth(rows(**grows), 120.0)["leaks"] is leaks


def test_every_fifth_freeze_is_a_long_one_and_all_end_before_the_run():
    faults = schedule(600.0, 60.0)
    assert [at for at, _ in faults] == [60.0 * k for k in range(1, 10)]
    assert [duration > 0.5 for _, duration in faults] == [k % 5 == 4 for k in range(9)]
    assert all(duration > 0.1 for _, duration in faults)  # longer than what leads to HOLD


def test_a_sample_is_of_the_process_that_is_named():
    import mmap
    import os

    before = sample(os.getpid(), 1.0)
    files = [open(os.devnull) for _ in range(5)]
    with mmap.mmap(-1, 40 * MIB) as block:  # not of what this process has freed before
        block.write(b"x" * (40 * MIB))
        after = sample(os.getpid(), 2.0)
    assert after[0] == 2.0 and after[2] == before[2] + 5 and after[1] - before[1] > 30 * MIB
    for file in files:
        file.close()
    with pytest.raises(FileNotFoundError):
        sample(2**22 + 1, 0.0)
