"""The one observation builder: training, evaluation and deployment turn what is measured into a policy's input here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from sim2real import rng
from sim2real.errors import TaskError
from sim2real.types import RobotState

CLIP = 10.0  # bound of every observation, after scaling


@dataclass
class Context:
    """Everything that an observation may look at, for n robots at one instant.

    Attributes:
        state: Measured state.
        goal: Goal of the task, shape (n, G).
        time: Time since the goal was given in [s], shape (n,).
        command: Command sent last, after the safety filter, shape (n, C).
        command_velocity: Finite difference of the command stream per second, shape (n, C).
        last_action: Action of the policy before, in [-1, 1], shape (n, A).
        cache: What terms share within this instant (forward kinematics), filled by them.
        single: Whether this is one deployed robot, for which plain floats are faster; they agree with arrays to single
            precision, so episodes on twins, which are the same alone and in a batch to the last bit, go without.
    """

    state: RobotState
    goal: np.ndarray
    time: np.ndarray
    command: np.ndarray
    command_velocity: np.ndarray
    last_action: np.ndarray
    cache: dict = field(default_factory=dict, repr=False, compare=False)
    single: bool = False

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, ids) -> Context:
        """The robots ``ids`` (an index array, a mask or a slice)."""
        return Context(*(getattr(self, f.name)[ids] for f in fields(self) if f.name not in ("cache", "single")),
                       single=self.single)


@dataclass(frozen=True)
class Term:
    """One named part of an observation.

    Attributes:
        name: Unique among the terms of a task.
        size: Columns that ``function`` returns.
        function: From a context to (n, size), in SI units or already without a unit.
        scale: Factor on it.
        history: Instants seen, the newest first; 1 is the present alone.
        noise: Standard deviation added in training, in units of ``function``.
    """

    name: str
    size: int
    function: Callable[[Context], np.ndarray]
    scale: float = 1.0
    history: int = 1
    noise: float = 0.0


class ObservationBuilder:
    """Observations of ``num_robots`` robots: each term scaled, clipped to +-10, with its history.

    Args:
        terms: In the order in which they stand in the observation; a term's history is newest first.
        num_robots: Robots.
        training: Whether to add the terms' noise.
        seed: Seed of that noise.

    Attributes:
        size: Columns of an observation.
        now: The last observation of all robots, shape (num_robots, size), float32; read only.
    """

    def __init__(self, terms: Sequence[Term], num_robots: int, *, training: bool = False, seed: int = 0):
        self.terms = tuple(terms)
        self.num_robots = num_robots
        self.names = tuple(t.name for t in self.terms)
        if len(set(self.names)) != len(self.names):
            raise TaskError(f"observation terms need unique names, got {', '.join(self.names)}")
        self._slices = _blocks([t.size * t.history for t in self.terms])
        self._fresh = _blocks([t.size for t in self.terms])  # columns of a single instant
        self.size, width = self._slices[-1].stop, self._fresh[-1].stop
        self._scale = np.repeat(np.float32([t.scale for t in self.terms]), [t.size for t in self.terms])
        self._noise = np.repeat([t.noise for t in self.terms], [t.size for t in self.terms]) if training else None
        if self._noise is not None and not self._noise.any():
            self._noise = None
        self._stream = rng.Stream(seed, np.arange(num_robots), "observation", (width + 1) // 2)
        self._count = np.zeros(num_robots, np.int64)  # never reset: the counter of the noise stream
        self.now = np.zeros((num_robots, self.size), np.float32)
        # columns of the fresh values and the last observation side by side that make the next one
        self._next = np.concatenate([np.r_[fresh, width + columns.start:width + columns.stop - term.size]
                                     for term, columns, fresh in zip(self.terms, self._slices, self._fresh,
                                                                     strict=True)]).astype(np.intp)

    def slice(self, name: str) -> slice:
        """Columns of the term ``name``, its whole history."""
        return self._slices[self.names.index(name)]

    def reset(self, ids: np.ndarray, context: Context) -> np.ndarray:
        """Restart ``ids`` as if ``context`` (of these robots, or of all) had been for ever; their rows (k, size)."""
        ids = np.asarray(ids)
        if len(context) != len(ids):
            context = context[ids]
        values = self._values(context, ids)
        for term, columns, fresh in zip(self.terms, self._slices, self._fresh, strict=True):
            self.now[ids, columns] = np.tile(values[:, fresh], term.history)
        return self.now[ids]

    def build(self, context: Context, fresh: np.ndarray | None = None) -> np.ndarray:
        """The observation of ``context`` (all robots), shape (num_robots, size), float32; histories move on, and those
        of the robots in the mask ``fresh`` (num_robots,) begin anew."""
        observation = self._move_on(context)
        if fresh is not None and fresh.any():
            ids = np.flatnonzero(fresh)
            observation[ids] = self.reset(ids, context[ids])
        return observation

    def _move_on(self, context: Context) -> np.ndarray:
        if len(context) != self.num_robots:
            raise TaskError(f"expected the context of {self.num_robots} robots, got {len(context)}")
        values = self._values(context, slice(None))
        if self.num_robots == 1:  # in one go: a copy of few numbers costs less than the slices of many terms
            self.now = np.concatenate((values, self.now), axis=1).take(self._next, axis=1)
            return self.now.copy()
        now = self.now
        for term, columns, fresh in zip(self.terms, self._slices, self._fresh, strict=True):
            start, size = columns.start, term.size
            if term.history > 1:
                now[:, start + size:columns.stop] = now[:, start:columns.stop - size]
            now[:, start:start + size] = values[:, fresh]
        return now.copy()

    def describe(self) -> list[dict]:
        """The terms as data, for a bundle's manifest."""
        return [{"name": t.name, "size": t.size, "scale": t.scale, "history": t.history, "noise": t.noise,
                 "clip": CLIP} for t in self.terms]

    def _values(self, context: Context, ids: np.ndarray | slice) -> np.ndarray:
        """The terms of one instant side by side: with noise, scaled, clipped, (k, columns)."""
        values = np.concatenate([term.function(context) for term in self.terms], axis=1, dtype=np.float32)
        if self._noise is not None:
            self._count[ids] += 1
            noise = np.concatenate(self._stream.normal(self._count[ids], ids), axis=1)
            values += self._noise * noise[:, :len(self._noise)]
        values *= self._scale
        # a NaN stays a NaN: who runs a policy must see it
        return np.minimum(np.maximum(values, -CLIP, out=values), CLIP, out=values)


def _blocks(sizes: Sequence[int]) -> list[slice]:
    """Columns of blocks of ``sizes`` side by side."""
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
