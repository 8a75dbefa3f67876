"""OpenGL without a screen, for MuJoCo: what has to come before the first picture of a process."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import os
import sys

import mujoco

from sim2real.errors import MissingDependencyError

# what MuJoCo and PyOpenGL raise where a library of OpenGL is missing or gives no context
FAILURES = (ImportError, AttributeError, TypeError, ctypes.ArgumentError, RuntimeError, mujoco.FatalError)


def prepare_opengl() -> None:
    """Load what must come before OpenGL and choose how to get it."""
    _use_egl()
    _load_triton()


def missing_opengl(error: BaseException) -> MissingDependencyError:
    """One line for one of ``FAILURES``."""
    if os.environ.get("MUJOCO_GL", "").lower() == "osmesa":
        fix = "MUJOCO_GL=osmesa needs the Debian package libosmesa6; install it, or set MUJOCO_GL=egl"
    else:
        fix = ("install the Debian packages libegl1, libopengl0 and libgl1-mesa-dri, and set MUJOCO_GL=egl if a "
               "display is set but dead (or libosmesa6 with MUJOCO_GL=osmesa)")
    reason = " ".join(str(error).split()) or type(error).__name__
    return MissingDependencyError(f"painting with MuJoCo needs OpenGL without a screen: {fix}; or paint with pybullet "
                                  f"({reason})")


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
