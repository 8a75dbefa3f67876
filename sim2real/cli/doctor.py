"""``sim2real doctor``: what works on this machine."""

from __future__ import annotations

import argparse

NAME = "doctor"
HELP = "what works on this machine, and how to mend what does not"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = ("Try everything that sim2real uses: step each engine, render a frame, send a ROS 2 message, "
                          "run a network. Exit code 1 only where nothing would work; a missing extra is not an error.")
    parser.add_argument("--json", action="store_true",
                        help="print one JSON list of {name, status, detail, remedy, essential}")


def run(args: argparse.Namespace) -> int:
    """Check and print."""
    from dataclasses import asdict

    from sim2real.cli.output import print_json, print_table, progress_bar, say
    from sim2real.doctor import broken, run_checks

    with progress_bar("checking", 7, enabled=not args.json) as bar:
        checks = run_checks(bar)
    if args.json:
        print_json([asdict(check) for check in checks])
    else:
        print_table(("check", "status", "found"), [(c.name, c.status, c.detail) for c in checks],
                    styles={"ok": "green", "warn": "yellow", "missing": "red"})
        for check in checks:
            if check.remedy:
                say(f"{check.name}: {check.remedy}")
        if not any(check.remedy for check in checks):
            say("everything works")
    return 1 if broken(checks) else 0
