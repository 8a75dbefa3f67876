"""Distance that a drone flies through unseen corridors before it hits something, by one monocular camera.

    python -m benchmarks.corridor --json

A network learns free distances in MuJoCo's renders of random corridors (after CAD2RL, Sadeghi and Levine 2017), and
steers through corridors that it has never seen, drawn by PyBullet's TinyRenderer with textures that it has never seen.

- plain: trained in renders with one look
- randomized: the same places, each picture with looks of its own; the same network, pictures and steps
- oracle: steers by true free distances; straight: never turns
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.corridor_pictures import write_flights, write_views
from sim2real.perception.corridor import (
    Predictor,
    TrainingConfig,
    collision_auc,
    draw_views,
    seen_by,
    train_predictor,
    training_plan,
)
from sim2real.perception.flight import Flown, fly, oracle, straight
from sim2real.randomization import RandomizationPlan
from sim2real.randomization.visual import draw_frames
from sim2real.simulators.painting import textures
from sim2real.simulators.painting.paint_pool import PaintPool, make_painter
from sim2real.simulators.scenes.corridor_scene import CAMERA, corridor_scene
from sim2real.simulators.scenes.corridors import CorridorPlan, draw_corridors
from sim2real.simulators.scenes.visual_scene import VisualScene
from sim2real.visual_vocabulary import TEXTURES

UNSEEN = 1_000_000  # number of the first test corridor
TEST_CORRIDORS = dataclasses.replace(CorridorPlan(), width=(1.6, 2.5), pillar=(0.2, 0.7))
HELD_OUT = ("wood", "carpet")  # patterns that training never draws
_FLAT_SHARE = 0.3  # of the surfaces of a test corridor that have no texture
METHODS = ("plain", "randomized")


def write_textures(folder: Path) -> None:
    """Pictures of the patterns that training never draws."""
    import cv2

    for kind in HELD_OUT:
        for variant in range(textures.VARIANTS):
            cv2.imwrite(str(folder / f"{kind}-{variant}.png"), textures.texture(kind, variant)[:, :, ::-1])


def test_looks(scene: VisualScene, numbers: np.ndarray) -> np.ndarray:
    """Values (n, P) for test corridors: the twin's wider ranges, textures from the folder or none."""
    plan = RandomizationPlan.default(scene.space, "twin").without("lens_k*").fixed({"shadow": 0.0})
    values = draw_frames(plan, scene.space, numbers, seed=7)
    kinds = [scene.space.column(f"texture_kind.{group}") for group in scene.groups]
    flat = np.random.default_rng(7).random((len(numbers), len(kinds))) < _FLAT_SHARE
    values[:, kinds] = np.where(flat, TEXTURES.index("flat"), TEXTURES.index("image"))
    return values


def training_images(views, seed: int, say) -> dict[str, np.ndarray]:
    """Pictures of the same places for each method."""
    scene = corridor_scene()
    looks = draw_frames(training_plan(scene), scene.space, np.arange(len(views.free)), seed)
    found = {}
    with PaintPool("mujoco", scene, shadows="none", samples=0) as pool:
        for method, values in (("plain", None), ("randomized", looks)):
            begin = time.perf_counter()
            found[method] = pool.render(CAMERA, views.poses, values)
            say(f"{len(views.free) / (time.perf_counter() - begin):.0f} {method} frames/s")
    return found


def fly_all(predictors: list[Predictor], count: int, say) -> list[Flown]:
    """Flights of every predictor through each test corridor, side by side so that each is set up once."""
    flown = []
    with tempfile.TemporaryDirectory() as folder:
        write_textures(Path(folder))
        painter = make_painter("pybullet", corridor_scene(textures=Path(folder)))
        looks = test_looks(painter.scene, np.arange(count))
        with painter:
            for number in range(count):
                corridor = draw_corridors(TEST_CORRIDORS, np.array([UNSEEN + number]))[np.zeros(len(predictors), int)]
                see = seen_by(predictors, painter, looks[number:number + 1])
                flown.append(fly(corridor, see))
                say(f"corridor {number}: {np.round(flown[-1].distance, 1).tolist()} m")
    return flown


