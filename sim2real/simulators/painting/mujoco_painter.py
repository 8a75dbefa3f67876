"""Frames of a scene drawn by MuJoCo's classic renderer, through EGL or OSMesa, without a screen.

A frame is set up by writing whole arrays of the model and of the renderer's table of materials. All textures are with
the renderer from the start, so that a frame with other textures costs no more than one with the same.
"""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from sim2real.simulators.mujoco_shapes import half_sizes
from sim2real.simulators.painting.looks import OWN, Looks, Views
from sim2real.simulators.painting.opengl import FAILURES, missing_opengl, prepare_opengl
from sim2real.simulators.painting.painter import Lens, Painter
from sim2real.simulators.painting.visual_model import RGB, visual_model
from sim2real.simulators.scenes.visual_scene import FAR, NEAR, Poses, VisualScene

_ROLES = mujoco.mjtTextureRole.mjNTEXROLE.value
_DEFAULT_COLOR = 0.5  # a geom with this colour takes its material's
SHADOW_SIZES = {"none": 0, "low": 512, "medium": 1024, "high": 4096}


class MujocoPainter(Painter):
    """See ``Painter``.

    Args:
        scene: What is drawn.
        shadows: Size of the shadow map, a key of ``SHADOW_SIZES``: "none" draws none whatever the values say.
        samples: Of each pixel, for smooth edges: 0, 2, 4, 8.

    Raises:
        MissingDependencyError: This machine has no OpenGL.
    """

    engine = "mujoco"

    def __init__(self, scene: VisualScene, *, shadows: str = "low", samples: int = 4):
        super().__init__(scene)
        self._shadows = shadows != "none"
        self._model, self._geoms = visual_model(scene, SHADOW_SIZES[shadows], samples, self.textures)
        self._data = mujoco.MjData(self._model)
        self._context: mujoco.MjrContext | None = None
        self._gl = None
        self._displaced = False  # whether things are elsewhere than in the scene
        self._read_model(scene)

    def _read_model(self, scene: VisualScene) -> None:
        model = self._model
        self._group = np.array([scene.groups.index(group) for _, group, _ in self._geoms], int)
        self._thing = np.array([thing for _, _, thing in self._geoms], int)  # -1: the robot's
        self._material = model.geom_matid.copy()  # each geom has one of its own
        self._own = model.mat_rgba[self._material]
        self._own_cover = model.mat_texid[self._material, RGB]
        self._first_texture = model.ntex - len(self.textures)
        self._texture_tables = [model.mat_texid]
        self._nominal = {name: getattr(model, name).copy() for name in
                         ("geom_pos", "geom_quat", "geom_size", "geom_rbound")}
        self._names = {geom: i for i, (geom, _, _) in enumerate(self._geoms)}
        robot = scene.robot
        self._joints = [] if robot is None or robot.kind == "drone" else \
            [model.joint(name).qposadr[0] for name in robot.joint_names]

    # ------------------------------------------------------------------ once a call
    def _prepare(self, poses: Poses, looks: Looks) -> None:
        self._begin()
        self._colors = np.stack([looks.surface(g, own) for g, own in zip(self._group, self._own, strict=True)],
                                axis=1) if len(self._group) else np.zeros((poses.n, 0, 3))
        shown = np.concatenate([looks.shown, np.ones((poses.n, 1), bool)], axis=1)[:, self._thing]
        self._alpha = self._own[:, 3] * shown
        self._moved = [(self._names[thing.name], *poses.place(thing)) for thing in self.scene.things
                       if thing.name in poses.places]
        self._sized = [(self._names[thing.name], half_sizes(thing.kind, poses.sizes[thing.name]))
                       for thing in self.scene.things if thing.name in poses.sizes]

    def _begin(self) -> None:
        if self._context is None:
            self._open()
        self._gl.make_current()

    def _open(self) -> None:
        camera = self.scene.cameras[0]
        width, height = camera.width, camera.height
        self._model.vis.global_.offwidth, self._model.vis.global_.offheight = width, height
        try:
            prepare_opengl()
            from mujoco.rendering.classic import gl_context

            self._gl = gl_context.GLContext(width, height)
            self._gl.make_current()
            self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        except FAILURES as error:
            raise missing_opengl(error) from error
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR.value
        self._texture_tables.append(self._context.mat_texid.reshape(-1, _ROLES))
        self._view = mujoco.MjvScene(self._model, maxgeom=self._model.ngeom + 8)
        self._option, self._camera = mujoco.MjvOption(), mujoco.MjvCamera()
        for flag in (mujoco.mjtRndFlag.mjRND_SKYBOX, mujoco.mjtRndFlag.mjRND_HAZE, mujoco.mjtRndFlag.mjRND_FOG):
            self._view.flags[flag.value] = 0

    def _resize(self, width: int, height: int) -> None:
        """A buffer that is large enough is kept: making one costs as much as some frames."""
        if width > self._context.offWidth or height > self._context.offHeight:
            mujoco.mjr_resizeOffscreen(max(width, self._context.offWidth), max(height, self._context.offHeight),
                                       self._context)
        self._rect = mujoco.MjrRect(0, 0, width, height)
        self._pixels = np.empty((height, width, 3), np.uint8)
        self._depth = np.empty((height, width), np.float32)

    # ------------------------------------------------------------------ once a frame
    def _draw(self, i: int, poses: Poses, looks: Looks, views: Views, covers: np.ndarray, lens: Lens,
              kind: str) -> tuple[np.ndarray, np.ndarray] | np.ndarray:
        self._set_up(i, poses, looks, covers)
        view = self._view
        mujoco.mjv_updateScene(self._model, self._data, self._option, None, self._camera,
                               mujoco.mjtCatBit.mjCAT_ALL.value, view)
        fields = self._camera_of(i, views, lens)
        for camera in view.camera[:2]:
            for name, value in fields.items():
                setattr(camera, name, value)
        view.flags[mujoco.mjtRndFlag.mjRND_SHADOW.value] = bool(self._shadows and looks.shadow[i])
        view.flags[mujoco.mjtRndFlag.mjRND_REFLECTION.value] = bool((looks.reflectance[i] > 0.0).any())
        if kind != "color":
            return self._geometry(kind)
        mujoco.mjr_render(self._rect, view, self._context)
        mujoco.mjr_readPixels(self._pixels, self._depth, self._rect, self._context)
        return self._pixels[::-1], self._depth[::-1] <= 0.0  # reversed depth: zero is as far as it goes

    def _geometry(self, kind: str) -> np.ndarray:
        """What is drawn in colours that are numbers: without smooth edges, whose depth would be one in between."""
        flags = self._view.flags
        for flag in (mujoco.mjtRndFlag.mjRND_SEGMENT, mujoco.mjtRndFlag.mjRND_IDCOLOR):
            flags[flag.value] = 1
        try:
            mujoco.mjr_render(self._rect, self._view, self._context)
            mujoco.mjr_readPixels(self._pixels, self._depth, self._rect, self._context)
        finally:
            for flag in (mujoco.mjtRndFlag.mjRND_SEGMENT, mujoco.mjtRndFlag.mjRND_IDCOLOR):
                flags[flag.value] = 0
        if kind == "depth":
            return self._distances(self._depth[::-1])
        number = self._pixels[::-1].astype(np.int32) @ np.array([1, 256, 65536], np.int32)
        groups = np.zeros(self._view.ngeom + 1, np.int32)
        for geom in self._view.geoms[:self._view.ngeom]:
            if geom.objtype == mujoco.mjtObj.mjOBJ_GEOM.value and geom.segid >= 0:
                groups[geom.segid + 1] = self._group[geom.objid] + 1
        return groups[number]

    def _distances(self, z: np.ndarray) -> np.ndarray:
        """Along the optical axis in [m], of reversed depth: 1 at the near limit, 0 as far as it goes."""
        near, far = NEAR * self._model.stat.extent, FAR * self._model.stat.extent
        return np.where(z > 0.0, near * far / (near + z.astype(float) * (far - near)), np.inf).astype(np.float32)

    def _set_up(self, i: int, poses: Poses, looks: Looks, covers: np.ndarray) -> None:
        """The model as frame ``i`` has it."""
        self._set_poses(i, poses)
        self._set_surfaces(i, looks, covers)
        self._set_lights(i, looks)
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)

    def _set_poses(self, i: int, poses: Poses) -> None:
        model, data, scene = self._model, self._data, self.scene
        if self._joints:
            data.qpos[self._joints] = scene.robot.home if poses.joints is None else poses.joints[i]
        elif scene.robot is not None:
            base = [*scene.robot_position, *scene.robot_quaternion]
            data.qpos[:7] = base if poses.base is None else poses.base[i]
        if self._moved or self._sized or self._displaced:
            for name, values in self._nominal.items():
                getattr(model, name)[:] = values
            self._displaced = bool(self._moved or self._sized)
            for k, place, turn in self._moved:
                model.geom_pos[k], model.geom_quat[k] = place[i], turn[i]
            for k, sizes in self._sized:
                model.geom_size[k] = sizes[i]
                model.geom_rbound[k] = np.linalg.norm(sizes[i]) + np.max(sizes[i])

    def _set_surfaces(self, i: int, looks: Looks, covers: np.ndarray) -> None:
        model, group, material = self._model, self._group, self._material
        model.mat_rgba[material, :3], model.mat_rgba[material, 3] = self._colors[i], self._alpha[i]
        # hidden things keep no shadow either
        model.geom_rgba[:, 3] = np.where(self._alpha[i] > 0.0, 1.0, 0.0)
        model.geom_rgba[:, :3] = _DEFAULT_COLOR
        for field, value in (("mat_specular", looks.specular), ("mat_shininess", looks.shininess),
                             ("mat_reflectance", looks.reflectance), ("mat_emission", looks.emission)):
            getattr(model, field)[material] = value[i, group]
        cover = covers[i, group]
        drawn = np.where(cover >= 0, self._first_texture + cover, -1)
        drawn = np.where(looks.kind[i, group] == OWN, self._own_cover, drawn)
        # the scene's geoms take the model's, the renderer its own table's
        for table in self._texture_tables:
            table[material, RGB] = drawn

    def _set_lights(self, i: int, looks: Looks) -> None:
        model = self._model
        model.vis.headlight.ambient[:] = looks.ambient[i]
        model.light_pos[:], model.light_dir[:] = looks.light_position[i], looks.light_direction[i]
        model.light_diffuse[:] = looks.light_color[i]
        model.light_specular[:] = 0.6 * looks.light_color[i]
        model.light_active[:] = looks.light_on[i]

    def _camera_of(self, i: int, views: Views, lens: Lens) -> dict[str, Any]:
        """Fields of a renderer's camera: its pose, and the frustum's sides at the near limit."""
        fx, fy, cx, cy = lens.intrinsics[i].tolist()
        width, height, near = lens.width[i], lens.height[i], NEAR * self._model.stat.extent
        axes = views.axes[i]
        return {"pos": views.position[i], "forward": axes[:, 2], "up": -axes[:, 1], "frustum_near": near,
                "frustum_far": FAR * self._model.stat.extent, "frustum_center": near * (0.5 * width - cx) / fx,
                "frustum_width": near * 0.5 * width / fx, "frustum_bottom": -near * (height - cy) / fy,
                "frustum_top": near * cy / fy}

    def close(self) -> None:
        if self._context is not None:
            self._gl.make_current()
            self._context.free()
            self._gl.free()
            self._context = self._gl = None
            self._drawn = (0, 0)
