"""``sim2real identify``: parameters of a robot from its logs, how sure they are, and a narrower randomization plan."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim2real.identification.offline.estimation import Estimate
    from sim2real.identification.offline.prediction import Ahead
    from sim2real.identification.offline.problem import Problem

NAME = "identify"
HELP = "fit parameters to logs of a robot, and hand back narrower ranges"
_POOR = 2.0  # times the sensors' noise


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Fit parameters of the simulation to logs of a robot. Each log is replayed in many pieces at once; the most "
        "likely values come with 95 % intervals, and what the logs cannot tell is said. The end of each log is held "
        "out: errors of prediction there are told before and after. Logs are: MCAP of `deploy --log`, rosbag2, or "
        "tables (CSV, JSON, npz) with columns named like channels (time, command.<joint>, position.<joint>, ...) or "
        "any columns by a map. docs/offline_identification.md explains it.")
    parser.epilog = ("example: sim2real identify run.csv --robot ur5e -o identified.yaml\n"
                     "         sim2real train ur5e-reach --randomization identified.yaml")
    parser.add_argument("log", nargs="+", help="logs of one robot, recorded while it moved")
    parser.add_argument("--robot", required=True, metavar="NAME", help="a name, or a path to a robot.yaml")
    parser.add_argument("--channels", metavar="MAP", help="a channel map (.yaml, or one that comes along)")
    parser.add_argument("--parameters", default="default", metavar="NAMES",
                        help="names or patterns, joined by commas; default: what a replay tells best")
    parser.add_argument("--engine", choices=("mujoco", "pybullet", "quadrotor"),
                        help="that replays (default: mujoco for arms, quadrotor for drones)")
    parser.add_argument("--method", default="auto", choices=("auto", "gauss-newton", "cma", "sysid"),
                        help="auto: gauss-newton, and cma in PyBullet; sysid: MuJoCo's own, to compare with")
    parser.add_argument("--posterior", choices=("epopt", "npe"), metavar="METHOD",
                        help="also infer a distribution, epopt (particles) or npe (a network); the plan is made of it, "
                             "correlations included (docs/posterior.md)")
    parser.add_argument("--evaluations", type=int, default=2000, metavar="N",
                        help="how many candidates --posterior may replay (default 2000)")
    parser.add_argument("--held-out", type=float, default=0.2, metavar="SHARE",
                        help="share of each log, its end, on which predictions are judged (default 0.2)")
    parser.add_argument("--horizon", type=float, metavar="S",
                        help="length of the replayed pieces in s (default: 2, drones 0.5)")
    parser.add_argument("--known", metavar="FILE", help="a YAML file of parameter values that are known of this robot")
    parser.add_argument("--threads", type=int, default=0, help="of the engine (default: all cores)")
    parser.add_argument("--seed", type=int, default=0, help="of the candidates from which a search may begin")
    parser.add_argument("--report", metavar="FILE.html", help="write a report with pictures")
    parser.add_argument("-o", "--output", metavar="FILE.yaml", help="write the randomization plan for `train`")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Read, fit, judge, write and print."""
    import time

    import numpy as np

    from sim2real.cli.output import print_json, progress_bar
    from sim2real.evaluation.twins import load_parameter_file
    from sim2real.files import atomic_write_text
    from sim2real.identification.offline.estimation import identify
    from sim2real.identification.offline.narrowed import narrowed_plan
    from sim2real.identification.offline.prediction import prediction_errors
    from sim2real.identification.offline.problem import make_problem
    from sim2real.identification.posterior.inference import Budget
    from sim2real.parameters import ParameterSpace
    from sim2real.recordings.channel_map import load_channels
    from sim2real.robots import load_robot
    from sim2real.ros.any_log import read_recording

    begun, robot, budget = time.monotonic(), load_robot(args.robot), Budget(args.evaluations, 600.0)
    channels = load_channels(args.channels) if args.channels else None
    recordings = [read_recording(path, robot, channels) for path in args.log]
    known = load_parameter_file(args.known, ParameterSpace.for_robot(robot)) if args.known else None
    problem, judge, notes = make_problem(
        recordings, robot, [name.strip() for name in args.parameters.split(",")], engine=args.engine,
        held_out=args.held_out, horizon=args.horizon, threads=args.threads, fixed=known)
    with progress_bar("identify", 1.0, enabled=not args.json) as update:
        estimate = identify(problem, args.method, seed=args.seed, progress=update)
        update(0.95, "prediction errors")
        ahead = prediction_errors(judge or problem, np.stack([problem.nominal, estimate.value]))
        update(1.0)
    posterior = None
    if args.posterior:
        from sim2real.identification.posterior.inference import infer

        fine = problem.finer(2)  # a robot integrates exactly
        with progress_bar(f"posterior by {args.posterior}", 1.0, enabled=not args.json) as update:
            posterior = infer(fine, method=args.posterior, seed=args.seed, budget=budget, progress=update)
        fine.close()
    seconds = time.monotonic() - begun
    if args.output:
        plan = narrowed_plan(estimate, problem.space) if posterior is None else posterior.as_plan(problem.space)
        atomic_write_text(args.output, plan.to_yaml())
    if args.report:
        from sim2real.identification.offline.report import write_report

        write_report(args.report, problem, judge or problem, estimate, ahead, notes)
    if args.json:
        more = {} if posterior is None else {"posterior": posterior.rows(problem.space)}
        print_json({**_as_json(problem, estimate, ahead, notes, seconds), **more})
    else:
        _show(args, problem, estimate, ahead, notes, seconds)
        if posterior is not None:
            show_posterior(posterior.rows(problem.space))
    return 0


