"""``sim2real evaluate``: a bundle on twins."""

from __future__ import annotations

import argparse

NAME = "evaluate"
HELP = "run a bundle or an encoder zero-shot on twins and report success, errors and failures"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Run the deployed policy on twins: other parameters, and defects that training never had. By default each "
        "episode draws a twin from ranges wider than training's; with --parameters all values are those of the file "
        "and nominal otherwise. An encoder of sim2real perceive looks at images of a twin instead, with a shift that "
        "is printed. Everything here is simulation.")
    parser.add_argument("bundle", help="policy bundle (.s2r), or an encoder's file")
    parser.add_argument("--engine", default="pybullet", help="pybullet, mujoco or quadrotor (default: pybullet)")
    parser.add_argument("--episodes", type=int, default=100, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="episodes use the seeds S, S+1, ...")
    parser.add_argument("--parameters", metavar="FILE", help="YAML with exact values by name; the rest is nominal")
    parser.add_argument("--defects", default="default", metavar="NAMES",
                        help="default (all), none, or names joined by commas")
    parser.add_argument("--workers", type=int, default=None, metavar="N", help="processes for pybullet")
    parser.add_argument("--shift", default=None, metavar="NAME", help="of an encoder's twin: mild or full (default)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Evaluate and print."""
    import json

    from sim2real.cli.output import progress_bar
    from sim2real.deployment.bundle import load_bundle
    from sim2real.deployment.encoder import is_encoder
    from sim2real.errors import BadInputError
    from sim2real.evaluation.evaluate import evaluate
    from sim2real.evaluation.twins import TwinPlan, load_parameter_file, parse_defects
    from sim2real.parameters import ParameterSpace

    if is_encoder(args.bundle):
        return run_encoder(args)
    if args.shift is not None:
        raise BadInputError("--shift is for encoders; a policy's twins differ by --parameters and --defects")
    space = ParameterSpace.for_robot(load_bundle(args.bundle).robot)
    defects = parse_defects(args.defects, space)
    parameters = load_parameter_file(args.parameters, space) if args.parameters else None
    twins = TwinPlan(parameters=parameters, draw=parameters is None, defects=defects)
    with progress_bar(f"evaluate on {args.engine}", args.episodes, enabled=not args.json) as bar:
        summary, _ = evaluate(args.bundle, args.engine, args.episodes, args.seed, twins, workers=args.workers,
                              progress=lambda done, total, wins: bar(done, f"success {wins / done:.1%}"))
    if args.json:
        print(json.dumps(summary))
    else:
        print(table(summary))
    return 0


def run_encoder(args: argparse.Namespace) -> int:
    """Look at a twin's images and print."""
    from sim2real.cli.output import print_json, progress_bar
    from sim2real.errors import BadInputError
    from sim2real.perception.examine import examine

    if args.parameters or args.defects != "default":
        raise BadInputError("--parameters and --defects are for policies; an encoder's twin is chosen with --shift")
    with progress_bar(f"look at a twin in {args.engine}", args.episodes, enabled=not args.json) as bar:
        found = examine(args.bundle, args.engine, args.episodes, args.seed, args.shift or "full",
                        workers=args.workers or 0, progress=bar)
    if args.json:
        print_json(found)
    else:
        print(encoder_table(found))
    return 0


def encoder_table(found: dict) -> str:
    """The figures as lines for people."""
    return "\n".join([
        f"{found['episodes']} images of the twin {found['twin']} on {found['engine']} in {found['seconds']:.1f} s",
        f"  shift  {found['shift']}",
        f"  error  mean {100 * found['error_mean_m']:.2f} cm, median {100 * found['error_median_m']:.2f} cm, "
        f"95th percentile {100 * found['error_p95_m']:.2f} cm (always the middle: "
        f"{100 * found['error_of_the_mean_m']:.1f} cm)"])


def table(summary: dict) -> str:
    """The summary as lines for people."""
    low, high = summary["success_interval"]
    lines = [
        f"{summary['episodes']} episodes on {summary['engine']} twins in {summary['seconds']:.1f} s",
        f"  success            {summary['success_rate']:.1%}   (95 % interval {low:.1%} to {high:.1%})",
        f"  error              median {1e3 * summary['error_median_m']:.1f} mm, "
        f"95th percentile {1e3 * summary['error_p95_m']:.1f} mm",
    ]
    if "rmse_m" in summary:
        lines.append(f"  tracking RMSE      {summary['rmse_m']:.3f} m")
    lines += [
        f"  limit violations   {summary['limit_violations']}",
        f"  command smoothness {summary['command_smoothness']:.3g} (RMS second difference per s^2)",
    ]
    for failure in summary["failures"][:5]:
        worst = ", ".join(f"{k} {v:.3g}" for k, v in failure["parameters"].items() if "." not in k)
        lines.append(f"  failed seed {failure['seed']}: {worst or 'nominal'}"[:240])
    if len(summary["failures"]) > 5:
        lines.append(f"  ... and {len(summary['failures']) - 5} more failures (--json lists them all)")
    return "\n".join(lines)
