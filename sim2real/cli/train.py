"""``sim2real train``: from a task to a policy bundle."""

from __future__ import annotations

import argparse

NAME = "train"
HELP = "train a policy in simulation, randomized by default"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Train a policy with PPO on a batch of simulations and export it into the run folder. Ctrl-C saves a "
        "checkpoint and stops; --resume goes on from the last one, also after a crash.")
    parser.epilog = ("examples:\n"
                     "  sim2real train ur5e-reach\n"
                     "  sim2real train crazyflie-track --seed 3 --out runs/track\n"
                     "  sim2real train reach --robot my_arm.urdf\n"
                     "  sim2real train ur5e-reach --option orientation=axis\n"
                     "  sim2real train ur5e-reach --method up-osi --identify payload_mass,actuator_delay\n"
                     "  sim2real train --resume runs/ur5e-reach-20250101-120000")
    parser.add_argument("task", nargs="?", help="<robot>-<task>, such as ur5e-reach; with --robot: reach, hover, track")
    parser.add_argument("--robot", metavar="PATH", help="your own robot.yaml, or the .urdf of an arm")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="everything random follows from it")
    parser.add_argument("--steps", type=int, metavar="N", help="control steps of all simulations together")
    parser.add_argument("--num-envs", type=int, metavar="N", help="simulations (default: the task's)")
    parser.add_argument("--randomization", default="default", metavar="PLAN",
                        help="default, none, or a plan's YAML file (docs/randomization.md)")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE",
                        help="option of the task, such as orientation=axis (docs/tasks.md); may be repeated")
    parser.add_argument("--engine", metavar="NAME", help="default: mujoco for arms, quadrotor for drones")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="of the engine (default: all cores)")
    parser.add_argument("--out", metavar="DIR", help="run folder (default: runs/<task>-<date>-<time>)")
    parser.add_argument("--resume", metavar="RUN", help="go on with this run folder")
    parser.add_argument("--target-success", type=float, metavar="SHARE",
                        help="stop when test episodes succeed that often")
    parser.add_argument("--method", default="plain", metavar="NAME",
                        help="what the policy is told besides: plain (nothing), up-osi (parameters that are inferred "
                             "while it runs), rma (a latent of its history), recurrent, or oracle (the truth; only in "
                             "simulation) (docs/online_identification.md)")
    parser.add_argument("--identify", default="", metavar="NAMES",
                        help="parameters to infer, joined by commas (default: the robot's; sim2real list parameters)")
    parser.add_argument("--network", metavar="NAME", help="of the identifier: gru (default), tcn or window")
    parser.add_argument("--without-effort", action="store_true",
                        help="the identifier does not look at the joints' efforts: for a driver that reports none")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")


def run(args: argparse.Namespace) -> int:
    """Train and print."""
    from sim2real.cli.output import note, print_json, progress_bar, say
    from sim2real.errors import BadInputError

    if args.task is None and args.resume is None:
        raise BadInputError("expected a task such as ur5e-reach, or --resume RUN; sim2real list shows the tasks")
    if args.task is not None and args.resume is not None:
        raise BadInputError("expected a task or --resume RUN, got both; a resumed run knows its task")
    options = parse_options(args.option)

    from sim2real.identification.online.universal import train_method
    from sim2real.training.config import TrainConfig

    config = TrainConfig(args.task or "", robot=args.robot, options=options, seed=args.seed, steps=args.steps,
                         num_envs=args.num_envs, randomization=args.randomization, engine=args.engine,
                         threads=args.threads, out=args.out, target_success=args.target_success,
                         method=args.method, identify=tuple(filter(None, args.identify.split(","))),
                         online={**({"network": args.network} if args.network else {}),
                                 **({"effort": False} if args.without_effort else {})})
    with progress_bar(f"train {args.task or args.resume}", 1.0) as update:
        result = train_method(config, update, resume=args.resume)
    if result.interrupted:
        note(f"interrupted after {result.steps} steps; go on with: sim2real train --resume {result.run}")
    if args.json:
        print_json({"run": str(result.run), "seconds": round(result.seconds, 2), "steps": result.steps,
                    "success_rate": result.success_rate, "bundle": result.bundle and str(result.bundle)})
    elif not result.interrupted:
        say(f"{result.success_rate:.1%} of 256 test episodes succeed in its own simulator "
            f"({result.steps} steps, {result.seconds:.0f} s)")
        say(f"run    {result.run}\nbundle {result.bundle or 'none: only a simulation knows the true parameters'}")
    return 0


def parse_options(given: list[str]) -> dict:
    """Options of a task from KEY=VALUE, values as in YAML; the task says what is wrong with them."""
    import yaml

    from sim2real.errors import BadInputError

    options = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not (equals and key.strip()):
            raise BadInputError(f"--option: expected KEY=VALUE, got {text!r}")
        try:
            options[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise BadInputError(f"--option {key.strip()}: cannot read the value {value!r}") from None
    return options
