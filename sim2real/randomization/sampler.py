"""Draws the parameter values of many simulations, each a function of (seed, simulation, episode, time) alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2real import rng
from sim2real.parameters import ParameterSpace
from sim2real.randomization.correlations import Copula, Pairs
from sim2real.randomization.distributions import Bank
from sim2real.randomization.events import EPISODE, Timetable, random_column
from sim2real.randomization.plan import Column, RandomizationPlan

_MICROSECONDS = 1e6


class _Draw:
    """Columns that are drawn together."""

    def __init__(self, columns: Sequence[Column], correlations: Pairs | None = None):
        terms = [c.term for c in columns]
        self.columns = np.array([c.index for c in columns], int)
        self._bank = Bank([t.distribution for t in terms])
        # members of a group share one column of random numbers
        self.random = np.array([random_column(f"group {c.term.group}" if c.term.group else c.parameter.name)
                                for c in columns], np.uint64)
        self._mirrored = np.flatnonzero([t.anticorrelated for t in terms])
        self._copula = Copula(correlations or {}, [c.parameter.name for c in columns])

    def values(self, u: np.ndarray) -> np.ndarray:
        """Values of uniform numbers (k, len(columns)), which were drawn in the columns ``random``."""
        if len(self._mirrored):
            u[:, self._mirrored] = 1.0 - u[:, self._mirrored]
        return self._bank.quantile(self._copula.mix(u))


class Sampler:
    """Values for ``num_sims`` simulations after a plan.

    Args:
        plan: What varies.
        space: The vocabulary; its nominal values are where every draw begins.
        num_sims: Number of simulations.
        seed: The experiment's seed.
        identities: What distinguishes the simulations to the random numbers, integers, shape (num_sims,);
            default: 0, 1, 2, ...

    Raises:
        RandomizationError: A term that cannot be carried out, with its name and the fix.
    """

    def __init__(self, plan: RandomizationPlan, space: ParameterSpace, num_sims: int, seed: int = 0,
                 identities: np.ndarray | None = None):
        self.plan, self.space, self.num_sims, self.seed = plan, space, num_sims, seed
        self._sims = np.arange(num_sims) if identities is None else np.asarray(identities)
        self._counter = np.zeros(num_sims, np.uint64)  # episode number times EPISODE
        self._compile(plan)
        self._timetables = {name: Timetable(name, plan.intervals[name], seed, self._sims, draw.random, draw.values)
                            for name, draw in self._events.items()}

    def set_scale(self, factor: float) -> None:
        """From now on ranges are ``factor`` in [0, 1] of the plan's, about nominal (a curriculum)."""
        self._compile(self.plan.scaled(factor, self.space))
        for name, draw in self._events.items():
            self._timetables[name].change(draw.values)

    def episode(self, ids: np.ndarray, episode_numbers: np.ndarray) -> np.ndarray:
        """Begin episodes: values (len(ids), P), always from nominal; events of ``ids`` start anew at time 0."""
        ids = np.asarray(ids)
        counter = np.broadcast_to(np.asarray(episode_numbers).astype(np.uint64), ids.shape) * np.uint64(EPISODE)
        values = np.tile(self.space.nominal, (len(ids), 1))
        draw = self._per_episode
        values[:, draw.columns] = draw.values(rng.uniform(self.seed, self._sims[ids], counter, "episode", draw.random))
        self._counter[ids] = counter
        for name, timetable in self._timetables.items():
            timetable.restart(ids, counter, values[:, self._events[name].columns])
        return values

    def advance(self, values: np.ndarray, time: np.ndarray) -> bool:
        """Bring terms that change within an episode up to ``time``; call it before each control step.

        Args:
            values: Values in force, shape (num_sims, P), written in place; ``Simulator.values`` may be given itself,
                because only live columns change.
            time: Time since each simulation's reset in [s], shape (num_sims,).

        Returns:
            Whether any value changed.
        """
        changed = False
        draw = self._per_step
        if len(draw.columns):
            counter = self._counter + np.rint(time * _MICROSECONDS).astype(np.uint64)
            values[:, draw.columns] = draw.values(rng.uniform(self.seed, self._sims, counter, "step", draw.random))
            changed = True
        for name, draw in self._events.items():
            timetable = self._timetables[name]
            # more than once only where a control step is longer than an event
            while (due := timetable.due(time)) is not None:
                ids, now = due
                values[ids[:, None], draw.columns] = now
                changed = True
        return changed

    def _compile(self, plan: RandomizationPlan) -> None:
        columns = plan.resolve(self.space)
        self._per_episode = _Draw([c for c in columns if c.term.when == "episode"], plan.correlations)
        self._per_step = _Draw([c for c in columns if c.term.when == "step"])
        names = sorted({c.term.when for c in columns} - {"episode", "step"})
        self._events = {name: _Draw([c for c in columns if c.term.when == name]) for name in names}
