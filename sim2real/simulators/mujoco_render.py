"""Pictures of simulations in a MuJoCo batch, without a screen."""

from __future__ import annotations

import contextlib
import copy
import ctypes
import importlib.util
import os
import sys

import mujoco
import numpy as np
from mujoco import batch as mujoco_batch

from sim2real.errors import BadInputError, MissingDependencyError, unknown


class MujocoCameras:
    """Pictures of any simulation of a batch; the renderer is made for the first one, and anew for another size."""

    def __init__(self, batch: mujoco_batch.Batch, model: mujoco.MjModel):
        self._batch, self._model = batch, model
        self._studio: _Studio | None = None

    def render(self, camera: str, ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Pictures (len(ids), height, width, 3) uint8 of the simulations ``ids`` from ``camera``."""
        if self._studio is None or self._studio.size != tuple(size):
            self.close()
            self._studio = _Studio(self._model, tuple(size))
        return self._studio.render(self._batch, camera, ids)

    def close(self) -> None:
        """Free the OpenGL context; closing twice is fine."""
        if self._studio is not None:
            self._studio.close()
            self._studio = None


class _Studio:
    """One renderer for pictures of ``size`` (height, width).

    Raises:
        MissingDependencyError: This machine has no OpenGL.
    """

    def __init__(self, model: mujoco.MjModel, size: tuple[int, int]):
        largest = (int(model.vis.global_.offheight), int(model.vis.global_.offwidth))
        if not (1 <= size[0] <= largest[0] and 1 <= size[1] <= largest[1]):
            raise BadInputError(f"expected a picture of at most {largest} (height, width), got {size}")
        self.size = size
        self._names = [model.camera(i).name for i in range(model.ncam)]
        self._model = copy.copy(model)  # takes the parameters of the simulation that is drawn
        self._data = mujoco.MjData(self._model)
        try:
            prepare_opengl()
            self._renderer = mujoco.Renderer(self._model, *size)
        # the middle two are what PyOpenGL raises where a library of OpenGL is missing
        except (ImportError, AttributeError, ctypes.ArgumentError, RuntimeError, mujoco.FatalError) as error:
            raise MissingDependencyError(
                "rendering with MuJoCo needs OpenGL without a screen: install the Debian packages libegl1, "
                "libopengl0 and libgl1-mesa-dri, and set MUJOCO_GL=egl if a display is set but dead "
                f"({error})") from error

    def render(self, batch: mujoco_batch.Batch, camera: str, ids: np.ndarray) -> np.ndarray:
        if camera not in self._names:
            raise BadInputError(unknown("camera", camera, self._names))
        out = np.empty((len(ids), *self.size, 3), np.uint8)
        for picture, i in zip(out, ids, strict=True):
            batch.get_model(int(i), self._model)
            batch.get_data(int(i), self._data)
            mujoco.mj_kinematics(self._model, self._data)
            mujoco.mj_camlight(self._model, self._data)
            # twice: MuJoCo lays an endless floor around the camera that the scene had before
            self._renderer.update_scene(self._data, camera)
            self._renderer.update_scene(self._data, camera)
            picture[:] = self._renderer.render()
        return out

    def close(self) -> None:
        self._renderer.close()


def prepare_opengl() -> None:
    """What has to come before the first picture of a process."""
    _use_egl()
    _load_triton()


def _load_triton() -> None:
    """Triton, which CUDA builds of torch bring, before OpenGL: its LLVM crashes the process if Mesa's came first.

    torch imports it late, with the first optimizer, so that rendering and then training in one process would end it.
    """
    if "triton" not in sys.modules and importlib.util.find_spec("triton") is not None:
        with contextlib.suppress(Exception):  # a broken one is torch's business
            importlib.import_module("triton")


def _use_egl() -> None:
    """EGL as MuJoCo's way to OpenGL where nothing else was asked for and no display is there.

    MuJoCo reads MUJOCO_GL when it is imported, and on a machine without EGL that import then fails as a whole; so the
    choice is made here, once a picture is wanted.
    """
    if os.environ.get("MUJOCO_GL") or os.environ.get("DISPLAY") or not sys.platform.startswith("linux"):
        return
    from mujoco.egl import GLContext
    from mujoco.rendering.classic import gl_context

    gl_context.GLContext = GLContext
