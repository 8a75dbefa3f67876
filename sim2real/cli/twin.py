"""``sim2real twin``: a robot's driver, simulated, as a ROS 2 node."""

from __future__ import annotations

import argparse

NAME = "twin"
HELP = "simulate a robot's driver as a ROS 2 node"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Speak exactly the topics, types and rates of the robot's driver, with a simulation behind them whose "
        "parameters and defects nobody told the policy. What runs against it runs against the robot unchanged. "
        "By default the twin is drawn from --seed, as in `sim2real evaluate`; with --parameters it has exactly the "
        "values of the file and is nominal otherwise. A twin is a simulation: its results are simulation.")
    parser.add_argument("robot", help="name of a robot, or path to a robot.yaml or .urdf")
    parser.add_argument("--engine", default=None,
                        help="pybullet, mujoco or quadrotor (default: pybullet where it is installed)")
    parser.add_argument("--parameters", metavar="FILE", help="YAML with exact values by name; the rest is nominal")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="which twin is drawn (default: 0)")
    parser.add_argument("--defects", default="default", metavar="NAMES",
                        help="default (all), none, or names joined by commas")
    parser.add_argument("--nominal", action="store_true", help="no draw: every parameter at its nominal value")
    parser.add_argument("--interface", default=None, metavar="I",
                        help="an arm's command interface that is active (default: the profile's first); messages on "
                             "the others are ignored until controllers are switched")
    parser.add_argument("--faults", metavar="FILE",
                        help="YAML list of faults to rehearse by time; sim2real list faults names them")
    parser.add_argument("--cameras", action="store_true",
                        help="publish what the cameras of the robot's ros section see, drawn in a process of its own")
    parser.add_argument("--scene", default=None, metavar="NAME",
                        help="what the cameras see besides the robot: table, with a block for visual-reach, whose true "
                             "place is told on ~/block and changed by ~/place_block")
    parser.add_argument("--block", default=None, metavar="X,Y", help="where the block stands in [m] (default: --seed)")
    parser.add_argument("--move-block", type=float, default=None, metavar="S",
                        help="move the block to another random place every S seconds")
    parser.add_argument("--domain-id", type=int, default=None, metavar="N", help="ROS_DOMAIN_ID")
    parser.add_argument("--duration", type=float, default=None, metavar="S", help="stop by itself after S seconds")
    parser.add_argument("--reveal", action="store_true", help="print the hidden values")
    parser.add_argument("--view", action="store_true", help="show the robot on a web page of this machine")
    parser.add_argument("--json", action="store_true", help="print one JSON line at the end")
    parser.add_argument("--ros-args", nargs=argparse.REMAINDER, default=[], metavar="ARG",
                        help="the rest goes to ROS 2, such as -r /cf/odom:=/cf231/odom")


def run(args: argparse.Namespace) -> int:
    """Be the twin until a signal comes or the time is over."""
    import contextlib
    import time

    from sim2real.cli.output import note, print_json, say
    from sim2real.errors import BadInputError
    from sim2real.ros.context import RosContext, StopSignal, import_ros
    from sim2real.ros.profiles import RosProfile
    from sim2real.ros.twin_cameras import TwinCameras
    from sim2real.ros.twin_node import TwinNode
    from sim2real.ros.vision.twin_block import TwinBlock

    check_scene(args)
    import_ros("rclpy")
    begin = time.monotonic()
    with StopSignal() as stop, contextlib.ExitStack() as stack:
        robot, space, values, plant, engine, faults = build(args)
        stack.callback(plant.close)
        profile = RosProfile.for_robot(robot)
        ros = stack.enter_context(RosContext(f"{robot.name.replace('-', '_')}_twin", args.ros_args, args.domain_id))
        cameras = block = None
        if args.cameras:
            cameras = TwinCameras(ros, robot, args.robot, profile, args.ros_args, scene=args.scene or "robot",
                                  painter="pybullet" if engine == "pybullet" else "mujoco")
            stack.callback(cameras.close)
        elif any(fault.acts_on == "cameras" for fault in faults):
            raise BadInputError("the faults file has faults of cameras; add --cameras")
        if args.scene == "table":
            block = TwinBlock(ros, robot, cameras, seed=args.seed, place=place_of(args.block), every=args.move_block)
        twin = TwinNode(ros, robot, profile, plant, interface=args.interface, faults=faults, seed=args.seed,
                        cameras=cameras)
        if not args.json:
            takes = ", ".join(profile.commands[name].topic for name in twin.taken)
            say(f"twin of {robot.name} (simulation): {profile.state.topic} at {profile.state.rate:g} Hz, takes {takes}")
            if len(twin.taken) < len(twin.interfaces):
                others = [name for name in twin.interfaces if name not in twin.taken]
                note(f"not active: {', '.join(others)}; --interface NAME, or the topic ~/switch_controller")
        if args.reveal:
            note(f"hidden values: {space.as_dict(values, changed_only=True)}")
        viewer = None
        if args.view:
            from sim2real.ros.view import Viewer

            viewer = Viewer(robot, engine)
            stack.callback(viewer.close)
            note(f"view: {viewer.url}")

        def watch(state) -> None:
            if viewer is not None:
                viewer.update(state)
            if block is not None:
                block.tick(state, time.time(), time.monotonic())

        twin.run(stop, args.duration, watch if viewer or block else None)
    if args.json:
        print_json({"robot": robot.name, "published": twin.published, "commands": plant.commands,
                    "rejected": twin.rejected, "dropped_s": plant.dropped_time, "faults": twin.faults_begun,
                    "seconds": time.monotonic() - begin})
    return 0


