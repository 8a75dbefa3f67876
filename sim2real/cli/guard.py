"""``sim2real guard``: the process beside ``sim2real deploy`` that stops the robot when the runner cannot."""

from __future__ import annotations

import argparse

NAME = "guard"
HELP = "stop the robot when the policy's process dies or hangs"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Watch the heartbeat of `sim2real deploy` on this machine, for the same robot in the same ROS domain. When the "
        "runner's process ends without disarming, or does not beat for --timeout, go on from its last command: brake "
        "an arm inside its limits, land a drone. The runner may not send again. Start it before or after the runner; "
        "it is for one robot and one interface, which must be the runner's. A runner whose guard dies stops by itself. "
        "Exit code 0 if it never had to take over, 1 if it did, 2 for bad input.")
    parser.add_argument("--robot", required=True, metavar="R", help="name of a robot, or path to a robot.yaml or .urdf")
    parser.add_argument("--interface", default=None, metavar="I",
                        help="command interface that the runner uses (default: the profile's first)")
    parser.add_argument("--timeout", type=float, default=0.1, metavar="S",
                        help="age of the runner's beat at which it counts as hung (default: 0.1)")
    parser.add_argument("--require-security", action="store_true",
                        help="refuse to run unless DDS security is enforced (docs/safety.md)")
    parser.add_argument("--domain-id", type=int, default=None, metavar="N", help="ROS_DOMAIN_ID")
    parser.add_argument("--duration", type=float, default=None, metavar="S", help="end by itself after S seconds")
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON line at the end")
    parser.add_argument("--ros-args", nargs=argparse.REMAINDER, default=[], metavar="ARG",
                        help="the rest goes to ROS 2, such as -r __ns:=/left, as the runner's")


def run(args: argparse.Namespace) -> int:
    """Guard until a signal comes or the time is over."""
    from sim2real.cli.output import note, print_json, say
    from sim2real.deployment.heartbeat import Heartbeat, robot_key
    from sim2real.errors import BadInputError
    from sim2real.robots import load_robot
    from sim2real.ros.context import RosContext, StopSignal, import_ros
    from sim2real.ros.guard_node import NODE, GuardNode
    from sim2real.ros.profiles import RosProfile

    if not 0.03 <= args.timeout <= 1.0:
        raise BadInputError(f"expected --timeout between 0.03 and 1 s, got {args.timeout:g}; 0.1 is the default")
    if args.duration is not None and not args.duration > 0.0:
        raise BadInputError(f"expected --duration over zero, got {args.duration:g}")
    import_ros("rclpy")
    robot = load_robot(args.robot)
    profile = RosProfile.for_robot(robot)
    command = profile.command(args.interface)
    channels = robot.num_joints if robot.kind == "arm" else 4
    with StopSignal() as stop, RosContext(NODE, args.ros_args, args.domain_id, secure=args.require_security) as ros:
        key = robot_key(robot.name, ros.context.get_domain_id(), ros.node.get_namespace())
        with Heartbeat.attach(key, channels) as heartbeat:
            guard = GuardNode(ros, robot, profile, command, heartbeat, timeout=args.timeout)
            if not args.json:
                say(f"guard of {robot.name}: {command.topic}, {1e3 * args.timeout:g} ms, {heartbeat.path}")
            guard.run(stop, args.duration)
            row = {"robot": robot.name, "taken_over": bool(guard.cause), "beats": guard.beats, **guard.report()}
    if args.json:
        print_json(row)
    if guard.cause:
        note(f"sim2real: error: the guard took over: {guard.cause}")
    return 1 if guard.cause else 0
