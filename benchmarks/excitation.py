"""Planned excitations beside random ones and a chirp: what they tell, how near they come to limits, what they take.

    python -m benchmarks.excitation --json

For each robot and seed a 30 s motion for the default parameters is planned. `gain_bits` is the information over a
random feasible series of the same harmonics (mean over `--draws`) and over the chirp; `interval_ratio` how many times
as wide the others' expected 95 % intervals are (median over parameters, link masses known). `left` is the least that
is left of each kind of bound at the driver's rate, over the bound (of positions and the box over their range, of gaps
in m); `violations` counts samples that break a joint bound, by code that shares none with the planner. Exit code 1
where a bound is broken, or a plan tells less than what it is compared with.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import numpy as np

from sim2real.cli.output import print_table, progress_bar
from sim2real.deployment.limits import count_violations
from sim2real.identification.excitation.baselines import gains, told_at_random, told_by_chirp
from sim2real.identification.excitation.information import ANCHOR
from sim2real.identification.excitation.limits import ExcitationLimits
from sim2real.identification.excitation.plan import Excitation, plan_excitation
from sim2real.robots import load_robot

ROBOTS = ("ur5e", "fr3", "so101")


def measure(name: str, seed: int, draws: int) -> dict:
    """One row."""
    limits = ExcitationLimits(load_robot(name))
    begun = time.perf_counter()
    plan = plan_excitation(limits.robot, limits=limits, seed=seed)
    seconds = time.perf_counter() - begun
    better = gains(plan, {"random": [told_at_random(plan, limits, 1000 * seed + k) for k in range(draws)],
                          "chirp": [told_by_chirp(plan, limits)]})
    rest = np.pad(plan.command, ((3, 3), (0, 0)), mode="edge")
    return {"robot": name, "seed": seed, "log_det": plan.information.log_det, "bits": plan.information.bits,
            "condition": plan.information.given(ANCHOR).condition, "compared": better, "left": least_left(plan, limits),
            "violations": count_violations(rest[:, None], limits.command, plan.time[1]), "seconds": seconds,
            "parameters": plan.information.rows()}


def least_left(plan: Excitation, limits: ExcitationLimits) -> dict[str, float]:
    """Of each kind of bound the least that is left, as a share of the bound, of its range, or in [m]."""
    spans = {"position": dict(zip(plan.robot.joint_names, limits.command.high - limits.command.low, strict=True)),
             "workspace": dict(zip((m.element for m in plan.margins if m.quantity == "workspace"),
                                   limits.high - limits.low, strict=True))}
    out: dict[str, float] = {}
    for margin in plan.margins:
        whole = 1.0 if margin.quantity == "clearance" else spans.get(margin.quantity, {}).get(margin.element,
                                                                                              abs(margin.limit))
        out[margin.quantity] = min(out.get(margin.quantity, np.inf), margin.left / whole)
    return {kind: float(left) for kind, left in out.items()}


def passed(row: dict) -> bool:
    """Whether no bound is broken and the plan tells more than the others."""
    return (row["violations"] == 0 and min(row["left"].values()) > -1e-6
            and all(other["gain_bits"] > 0.0 for other in row["compared"].values()))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--robots", nargs="+", default=list(ROBOTS), metavar="R")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 to N - 1 (default: 3)")
    parser.add_argument("--draws", type=int, default=3, metavar="N", help="random series beside each plan (default: 3)")
    args = parser.parse_args()
    rows = []
    with progress_bar("excitations", len(args.robots) * args.seeds) as bar:
        for name in args.robots:
            for seed in range(args.seeds):
                rows.append(measure(name, seed, args.draws))
                bar(len(rows), f"{name} {seed}")
    if args.json:
        print(json.dumps({"rows": rows, "passed": all(map(passed, rows))}))
    else:
        print_table(("robot", "seed>", "log det>", "over random [bit]>", "intervals>", "over chirp [bit]>",
                     "intervals>", *(f"{kind}>" for kind in rows[0]["left"]), "violations>", "seconds>"),
                    [(row["robot"], row["seed"], f"{row['log_det']:.1f}",
                      *(text for other in row["compared"].values()
                        for text in (f"{other['gain_bits']:+.1f}", f"x {other['interval_ratio']:.2f}")),
                      *(f"{left:.3f}" for left in row["left"].values()), row["violations"], f"{row['seconds']:.1f}")
                     for row in rows], title="what is planned, beside others; what is left of each kind of bound:")
    return 0 if all(map(passed, rows)) else 1


if __name__ == "__main__":
    sys.exit(main())
