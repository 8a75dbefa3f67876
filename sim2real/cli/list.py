"""``sim2real list``: what there is."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from sim2real.visual_vocabulary import SCENES

NAME = "list"
HELP = "robots, tasks, engines and parameters that there are"
THINGS = ("robots", "tasks", "engines")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = ("List robots, tasks, engines, the parameters in which simulation and a robot may differ, or "
                          "the faults that sim2real twin --faults rehearses.")
    parser.add_argument("what", nargs="?", choices=(*THINGS, "parameters", "faults"),
                        help="default: robots, tasks and engines")
    parser.add_argument("--robot", metavar="R",
                        help="name, or path to a robot.yaml or .urdf: its parameters, tasks or faults")
    parser.add_argument("--scene", choices=SCENES, help="list parameters: of how the scene and its images "
                        "look, see sim2real show (with --robot R, default ur5e)")
    parser.add_argument("--json", action="store_true",
                        help="print one JSON value: names by kind; for parameters and faults a list of rows")
    parser.add_argument("--markdown", action="store_true", help="print the page docs/parameters.md")


def run(args: argparse.Namespace) -> int:
    """Print the list."""
    from sim2real.errors import BadInputError

    if args.what == "parameters":
        return _parameters(args)
    if args.scene:
        raise BadInputError("--scene is for the looks of a scene; use sim2real list parameters --scene table")
    if args.what == "faults" and not args.markdown:
        return _faults(args)
    if args.markdown:
        raise BadInputError("--markdown is the page of the parameters; use sim2real list parameters --markdown")
    things = (args.what,) if args.what else THINGS
    if args.robot and args.what != "tasks":
        raise BadInputError("--robot chooses whose tasks or parameters; use sim2real list tasks or list parameters")
    if args.json:
        from sim2real.cli.output import print_json

        print_json({thing: _names(thing, args.robot) for thing in things})
        return 0
    for thing in things:
        _show(thing, args.robot)
    return 0


def _names(thing: str, robot: str | None = None) -> list[str]:
    if thing == "robots":
        from sim2real.robots import list_robots

        return list_robots()
    if thing == "engines":
        from sim2real.simulators import list_engines

        return list_engines()
    from sim2real.tasks import list_tasks, task_ids

    if robot is None:
        return task_ids()
    from sim2real.robots import load_robot

    description = load_robot(robot)
    return [f"{description.name}-{task}" for task in list_tasks(description.kind)]


def _show(thing: str, robot: str | None) -> None:
    from sim2real.cli.output import print_table, say

    if thing == "robots":
        from sim2real.robots import load_robot

        rows = [(r.name, r.kind, r.num_joints or "-", r.description) for r in map(load_robot, _names(thing))]
        print_table(("robot", "kind", "joints>", "what it is"), rows)
    elif thing == "engines":
        import importlib.util

        meaning = {"mujoco": "arms and drones; the batch engine of MuJoCo", "pybullet": "arms and drones; Bullet",
                   "quadrotor": "drones; analytic, batched, the fastest"}
        needs = {"quadrotor": "numpy"}
        rows = [(name, "installed" if importlib.util.find_spec(needs.get(name, name)) else "missing",
                 meaning.get(name, "")) for name in _names(thing)]
        print_table(("engine", "package", "what it simulates"), rows, styles={"missing": "red"})
    else:
        print_table(("task",), [(name,) for name in _names(thing, robot)])
        if robot is None:
            say("any other robot: <robot>-<task> with --robot path/to/robot.yaml or --robot path/to/arm.urdf\n")


def _parameters(args: argparse.Namespace) -> int:
    from sim2real.cli import catalogue
    from sim2real.cli.output import print_json, print_table, say

    if args.markdown:
        say(catalogue.markdown_page().rstrip("\n"))
        return 0
    if args.scene:
        return _show_parameters(_look_parameters(args.scene, args.robot or "ur5e"), args.json)
    if args.robot is None:
        rows = catalogue.catalogue()
        if args.json:
            print_json(rows)
        else:
            print_table(("parameter", "unit", "role", "robots", "meaning"),
                        [(r["name"], r["unit"], r["role"], " ".join(r["robots"]), r["description"]) for r in rows])
            say("ranges and the columns of single joints: sim2real list parameters --robot NAME")
        return 0
    from sim2real.parameters import ParameterSpace
    from sim2real.robots import load_robot

    return _show_parameters(ParameterSpace.for_robot(load_robot(args.robot)).parameters, args.json)


def _look_parameters(scene: str, robot: str) -> list:
    from sim2real.parameters import ParameterSpace
    from sim2real.robots import load_robot
    from sim2real.simulators.scenes.by_name import make_scene

    made = make_scene(scene, load_robot(robot))
    return [*made.space.parameters, *ParameterSpace.for_images().parameters]


def _show_parameters(parameters: Sequence, as_json: bool) -> int:
    from sim2real.cli import catalogue
    from sim2real.cli.output import print_json, print_table

    if as_json:
        print_json([p.as_dict() for p in parameters])
    else:
        print_table(("parameter", "unit", "nominal>", "training", "twin", "drawn", "role", "meaning"),
                    [(p.name, p.unit, f"{p.nominal:.4g}", catalogue.span(p.low, p.high),
                      catalogue.span(p.twin_low, p.twin_high), p.distribution, p.role, p.text) for p in parameters])
    return 0


def _faults(args: argparse.Namespace) -> int:
    from sim2real.cli.output import print_json, print_table, say
    from sim2real.ros.faults import catalogue

    rows = catalogue()
    if args.robot is not None:
        from sim2real.robots import load_robot

        kind = load_robot(args.robot).kind
        rows = [row for row in rows if kind in row["robots"]]
    if args.json:
        print_json(rows)
        return 0
    print_table(("fault", "acts on", "robots", "parameters", "what happens"),
                [(r["name"], r["acts_on"], " ".join(r["robots"]), _signature(r["parameters"]), r["description"])
                 for r in rows])
    say("in a file for sim2real twin --faults: - {at: 2 s, for: 0.5 s, fault: NAME, ...parameters}; since: command "
        "counts from the first command")
    return 0


def _signature(parameters: dict) -> str:
    """``delay, jitter=0.0``: names, and defaults where there are any."""
    return ", ".join(name if row["required"] or row["default"] is None else f"{name}={row['default']}"
                     for name, row in parameters.items())
