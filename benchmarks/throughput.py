"""Env-steps per second of the batched environment, beside a bare C loop and what a user would write otherwise.

    python -m benchmarks.throughput --json

All rows run the same robot, the same substeps and the same number of simulations, by turns: whole episodes, so that
every turn has its share of resets. Printed are medians of five turns, and for ours/bare the quartiles too.

- ours: the vector environment with every physical parameter randomized, command filter, sensors, observations, rewards
- bare: ``mujoco.batch`` on the same model without any of our code, fed with the commands that ours gave, so that the
  arms move alike (arms at rest are cheaper)
- sync, async, subproc: the same task as a plain gymnasium env with randomization wrappers (``benchmarks.peers``), one
  per simulation, under gymnasium's SyncVectorEnv and AsyncVectorEnv and stable-baselines3's SubprocVecEnv
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.peers import ImperfectChannels, PlainReach, RandomizedPhysics

ROBOT = "ur5e"


def _rate(step: Callable[[], object], num_envs: int, seconds: float, multiple: int = 1) -> float:
    """Env-steps per second of ``step``, which advances ``num_envs`` environments once, over a multiple of steps."""
    count, begin = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < seconds or count < 3:
        for _ in range(multiple):
            step()
        count += multiple
    return count * num_envs / elapsed


def make_ours(num_envs: int) -> tuple[Callable, Callable, int, Callable]:
    """Our vector environment with the default randomization, the bare loop on what it did in its first episode, the
    steps of an episode, and how to close."""
    import gymnasium

    env = gymnasium.make_vec(f"sim2real/{ROBOT}-reach-v0", num_envs=num_envs, vectorization_mode="vector_entry_point",
                             randomization="default")
    env.reset(seed=0)
    base = env.unwrapped
    shape = (base.task.episode_steps, num_envs, env.single_action_space.shape[0])
    actions = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    simulator, commands = base.sim, []
    start, advance = simulator.batch.state.copy(), simulator.step
    simulator.step = lambda command: (commands.append(command.copy()), advance(command))
    for action in actions:
        env.step(action)
    simulator.step = advance
    turn = itertools.cycle(actions)
    bare = _bare(simulator.model, simulator.num_substeps, start, np.array(commands))
    return lambda: env.step(next(turn)), bare, len(actions), env.close


def _bare(model, substeps: int, start: np.ndarray, commands: np.ndarray) -> Callable:
    """``mujoco.batch`` through the same episodes: states ``start`` (n, S), ``commands`` (steps, n, C)."""
    from mujoco.batch import Batch

    batch = Batch(model, len(start))
    control, clock = batch.bind("ctrl"), itertools.cycle(range(len(commands)))

    def step() -> None:
        k = next(clock)
        if k == 0:
            batch.state[:] = start
        control[:] = commands[k]
        batch.step(nstep=substeps)

    return step


def _peer(num_envs: int, kind: str) -> tuple[Callable, Callable]:
    def make():
        return ImperfectChannels(RandomizedPhysics(PlainReach(ROBOT)))

    if kind == "subproc":
        from stable_baselines3.common.vec_env import SubprocVecEnv

        env = SubprocVecEnv([make] * num_envs, start_method="fork")
    else:
        from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

        env = SyncVectorEnv([make] * num_envs) if kind == "sync" else AsyncVectorEnv([make] * num_envs)
    env.reset()
    shape = (90, num_envs, PlainReach(ROBOT).action_space.shape[0])
    turn = itertools.cycle(np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32))
    return lambda: env.step(next(turn)), env.close


def measure(num_envs: int, seconds: float, rounds: int, max_processes: int) -> dict:
    """One row: medians of ``rounds`` turns; process-per-env peers stop at ``max_processes`` environments.

    A peer beyond that runs with ``max_processes`` environments instead, which is kind to it: more processes on the same
    cores only make it slower.
    """
    sizes = {"sync": num_envs, "async": min(num_envs, max_processes), "subproc": min(num_envs, max_processes)}
    stages, closers = {}, []
    for name, size in sizes.items():  # before ours, whose threads a forked process should not inherit
        stages[name], close = _peer(size, name)
        closers.append(close)
    stages["ours"], stages["bare"], episode, close = make_ours(num_envs)
    closers.append(close)
    sizes.update(ours=num_envs, bare=num_envs)
    rates: dict[str, list[float]] = {name: [] for name in stages}
    try:
        for _ in range(rounds):
            for name, step in stages.items():
                rates[name].append(_rate(step, sizes[name], seconds, episode if name in ("ours", "bare") else 1))
    finally:
        for close in closers:
            close()
    row = {"num_envs": num_envs, **{name: statistics.median(values) for name, values in rates.items()}}
    ratios = [o / b for o, b in zip(rates["ours"], rates["bare"], strict=True)]
    row["ratio_bare"] = statistics.median(ratios)
    row["ratio_bare_quartiles"] = np.percentile(ratios, [25, 75]).tolist()
    row["ratio_best_peer"] = row["ours"] / max(row["sync"], row["async"], row["subproc"])
    row["peer_envs"] = sizes["async"]
    return row


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--num-envs", type=int, nargs="+", default=[1, 16, 256, 1024])
    parser.add_argument("--seconds", type=float, default=1.5, help="least length of each turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--max-processes", type=int, default=256, help="of the peers with one process per environment")
    args = parser.parse_args()
    rows = []
    for n in args.num_envs:
        rows.append(measure(n, args.seconds, args.rounds, args.max_processes))
        if not args.json:
            if len(rows) == 1:
                print(f"{'sims':>6} {'ours':>10} {'bare C':>10} {'sync':>9} {'async':>9} {'subproc':>9} "
                      f"{'ours/bare':>10} {'quartiles':>12} {'/sync':>7} {'/async':>7} {'/subproc':>9}")
            r = rows[-1]
            low, high = r["ratio_bare_quartiles"]
            print(f"{r['num_envs']:>6} {r['ours']:>10.0f} {r['bare']:>10.0f} {r['sync']:>9.0f} {r['async']:>9.0f} "
                  f"{r['subproc']:>9.0f} {r['ratio_bare']:>10.2f} {low:>7.2f} {high:.2f} {r['ours'] / r['sync']:>7.1f} "
                  f"{r['ours'] / r['async']:>7.1f} {r['ours'] / r['subproc']:>9.1f}", flush=True)
    if args.json:
        print(json.dumps({"rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
