"""Env-steps per second of the batched environment, beside a bare C loop and what a user would write otherwise.

    python -m benchmarks.throughput --json

All rows run the same robot, the same substeps and the same number of simulations, interleaved, median of five.

- ours: the vector environment with every physical parameter randomized, command filter, sensors, observations, rewards
- bare: ``mujoco.batch`` on the same model without any of our code
- sync, async, subproc: the same task as a plain gymnasium env with a randomization wrapper (``benchmarks.peers``),
  under gymnasium's SyncVectorEnv and AsyncVectorEnv and stable-baselines3's SubprocVecEnv
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.peers import PlainReach, RandomizedPhysics

ROBOT = "ur5e"


def _rate(step: Callable[[], object], num_envs: int, seconds: float) -> float:
    """Env-steps per second of ``step``, which advances ``num_envs`` environments once."""
    step()
    count, begin = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < seconds or count < 3:
        step()
        count += 1
    return count * num_envs / elapsed


def make_ours(num_envs: int) -> tuple[Callable, Callable]:
    """Our vector environment with the default randomization."""
    import gymnasium

    env = gymnasium.make_vec(f"sim2real/{ROBOT}-reach-v0", num_envs=num_envs, vectorization_mode="vector_entry_point",
                             randomization="default")
    env.reset(seed=0)
    action = np.random.default_rng(0).uniform(-1, 1, (num_envs, env.single_action_space.shape[0])).astype(np.float32)
    return lambda: env.step(action), env.close


def make_bare(num_envs: int) -> tuple[Callable, Callable]:
    """``mujoco.batch`` on the same compiled model: set controls, step the same number of substeps."""
    from mujoco.batch import Batch

    from sim2real.robots import load_robot
    from sim2real.simulators import make_simulator

    with make_simulator("mujoco", load_robot(ROBOT), 1) as simulator:
        model, substeps = simulator.model, simulator.num_substeps
    batch = Batch(model, num_envs)
    home = load_robot(ROBOT).home
    batch.bind("qpos")[:] = home
    batch.bind("ctrl")[:] = home + np.random.default_rng(0).uniform(-0.3, 0.3, (num_envs, len(home)))
    return lambda: batch.step(nstep=substeps), lambda: None


def _peer(num_envs: int, kind: str) -> tuple[Callable, Callable]:
    def make():
        return RandomizedPhysics(PlainReach(ROBOT))

    if kind == "subproc":
        from stable_baselines3.common.vec_env import SubprocVecEnv

        env = SubprocVecEnv([make] * num_envs, start_method="forkserver")
    else:
        from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

        env = SyncVectorEnv([make] * num_envs) if kind == "sync" else AsyncVectorEnv([make] * num_envs)
    env.reset()
    size = PlainReach(ROBOT).action_space.shape[0]
    action = np.random.default_rng(0).uniform(-1, 1, (num_envs, size)).astype(np.float32)
    return lambda: env.step(action), env.close


def measure(num_envs: int, seconds: float, rounds: int, max_processes: int) -> dict:
    """One row: medians of interleaved rounds; process-per-env peers stop at ``max_processes`` environments.

    A peer beyond that runs with ``max_processes`` environments instead: its rate does not grow with their number once
    the cores are busy, and a thousand processes would not fit into the machine.
    """
    makers = {"ours": lambda n: make_ours(n), "bare": lambda n: make_bare(n),
              "sync": lambda n: _peer(n, "sync"), "async": lambda n: _peer(n, "async"),
              "subproc": lambda n: _peer(n, "subproc")}
    sizes = {name: num_envs if name in ("ours", "bare", "sync") else min(num_envs, max_processes) for name in makers}
    stages = {name: maker(sizes[name]) for name, maker in makers.items()}
    rates: dict[str, list[float]] = {name: [] for name in stages}
    try:
        for _ in range(rounds):
            for name, (step, _close) in stages.items():
                rates[name].append(_rate(step, sizes[name], seconds))
    finally:
        for _step, close in stages.values():
            close()
    row = {"num_envs": num_envs, **{name: statistics.median(values) for name, values in rates.items()}}
    row["ratio_bare"] = statistics.median(o / b for o, b in zip(rates["ours"], rates["bare"], strict=True))
    row["ratio_best_peer"] = row["ours"] / max(row["sync"], row["async"], row["subproc"])
    row["peer_envs"] = sizes["async"]
    return row


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--num-envs", type=int, nargs="+", default=[1, 16, 256, 1024])
    parser.add_argument("--seconds", type=float, default=0.6, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--max-processes", type=int, default=32, help="environments of the process-per-env peers")
    args = parser.parse_args()
    rows = []
    for n in args.num_envs:
        rows.append(measure(n, args.seconds, args.rounds, args.max_processes))
        if not args.json:
            if len(rows) == 1:
                print(f"{'sims':>6} {'ours':>10} {'bare C':>10} {'sync':>9} {'async':>9} {'subproc':>9} "
                      f"{'ours/bare':>10} {'ours/best peer':>15}")
            r = rows[-1]
            print(f"{r['num_envs']:>6} {r['ours']:>10.0f} {r['bare']:>10.0f} {r['sync']:>9.0f} {r['async']:>9.0f} "
                  f"{r['subproc']:>9.0f} {r['ratio_bare']:>10.2f} {r['ratio_best_peer']:>15.1f}", flush=True)
    if args.json:
        print(json.dumps({"rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
