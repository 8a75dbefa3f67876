"""``sim2real deploy``: a policy bundle as a ROS 2 node, for a twin and for the robot alike."""

from __future__ import annotations

import argparse

NAME = "deploy"
HELP = "run a policy bundle as a ROS 2 node"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Run a policy on whatever speaks the robot's driver topics: a twin (`sim2real twin`) or the robot itself. "
        "Without goals it waits for them on the topic ~/goal (geometry_msgs/PoseStamped, in the robot's base frame or "
        "the world), or, where the bundle has an encoder, reaches for what its camera sees until it is ended; an "
        "excitation needs none (a goal is a share of its amplitudes). SIGINT and SIGTERM brake an arm and land a drone "
        "before the node ends. Exit code 0 after a controlled end, 1 where the runner stopped by itself or nothing "
        "answered, 2 for bad input.")
    parser.add_argument("bundle", help="policy bundle (.s2r)")
    parser.add_argument("--robot", default=None, metavar="R",
                        help="name or robot.yaml of the robot on this machine (default: the bundle's own)")
    parser.add_argument("--interface", default=None, metavar="I",
                        help="command interface of the robot's ros section, as forward_position or joint_trajectory")
    parser.add_argument("--goal", action="append", default=[], metavar="X,Y,Z",
                        help="a goal in [m]; may be repeated (--goal=-0.3,0,1 where it begins with a minus)")
    parser.add_argument("--goals", metavar="FILE", help="YAML file with a list of goals")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="draw N goals as evaluation does")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of --sample")
    parser.add_argument("--goal-timeout", type=float, default=None, metavar="S", help="give a goal up after S seconds")
    parser.add_argument("--duration", type=float, default=None, metavar="S", help="stop after S seconds")
    parser.add_argument("--wait", type=float, default=10.0, metavar="S", help="for the driver to answer (default: 10)")
    parser.add_argument("--arm", action="store_true",
                        help="your word that the robot has room: arm, activate and drive at once, and end with it. "
                             "Without it the node waits, configured, for the service ~/arm and its activation")
    parser.add_argument("--managed", action="store_true",
                        help="leave all life cycle transitions to others, as launch files do")
    parser.add_argument("--require-guard", action="store_true",
                        help="refuse to move unless `sim2real guard` watches (always so with a velocity interface)")
    parser.add_argument("--require-security", action="store_true",
                        help="refuse to run unless DDS security is enforced (docs/safety.md)")
    parser.add_argument("--require-camera", action="append", default=[], metavar="NAME",
                        help="a camera of the robot's ros section that has to see fresh images all the while; may be "
                             "repeated (those that the bundle was trained with always have to)")
    parser.add_argument("--speed", type=float, default=1.0, metavar="S",
                        help="share of the policy's speed, 0 to 1, at which an arm moves; the node's parameter 'speed' "
                             "lowers it while it moves")
    parser.add_argument("--hold-outside", action="store_true",
                        help="hold the robot while an estimate of the bundle's identifier is outside the range that "
                             "the policy was trained in (else only /diagnostics says so)")
    parser.add_argument("--realtime", type=int, default=0, metavar="P",
                        help="run the control loop under SCHED_FIFO with priority P (1 to 99), memory locked")
    parser.add_argument("--log", metavar="FILE.mcap", help="record inputs, outputs and decisions")
    parser.add_argument("--log-size", type=int, default=64, metavar="MIB",
                        help="a log of that size goes on in FILE.001.mcap, FILE.002.mcap, ... (default: 64)")
    parser.add_argument("--no-log-states", dest="log_states", action="store_false",
                        help="log the states of the steps alone, not every one of the driver's")
    parser.add_argument("--domain-id", type=int, default=None, metavar="N", help="ROS_DOMAIN_ID")
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON line at the end")
    parser.add_argument("--ros-args", nargs=argparse.REMAINDER, default=[], metavar="ARG",
                        help="the rest goes to ROS 2, such as -r /cf/odom:=/cf231/odom")


