"""``sim2real verify``: check a bundle before it comes near a robot."""

from __future__ import annotations

import argparse

NAME = "verify"
HELP = "check a bundle's hashes, golden vectors and robot; also an encoder's"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = ("Check a policy bundle as a robot's computer does before it runs it: file, manifest, hashes, "
                          "robot, task, limits, network, and the golden vectors on this machine. An encoder is checked "
                          "likewise. Exit code 2 if anything is wrong.")
    parser.add_argument("path", metavar="PATH", help="the bundle or encoder, such as policy.s2r")
    parser.add_argument("--robot", metavar="R", help="name, or path to a robot.yaml or .urdf: refuse another's bundle")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")


def run(args: argparse.Namespace) -> int:
    """Print the checks, and what the file holds."""
    from sim2real.cli.output import note, print_json, print_table
    from sim2real.deployment.bundle import inspect_bundle
    from sim2real.deployment.encoder import inspect_encoder, is_encoder
    from sim2real.errors import BadInputError

    encoder = is_encoder(args.path)
    if encoder and args.robot:
        raise BadInputError(f"{args.path} is an encoder, which is of no robot; leave --robot out")
    checks, found = inspect_encoder(args.path) if encoder else inspect_bundle(args.path, args.robot)
    kind = "encoder" if encoder else "bundle"
    bad = [check for check in checks if check.ok is False]
    if args.json:
        print_json({kind: args.path, "ok": found is not None, "sha256": found and found.sha256,
                    "checks": [vars(check) for check in checks], "manifest": found and found.manifest.to_dict()})
    else:
        words = {True: "ok", False: "FAILED", None: "-"}
        print_table(("check", "result", "detail"), [(c.name, words[c.ok], c.detail) for c in checks],
                    styles={"ok": "green", "FAILED": "bold red"})
        if found is not None:
            print_table(*(_encoder_table(found) if encoder else _limits_table(found)))
    if bad:
        note(f"sim2real: error: {kind} {args.path}: {bad[0].detail}")
    return 2 if bad else 0


def _encoder_table(file):
    said = file.manifest.encoder
    camera = said.camera.name if said.camera else "any"
    return (("predicts", "unit", "frame", "camera", "pixels>", "features>"),
            [(", ".join(said.labels), said.unit or "-", said.frame or "-", camera, f"{said.width} x {said.height}",
              said.features)])


def _limits_table(bundle):
    return ("limits of", "low>", "high>", "velocity>", "acceleration>", "jerk>"), _limits(bundle)


def _limits(bundle) -> list[tuple[str, ...]]:
    names = bundle.manifest.joints or ["thrust [N]", "rate x [rad/s]", "rate y [rad/s]", "rate z [rad/s]"]
    limits = bundle.limits
    rows = zip(limits.low, limits.high, limits.velocity, limits.acceleration, limits.jerk, strict=True)
    return [(name, *(f"{x:.4g}" for x in row)) for name, row in zip(names, rows, strict=True)]
