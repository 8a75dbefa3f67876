"""``sim2real show``: what a policy's camera sees, as a contact sheet."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from sim2real.visual_vocabulary import SCENES, TOPICS

if TYPE_CHECKING:
    import numpy as np

    from sim2real.parameters import ParameterSpace
    from sim2real.randomization import RandomizationPlan
    from sim2real.robots import RobotDescription
    from sim2real.simulators.painting.painter import Painter
    from sim2real.simulators.scenes.visual_scene import VisualScene

NAME = "show"
HELP = "randomized frames of a scene as one picture"
WORDS = {**TOPICS, "images": ("image_*",)}  # what --only knows besides names and patterns of parameters
_COLUMNS, _SCALE_BELOW = 6, 96  # frames that are lower than this are drawn twice as large
_MOST_FRAMES, _MOST_SIDE = 400, 1024


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Draw a grid of frames whose looks are randomized, the first one as the scene is described: what the policy "
        "will see. The frames depend on the plan, the seed and their number alone.")
    parser.add_argument("robot", help="name, or path to a robot.yaml or .urdf")
    parser.add_argument("-o", "--output", required=True, metavar="FILE.png", help="the picture to write")
    parser.add_argument("--scene", choices=SCENES, help="a table with a block, or the robot alone (default: table for "
                        "an arm, robot for a drone)")
    parser.add_argument("--camera", metavar="NAME", help="front, overview, chase (drones) or one of the description "
                        "(default: front on the table, else overview)")
    parser.add_argument("--engine", default="mujoco", metavar="E", help="mujoco, pybullet or filament")
    parser.add_argument("--randomization", default="default", metavar="PLAN",
                        help="default (every training range), none, or a plan's YAML file")
    parser.add_argument("--only", metavar="TOPICS", help=f"only these, joined by commas: {', '.join(WORDS)}, or "
                        "parameters, * and ? allowed")
    parser.add_argument("--images", default="none", metavar="PLAN",
                        help="effects of camera and link after it: default, none, or a plan's YAML file")
    parser.add_argument("--sweep", metavar="PARAMETER", help="instead: this parameter over its training range, all "
                        "else nominal")
    parser.add_argument("--textures", metavar="FOLDER", help="pictures that surfaces and backgrounds take, too")
    parser.add_argument("--count", type=int, default=16, metavar="N", help="frames (default: 16)")
    parser.add_argument("--size", default="", metavar="WxH", help="pixels of a frame, as 160x120 (default: the "
                        "camera's)")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--json", action="store_true", help="print one JSON object about the picture")


def run(args: argparse.Namespace) -> int:
    """Draw and write the sheet."""
    from sim2real.cli.output import print_json, progress_bar, say
    from sim2real.errors import BadInputError
    from sim2real.robots import load_robot
    from sim2real.simulators.painting.paint_pool import make_painter

    if not args.output.lower().endswith(".png"):
        raise BadInputError(f"expected a .png file to write, got {args.output}; use -o sheet.png")
    if not 1 <= args.count <= _MOST_FRAMES:
        raise BadInputError(f"expected 1 to {_MOST_FRAMES} frames, got --count {args.count}")
    robot, size = load_robot(args.robot), _size(args.size)
    kind = args.scene or ("table" if robot.kind == "arm" else "robot")
    scene = _scene(robot, kind, args.textures)
    camera = args.camera or ("front" if kind == "table" else "overview")
    scene.camera(camera)
    with make_painter(args.engine, scene) as painter:
        looks, effects, labels = _values(args, painter)
        with progress_bar(f"paint with {args.engine}", args.count, enabled=not args.json) as bar:
            frames = _frames(painter, camera, looks, effects, size, args.seed, bar)
    _write(args.output, frames, labels)
    varied = [name for space, values in ((scene.space, looks), (_image_space(), effects))
              for name, off in zip(space.names, (values != space.nominal).any(axis=0), strict=True) if off]
    if args.json:
        print_json({"path": args.output, "frames": len(frames), "height": frames.shape[1], "width": frames.shape[2],
                    "scene": kind, "camera": camera, "engine": args.engine, "seed": args.seed, "varied": varied})
    else:
        say(f"{args.output}: {len(frames)} frames of camera {camera}, {len(varied)} parameters varied")
    return 0


def _scene(robot: RobotDescription, kind: str, folder: str | None) -> VisualScene:
    from dataclasses import replace
    from pathlib import Path

    from sim2real.simulators.scenes.by_name import make_scene

    scene = make_scene(kind, robot)
    return replace(scene, texture_folder=Path(folder)) if folder else scene


def _size(text: str) -> tuple[int, int] | None:
    """(height, width) of "WxH"; None of ""."""
    from sim2real.errors import BadInputError

    if not text:
        return None
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() and 8 <= int(part) <= _MOST_SIDE for part in parts):
        raise BadInputError(f"expected --size as WIDTHxHEIGHT, 8 to {_MOST_SIDE} pixels each, got {text!r}")
    return int(parts[1]), int(parts[0])


def _image_space() -> ParameterSpace:
    from sim2real.parameters import ParameterSpace

    return ParameterSpace.for_images()


def _values(args: argparse.Namespace, painter: Painter) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Values of the scene's looks and of image effects, a row a frame, and what stands below each frame."""
    import numpy as np

    from sim2real.randomization.visual import draw_frames, with_pictures

    space, image_space, numbers = painter.scene.space, _image_space(), np.arange(args.count)
    if args.sweep:
        looks, effects = space.batch(args.count), image_space.batch(args.count)
        values = looks if args.sweep in space else effects
        its = space if args.sweep in space else image_space
        parameter = its[args.sweep] if args.sweep in its else space[args.sweep]  # the scene's list where it is unknown
        low, high = (parameter.low, parameter.high) if parameter.low < parameter.high else (
            parameter.physical_low, parameter.physical_high)
        values[:, its.column(args.sweep)] = np.linspace(low, high, args.count)
        return looks, effects, [f"{x:.3g}" for x in np.linspace(low, high, args.count)]
    plan, image_plan = _plan(args.randomization, space), _plan(args.images, image_space)
    if args.textures:
        plan = with_pictures(plan, space)
    if args.only:
        plan, image_plan = _restricted(args.only, plan, image_plan)
    looks = draw_frames(plan, space, numbers, args.seed)
    effects = draw_frames(image_plan, image_space, numbers, args.seed)
    looks[0], effects[0] = space.nominal, image_space.nominal
    return looks, effects, ["as described", *(f"frame {k}" for k in range(1, args.count))]


