"""``evaluate``: many episodes on both cores, summed up in one table."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from sim2real.deployment.bundle import load_bundle
from sim2real.errors import BadInputError, unknown
from sim2real.evaluation.rollout import Episodes, run_episodes
from sim2real.evaluation.statistics import wilson_interval
from sim2real.evaluation.twins import TwinPlan
from sim2real.parameters import ParameterSpace
from sim2real.simulators import list_engines

# PyBullet steps one robot at a time in Python: small chunks spread over processes; the others are batched in C or numpy
_CHUNK = {"pybullet": 10, "mujoco": 100, "quadrotor": 100}
Progress = Callable[[int, int, int], None]


def evaluate(path: str | Path, engine: str, episodes: int, seed: int, twins: TwinPlan, *, workers: int | None = None,
             progress: Progress | None = None) -> tuple[dict, Episodes]:
    """Run ``episodes`` episodes with the seeds ``seed, seed + 1, ...`` and sum them up.

    Args:
        path: The bundle's file.
        engine: "pybullet", "mujoco" or "quadrotor".
        episodes: How many, at least 1.
        seed: Seed of the first episode, not negative.
        twins: Where the twins' parameters come from.
        workers: Processes for PyBullet; default one per core.
        progress: Called with (done, total, successes).

    Returns:
        The summary with the keys that ``sim2real evaluate --json`` prints, and all episodes.

    Raises:
        BadInputError: An unknown engine, parameter or value, a bad count, a damaged bundle.
    """
    if engine not in list_engines():
        raise BadInputError(unknown("engine", engine, list_engines()))
    if episodes < 1 or seed < 0:
        raise BadInputError(f"expected episodes >= 1 and seed >= 0, got episodes={episodes}, seed={seed}")
    begin = time.monotonic()
    bundle = load_bundle(path)
    space = ParameterSpace.for_robot(bundle.robot)
    twins.sampler(space, np.array([seed]))  # refuses bad names and values before any work
    size = _CHUNK[engine]
    chunks = [np.arange(seed + i, seed + min(i + size, episodes)) for i in range(0, episodes, size)]
    parts: list[Episodes] = []
    for part in _run_chunks(path, bundle, engine, chunks, twins, workers):
        parts.append(part)
        if progress:
            progress(sum(len(p.seeds) for p in parts), episodes, sum(int(p.success.sum()) for p in parts))
    merged = merge(parts)
    return summarise(merged, engine, bundle.task.name, space, time.monotonic() - begin), merged


def _run_chunks(path, bundle, engine, chunks, twins, workers) -> Iterator[Episodes]:
    workers = min(workers or os.cpu_count() or 1, len(chunks))
    if engine != "pybullet" or workers == 1:
        yield from (run_episodes(bundle, engine, chunk, twins) for chunk in chunks)
        return
    context = multiprocessing.get_context("spawn")  # fork would copy threads of the engines
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(_worker, str(path), engine, chunk, twins) for chunk in chunks]
        for future in as_completed(futures):
            yield future.result()


def _worker(path: str, engine: str, seeds: np.ndarray, twins: TwinPlan) -> Episodes:
    return run_episodes(load_bundle(path), engine, seeds, twins)


def merge(parts: list[Episodes]) -> Episodes:
    """The episodes of all parts in the order of their seeds; traces are dropped."""
    parts = sorted(parts, key=lambda p: p.seeds[0])
    weights = np.array([len(p.seeds) for p in parts], float)
    joined = {name: np.concatenate([getattr(p, name) for p in parts])
              for name in ("seeds", "success", "error", "rmse", "values")}
    return Episodes(**joined, violations=sum(p.violations for p in parts), held=sum(p.held for p in parts),
                    smoothness=float(np.sqrt(np.average([p.smoothness**2 for p in parts], weights=weights))))


def summarise(episodes: Episodes, engine: str, task: str, space: ParameterSpace, seconds: float) -> dict:
    """The keys that other tools read; ``rmse_m`` only where the task follows a reference."""
    n, successes = len(episodes.seeds), int(episodes.success.sum())
    summary = {
        "engine": engine,
        "episodes": n,
        "success_rate": successes / n,
        "success_interval": list(wilson_interval(successes, n)),
        "error_median_m": float(np.median(episodes.error)),
        "error_p95_m": float(np.quantile(episodes.error, 0.95)),
        "limit_violations": episodes.violations,
        "command_smoothness": episodes.smoothness,
        "steps_held": episodes.held,
        "seconds": round(seconds, 2),
        "failures": [{"seed": int(s), "parameters": space.as_dict(v, changed_only=True)}
                     for s, v, ok in zip(episodes.seeds, episodes.values, episodes.success, strict=True) if not ok],
    }
    if task == "track":
        summary["rmse_m"] = float(np.sqrt(np.mean(episodes.rmse**2)))
    return summary
