"""All figures of identification: online, methods, offline and the loop, each also by a module of its own.

    python -m benchmarks.identification --json
    python -m benchmarks.identification --parts offline loop --json

Everything is simulation, on twins in PyBullet. The parts online, changes, methods, bounds and update train policies and
identifiers, or use those that an earlier run left in ``--runs``; all of them together take hours on two cores.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from benchmarks import identification_loop, identification_offline, identification_online
from sim2real.cli.output import print_json

PARTS = (*identification_online.PARTS, "offline", "loop")


def measure(parts: tuple[str, ...], seeds: list[int], runs: Path, twins: int, episodes: int) -> dict[str, Any]:
    """What the parts print by themselves: {"online": [...], "methods": [...], "update_p50_us", ..., "offline", "loop"}.

    Args:
        parts: Of ``PARTS``.
        seeds: Of training.
        runs: Where training runs are kept.
        twins: On which estimates are judged: online for each seed, offline in all (at most 40).
        episodes: For each method and seed.
    """
    found: dict[str, Any] = identification_online.measure(
        parts, tuple(identification_online.ONLINE), seeds, runs, twins, episodes, "pybullet")
    if "offline" in parts:
        found["offline"] = identification_offline.measure(min(twins, 40), quiet=True)
    if "loop" in parts:
        found["loop"] = identification_loop.measure(runs / "loop")
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--runs", type=Path, default=Path("runs/identification"), help="where training runs are kept")
    parser.add_argument("--twins", type=int, default=200)
    parser.add_argument("--episodes", type=int, default=400)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(tuple(args.parts), args.seeds, args.runs, args.twins, args.episodes)
    if args.json:
        print_json(found)
        return
    identification_online.print_parts(found)


if __name__ == "__main__":
    main()
