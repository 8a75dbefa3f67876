"""Streams of different pace as rows: commands hold, states keep their own times, nothing is made up."""

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.recordings.streams import Stream, join, on_clock


def test_a_slow_state_is_put_to_the_nearest_command_by_its_velocity():
    given = Stream(np.array([0.0, 0.1, 0.2, 0.3, 0.4]), {"command.a": np.arange(5.0)}, {})
    measured = Stream(np.array([0.0, 0.21, 0.38]), {"position.a": np.array([1.0, 2.0, 3.0]),
                                                   "velocity.a": np.array([0.0, 10.0, -5.0])},
                      {"position.a": "velocity.a"})
    time, channels = join("log", given, [measured])
    assert time == pytest.approx([0.0, 0.1, 0.2, 0.3])  # only where both are
    assert channels["command.a"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert channels["position.a"][[0, 2]] == pytest.approx([1.0, 2.0 - 0.01 * 10.0])
    assert np.isnan(channels["position.a"][[1]]).all()


def test_a_slow_command_holds_until_the_next():
    given = Stream(np.array([0.0, 0.25]), {"command.a": np.array([5.0, 6.0])}, {})
    measured = Stream(np.arange(0.0, 0.5, 0.1), {"position.a": np.arange(5.0)}, {})
    _, channels = join("log", given, [measured])
    assert channels["command.a"].tolist() == [5.0, 5.0, 5.0] and channels["position.a"].tolist() == [0.0, 1.0, 2.0]


def test_nothing_in_common():
    stream, empty = Stream(np.array([0.0, 1.0]), {}, {}), Stream(np.zeros(0), {}, {})
    with pytest.raises(BadInputError, match="log: it has no commands"):
        join("log", empty, [stream])
    with pytest.raises(BadInputError, match="log: it has no states"):
        join("log", stream, [empty])
    with pytest.raises(BadInputError, match="no time in common"):
        join("log", stream, [Stream(np.array([5.0, 6.0]), {}, {})])


def ticks(count, late=0.0, seed=0):
    """Times of a beat of 2 ms, one in twenty of them ``late`` [s] and all a little."""
    random = np.random.default_rng(seed)
    return 0.002 * np.arange(count) + random.uniform(0.0, 1e-4, count) + late * (np.arange(count) % 20 == 0)


def test_an_even_grid_keeps_the_beat_whatever_is_late_or_missing():
    time, command = ticks(5000, late=0.0009), np.arange(5000.0)
    there = np.random.default_rng(1).uniform(size=5000) > 0.02  # one in fifty was skipped
    there[:40:3], there[2000:2100] = False, False
    there[0] = there[-1] = True
    given = Stream(1.7e9 + time[there], {"command.a": command[there]}, {})
    measured = Stream(1.7e9 + 0.04 * np.arange(250), {"position.a": np.zeros(250)}, {})
    rows, channels = join("log", given, [measured], even=True)
    assert np.diff(rows) == pytest.approx(0.002, rel=1e-6)
    off = channels["command.a"] - channels["command.a"][0] - np.arange(len(rows))
    assert (off == 0.0).mean() > 0.95 and off[-1] == 0.0  # no row has slipped


def test_states_as_frequent_as_commands_are_interpolated_on_an_even_grid():
    given = Stream(ticks(1000), {"command.a": np.zeros(1000)}, {})
    time = np.delete(0.0013 + ticks(1000, seed=1), [200, *range(500, 510)])  # halfway between two rows, some are lost
    measured = Stream(time, {"position.a": 3.0 * time}, {"position.a": "velocity.a"})
    rows, channels = join("log", given, [measured], even=True)
    known = np.isfinite(channels["position.a"])
    lost = np.flatnonzero(~known)
    assert len(lost) == 11 and np.ptp(lost) == 10  # one in between is bridged, ten are not
    slope, first = np.polyfit(rows[known], channels["position.a"][known], 1)
    assert slope == pytest.approx(3.0, rel=1e-3)
    assert channels["position.a"][known] == pytest.approx(first + slope * rows[known], abs=1e-6)
    again = join("log", given, [measured])[1]["position.a"]  # rows of their own times: nothing is made up
    assert np.isin(again[np.isfinite(again)], 3.0 * time).all()


def test_stamps_count_where_they_make_sense():
    received = 1000.0 + 0.002 * np.arange(100) + np.random.default_rng(0).uniform(0.001, 0.003, 100)
    stamps = 1000.0 + 0.002 * np.arange(100)
    assert on_clock(stamps, received) == pytest.approx(stamps, abs=1e-9)
    late = float(np.median(received - stamps))
    for shift in (-990.0, 5.0, 0.5):  # since start-up; another clock; ahead of ours
        assert on_clock(stamps + shift, received) == pytest.approx(stamps + late, abs=1e-6)
    wrong = stamps.copy()
    wrong[60:], wrong[7] = wrong[60:] - 0.3, np.nan  # its clock was set, and one has none
    sound = np.isfinite(wrong) & (np.arange(100) < 60)
    assert (on_clock(wrong, received)[sound] == stamps[sound]).all()
    assert np.abs(on_clock(wrong, received) - stamps).max() < 0.003
    none = np.full(100, np.nan)
    assert on_clock(none, received) == pytest.approx(received) and len(on_clock(np.zeros(0), np.zeros(0))) == 0
