"""When pushes, gusts and other events of one interval begin and end, for many simulations."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from sim2real import rng
from sim2real.randomization.terms import Interval

EPISODE = 1 << 40  # a counter is episode * EPISODE + (microseconds or event number)
_AHEAD = 4  # events whose random numbers are drawn together


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
        self._counter = np.zeros(len(sims), np.uint64)  # of the present or next event
        # gap, duration and values of the next few events, worked out together: a few simulations cost as much as all
        self._drawn = np.zeros((_AHEAD, len(sims), len(times) + len(random)))
        self._left = np.zeros(len(sims), int)
        self._onset = np.full(len(sims), np.inf)
        self._change = np.full(len(sims), np.inf)  # the next onset or end; none before the first episode
        self._active = np.zeros(len(sims), bool)

    def restart(self, ids: np.ndarray, counter: np.ndarray) -> None:
        """Begin episodes of ``ids`` at time 0; ``counter`` (len(ids),) is episode * EPISODE."""
        u = self._times.uniform(counter, ids)
        # the first onset falls anywhere in the first gap, or all simulations would be calm at first
        self._onset[ids] = self._change[ids] = u[:, 1] * (self._gap + u[:, 0] * self._gap_range)
        self._counter[ids] = counter + np.uint64(1)
        self._active[ids] = False
        self._draw(ids)

    def change(self, values: Callable[[np.ndarray], np.ndarray]) -> None:
        """Use other ``values`` from the next events on."""
        self._values = values
        self._draw(np.arange(len(self._counter)))

    def _draw(self, ids: np.ndarray) -> None:
        coming = self._counter[ids] + self._active[ids].astype(np.uint64)
        u = self._event.uniform(coming + np.arange(_AHEAD, dtype=np.uint64)[:, None], ids)
        rows = u.reshape(-1, u.shape[2])
        drawn = np.empty_like(rows)
        drawn[:, 0] = self._gap + rows[:, 0] * self._gap_range
        drawn[:, 1] = self._duration + rows[:, 1] * self._duration_range
        drawn[:, 2:] = self._values(rows[:, 2:])
        self._drawn[:, ids] = drawn.reshape(u.shape)
        self._left[ids] = _AHEAD

    def due(self, time: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Simulations with an event that begins by ``time`` (num_sims,) in [s], and with one that ends; None: none.

        Hand the first to ``begin`` and the second to ``end``, then ask again.
        """
        late = time >= self._change
        if not late.any():
            return None
        ids = np.flatnonzero(late)
        active = self._active[ids]
        return ids[~active], ids[active]

    def begin(self, ids: np.ndarray) -> np.ndarray:
        """Begin the next event of ``ids``: its values (len(ids), m)."""
        left = self._left[ids]
        if not left.all():
            self._draw(ids[left == 0])
            left = self._left[ids]
        event = self._drawn[_AHEAD - left, ids]
        self._left[ids] = left - 1
        onset = self._onset[ids]
        self._change[ids] = onset + event[:, 1]
        self._onset[ids] = onset + event[:, 0]
        self._active[ids] = True
        return event[:, 2:]

    def end(self, ids: np.ndarray) -> None:
        """End the present event of ``ids`` and await the next."""
        self._counter[ids] += np.uint64(1)
        self._change[ids] = self._onset[ids]
        self._active[ids] = False