def check_scene(args: argparse.Namespace) -> None:
    """Raise BadInputError where options of the scene do not go together."""
    from sim2real.errors import BadInputError, unknown

    if args.scene not in (None, "table"):
        raise BadInputError(unknown("scene", args.scene, ["table"]))
    if args.scene is not None and not args.cameras:
        raise BadInputError("a scene is what cameras see: add --cameras")
    if args.scene is None and (args.block is not None or args.move_block is not None):
        raise BadInputError("the block stands on a table: add --scene table")
    if args.move_block is not None and not args.move_block > 0.0:
        raise BadInputError(f"expected --move-block over zero seconds, got {args.move_block:g}")
    place_of(args.block)


def place_of(text: str | None) -> tuple[float, float] | None:
    """The place (x, y) in [m] of ``"0.4,0.1"``, None of None."""
    import math

    from sim2real.errors import BadInputError

    if text is None:
        return None
    try:
        x, y = map(float, text.split(","))
        if math.isfinite(x) and math.isfinite(y):
            return x, y
    except ValueError:
        pass
    raise BadInputError(f"--block {text!r}: expected two numbers such as 0.4,0.1")


def build(args: argparse.Namespace):
    """The robot, its vocabulary, hidden values (P,), plant, engine and faults, of the command line's choice."""
    import importlib.util

    import numpy as np

    from sim2real.errors import BadInputError
    from sim2real.evaluation.twins import TwinPlan, load_parameter_file, parse_defects
    from sim2real.parameters import ParameterSpace
    from sim2real.robots import load_robot
    from sim2real.ros.faults import load_faults
    from sim2real.ros.profiles import RosProfile
    from sim2real.ros.twin_plant import TwinPlant, step_period, with_step
    from sim2real.simulators import make_simulator

    if args.seed < 0 or (args.duration is not None and not args.duration > 0.0):
        raise BadInputError("expected --seed of zero or more and --duration over zero")
    robot = load_robot(args.robot)
    profile = RosProfile.for_robot(robot)
    profile.command(args.interface)  # raises where there is none of that name
    faults = load_faults(args.faults, robot, profile) if args.faults else []
    space = ParameterSpace.for_robot(robot)
    given = load_parameter_file(args.parameters, space) if args.parameters else None
    plan = TwinPlan(parameters=given, draw=given is None and not args.nominal,
                    defects=parse_defects(args.defects, space))
    sampler = plan.sampler(space, np.array([args.seed]))
    values = sampler.episode(np.arange(1), np.zeros(1, int))[0]
    engine = args.engine or ("pybullet" if importlib.util.find_spec("pybullet") else "mujoco")
    stepped = with_step(robot, step_period(profile.state.rate, robot.kind)[0])
    simulator = make_simulator(engine, stepped, 1, seed=args.seed, threads=1)
    plant = TwinPlant(simulator, robot, profile, values, seed=args.seed, evolve=sampler.advance)
    return robot, space, values, plant, engine, faults
