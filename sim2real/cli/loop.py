"""``sim2real loop``: train, run on a twin, identify, train on what was found."""

from __future__ import annotations

import argparse

NAME = "loop"
HELP = "close the loop sim -> robot -> identification -> sim on a twin"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Train a policy, run it on a twin with hidden parameters, record what its driver reports, infer a posterior of "
        "the parameters, and train anew with the posterior as randomization (SimOpt's loop). Success is counted on "
        "that twin before and after, and for a policy trained on the twin's true values. The twin is simulation in "
        "another engine, with defects that identification does not know of. Results go to DIR: loop.json, loop.png, "
        "identified-N.yaml (for sim2real train --randomization), the run folders.")
    parser.epilog = ("examples:\n  sim2real loop ur5e-reach --twin-seed 3 --out runs/loop3\n"
                     "  sim2real loop ur5e-reach --parameters robot7.yaml --method npe --rounds 2 --out runs/loop7")
    parser.add_argument("task", help="<robot>-<task> of an arm, such as ur5e-reach")
    twin = parser.add_mutually_exclusive_group()
    twin.add_argument("--twin-seed", type=int, default=0, metavar="S", help="which of the hard twins (default: 0)")
    twin.add_argument("--parameters", metavar="FILE", help="a twin of these values (YAML) instead; the rest is nominal")
    parser.add_argument("--start", default="none", metavar="WHAT",
                        help="what the first policy is trained on: none (nominal), prior, default, or a run folder")
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="of recording, identification and training")
    parser.add_argument("--method", default="epopt", help="epopt (default), npe or laplace; see docs/posterior.md")
    parser.add_argument("--engine", default="pybullet", help="of the twin (default: pybullet)")
    parser.add_argument("--episodes", type=int, default=200, metavar="N", help="counted on the twin, of each policy")
    parser.add_argument("--log-episodes", type=int, default=2, metavar="N", help="recorded in each round")
    parser.add_argument("--steps", type=int, metavar="N", help="of each training (default: the task's)")
    parser.add_argument("--keep", type=float, default=0.1, metavar="SHARE",
                        help="share of the prior that stays in each plan (default: 0.1)")
    parser.add_argument("--evaluations", type=int, default=2000, metavar="N", help="simulations of each inference")
    parser.add_argument("--no-truth", action="store_true", help="leave out the training on the true values")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of training and inference")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="of the engines (default: all cores)")
    parser.add_argument("--workers", type=int, metavar="N", help="processes of evaluation (default: one a core)")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the results")
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Run the loop and print its tables."""
    from pathlib import Path

    from sim2real.cli.output import note, print_json, progress_bar
    from sim2real.evaluation.twins import load_parameter_file
    from sim2real.identification.loop.picture import plot_loop
    from sim2real.identification.loop.rounds import LoopConfig, run_loop, twin_values
    from sim2real.identification.posterior.inference import Budget
    from sim2real.tasks import load_task

    twin = (load_parameter_file(args.parameters, load_task(args.task).space) if args.parameters
            else twin_values(args.task, args.twin_seed))
    config = LoopConfig(args.task, twin, Path(args.out), start=args.start, rounds=args.rounds, method=args.method,
                        engine=args.engine, episodes=args.episodes, log_episodes=args.log_episodes, steps=args.steps,
                        keep=args.keep, budget=Budget(args.evaluations, 600.0), oracle=not args.no_truth,
                        seed=args.seed, workers=args.workers, threads=args.threads)
    summary = run_loop(config, lambda title, total: progress_bar(title, total), note)
    plot_loop(summary, config.out / "loop.png")
    if args.json:
        print_json(summary)
    else:
        show(summary, config.out)
    return 0


def show(summary: dict, out) -> None:
    """What was found, and what it was worth, as two tables."""
    from sim2real.cli.output import print_table, say

    print_table(("parameter", "unit", "prior>", "90 % interval>", "mean>", "twin>"),
                [(r["name"], r["unit"], "{:.3g} to {:.3g}".format(*r["prior"]),
                  f"{r['low90']:.3g} to {r['high90']:.3g}", f"{r['mean']:.3g}", f"{r['truth']:.3g}")
                 for r in summary["identified"][-1]])
    say()
    print_table(("policy", "success on the twin>", "95 % interval>", "median error>", "nominal>"),
                [(r["policy"], f"{r['success_rate']:.1%}", "{:.0%} to {:.0%}".format(*r["success_interval"]),
                  f"{1e3 * r['error_median_m']:.1f} mm", f"{r['nominal_success_rate']:.0%}") for r in summary["rows"]])
    say(f"{summary['method']}, {summary['seconds']:.0f} s; everything here is simulation. Results in {out}")
