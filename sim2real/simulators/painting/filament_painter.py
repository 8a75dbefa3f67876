"""Frames of a scene drawn by MuJoCo's Filament renderer: physically based, through Vulkan, without a screen.

The model is that of the classic painter; Filament keeps a scene of its own, which follows the model frame by frame.
Its light is physical: a lamp's falls with the square of the distance, and what is bright is rolled off as by a camera.
The first frames of a process take a second each while its shaders are compiled. Filament dithers with time: the same
values give the same frame but for noise of a few levels at edges.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import ModuleType
from typing import Any

import mujoco
import numpy as np

from sim2real.errors import MissingDependencyError
from sim2real.simulators.painting.looks import Looks, Views
from sim2real.simulators.painting.mujoco_painter import MujocoPainter
from sim2real.simulators.painting.painter import Lens
from sim2real.simulators.quiet_output import quiet
from sim2real.simulators.scenes.visual_scene import Poses, VisualScene

_LAMP = 30000.0  # [lux] that a lamp of strength 1 gives at the scene's centre
_AROUND = 14000.0  # [lux] of light from everywhere of 1
_AWAY = (0.0, 0.0, -1e4)  # [m]
_SPHERE, _BOX = mujoco.mjtGeom.mjGEOM_SPHERE.value, mujoco.mjtGeom.mjGEOM_BOX.value
_HELP = ("install the Debian packages libvulkan1 and mesa-vulkan-drivers, and mujoco-studio with pip; or paint with "
         "mujoco or pybullet")


class FilamentPainter(MujocoPainter):
    """See ``Painter`` and ``MujocoPainter``.

    Raises:
        MissingDependencyError: This machine has no Vulkan, or MuJoCo's Filament is not installed.
    """

    engine = "filament"

    def __init__(self, scene: VisualScene, *, shadows: str = "low", samples: int = 4):
        super().__init__(scene, shadows=shadows, samples=samples)
        self._resized: set[int] = set()
        self._lamp_distances = [float(np.linalg.norm(np.subtract(light.position, scene.centre)))
                                for light in scene.lights]

    def _begin(self) -> None:
        if self._context is None:
            self._open()

    def _open(self) -> None:
        self._f = f = filament()
        from mujoco.rendering.filament.model_scene import ModelScene

        config = f.ContextConfig()
        config.graphics_api, config.software_rendering = f.GraphicsApi.GRAPHICS_API_VULKAN, True
        with quiet():
            self._context = f.Context(config)
            self._context.set_clear_color([0.0, 0.0, 0.0])
            self._view = ModelScene(self._context, self._model, self._context.create_scene(f.SceneParams()))
            sky = self._context.create_texture(f.TextureConfig(
                width=0, height=0, format=f.PixelFormat.PIXEL_FORMAT_KTX, sampler_type=f.SamplerType.TEXTURE_SKYBOX))
            data = f.TextureData()
            data.set_image(_light_from_everywhere())
            sky.upload(data)
            self._sky = sky, data  # Filament keeps no reference: without this one it samples what is freed
            self._around = self._context.create_light(f.LightParams(type=f.LightType.LIGHT_IMAGE, texture=sky))
            self._view.scene.add_light(self._around)
        self._targets: dict[str, tuple[Any, Any, np.ndarray]] = {}
        rgb = f.PixelFormat.PIXEL_FORMAT_RGB8
        self._add_target("color", rgb, np.empty((1, 1, 3), np.uint8))
        self._add_target("segmentation", rgb, np.empty((1, 1, 3), np.uint8))
        self._add_target("depth", f.PixelFormat.PIXEL_FORMAT_R32F, np.empty((1, 1), np.float32))

    def _resize(self, width: int, height: int) -> None:
        for kind, (target, read, pixels) in self._targets.items():
            target.resize(width, height)
            pixels = np.empty((height, width, *pixels.shape[2:]), pixels.dtype)
            read.set_buffer(pixels)
            self._targets[kind] = target, read, pixels

    def _add_target(self, kind: str, pixel_format: Any, pixels: np.ndarray) -> None:
        target = self._context.create_render_target(self._f.RenderTargetConfig(color_format=pixel_format))
        self._targets[kind] = target, self._f.ReadRequest(target=target), pixels

    # ------------------------------------------------------------------ once a frame
    def _draw(self, i: int, poses: Poses, looks: Looks, views: Views, covers: np.ndarray, lens: Lens,
              kind: str) -> tuple[np.ndarray, np.ndarray] | np.ndarray:
        self._set_up(i, poses, looks, covers)
        self._data.geom_xpos[self._alpha[i] <= 0.0] = _AWAY  # segmentation knows no transparency
        self._view.update(self._data)
        self._set_sizes(i)
        self._light(i, looks)
        camera = self._f.Camera(**self._camera_of(i, views, lens))
        if kind == "depth":
            return self._distances(self._photograph(["depth"], camera, i, looks)[0])
        drawn = self._photograph(["color", "segmentation"] if kind == "color" else [kind], camera, i, looks)
        number = drawn[-1].astype(np.int32) @ np.array([1, 256, 65536], np.int32)
        return (drawn[0], number == 0) if kind == "color" else np.concatenate([[0], self._group + 1])[number]

    def _set_sizes(self, i: int) -> None:
        """What Filament does not take from the model."""
        sizes = {k: size[i] for k, size in self._sized}
        for k in self._resized - set(sizes):
            sizes[k] = self._nominal["geom_size"][k]
        self._resized = {k for k, _ in self._sized}
        for k, size in sizes.items():
            r, h = size[0], size[1]
            whole = {_SPHERE: (r, r, r), _BOX: size}.get(self._model.geom_type[k], (r, r, h))
            self._view.get_renderable(mujoco.mjtObj.mjOBJ_GEOM, k).set_size(whole)

    def _photograph(self, kinds: list[str], camera: Any, i: int, looks: Looks) -> list[np.ndarray]:
        f = self._f
        modes = {"color": f.DrawMode.DRAW_MODE_DEFAULT, "depth": f.DrawMode.DRAW_MODE_DEPTH,
                 "segmentation": f.DrawMode.DRAW_MODE_SEGMENTATION_BY_ID}
        for kind in kinds:  # one after the other: Filament takes one request to read at a time
            request = f.RenderRequest()
            request.scene, request.target, request.camera = self._view.scene, self._targets[kind][0], camera
            request.viewport.left = request.viewport.bottom = 0
            request.viewport.width, request.viewport.height = self._drawn
            request.draw_mode, request.post_processing = modes[kind], kind == "color"
            request.shadows = bool(self._shadows and looks.shadow[i])
            request.reflections = bool((looks.reflectance[i] > 0.0).any())
            request.skybox = request.haze = request.headlight = False
            self._context.wait_for_frame(self._context.render([request], [self._targets[kind][1]]))
        return [self._targets[kind][2] for kind in kinds]

    def _light(self, i: int, looks: Looks) -> None:
        for k, color in enumerate(looks.light_color[i]):
            light, strength = self._view.get_light(k), float(color.max())
            distance = self._lamp_distances[k % len(self._lamp_distances)]
            light.set_active(bool(looks.light_on[i, k]) and strength > 0.0)
            light.set_color(color / max(strength, 1e-9))
            light.set_intensity(_LAMP * strength * distance**2)
        self._around.set_intensity(_AROUND * looks.ambient[i])

    def close(self) -> None:
        if self._context is not None:
            # Filament wants its things gone before itself
            self._targets, self._around, self._sky, self._view = {}, None, None, None
            with quiet():
                self._context = None
            self._drawn = (0, 0)


def filament() -> ModuleType:
    """MuJoCo's module; without Vulkan Filament ends the process, so that it is asked first.

    Raises:
        MissingDependencyError: See the class.
    """
    try:
        import mujoco.studio  # Filament finds its materials through it  # noqa: F401
        from mujoco import mjrf
    except ImportError as error:
        raise MissingDependencyError(f"painting with filament needs MuJoCo's Filament ({error}); {_HELP}") from error
    if not has_vulkan():
        raise MissingDependencyError(f"painting with filament needs Vulkan, which this machine has not; {_HELP}")
    return mjrf


def has_vulkan() -> bool:
    """Whether Vulkan's loader finds a device, be it software."""
    try:
        vulkan = ctypes.CDLL("libvulkan.so.1")
    except OSError:
        return False
    # VkInstanceCreateInfo: its type (1), then pointers and counts of things that are not asked for
    info, instance, count = (ctypes.c_uint64 * 8)(1), ctypes.c_void_p(), ctypes.c_uint32()
    if vulkan.vkCreateInstance(info, None, ctypes.byref(instance)) != 0:
        return False
    try:
        return vulkan.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None) == 0 and count.value > 0
    finally:
        vulkan.vkDestroyInstance(instance, None)


def _light_from_everywhere() -> bytes:
    """The environment that MuJoCo's viewers have, out of its package."""
    import mujoco.studio

    return (Path(mujoco.studio.__file__).parent / "assets" / "ibl.ktx").read_bytes()
