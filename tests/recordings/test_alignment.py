"""Clocks: lags between rows are found, and commands of another clock are moved where no dead time explains them."""

import numpy as np
import pytest

from sim2real.recordings.alignment import align, explained_lag, lag
from sim2real.recordings.preparation import Stretch
from sim2real.robots import load_robot

UR5E = load_robot("ur5e")
TIME = 0.004 * np.arange(2500)


def paths(late):
    """Two joints, ``late`` [s] behind."""
    t = TIME - late
    return np.stack([np.sin(2.0 * t) + 0.5 * np.sin(5.1 * t), np.cos(3.3 * t)], axis=1)


@pytest.mark.parametrize("late", [0.0, 0.0313, -0.2021, 0.5])
def test_lags_are_found_between_rows(late):
    noise = 1e-4 * np.random.default_rng(0).normal(size=(len(TIME), 2))
    assert lag(paths(0.0), paths(late) + noise, 0.004) == pytest.approx(late, abs=5e-4)


def test_what_does_not_resemble_has_no_lag():
    noise = np.random.default_rng(1).normal(size=(len(TIME), 2))
    assert np.isnan(lag(paths(0.0), noise, 0.004)) and np.isnan(lag(paths(0.0) * 0.0, paths(0.1), 0.004))


def stretch(late):
    """An arm's log whose measurements follow by ``late`` [s]."""
    def joints(t):
        return UR5E.home + 0.3 * np.sin(t[:, None] * np.arange(1.0, 7.0))
    return Stretch("run", 0.0, 0.004, joints(TIME), np.concatenate([joints(TIME - late)] * 2, axis=1),
                   np.zeros((0, 6)))


def test_a_dead_time_in_range_is_no_matter_of_clocks():
    log = stretch(0.12)
    assert align(log, UR5E, 0.18) == (log, "")


@pytest.mark.parametrize("late", [0.7, -0.4])
def test_clocks_that_are_apart_are_put_right_and_that_is_said(late):
    moved, words = align(stretch(late), UR5E, 0.18)
    left = lag(moved.command, moved.state[:, :6], 0.004) - explained_lag(UR5E)
    assert left == pytest.approx(UR5E.actuator.delay, abs=0.004)
    assert "run: measurements follow commands by" in words and "ms apart" in words
    assert len(moved.command) == len(moved.state) and (moved.begin > 0.0) == (late > 0.0)