def test_views(count: int):
    """Views in test corridors and PyBullet's pictures of them, (n, h, w, 3)."""
    views = draw_views(count, 3, TEST_CORRIDORS, first=UNSEEN, each=4)
    with tempfile.TemporaryDirectory() as folder:
        write_textures(Path(folder))
        scene = corridor_scene(textures=Path(folder))
        looks = test_looks(scene, np.arange(count) // 4)
        with make_painter("pybullet", scene) as painter:
            return views, painter.render(CAMERA, views.poses, looks)


def summary(method: str, seed: int, distance: np.ndarray, whole: np.ndarray, auc: float) -> dict:
    """One row of the table."""
    return {"method": method, "seed": seed, "median_distance_m": round(float(np.median(distance)), 2),
            "whole_corridor_share": round(float(np.mean(whole)), 3), "auc": round(auc, 4)}


def ratio_of(rows: list[dict]) -> float:
    """Median over the seeds of the randomized policies' distances over that of the plain ones'."""
    one, other = (np.median([row["median_distance_m"] for row in rows if row["method"] == method])
                  for method in ("randomized", "plain"))
    return round(float(one / other), 2)


def measure(seeds: int, frames: int, corridors: int, epochs: int, say, pictures: Path | None = None) -> dict:
    """The table, as ``--json`` prints it."""
    views = draw_views(frames)
    images = training_images(views, 1, say)
    unseen, seen = test_views(max(10 * corridors, 40))
    keys = [(method, seed) for seed in range(seeds) for method in METHODS]
    predictors, aucs = [], []
    for method, seed in keys:
        begin = time.perf_counter()
        predictors.append(train_predictor(images[method], views.free, TrainingConfig(epochs=epochs, seed=seed)))
        aucs.append(collision_auc(unseen.free, predictors[-1](seen)))
        say(f"{method} {seed}: AUC {aucs[-1]:.3f}, {time.perf_counter() - begin:.0f} s")
    flown = fly_all(predictors, corridors, say)
    rows = [summary(*key, np.array([each.distance[k] for each in flown]), np.array([each.whole[k] for each in flown]),
                    auc) for k, (key, auc) in enumerate(zip(keys, aucs, strict=True))]
    drawn = draw_corridors(TEST_CORRIDORS, UNSEEN + np.arange(corridors))
    for method, see, auc in (("oracle", oracle, 1.0), ("straight", straight, 0.5)):
        lines = fly(drawn, see)
        rows.append(summary(method, 0, lines.distance, lines.whole, auc))
    if pictures is not None:
        write_views(pictures / "corridor-views.png", [images["plain"][:8], images["randomized"][:8], seen[::10][:8]])
        write_flights(pictures / "corridor-flights.png", drawn[:6], flown[:6], [method for method, _ in keys[:2]])
    return {"rows": rows, "ratio": ratio_of(rows)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="one JSON line")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="trainings of each method")
    parser.add_argument("--frames", type=int, default=24_000, metavar="N", help="training pictures of each method")
    parser.add_argument("--epochs", type=int, default=8, metavar="N", help="passes over them")
    parser.add_argument("--corridors", type=int, default=40, metavar="N", help="unseen corridors to fly through")
    parser.add_argument("--pictures", metavar="DIR", help="write corridor-views.png and corridor-flights.png there")
    args = parser.parse_args()

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    import torch

    torch.set_num_threads(1)
    folder = None if args.pictures is None else Path(args.pictures)
    result = measure(args.seeds, args.frames, args.corridors, args.epochs, say, folder)
    if args.json:
        print(json.dumps(result))
    else:
        for row in result["rows"]:
            print("  ".join(f"{value:>10}" for value in row.values()))
        print(f"ratio {result['ratio']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
