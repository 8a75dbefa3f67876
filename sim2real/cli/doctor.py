"""``sim2real doctor``: what works on this machine."""

from __future__ import annotations

import argparse

NAME = "doctor"
HELP = "what works on this machine, and how to mend what does not"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = ("Try everything that sim2real uses: step each engine, render a frame, send a ROS 2 message, "
                          "run a network. Exit code 1 only where nothing would work; a missing extra is not an error. "
                          "With --robot and --live: listen to that robot's driver instead, and say which topics, "
                          "rates, names and units match its description; exit code 1 where no policy could run.")
    parser.add_argument("--robot", metavar="R", help="with --live: name or robot.yaml of the robot")
    parser.add_argument("--live", action="store_true", help="listen to the robot's driver; nothing is published")
    parser.add_argument("--seconds", type=float, default=3.0, metavar="S", help="how long to listen (default: 3)")
    parser.add_argument("--domain-id", type=int, default=None, metavar="N", help="ROS_DOMAIN_ID")
    parser.add_argument("--json", action="store_true",
                        help="print one JSON list of {name, status, detail, remedy, essential}")


def run(args: argparse.Namespace) -> int:
    """Check and print."""
    from sim2real.cli.output import progress_bar, say
    from sim2real.doctor import broken, run_checks
    from sim2real.errors import BadInputError

    if bool(args.robot) != args.live:
        raise BadInputError("expected --robot R and --live together: sim2real doctor --robot ur5e --live")
    if args.live:
        return run_live(args)

    with progress_bar("checking", 7, enabled=not args.json) as bar:
        checks = run_checks(bar)
    show(checks, args.json)
    if not args.json and not any(check.remedy for check in checks):
        say("everything works")
    return 1 if broken(checks) else 0


def run_live(args: argparse.Namespace) -> int:
    """Listen to a robot's driver, compare and print."""
    from sim2real.cli.output import progress_bar
    from sim2real.errors import BadInputError
    from sim2real.robots import load_robot
    from sim2real.ros.context import RosContext
    from sim2real.ros.live import judge, listen
    from sim2real.ros.live_cameras import LiveSensors
    from sim2real.ros.profiles import RosProfile

    if not 0.0 < args.seconds < 3600.0:
        raise BadInputError(f"--seconds: expected a time over zero, got {args.seconds:g}")
    robot = load_robot(args.robot)
    profile = RosProfile.for_robot(robot)
    with RosContext("sim2real_doctor", [], args.domain_id) as ros, \
            progress_bar(f"listening to {robot.name}", 1.0, enabled=not args.json) as update:
        sensors = LiveSensors(ros, robot, profile)
        heard = listen(ros, profile, args.seconds, lambda share: update(share, profile.state.topic))
        findings = [*judge(robot, profile, heard), *sensors.judge()]
    show(findings, args.json)
    return 1 if any(finding.status == "missing" for finding in findings) else 0


def show(rows: list, as_json: bool) -> None:
    """Print checks or findings: name, status and what was found, then the remedies."""
    from dataclasses import asdict

    from sim2real.cli.output import print_json, print_table, say

    if as_json:
        print_json([asdict(row) for row in rows])
        return
    print_table(("check", "status", "found"), [(row.name, row.status, row.detail) for row in rows],
                styles={"ok": "green", "warn": "yellow", "missing": "red"})
    for row in rows:
        if row.remedy:
            say(f"{row.name}: {row.remedy}")
