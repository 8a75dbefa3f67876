"""Where a cube on a table is, on real photographs, after training on renders only: the mean error in x and y.

    python -m benchmarks.photographs --json
    python -m benchmarks.photographs --images DIR --labels CSV

Rows, for each seed:

- mean: the middle of the photographs' labels, always: what no eyes at all can do, with knowledge that others lack
- plain: trained on renders of the scene as it is described; only the cube's pose varies
- randomized: trained on renders whose looks, lights and camera vary, with image effects
- aligned: the randomized one, fine-tuned with the unlabelled photographs

No label of a photograph is used before the errors are computed. How everything was chosen: docs/photographs.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sim2real.cameras import CameraModel
from sim2real.cli.output import note, print_json, print_table, progress_bar
from sim2real.errors import BadInputError, Sim2RealError
from sim2real.simulators.scenes.kuka_scene import (
    CAMERA,
    CUBE_HEIGHT,
    TABLE_X,
    TABLE_Y,
    kuka_camera,
    kuka_scene,
    lower_part,
)
from sim2real.simulators.scenes.visual_scene import VisualScene

_UNDER = "shared/data/kuka_table_images"  # beside the checkout, or beside what holds several
DATA = next((folder / _UNDER for folder in Path(__file__).resolve().parents if (folder / _UNDER).is_dir()),
            Path("..") / _UNDER)
WIDTH, HEIGHT = 160, 120
METHODS = ("mean", "plain", "randomized", "aligned")
PUBLISHED = {"mean_m": 0.037, "worst_m": 0.45, "source": "github.com/matwilso/domrand, README"}
HELD_OUT = 300  # renders for the figure in simulation
ALIGNED_EPOCHS, ALIGNED_RATE = 3, 5e-4
MOST_FRAMES, MOST_EPOCHS, MOST_SEEDS = 200_000, 200, 100


@dataclass(frozen=True)
class Budget:
    """Renders and passes over them: randomized; plain takes 2/5 of the renders and aligned 1/6 of them, and as many
    pasted ones."""

    frames: int = 12_000
    epochs: int = 4


def run_seed(images: np.ndarray, camera: CameraModel, seed: int, budget: Budget) -> dict[str, dict[str, np.ndarray]]:
    """Method -> predicted positions on the ``photographs`` (n, 2), and the mean error on renders ``held_out``, in [m].

    It gets no labels.
    """
    import torch

    from sim2real.perception.kuka_renders import render
    from sim2real.perception.photographs import background_of, pasted
    from sim2real.perception.point_network import PointNetwork
    from sim2real.perception.point_training import PointConfig, align, predict, train
    from sim2real.simulators.painting.mujoco_painter import MujocoPainter
    from sim2real.simulators.painting.paint_pool import PaintPool

    torch.set_num_threads(1)
    scene, large = (_lower(kuka_scene(k * WIDTH, k * HEIGHT, camera)) for k in (1, 2))
    plain_count, few = max(2 * budget.frames // 5, 1), max(budget.frames // 6, 1)
    with PaintPool("mujoco", scene, samples=2) as pool:
        with progress_bar(f"seed {seed}, renders", budget.frames + HELD_OUT) as update:
            renders = render(pool, budget.frames + HELD_OUT, seed, progress=update)
        plain = render(pool, plain_count + HELD_OUT, seed, varied=False)
    with MujocoPainter(large, samples=0) as painter:
        pastes = pasted(painter, background_of(images), few + HELD_OUT, seed)
    config = PointConfig(epochs=budget.epochs, seed=seed)
    trained, held = slice(HELD_OUT, None), slice(HELD_OUT)
    out: dict[str, dict[str, np.ndarray]] = {}
    middle = (0.5 * sum(TABLE_X), 0.5 * sum(TABLE_Y))

    def fresh() -> PointNetwork:
        torch.manual_seed(seed)
        return PointNetwork(scene.cameras[0], CUBE_HEIGHT, middle)

    def judge(method: str, network: PointNetwork, on) -> None:
        error = np.linalg.norm(predict(network, on.part(held).images) - on.part(held).positions, axis=1)
        out[method] = {"photographs": predict(network, images), "held_out": error.mean()}
        note(f"seed {seed}, {method}: {100 * error.mean():.1f} cm on {HELD_OUT} renders held out, median "
             f"{100 * np.median(error):.1f} cm")

    def counted(title: str, count: int, epochs: int):
        return progress_bar(f"seed {seed}, {title}", epochs * -(-count // config.batch_size))

    with counted("plain", plain_count, budget.epochs) as update:
        network = train(fresh(), plain.part(trained), replace(config, effects=False), progress=_steps(update))
    judge("plain", network, plain)
    with counted("randomized", budget.frames, budget.epochs) as update:
        network = train(fresh(), renders.part(trained), config, progress=_steps(update))
    judge("randomized", network, renders)
    some = slice(HELD_OUT, HELD_OUT + few)
    with counted("aligned", 2 * few, ALIGNED_EPOCHS) as update:
        network = align(network, renders.part(some), pastes.part(trained), images,
                        replace(config, epochs=ALIGNED_EPOCHS, learning_rate=ALIGNED_RATE), _steps(update))
    judge("aligned", network, pastes)
    return out


def _lower(scene: VisualScene) -> VisualScene:
    return scene.with_cameras(lower_part(scene.cameras[0]))


def _steps(update):
    """A training's progress from a bar's."""
    done = 0

    def step(loss: float) -> None:
        nonlocal done
        done += 1
        update(done, f"loss {loss:.2f}")

    return step


def measure(folder: Path, labels: Path, camera: CameraModel, seeds: range, budget: Budget) -> dict:
    """Everything that ``--json`` prints."""
    from sim2real.perception.photographs import load_photographs

    photographs = load_photographs(folder, labels, WIDTH, HEIGHT)
    rows = []
    for seed in seeds:
        predicted = {"mean": {"photographs": photographs.positions.mean(axis=0)}}
        predicted.update(run_seed(photographs.images, camera, seed, budget))
        for method in METHODS:
            error = np.linalg.norm(predicted[method]["photographs"] - photographs.positions, axis=1)
            row = {"method": method, "seed": seed, "error_mean_m": float(error.mean()),
                   "error_median_m": float(np.median(error)), "error_worst_m": float(error.max()),
                   "errors_m": dict(zip(photographs.files, error.round(4).tolist(), strict=True))}
            if "held_out" in predicted[method]:
                row["error_held_out_renders_m"] = float(predicted[method]["held_out"])
            rows.append(row)
        note(f"seed {seed}: " + ", ".join(f"{r['method']} {100 * r['error_mean_m']:.1f} cm" for r in rows[-4:]))
    return {"rows": rows, "photographs": len(photographs.files), "published": PUBLISHED,
            "frames": budget.frames, "epochs": budget.epochs}


def report(result: dict) -> None:
    """A table for people."""
    rows = []
    for method in METHODS:
        mine = [row for row in result["rows"] if row["method"] == method]
        of = lambda key, mine=mine: [100 * row[key] for row in mine]  # noqa: E731
        mean = of("error_mean_m")
        rows.append([method, f"{np.mean(mean):.1f}", f"{min(mean):.1f} to {max(mean):.1f}",
                     f"{np.mean(of('error_median_m')):.1f}", f"{max(of('error_worst_m')):.0f}",
                     "-" if method == "mean" else f"{np.mean(of('error_held_out_renders_m')):.1f}"])
    rows.append(["published", f"{100 * PUBLISHED['mean_m']:.1f}", "-", "-", f"{100 * PUBLISHED['worst_m']:.0f}", "-"])
    print_table(["method", "mean>", "seeds>", "median>", "worst>", "renders>"], rows,
          title=f"error in x and y [cm] on {result['photographs']} photographs; on renders held out")


def _corners(text: str) -> np.ndarray:
    """Pixels (4, 2) of "u,v u,v u,v u,v"."""
    try:
        numbers = np.array([[float(value) for value in pair.split(",")] for pair in text.split()])
    except ValueError:
        numbers = np.zeros(0)
    if numbers.shape != (4, 2) or not np.isfinite(numbers).all():
        raise BadInputError(f"--corners: expected the pixels of the table's back left, back right, front right and "
                            f"front left corner, 'u,v u,v u,v u,v', got {text!r}")
    return numbers


def _count(name: str, value: int, most: int, least: int = 1) -> int:
    if not least <= value <= most:
        raise BadInputError(f"--{name}: expected {least} to {most}, got {value}")
    return value


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.photographs", description=__doc__.split("\n\n")[0])
    parser.add_argument("--images", type=Path, default=DATA, metavar="DIR", help="photographs (default: %(default)s)")
    parser.add_argument("--labels", type=Path, metavar="CSV",
                        help="columns file, x_m, y_m: the cube's centre from the arm's base (default: DIR/labels.csv)")
    parser.add_argument("--corners", metavar="'U,V U,V U,V U,V'",
                        help="pixels of the table's corners in your photographs, of 640 x 480: back left, back right, "
                             "front right, front left; the camera is fitted to them")
    parser.add_argument("--seeds", type=int, default=3, help="how many (default: %(default)s)")
    parser.add_argument("--first-seed", type=int, default=0, metavar="N",
                        help="the first of them, to share seeds among machines")
    parser.add_argument("--frames", type=int, default=Budget.frames, help="randomized renders (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=Budget.epochs, help="passes over them (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    os.environ.setdefault("LP_NUM_THREADS", "0")
    try:
        camera = CAMERA if args.corners is None else kuka_camera(_corners(args.corners))
        first, count = _count("first-seed", args.first_seed, 2**31, 0), _count("seeds", args.seeds, MOST_SEEDS)
        result = measure(args.images, args.labels or args.images / "labels.csv", camera,
                         range(first, first + count),
                         Budget(_count("frames", args.frames, MOST_FRAMES), _count("epochs", args.epochs, MOST_EPOCHS)))
    except Sim2RealError as error:
        note(f"photographs: {error}")
        return error.exit_code
    if args.json:
        print_json(result)
    else:
        report(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
