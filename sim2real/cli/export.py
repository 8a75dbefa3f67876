"""``sim2real export``: a training run becomes a policy bundle."""

from __future__ import annotations

import argparse

NAME = "export"
HELP = "turn a training run into a policy bundle (.s2r)"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Write the policy of a run's last checkpoint as one file: the network with its normaliser as ONNX, the robot, "
        "limits, training ranges, hashes and golden vectors. sim2real train does it by itself at the end. With "
        "--encoder, a policy of the task reach becomes one of visual-reach: it reaches for the block that the encoder "
        "sees through its camera.")
    parser.add_argument("run", metavar="RUN", help="run folder that sim2real train made; with --encoder also a bundle")
    parser.add_argument("-o", "--output", metavar="FILE", help="default: policy.s2r in the run folder")
    parser.add_argument("--encoder", metavar="FILE.s2r", help="an encoder, as of sim2real adapt")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE",
                        help="of the task visual-reach: hover=0.1 (m above the block's centre), block_z, area; may be "
                             "repeated")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Export and print."""
    from sim2real.cli.output import print_json, say

    path = export(args)
    if args.json:
        print_json({"bundle": str(path)})
    else:
        say(f"bundle {path}; check it with: sim2real verify {path}")
    return 0


def export(args: argparse.Namespace):
    """Write what was asked for; returns where."""
    from pathlib import Path

    from sim2real.cli.train import parse_options
    from sim2real.deployment.encoder import load_encoder
    from sim2real.deployment.seeing import add_encoder
    from sim2real.errors import BadInputError

    encoder, options = args.encoder and load_encoder(args.encoder), parse_options(args.option)
    if options and encoder is None:
        raise BadInputError("--option is for --encoder; a run keeps the options that it was trained with")
    if encoder is not None and Path(args.run).is_file():
        if not args.output:
            raise BadInputError(f"{args.run} is a bundle: give --output, the bundle to write")
        add_encoder(args.run, encoder, args.output, options)
        return Path(args.output)
    from sim2real.identification.online.universal import export_any

    return export_any(args.run, args.output, encoder=encoder, options=options)
