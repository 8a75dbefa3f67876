"""The loop sim -> robot -> identification -> sim on ten twins: success before, after one round, and with the truth.

Beside it stands what randomization alone gives: one policy, trained on all that the robot may be (``--start prior``).

    python -m benchmarks.identification_loop --json

Every twin starts from the same policy, trained on the nominal robot. Twins are those of ``hard_twins`` in the order of
their seeds; those on which that policy succeeds on 95 % or more of 40 episodes have nothing to gain and are passed
over, and listed. Everything here is simulation.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from pathlib import Path

from sim2real.cli.output import note, print_json, print_table, progress_bar, say
from sim2real.evaluation.evaluate import evaluate
from sim2real.evaluation.twins import TwinPlan
from sim2real.identification.loop.hard_twins import IDENTIFIED, prior_plan, wide_prior
from sim2real.identification.loop.rounds import LoopConfig, run_loop, twin_values
from sim2real.randomization import RandomizationPlan
from sim2real.tasks import load_task
from sim2real.training.config import TrainConfig
from sim2real.training.ppo import train

TASK = "ur5e-reach"
GOOD = 0.95  # success of the first policy from which there is nothing to gain
SCOUTING = 40  # episodes that tell
FIRST_TWIN = 100  # seeds of evaluation; methods were chosen on others


def measure(out: Path, *, twins: int = 10, episodes: int = 200, method: str = "epopt", seed: int = 0,
            workers: int | None = None, threads: int = 0, start: Path | None = None, first: int = FIRST_TWIN) -> dict:
    """Run the loop on ``twins`` twins.

    Args:
        out: Folder of the runs, new.
        twins: How many.
        episodes: Counted on each, of each policy.
        method: See ``posterior.infer``.
        seed: Of training and inference.
        workers: Processes of evaluation, None: one a core.
        threads: Of the engines, 0 for all cores.
        start: Run folder of the first policy; None: it is trained.
        first: Seed of the first twin.

    Returns:
        "rows", a twin each (see ``row_of``; "prior" is the randomized policy's success), "passed_over", "method",
        "seconds".
    """
    begin = time.monotonic()
    start = start or train_on("none", out / "start", seed, threads)
    randomized = train_on(prior_plan(wide_prior(load_task(TASK).space, IDENTIFIED)), out / "prior", seed, threads)
    rows, passed_over, candidate = [], [], first
    while len(rows) < twins:
        values, number = twin_values(TASK, candidate), candidate
        candidate += 1
        if success_on(values, start, SCOUTING, 10_000, workers) >= GOOD:
            passed_over.append(number)
            continue
        summary = run_loop(LoopConfig(TASK, values, out / f"twin-{number}", start=start, method=method,
                                      episodes=episodes, seed=seed, workers=workers, threads=threads),
                           _no_bar, lambda text: None)
        rows.append(row_of(number, summary) | {"prior": success_on(values, randomized, episodes, 0, workers)})
        note("twin {twin}: {before:.1%} -> {after:.1%} (truth {truth:.1%}, prior alone {prior:.1%})".format(**rows[-1]))
    return {"rows": rows, "passed_over": passed_over, "method": method, "seconds": round(time.monotonic() - begin, 1)}


def train_on(plan: RandomizationPlan | str, folder: Path, seed: int, threads: int) -> Path:
    """The run folder of a policy that is trained under ``plan``."""
    with progress_bar(f"train {folder.name}", 1.0) as update:
        return train(TrainConfig(TASK, seed=seed, randomization=plan, threads=threads, out=folder),
                     lambda done, total, text: update(done / total, text)).run


def success_on(values: dict[str, float], run: Path, episodes: int, seed: int, workers: int | None) -> float:
    """Success of a run's policy on one twin."""
    found, _ = evaluate(run / "policy.s2r", "pybullet", episodes, seed, TwinPlan(values, draw=False), workers=workers)
    return found["success_rate"]


def row_of(twin: int, summary: dict) -> dict:
    """A twin's line: success before, after and with the truth, and what the posterior was like."""
    before, after, truth = (row["success_rate"] for row in summary["rows"])
    found = summary["identified"][-1]
    inside = [row["low90"] <= row["truth"] <= row["high90"] for row in found]
    return {"twin": twin, "before": before, "after": after, "truth": truth,
            "nominal_after": summary["rows"][1]["nominal_success_rate"], "inside90": sum(inside) / len(inside),
            "inference_seconds": summary["rows"][1]["inference_seconds"], "temper": summary["rows"][1]["temper"],
            "seconds": summary["seconds"]}


@contextlib.contextmanager
def _no_bar(title: str, total: float):
    yield lambda done, text="": None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--twins", type=int, default=10, metavar="N")
    parser.add_argument("--episodes", type=int, default=200, metavar="N")
    parser.add_argument("--method", default="epopt", help="epopt, npe or laplace")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--workers", type=int, metavar="N")
    parser.add_argument("--threads", type=int, default=0, metavar="N")
    parser.add_argument("--first", type=int, default=FIRST_TWIN, metavar="S", help="seed of the first twin")
    parser.add_argument("--start", type=Path, metavar="RUN", help="run folder of a policy trained on the nominal robot")
    parser.add_argument("--out", type=Path, default=Path("runs/identification-loop"), metavar="DIR")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.out, twins=args.twins, episodes=args.episodes, method=args.method, seed=args.seed,
                    workers=args.workers, threads=args.threads, start=args.start, first=args.first)
    if args.json:
        print_json(found)
        return
    print_table(("twin>", "before>", "after one round>", "trained on the truth>", "on the prior>", "nominal after>",
                 "in 90 %>"),
                [(r["twin"], *(f"{r[key]:.1%}" for key in ("before", "after", "truth", "prior", "nominal_after",
                                                           "inside90"))) for r in found["rows"]])
    mean = {key: sum(r[key] for r in found["rows"]) / len(found["rows"])
            for key in ("before", "after", "truth", "prior")}
    say(f"mean: {mean['before']:.1%} -> {mean['after']:.1%}, truth {mean['truth']:.1%}, randomized alone "
        f"{mean['prior']:.1%}; down on "
        f"{sum(r['after'] < r['before'] for r in found['rows'])}; passed over (over {GOOD:.0%} before): "
        f"{found['passed_over']}; {found['seconds']:.0f} s")


if __name__ == "__main__":
    main()