def run(args: argparse.Namespace) -> int:
    """Deploy, and print the figures."""
    import contextlib

    from sim2real.cli.output import note, print_json, say
    from sim2real.deployment.bundle import load_bundle
    from sim2real.deployment.heartbeat import Heartbeat, robot_key
    from sim2real.errors import BadInputError
    from sim2real.robots import load_robot
    from sim2real.ros.camera_gates import open_cameras, required_cameras
    from sim2real.ros.context import RosContext, StopSignal, import_ros
    from sim2real.ros.goals import GoalSequence
    from sim2real.ros.log import Recorder
    from sim2real.ros.policy_node import NAME as NODE
    from sim2real.ros.policy_node import PolicyNode
    from sim2real.ros.profiles import RosProfile
    from sim2real.ros.robot_match import check_same_robot
    from sim2real.ros.vision.eye import Eye
    from sim2real.ros.vision.seen_goals import SeenGoals
    from sim2real.ros.watched import Watched

    for name in ("duration", "goal_timeout", "wait"):
        if getattr(args, name) is not None and not getattr(args, name) > 0.0:
            raise BadInputError(f"expected --{name.replace('_', '-')} over zero, got {getattr(args, name):g}")
    if args.arm and args.managed:
        raise BadInputError("expected --arm or --managed, not both: one drives at once, the other waits for others")
    if args.log_size < 1:
        raise BadInputError(f"expected --log-size of 1 (MiB) or more, got {args.log_size}; 64 is the default")
    if not 0.0 <= args.speed <= 1.0:
        raise BadInputError(f"expected --speed between 0 and 1, got {args.speed:g}")
    if not 0 <= args.realtime <= 99:
        raise BadInputError(f"expected --realtime between 1 and 99, got {args.realtime}")
    import_ros("rclpy")
    bundle = load_bundle(args.bundle)
    robot = load_robot(args.robot) if args.robot else bundle.robot
    check_same_robot(bundle.robot, robot)
    if args.hold_outside and not (bundle.manifest.identifier and bundle.manifest.identifier.parameters):
        raise BadInputError("--hold-outside: this bundle estimates no parameters; train it with --method up-osi")
    profile = RosProfile.for_robot(robot)
    command = profile.command(args.interface)
    required = required_cameras(bundle, robot, profile, args.require_camera)
    given = collect_goals(args, bundle.task)
    with StopSignal() as stop, contextlib.ExitStack() as stack:
        recorder = None
        if args.log:
            recorder = Recorder(args.log, {"robot": robot.name, "task": bundle.task.name, "bundle": bundle.sha256,
                                           "interface": command.topic}, size=args.log_size << 20)
            stack.callback(recorder.close)
        ros = stack.enter_context(RosContext(f"{NODE}_io", args.ros_args, args.domain_id,
                                             secure=args.require_security, rounds=True))
        rate = command.rate or 1.0 / bundle.task.control_period
        key = robot_key(robot.name, ros.context.get_domain_id(), ros.node.get_namespace())
        page = stack.enter_context(Heartbeat.create(key, bundle.task.command_size, period=1.0 / rate))
        watched = Watched(page, args.require_guard or command.quantity == "velocity")
        eye = None
        goals = GoalSequence(bundle.task, given, timeout=args.goal_timeout)
        if bundle.encoder is not None and not given:
            eye = Eye(bundle, profile.cameras[bundle.manifest.encoder.camera.name].rate, recorder)
            goals = SeenGoals(bundle.task, lambda: eye.goal)
        cameras = open_cameras(ros, profile, required, args.ros_args, eye)
        for camera in cameras:
            stack.callback(camera.close)
        node = PolicyNode(ros, bundle, robot, profile, command, goals, recorder, wait=args.wait, watched=watched,
                          cameras=cameras, eye=eye, speed=args.speed, priority=args.realtime,
                          hold_outside=args.hold_outside, log_states=args.log_states)
        if not args.json:
            say(f"{bundle.task.name} on {robot.name}: {profile.state.topic} -> {command.topic}")
            if not args.arm and not args.managed:
                say(f"it waits to be armed and activated: ros2 service call /{NODE}/arm std_srvs/srv/Trigger, "
                    f"then ros2 lifecycle set /{NODE} activate")
        node.run(stop, args.duration, arm=args.arm, managed=args.managed)
    row = summary(node, goals)
    print_json(row) if args.json else say(table(row, goals.errors))
    if recorder is not None and (recorder.failure or recorder.dropped):
        note(f"log: {recorder.dropped} rows were not written {recorder.failure}")
    if node.fault:
        note(f"sim2real: error: the runner stopped: {node.fault}")
    return 1 if node.fault else 0


def collect_goals(args: argparse.Namespace, task) -> list:
    """Goals of the command line, in the order --goal, --goals, --sample; without any the task's own."""
    from sim2real.errors import BadInputError
    from sim2real.ros.goals import load_goals, parse_goal, sample_goals

    if args.sample < 0 or args.seed < 0:
        raise BadInputError("expected --sample and --seed of zero or more")
    goals = [parse_goal(text, task) for text in args.goal]
    if args.goals:
        goals += load_goals(args.goals, task)
    goals += sample_goals(task, args.sample, args.seed) if args.sample else []
    return goals or [parse_goal(goal, task) for goal in task.own_goals]


def summary(node, goals) -> dict:
    """The JSON line."""
    figures = node.figures
    return {"goals": goals.goals, "reached": goals.reached, "commands": figures.commands,
            "limit_violations": figures.violations, "worst_age_s": figures.ages.largest,
            "latency_p50_us": 1e6 * figures.latency.quantile(0.5),
            "latency_p99_us": 1e6 * figures.latency.quantile(0.99),
            "late_p99_us": 1e6 * figures.lateness.quantile(0.99), "skipped": figures.skipped}


def table(row: dict, errors: list[float]) -> str:
    """The same for people."""
    worst = f", errors {', '.join(f'{1e3 * error:.1f}' for error in errors[:20])} mm" if errors else ""
    return "\n".join([
        f"reached {row['reached']} of {row['goals']} goals{worst}",
        f"  commands           {row['commands']}, outside a limit: {row['limit_violations']}",
        f"  oldest state       {1e3 * row['worst_age_s']:.1f} ms",
        f"  state to command   median {row['latency_p50_us']:.0f} us, 99 % within {row['latency_p99_us']:.0f} us",
        f"  ticks              99 % less than {row['late_p99_us']:.0f} us late, {row['skipped']} skipped",
    ])
