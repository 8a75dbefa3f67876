"""What visual randomization costs: randomized frames per second over plain ones of the same scene and quality.

    python -m benchmarks.render --json

The table scene of a UR5e, 64 x 64 pixels, one process, everything at its default quality. A randomized frame has new
colours, textures, materials, lights, camera, lens and background; shadows stay on and things stay where they are, so
that both kinds of frame have as much to draw. Rounds of both alternate; drawing the values counts. Medians.

Without ``--json`` a table: also PyBullet, and what qualities of MuJoCo's cost.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks import image_chain
from sim2real.errors import MissingDependencyError
from sim2real.randomization import RandomizationPlan
from sim2real.randomization.visual import draw_frames
from sim2real.robots import load_robot
from sim2real.simulators.painting.paint_pool import make_painter
from sim2real.simulators.scenes.table_scene import front_camera, table_scene
from sim2real.simulators.scenes.visual_scene import Poses

FRAMES, SIDE, ROUNDS = 96, 64, 7
KEPT = ("shadow", "shadow_softness", "distractor_*")
QUALITIES = ({"shadows": "none", "samples": 0}, {"shadows": "low", "samples": 0}, {"shadows": "low", "samples": 4},
             {"shadows": "medium", "samples": 4})


def measure(engine: str = "mujoco", rounds: int = ROUNDS, **quality) -> dict:
    """``plain_fps``, ``randomized_fps`` and their ``ratio``."""
    robot = load_robot("ur5e")
    scene = table_scene(robot, front_camera(robot, SIDE, SIDE))
    plan, poses = RandomizationPlan.default(scene.space).without(*KEPT), Poses(FRAMES)
    with make_painter(engine, scene, **quality) as painter:
        def plain(k: int) -> None:
            painter.render("front", poses)

        def randomized(k: int) -> None:
            painter.render("front", poses, draw_frames(plan, scene.space, np.arange(FRAMES) + FRAMES * k))

        rates: dict[Callable, list[float]] = {plain: [], randomized: []}
        for k in range(rounds + 1):
            for work, found in rates.items():
                begin = time.perf_counter()
                work(k)
                if k:  # the first one warms up
                    found.append(FRAMES / (time.perf_counter() - begin))
    fps = [statistics.median(found) for found in rates.values()]
    return {"plain_fps": fps[0], "randomized_fps": fps[1], "ratio": fps[1] / fps[0]}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    args = parser.parse_args()
    if args.json:
        chain = image_chain.measure()["image_chain_per_s"]
        print(json.dumps({**measure(rounds=args.rounds), "image_chain_per_s": chain}))
        return 0
    print(f"{'painter':<40} {'plain/s':>8} {'randomized/s':>12} {'ratio':>6}")
    for engine, quality in (*(("mujoco", quality) for quality in QUALITIES), ("pybullet", {}), ("filament", {})):
        name = " ".join([engine, *(f"{key}={value}" for key, value in quality.items())])
        try:
            row = measure(engine, args.rounds, **quality)
        except MissingDependencyError as error:
            print(f"{name:<40} {error}")
            continue
        print(f"{name:<40} {row['plain_fps']:>8.0f} {row['randomized_fps']:>12.0f} {row['ratio']:>6.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
