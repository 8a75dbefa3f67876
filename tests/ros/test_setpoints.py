"""Which set point is in force when."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.ros.setpoints import Setpoints

REST = np.array([0.0, 1.0])


def at(setpoints, *times):
    return [setpoints.at(t)[0] for t in times]


def test_before_any_message_the_rest_pose():
    assert Setpoints(REST).at(-5.0).tolist() == [0.0, 1.0]


def test_a_single_point_holds_after_its_dead_time():
    s = Setpoints(REST, delay=0.03)
    s.receive([(0.0, np.array([2.0, 1.0]))], 10.0)
    assert at(s, 10.0, 10.029, 10.031, 99.0) == [0.0, 0.0, 2.0, 2.0]


def test_a_trajectory_is_followed_linearly_from_where_it_was():
    s = Setpoints(REST)
    s.receive([(0.1, np.array([1.0, 1.0])), (0.3, np.array([2.0, 1.0]))], 5.0)
    assert at(s, 5.0, 5.05, 5.1, 5.2, 5.3, 9.0) == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0, 2.0])


def test_two_points_ramp_between_themselves_wherever_it_was():
    s = Setpoints(REST)
    s.receive([(0.0, np.array([1.0, 1.0])), (0.04, np.array([2.0, 1.0]))], 5.0)
    assert at(s, 5.0, 5.02, 5.04) == pytest.approx([1.0, 1.5, 2.0])


def test_a_message_replaces_the_trajectory_before_it():
    s = Setpoints(REST)
    s.receive([(1.0, np.array([10.0, 1.0]))], 0.0)
    s.receive([(1.0, np.array([0.0, 1.0]))], 0.5)  # begins at 5, where the first one has come to
    assert at(s, 0.25, 0.5, 1.0, 1.5) == pytest.approx([2.5, 5.0, 2.5, 0.0])


def test_losses_are_of_whole_messages_and_come_with_the_seed():
    def survivors(seed):
        s, out = Setpoints(np.zeros(1), loss=0.25, seed=seed), []
        for k in range(2000):
            s.receive([(0.0, np.array([float(k)]))], float(k))
            out.append(s.at(float(k))[0] == k)
        return out

    assert np.mean(survivors(0)) == pytest.approx(0.75, abs=0.04)
    assert survivors(1) == survivors(1) != survivors(2)


def test_jitter_delays_but_never_reorders():
    s, seen = Setpoints(np.full(1, -1.0), delay=0.01, jitter=0.1, seed=3), []
    for k in range(400):
        now = 0.01 * k
        s.receive([(0.0, np.array([float(k)]))], now)
        seen.append(s.at(now)[0])
    assert (np.diff(seen) >= 0.0).all()
    late = np.arange(400) - np.array(seen)
    assert late.min() >= 1 and 4 < late.max() <= 11


def test_time_in_a_trajectory_runs_at_the_given_speed():
    s = Setpoints(REST)
    s.receive([(0.0, np.array([0.0, 1.0])), (1.0, np.array([1.0, 1.0]))], 0.0)
    s.at(0.0)
    assert s.at(0.5)[0] == pytest.approx(0.5)
    assert s.at(1.0, 0.5)[0] == pytest.approx(0.75)  # half a second at half speed
    assert s.at(9.0, 0.0)[0] == pytest.approx(0.75)
    assert s.at(9.1, 1.0)[0] == pytest.approx(0.85)
    assert s.at(10.0)[0] == 1.0


def test_at_full_speed_nothing_changes_by_a_bit():
    a, b = Setpoints(REST), Setpoints(REST)
    for s in (a, b):
        s.receive([(0.0, np.array([0.1, 1.0])), (0.7, np.array([0.9, 2.0]))], 0.3)
    times = np.linspace(0.0, 1.2, 100)
    assert all((a.at(t) == b.at(t, 1.0)).all() for t in times)


def test_replacing_forgets_what_is_under_way():
    s = Setpoints(REST, delay=0.1)
    s.receive([(0.0, np.array([5.0, 1.0]))], 0.0)
    s.replace([(0.0, np.array([2.0, 1.0]))], 0.05)
    assert at(s, 0.04, 0.05, 0.2, 9.0) == [2.0, 2.0, 2.0, 2.0]
    assert s.since == 0.05
