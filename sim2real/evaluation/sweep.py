"""Which parameter breaks the policy: success along each parameter, all else nominal or drawn as for twins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from sim2real.deployment.bundle import Bundle
from sim2real.evaluation.rollout import run_episodes
from sim2real.evaluation.twins import SEED, TwinPlan
from sim2real.parameters import ParameterSpace
from sim2real.simulators import make_simulator


@dataclass(frozen=True)
class Curve:
    """Success along one parameter.

    Attributes:
        parameter, unit: Which one.
        values: Where it was set, shape (K,).
        success: Share of successful episodes at each value, shape (K,).
        error: Median final error in [m] at each value, shape (K,).
        nominal, low, high: The nominal value and the training range.
    """

    parameter: str
    unit: str
    values: list[float]
    success: list[float]
    error: list[float]
    nominal: float
    low: float
    high: float

    def as_dict(self) -> dict:
        """For JSON."""
        return asdict(self)


def default_names(space: ParameterSpace) -> list[str]:
    """The global parameters that differ between twins; elements of families and disturbances are left out."""
    return [p.name for p in space.parameters
            if "." not in p.name and p.role != "disturbance" and p.twin_high > p.twin_low]


def grid(space: ParameterSpace, name: str, points: int, stretch: float = 1.0) -> np.ndarray:
    """``points`` values from the twins' range, stretched about its middle and kept physical, shape (points,)."""
    p = space[name]
    if p.distribution == "log_uniform":
        low, high = np.log(p.twin_low), np.log(p.twin_high)
        middle, half = (low + high) / 2, (high - low) / 2 * stretch
        values = np.exp(np.linspace(middle - half, middle + half, points))
    else:
        middle, half = (p.twin_low + p.twin_high) / 2, (p.twin_high - p.twin_low) / 2 * stretch
        values = np.linspace(middle - half, middle + half, points)
    return np.clip(values, p.physical_low, p.physical_high)


def sweep(bundle: Bundle, engine: str, names: Sequence[str] | None = None, *, twins: TwinPlan | None = None,
          points: int = 6, episodes: int = 24, seed: int = 0, stretch: float = 1.3, threads: int = 0,
          progress: Callable[[int, int, str], None] | None = None) -> list[Curve]:
    """Success of ``bundle`` along each of ``names``, with the same ``episodes`` goals, starts and twins at every value.

    Args:
        bundle: The deployed policy.
        engine: Engine of the twins; a batched one is much quicker.
        names: Parameters; default: ``default_names``.
        twins: What all other parameters are; default: nominal. Pushes and gusts are left out.
        points: Values along each parameter.
        episodes: Episodes at each value.
        seed: Seed of the first episode.
        stretch: How far beyond the twins' range the values go, as a factor of it.
        threads: Of the engine, 0 for all cores.
        progress: Called with (done, total, parameter).
    """
    space = ParameterSpace.for_robot(bundle.robot)
    names = list(names) if names is not None else default_names(space)
    n = points * episodes
    # the same seeds at every value: curves differ by the parameter alone
    seeds = np.tile(np.arange(seed, seed + episodes), points)
    others = space.batch(n)
    if twins is not None:
        others = twins.sampler(space, seeds).episode(np.arange(n), np.zeros(n, int))
    curves = []
    with make_simulator(engine, bundle.robot, n, seed=SEED, threads=threads) as simulator:
        for i, name in enumerate(names):
            along = grid(space, name, points, stretch)
            values = others.copy()
            values[:, space.column(name)] = np.repeat(along, episodes)
            done = run_episodes(bundle, engine, seeds, values, simulator=simulator)
            p = space[name]
            curves.append(Curve(
                parameter=name, unit=p.unit, values=along.tolist(),
                success=done.success.reshape(points, episodes).mean(axis=1).tolist(),
                error=np.median(done.error.reshape(points, episodes), axis=1).tolist(),
                nominal=p.nominal, low=p.low, high=p.high))
            if progress:
                progress(i + 1, len(names), name)
    return curves
