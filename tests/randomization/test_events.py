"""Timetables against an event-by-event account in plain Python."""

import numpy as np
import pytest

from sim2real.randomization.events import EPISODE, Timetable, random_column
from sim2real.randomization.terms import Interval
from sim2real.robots import list_robots

PUSH = Interval((2.0, 5.0), (0.1, 0.3))
ONE = np.array([7], np.uint64)  # an event has one value


def history(num_sims=200, seconds=60.0, dt=0.02, interval=PUSH, episode=0, ids=None, seed=1):
    """Whether each simulation has an event, at each step: (steps, num_sims)."""
    sims = np.arange(num_sims) if ids is None else np.asarray(ids)
    timetable = Timetable("push", interval, seed, sims, ONE, np.ones_like)
    timetable.restart(np.arange(len(sims)), np.full(len(sims), episode * EPISODE, np.uint64), np.zeros((len(sims), 1)))
    on, rows = np.zeros(len(sims), bool), []
    for k in range(round(seconds / dt)):
        while (due := timetable.due(np.full(len(sims), k * dt))) is not None:
            on[due[0]] = due[1][:, 0] == 1.0
        rows.append(on.copy())
    return np.array(rows)


def spans(on, dt):
    """Onsets and lengths in [s] of every simulation's events that end."""
    onsets, lengths = [], []
    for column in on.T:
        edges = np.diff(column.astype(int), prepend=0)
        first, last = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        onsets.append(first * dt)
        lengths.append((last - first[:len(last)]) * dt)
    return onsets, np.concatenate(lengths)


def test_gaps_and_durations_are_those_asked_for(ks):
    onsets, lengths = spans(history(dt=0.005), 0.005)
    gaps = np.concatenate([np.diff(o) for o in onsets])
    # onsets are seen at the next step, up to 5 ms late
    assert 2.0 - 0.006 <= gaps.min() and gaps.max() <= 5.0 + 0.006 and len(gaps) > 2000
    assert 0.1 - 0.006 <= lengths.min() and lengths.max() <= 0.3 + 0.006
    assert ks(gaps, lambda x: np.clip((x - 2.0) / 3.0, 0, 1)) < 1.95
    jitter = np.random.default_rng(0).uniform(-0.0025, 0.0025, len(lengths))  # undoes the steps
    assert ks(lengths + jitter, lambda x: np.clip((x - 0.1) / 0.2, 0, 1)) < 1.95


def test_first_onsets_are_spread_from_the_start():
    first = np.array([o[0] for o in spans(history(num_sims=500, seconds=5.1), 0.02)[0]])
    assert first.min() < 0.1 and first.max() > 4.0 and 1.5 < first.mean() < 2.0  # u * gap: mean 3.5 / 2


def test_a_simulation_does_not_know_how_many_others_there_are():
    whole = history(num_sims=50, seconds=20.0)
    np.testing.assert_array_equal(history(ids=[7, 41], seconds=20.0), whole[:, [7, 41]])
    assert (history(num_sims=50, seconds=20.0, seed=2) != whole).any()
    assert (history(num_sims=50, seconds=20.0, episode=1) != whole).any()


def test_events_shorter_than_a_step_all_happen():
    # with steps of 10 s, about three events begin and end within each
    timetable = Timetable("push", PUSH, 0, np.arange(5), ONE, np.ones_like)
    timetable.restart(np.arange(5), np.zeros(5, np.uint64), np.zeros((5, 1)))
    begun = np.zeros(5)
    for time in (10.0, 20.0, 30.0):
        while (due := timetable.due(np.full(5, time))) is not None:
            begun[due[0]] += due[1][:, 0]
    assert (begun >= 6).all() and (begun <= 15).all()


def test_nothing_happens_before_the_first_episode():
    assert Timetable("push", PUSH, 0, np.arange(3), ONE, np.ones_like).due(np.full(3, 1e9)) is None


@pytest.mark.parametrize("robot", list_robots())
def test_names_do_not_share_random_numbers(robot):
    from sim2real.parameters import ParameterSpace
    from sim2real.robots import load_robot

    names = [*ParameterSpace.for_robot(load_robot(robot)).names, "group lift", "group inertia", "interval push gap",
             "interval push duration", "interval gust gap", "interval gust duration"]
    assert len({random_column(name) for name in names}) == len(names)