def _plan(name: str, space: ParameterSpace) -> RandomizationPlan:
    from sim2real.randomization import RandomizationPlan

    if name == "none":
        return RandomizationPlan()
    plan = RandomizationPlan.default(space) if name == "default" else RandomizationPlan.load(name, space)
    return plan.expanded(space)


def _restricted(topics: str, *plans: RandomizationPlan) -> list[RandomizationPlan]:
    """The plans with the terms of these topics only; a topic that no plan has is an error."""
    from fnmatch import fnmatchcase

    from sim2real.errors import BadInputError, unknown

    words = [word.strip() for word in topics.split(",") if word.strip()]
    patterns = {word: WORDS.get(word, (word,)) for word in words}
    names = [term.parameter for plan in plans for term in plan.terms]
    for word, wanted in patterns.items():
        if not any(fnmatchcase(name, pattern) for name in names for pattern in wanted):
            if word in WORDS:
                raise BadInputError(f"--only {word}: neither --randomization nor --images varies any of it")
            raise BadInputError(f"--only: {unknown('topic or parameter', word, [*WORDS, *names])}")
    wanted = [pattern for group in patterns.values() for pattern in group]
    return [plan.without(*[name for term in plan.terms if not any(
        fnmatchcase(name := term.parameter, pattern) for pattern in wanted)]) for plan in plans]


def _frames(painter: Painter, camera: str, looks: np.ndarray, effects: np.ndarray, size: tuple[int, int] | None,
            seed: int, progress) -> np.ndarray:
    from sim2real.randomization.images import ImageRandomizer
    from sim2real.simulators.scenes.visual_scene import Poses

    frames = painter.render(camera, Poses(len(looks)), looks, progress=progress, size=size)
    if (effects == _image_space().nominal).all():
        return frames
    return ImageRandomizer(seed=seed).apply(frames, effects)


def _write(path: str, frames: np.ndarray, labels: list[str]) -> None:
    from sim2real.randomization.contact_sheet import contact_sheet, save_png

    columns = min(_COLUMNS, math.ceil(len(frames) ** 0.5))
    save_png(path, contact_sheet(frames, labels, columns, 2 if frames.shape[1] < _SCALE_BELOW else 1))
