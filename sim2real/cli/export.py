"""``sim2real export``: a training run becomes a policy bundle."""

from __future__ import annotations

import argparse

NAME = "export"
HELP = "turn a training run into a policy bundle (.s2r)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Write the policy of a run's last checkpoint as one file: the network with its normaliser as ONNX, the robot, "
        "limits, training ranges, hashes and golden vectors. sim2real train does it by itself at the end.")
    parser.add_argument("run", help="run folder that sim2real train made")
    parser.add_argument("-o", "--output", metavar="FILE", help="default: policy.s2r in the run folder")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Export and print."""
    from sim2real.cli.output import print_json, say
    from sim2real.training.export import export_run

    path = export_run(args.run, args.output)
    if args.json:
        print_json({"bundle": str(path)})
    else:
        say(f"bundle {path}; check it with: sim2real verify {path}")
    return 0
