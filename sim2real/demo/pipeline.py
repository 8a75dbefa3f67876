"""The main job: two policies on one budget, zero-shot on twins in another engine, then over ROS 2."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import queue
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2real.demo.ros_session import run_session
from sim2real.demo.train_pair import train_pair
from sim2real.demo.video import write_gif
from sim2real.deployment.bundle import load_bundle
from sim2real.evaluation.evaluate import evaluate
from sim2real.evaluation.plots import plot_sweep
from sim2real.evaluation.sweep import Curve, sweep
from sim2real.evaluation.twins import TwinPlan
from sim2real.files import atomic_write_bytes
from sim2real.tasks import split_task_id

Bar = Callable[[str, float], AbstractContextManager[Callable[..., None]]]
# Which engine sweeps quickly: batched ones; twins are always in the other engine.
_SWEEP_ENGINE = {"arm": "mujoco", "drone": "quadrotor"}


@dataclass(frozen=True)
class DemoConfig:
    """What the demo does.

    Attributes:
        task: Task id, "ur5e-reach" by default.
        out: Folder of the results.
        episodes: Twins per policy.
        goals: Goals over ROS 2.
        seed: Of training; twins and goals have seeds of their own.
        steps: Training steps of each policy; None is the task's default.
        sweep_episodes: Episodes at each value of each parameter in the picture.
        ros: Whether to run the ROS 2 part.
    """

    task: str = "ur5e-reach"
    out: Path = Path("runs/demo")
    episodes: int = 200
    goals: int = 5
    seed: int = 0
    steps: int | None = None
    sweep_episodes: int = 24
    ros: bool = True


def run_demo(config: DemoConfig, bar: Bar, say: Callable[[str], None]) -> dict:
    """Do all of it and return what ``summary.json`` holds.

    Args:
        config: What to do.
        bar: Makes a progress bar of a title and a total.
        say: Called with a line about each stage.
    """
    begin = time.monotonic()
    out = config.out
    out.mkdir(parents=True, exist_ok=True)
    robot, _ = split_task_id(config.task)
    summary: dict = {"task": config.task}

    say(f"1/4  train {config.task} twice on the same budget: plain, and randomized")
    shutil.rmtree(out / "plain", ignore_errors=True)  # a demo starts over; runs of one's own lie elsewhere
    shutil.rmtree(out / "randomized", ignore_errors=True)
    extra = [] if config.steps is None else ["--steps", str(config.steps)]
    with bar("train both", 100.0) as update:
        trained = train_pair(config.task, out, config.seed, extra=extra, progress=update)
    bundles = {}
    for name, result in trained.items():
        bundles[name] = out / f"{name}.s2r"
        shutil.copyfile(result["bundle"], bundles[name])
    summary["training"] = trained

    say("2/4  both zero-shot on PyBullet twins: hidden parameters, defects that training never had")
    for name, path in bundles.items():
        with bar(f"twins, {name}", config.episodes) as update:
            summary[name], _ = evaluate(path, "pybullet", config.episodes, 1000, TwinPlan(), progress=_count(update))

    say("3/4  success along each parameter, and a short film")
    with bar("sweep both", 1.0) as update:
        curves = _sweeps(bundles, config.sweep_episodes, update)
    plot_sweep(curves, out / "sweep.png", f"{config.task}: success along one parameter, all else drawn as for twins "
               "(shaded: training range)")
    write_json(out / "sweep.json", {name: [c.as_dict() for c in items] for name, items in curves.items()})
    write_gif(load_bundle(bundles["randomized"]), "pybullet", np.arange(1000, 1003), out / "twin.gif")

    if config.ros:
        say("4/4  the randomized policy over ROS 2: a twin and the policy node as two processes")
        bundle = load_bundle(bundles["randomized"])
        seconds = 60.0 + config.goals * (bundle.task.episode_seconds + 10.0)
        with bar("ROS 2", 1.0):
            summary["ros2"] = run_session(bundles["randomized"], robot, config.goals, out / "ros.mcap",
                                          engine="pybullet", seed=1000, seconds=seconds, folder=out)
    summary["seconds"] = round(time.monotonic() - begin, 1)
    write_json(out / "summary.json", summary)
    return summary


def _sweeps(bundles: dict[str, Path], episodes: int, update: Callable[..., None]) -> dict[str, list[Curve]]:
    """Both policies along every parameter, a process each."""
    context = multiprocessing.get_context("spawn")  # fork would copy threads of the engines
    with context.Manager() as manager, ProcessPoolExecutor(len(bundles), mp_context=context) as pool:
        news = manager.Queue()
        jobs = {name: pool.submit(_sweep_one, path, name, episodes, news) for name, path in bundles.items()}
        done = dict.fromkeys(jobs, 0.0)
        while not all(job.done() for job in jobs.values()):
            with contextlib.suppress(queue.Empty):
                name, share, parameter = news.get(timeout=0.2)
                done[name] = share
                update(sum(done.values()) / len(done), parameter.replace("_", " "))
        return {name: job.result() for name, job in jobs.items()}


def _sweep_one(path: Path, name: str, episodes: int, news) -> list[Curve]:
    bundle = load_bundle(path)
    # stiction makes MuJoCo run substep by substep, four times as long: it is left to its own panel
    defects = tuple(p.name for p in bundle.task.space.parameters if p.role == "defect" and p.name != "stiction")
    twins = TwinPlan(defects=defects)
    return sweep(bundle, _SWEEP_ENGINE[bundle.robot.kind], twins=twins, points=6, episodes=episodes, threads=1,
                 progress=lambda done, total, parameter: news.put((name, done / total, parameter)))


def write_json(path: Path, content: object) -> None:
    """``content`` as indented JSON, whole or not at all."""
    atomic_write_bytes(path, (json.dumps(content, indent=2) + "\n").encode())


def _count(update: Callable[..., None]) -> Callable[[int, int, int], None]:
    return lambda done, total, wins: update(done, f"success {wins / done:.0%}")
