"""``sim2real verify``: check a bundle before it comes near a robot."""

from __future__ import annotations

import argparse

NAME = "verify"
HELP = "check a bundle's hashes, golden vectors and robot"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = ("Check a policy bundle as a robot's computer does before it runs it: file, manifest, hashes, "
                          "robot, task, limits, network, and the golden vectors on this machine. Exit code 2 if "
                          "anything is wrong.")
    parser.add_argument("path", metavar="PATH", help="the bundle, such as policy.s2r")
    parser.add_argument("--robot", metavar="R", help="name, or path to a robot.yaml or .urdf: refuse another's bundle")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")


def run(args: argparse.Namespace) -> int:
    """Print the checks, and what the bundle holds."""
    from sim2real.cli.output import note, print_json, print_table
    from sim2real.deployment.bundle import inspect_bundle

    checks, bundle = inspect_bundle(args.path, args.robot)
    bad = [check for check in checks if check.ok is False]
    if args.json:
        print_json({"bundle": args.path, "ok": bundle is not None, "sha256": bundle and bundle.sha256,
                    "checks": [vars(check) for check in checks],
                    "manifest": bundle and bundle.manifest.model_dump(mode="json")})
    else:
        words = {True: "ok", False: "FAILED", None: "-"}
        print_table(("check", "result", "detail"), [(c.name, words[c.ok], c.detail) for c in checks],
                    styles={"ok": "green", "FAILED": "bold red"})
        if bundle is not None:
            print_table(("limits of", "low>", "high>", "velocity>", "acceleration>", "jerk>"), _limits(bundle))
    if bad:
        note(f"sim2real: error: bundle {args.path}: {bad[0].detail}")
    return 2 if bad else 0


def _limits(bundle) -> list[tuple[str, ...]]:
    names = bundle.manifest.joints or ["thrust [N]", "rate x [rad/s]", "rate y [rad/s]", "rate z [rad/s]"]
    limits = bundle.limits
    rows = zip(limits.low, limits.high, limits.velocity, limits.acceleration, limits.jerk, strict=True)
    return [(name, *(f"{x:.4g}" for x in row)) for name, row in zip(names, rows, strict=True)]
