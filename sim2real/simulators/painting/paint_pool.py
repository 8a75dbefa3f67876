"""Painters in processes of their own, for data sets: software rendering takes one core each.

Frames are the same as a painter's in this process, whatever the number of workers.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
from collections.abc import Callable, Mapping
from multiprocessing import shared_memory
from typing import Any

import numpy as np

from sim2real.errors import BadInputError, SimulationError, unknown
from sim2real.simulators.scenes.visual_scene import Poses, VisualScene

ENGINES = ("mujoco", "pybullet", "filament")
_CHUNK = 64  # frames that a worker draws at once
_START_SECONDS = 120.0
_ENDED = "a painter's process ended; draw with one painter to see why"


def make_painter(engine: str, scene: VisualScene, **options: Any):
    """A painter by the name of its engine.

    Raises:
        BadInputError: An unknown engine.
        MissingDependencyError: Its library, or OpenGL, is missing.
    """
    if engine == "mujoco":
        from sim2real.simulators.painting.mujoco_painter import MujocoPainter as Kind
    elif engine == "pybullet":
        from sim2real.simulators.painting.bullet_painter import BulletPainter as Kind
    elif engine == "filament":
        from sim2real.simulators.painting.filament_painter import FilamentPainter as Kind
    else:
        raise BadInputError(unknown("engine", engine, ENGINES))
    return Kind(scene, **options)


class PaintPool:
    """Renders many frames in ``workers`` processes; close it, or use it in a ``with`` statement.

    Args:
        engine: "mujoco", "pybullet" or "filament".
        scene: What is drawn.
        workers: Processes; default: one a core.
        options: Of the painter.
    """

    def __init__(self, engine: str, scene: VisualScene, workers: int = 0, **options: Any):
        self.scene, self.engine = scene, engine
        count = workers or len(os.sched_getaffinity(0))
        context = multiprocessing.get_context("spawn")
        # each worker has one core: more threads of Mesa's would only take it from the others
        before = os.environ.get("LP_NUM_THREADS")
        os.environ["LP_NUM_THREADS"] = "0"
        try:
            self._pipes, self._workers = [], []
            for _ in range(count):
                ours, theirs = context.Pipe()
                worker = context.Process(target=_work, args=(theirs, engine, scene, options), daemon=True)
                worker.start()
                theirs.close()
                self._pipes.append(ours)
                self._workers.append(worker)
        finally:
            if before is None:
                del os.environ["LP_NUM_THREADS"]
            else:
                os.environ["LP_NUM_THREADS"] = before
        for pipe in self._pipes:
            self._answer(pipe)

    def render(self, camera: str, poses: Poses, values: np.ndarray | None = None,
               progress: Callable[[int], object] | None = None) -> np.ndarray:
        """Color frames (n, height, width, 3) uint8: see ``Painter.render``."""
        if not self._pipes:
            raise SimulationError("these painters are closed, or one of them failed; make another pool")
        poses.check(self.scene)
        model = self.scene.camera(camera)
        shape = (poses.n, model.height, model.width, 3)
        memory = shared_memory.SharedMemory(create=True, size=max(int(np.prod(shape)), 1))
        try:
            todo = [slice(k, min(k + _CHUNK, poses.n)) for k in range(0, poses.n, _CHUNK)][::-1]
            busy: dict[Any, int] = {}
            done = 0
            while todo or busy:
                for pipe in self._pipes:
                    if todo and pipe not in busy:
                        part = todo.pop()
                        few = values if values is None or len(values) == 1 else values[part]
                        self._send(pipe, (memory.name, shape, part, camera, part_of(poses, part), few))
                        busy[pipe] = part.stop - part.start
                for pipe in multiprocessing.connection.wait(list(busy)):
                    self._answer(pipe)
                    done += busy.pop(pipe)
                    if progress is not None:
                        progress(done)
            return np.ndarray(shape, np.uint8, memory.buf).copy()
        finally:
            memory.close()
            memory.unlink()

    def _send(self, pipe: Any, task: tuple) -> None:
        try:
            pipe.send(task)
        except OSError as error:
            self.close()
            raise SimulationError(_ENDED) from error

    def _answer(self, pipe: Any) -> None:
        try:
            error = pipe.recv() if pipe.poll(_START_SECONDS) else SimulationError("a painter does not answer")
        except EOFError:
            error = SimulationError(_ENDED)
        if error is not None:
            self.close()
            raise error

    def close(self) -> None:
        """End the processes; closing twice is fine."""
        for pipe in self._pipes:
            pipe.close()
        for worker in self._workers:
            worker.join(5.0)
            if worker.is_alive():
                worker.kill()
                worker.join()
        self._pipes, self._workers = [], []

    def __enter__(self) -> PaintPool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def part_of(poses: Poses, part: slice) -> Poses:
    """The frames ``part`` of ``poses``."""
    def cut(array: np.ndarray | None) -> np.ndarray | None:
        return None if array is None else np.asarray(array)[part]

    def each(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: np.asarray(array)[part] for name, array in arrays.items()}

    return Poses(part.stop - part.start, cut(poses.joints), cut(poses.base), each(poses.places), each(poses.sizes),
                 each(poses.cameras))


def _work(pipe: Any, engine: str, scene: VisualScene, options: Mapping[str, Any]) -> None:
    """A worker: chunks from the pipe until it ends; errors go back as they are."""
    try:
        painter = make_painter(engine, scene, **options)
        pipe.send(None)
        while True:
            name, shape, part, camera, poses, values = pipe.recv()
            memory = shared_memory.SharedMemory(name=name, track=False) if _TRACKS else shared_memory.SharedMemory(name)
            try:
                np.ndarray(shape, np.uint8, memory.buf)[part] = painter.render(camera, poses, values)
            finally:
                memory.close()
            pipe.send(None)
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return
    except Exception as error:
        pipe.send(error)


_TRACKS = "track" in shared_memory.SharedMemory.__init__.__code__.co_varnames  # Python 3.13 on
