"""When pushes, gusts and other events of one interval begin and end, for many simulations."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from sim2real import rng
from sim2real.randomization.terms import Interval

EPISODE = 1 << 40  # a counter is episode * EPISODE + (microseconds or event number)
_AHEAD = 4  # events that are drawn together
_TURNS = np.arange(_AHEAD, dtype=np.uint64)[:, None]


def random_column(name: str) -> int:
    """Column of random numbers that belongs to a name, whatever else a plan or a vocabulary holds."""
    return zlib.crc32(name.encode())


class Timetable:
    """Onsets and ends of one interval's events; event k is a function of (seed, simulation, episode, k) alone.

    Args:
        name: The interval's name.
        interval: Its gaps and durations.
        seed: The experiment's seed.
        sims: What distinguishes the simulations to the random numbers, shape (num_sims,).
        random: Columns of the random numbers that an event's values take, shape (m,).
        values: An event's values of those numbers, (k, m) -> (k, m).
    """

    def __init__(self, name: str, interval: Interval, seed: int, sims: np.ndarray, random: np.ndarray,
                 values: Callable[[np.ndarray], np.ndarray]):
        self._values = values
        (self._gap, gap_high), (self._duration, duration_high) = interval.gap, interval.duration
        self._gap_range, self._duration_range = gap_high - self._gap, duration_high - self._duration
        times = np.array([random_column(f"interval {name} {what}") for what in ("gap", "duration")], np.uint64)
        self._times, self._event = (rng.Stream(seed, sims, "interval", columns)
                                    for columns in (times, np.concatenate([times, random])))
        self._counter = np.zeros(len(sims), np.uint64)  # of the first event that is not drawn yet
        self._onset = np.full(len(sims), np.inf)  # its onset
        self._calm = np.zeros((len(sims), len(random)))
        # the next few beginnings and ends in turn, with the values from then on: a few simulations cost as much as all
        self._when = np.full((2 * _AHEAD, len(sims)), np.inf)
        self._what = np.zeros((2 * _AHEAD, len(sims), len(random)))
        self._next = np.zeros(len(sims), int)  # row of the next one
        self._change = np.full(len(sims), np.inf)  # its time; none before the first episode

    def restart(self, ids: np.ndarray, counter: np.ndarray, calm: np.ndarray) -> None:
        """Begin episodes of ``ids`` at time 0; ``counter`` (len(ids),) is episode * EPISODE, ``calm`` (len(ids), m) the
        values between events."""
        u = self._times.uniform(counter, ids)
        # the first onset falls anywhere in the first gap, or all simulations would be calm at first
        self._onset[ids] = u[:, 1] * (self._gap + u[:, 0] * self._gap_range)
        self._counter[ids] = counter + np.uint64(1)
        self._calm[ids] = calm
        self._draw(ids)
        self._next[ids], self._change[ids] = 0, self._when[0, ids]

    def change(self, values: Callable[[np.ndarray], np.ndarray]) -> None:
        """Use other ``values`` from the next events on."""
        self._values = values
        u = self._event.uniform(self._counter - np.uint64(_AHEAD) + _TURNS)
        self._what[::2] = self._valued(u)

    def due(self, time: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Simulations with an event that begins or ends by ``time`` (num_sims,) in [s], and their values (k, m) from
        then on; None: none. Ask again until there are none."""
        late = time >= self._change
        if not late.any():
            return None
        ids = np.flatnonzero(late)
        row = self._next[ids]
        values = self._what[row, ids]
        row += 1
        over = row == 2 * _AHEAD
        if over.any():
            self._draw(ids[over])
            row[over] = 0
        self._next[ids], self._change[ids] = row, self._when[row, ids]
        return ids, values

    def _draw(self, ids: np.ndarray) -> None:
        u = self._event.uniform(self._counter[ids] + _TURNS, ids)
        gap, duration = self._gap + u[..., 0] * self._gap_range, self._duration + u[..., 1] * self._duration_range
        onset = np.cumsum(np.concatenate([self._onset[None, ids], gap]), axis=0)
        self._when[::2, ids], self._when[1::2, ids] = onset[:-1], onset[:-1] + duration
        self._what[::2, ids], self._what[1::2, ids] = self._valued(u), self._calm[ids]
        self._onset[ids] = onset[-1]
        self._counter[ids] += np.uint64(_AHEAD)

    def _valued(self, u: np.ndarray) -> np.ndarray:
        turns, k, size = u.shape
        return self._values(u.reshape(turns * k, size)[:, 2:]).reshape(turns, k, size - 2)
