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
    """

    state: RobotState
    goal: np.ndarray
    time: np.ndarray
    command: np.ndarray
    command_velocity: np.ndarray
    last_action: np.ndarray
    cache: dict = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, ids) -> Context:
        """The robots ``ids`` (an index array, a mask or a slice)."""
        return Context(*(getattr(self, f.name)[ids] for f in fields(self) if f.name != "cache"))


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
    """

    def __init__(self, terms: Sequence[Term], num_robots: int, *, training: bool = False, seed: int = 0):
        self.terms = tuple(terms)
        self.num_robots = num_robots
        self.names = tuple(t.name for t in self.terms)
        if len(set(self.names)) != len(self.names):
            raise TaskError(f"observation terms need unique names, got {', '.join(self.names)}")
        ends = np.cumsum([t.size * t.history for t in self.terms])
        self._slices = [slice(end - t.size * t.history, end) for t, end in zip(self.terms, ends, strict=True)]
        self.size = int(ends[-1])
        self._now = np.zeros((num_robots, self.size), np.float32)
        self._seed, self._noisy = seed, training and any(t.noise > 0.0 for t in self.terms)
        self._ids = np.arange(num_robots)
        self._count = np.zeros(num_robots, np.int64)  # never reset: the counter of the noise stream

    def slice(self, name: str) -> slice:
        """Columns of the term ``name``, its whole history."""
        return self._slices[self.names.index(name)]

    def reset(self, ids: np.ndarray, context: Context) -> np.ndarray:
        """Restart ``ids`` as if ``context`` (of these robots, or of all) had been for ever; their rows (k, size)."""
        ids = np.asarray(ids)
        if len(context) != len(ids):
            context = context[ids]
        noise = self._noise(ids)
        for term, columns in zip(self.terms, self._slices, strict=True):
            self._now[ids, columns] = np.tile(self._value(term, context, noise), term.history)
        return self._now[ids]

    def build(self, context: Context) -> np.ndarray:
        """The observation of ``context`` (all robots), shape (num_robots, size), float32; histories move on."""
        if len(context) != self.num_robots:
            raise TaskError(f"expected the context of {self.num_robots} robots, got {len(context)}")
        noise = self._noise(self._ids)
        now = self._now
        for term, columns in zip(self.terms, self._slices, strict=True):
            start, size = columns.start, term.size
            if term.history > 1:
                now[:, start + size:columns.stop] = now[:, start:columns.stop - size]
            now[:, start:start + size] = self._value(term, context, noise)
        return now.copy()

    def describe(self) -> list[dict]:
        """The terms as data, for a bundle's manifest."""
        return [{"name": t.name, "size": t.size, "scale": t.scale, "history": t.history, "noise": t.noise,
                 "clip": CLIP} for t in self.terms]

    def _noise(self, ids: np.ndarray) -> np.ndarray | None:
        if not self._noisy:
            return None
        self._count[ids] += 1
        return rng.normal(self._seed, ids, self._count[ids], "observation", sum(t.size for t in self.terms))

    def _value(self, term: Term, context: Context, noise: np.ndarray | None) -> np.ndarray:
        value = term.function(context)
        if noise is not None and term.noise > 0.0:
            start = sum(t.size for t in self.terms[:self.terms.index(term)])
            value = value + term.noise * noise[:, start:start + term.size]
        # a NaN stays a NaN: who runs a policy must see it
        return np.clip(value * term.scale, -CLIP, CLIP)
