"""``sim2real security``: the SROS2 policy of a robot's processes."""

from __future__ import annotations

import argparse

NAME = "security"
HELP = "write the SROS2 policy of a robot's runner, guard, twin and operator"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Write the SROS2 policy of the runner, the guard, the twin and an operator's command line: each may use "
        "exactly the topics and services that the robot's profile gives it, and nothing else. `ros2 security "
        "create_permission KEYSTORE ENCLAVE FILE` takes it; the enclaves are /sim2real/ROBOT/policy, guard, twin and "
        "operator. `sim2real deploy --require-security` then refuses to run unless security is enforced; "
        "docs/safety.md has the steps.")
    parser.add_argument("--robot", required=True, metavar="R", help="name of a robot, or path to a robot.yaml or .urdf")
    parser.add_argument("--interface", default=None, metavar="I",
                        help="command interface of the runner and the guard (default: the profile's first)")
    parser.add_argument("-o", "--output", metavar="FILE", help="where to (default: standard output)")
    parser.add_argument("--ros-args", nargs=argparse.REMAINDER, default=[], metavar="ARG",
                        help="the rest, as the nodes are started with it: -r FROM:=TO, -r __ns:=/NAMESPACE")


def run(args: argparse.Namespace) -> int:
    """Write it."""
    from sim2real.cli.output import say
    from sim2real.files import atomic_write_text
    from sim2real.robots import load_robot
    from sim2real.ros.access import PROCESSES, enclave_path, policy_xml
    from sim2real.ros.profiles import RosProfile

    robot = load_robot(args.robot)
    profile = RosProfile.for_robot(robot)
    text = policy_xml(robot, profile, profile.command(args.interface), args.ros_args)
    if args.output is None:
        say(text.rstrip("\n"))
        return 0
    atomic_write_text(args.output, text)
    for path in (enclave_path(robot, process) for process in PROCESSES):
        say(f"ros2 security create_enclave KEYSTORE {path}")
        say(f"ros2 security create_permission KEYSTORE {path} {args.output}")
    return 0