def _as_json(problem: Problem, estimate: Estimate, ahead: list[Ahead], notes: list[str],
             seconds: float) -> dict[str, Any]:
    return {
        "parameters": {name: {"value": estimate.value[k], "low": estimate.low[k], "high": estimate.high[k],
                              "identifiable": bool(estimate.identifiable[k]), "at_bound": bool(estimate.at_bound[k]),
                              "nominal": problem.nominal[k], "unit": problem.space[name].unit}
                       for k, name in enumerate(estimate.names)},
        "error_before": ahead[-1].errors[0], "error_after": ahead[-1].errors[1], "seconds": seconds,
        "unit": "rad" if problem.robot.kind == "arm" else "m", "method": estimate.method, "misfit": estimate.misfit,
        "errors": [{"horizon_s": each.horizon, "before": each.errors[0], "after": each.errors[1], "whole": each.whole}
                   for each in ahead],
        "trades": [{"parameters": [one, other], "correlation": value} for one, other, value in estimate.trades],
        "notes": notes}


def _show(args: argparse.Namespace, problem: Problem, estimate: Estimate, ahead: list[Ahead], notes: list[str],
          seconds: float) -> None:
    from sim2real.cli.output import note, print_table, say
    from sim2real.identification.offline.estimation import trading_groups

    for sentence in notes:
        note(sentence)
    print_table(("parameter", "value>", "95 % interval>", "nominal>", "unit", "identifiable"),
                [(name, f"{estimate.value[k]:.4g}", f"{estimate.low[k]:.4g} to {estimate.high[k]:.4g}",
                  f"{problem.nominal[k]:.4g}", problem.space[name].unit, _verdict(estimate, k))
                 for k, name in enumerate(estimate.names)], styles={"no": "yellow", "yes, at its bound": "yellow"})
    for group in trading_groups(estimate):
        say(f"{', '.join(group)} trade off: the logs tell a combination of them better than each")
    unit, scale = "mrad" if problem.robot.kind == "arm" else "mm", 1e3
    whole = f" (all that was {'held out' if args.held_out else 'fitted'})"
    say()
    print_table(("prediction", f"before [{unit}]>", f"after [{unit}]>"),
                [(f"{each.horizon:.3g} s" + (whole if each.whole else " ahead"),
                  f"{scale * each.errors[0]:.3g}", f"{scale * each.errors[1]:.3g}") for each in ahead])
    if estimate.misfit > _POOR:
        say(f"residuals are {estimate.misfit:.1f} times the sensors' noise: the robot differs in more than what was "
            "asked for, so values and intervals may be off; ask for more parameters (--parameters)")
    say(f"{estimate.method}, {seconds:.1f} s")
    for path in filter(None, (args.output, args.report)):
        say(f"wrote {path}")


def _verdict(estimate: Estimate, k: int) -> str:
    if not estimate.identifiable[k]:
        return "no"
    return "yes, at its bound" if estimate.at_bound[k] else "yes"


def show_posterior(rows: list[dict[str, Any]]) -> None:
    """What the logs tell of each parameter and what they leave open, as a table."""
    from sim2real.cli.output import print_table, say

    say()
    print_table(("posterior", "mean>", "90 % interval>", "prior>", "unit", "deviation over the prior's>"),
                [(row["name"], f"{row['mean']:.4g}", f"{row['low90']:.4g} to {row['high90']:.4g}",
                  "{:.3g} to {:.3g}".format(*row["prior"]), row["unit"], f"{row['shrinkage']:.2f}") for row in rows])
