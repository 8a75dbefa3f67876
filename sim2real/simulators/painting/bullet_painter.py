"""Frames of a scene drawn by PyBullet's TinyRenderer: in software, without any OpenGL.

Every shape, of things and of the robot, is a body of its own without mass; the physics client never steps. TinyRenderer
has one lamp, at infinity for shading; what is drawn before a frame is what differs from the frame before.
"""

from __future__ import annotations

import struct
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sim2real import rotations
from sim2real.errors import SimulationError
from sim2real.robot_model import Geom
from sim2real.simulators.drone_scene import looks as drone_looks
from sim2real.simulators.painting import textures
from sim2real.simulators.painting.looks import OWN, Looks, Views, link_poses
from sim2real.simulators.painting.painter import Lens, Painter
from sim2real.simulators.quiet_bullet import pybullet
from sim2real.simulators.quiet_output import quiet
from sim2real.simulators.scenes.visual_scene import FAR, NEAR, ROBOT, Poses, VisualScene

_KINDS = {"box": pybullet.GEOM_BOX, "sphere": pybullet.GEOM_SPHERE, "cylinder": pybullet.GEOM_CYLINDER,
          "capsule": pybullet.GEOM_CAPSULE}
_HIGHLIGHT = 0.05  # of the lamp's strength; TinyRenderer mirrors it into the world's z axis
_BIAS = 0.05  # TinyRenderer takes this, less twice the near limit, off a depth before it calls it a shadow
_MOST_DETACHED = 0.04  # of the extent: how far at most from where they begin shadows are to be seen
_UNSHADED = 5.0  # TinyRenderer takes a fifth of the lamp's light away in shadows
_AWAY = [0.0, 0.0, -1e6]  # where hidden things are, besides being transparent: their shadows would stay


@dataclass
class _Shape:
    """A body of Bullet's and how it is now, so that only what changes is written."""

    kind: str
    group: int
    own: np.ndarray  # rgba
    size: tuple[float, ...]
    own_texture: int = -1
    thing: int = -1  # index in the scene, -1: the robot's
    link: str = ""
    local: tuple[np.ndarray, np.ndarray] = field(default_factory=lambda: (np.zeros(3), np.eye(4)[0]))  # in its link
    body: int = -1
    color: tuple[float, ...] = ()
    texture: int = -1
    pose: tuple[float, ...] = ()


class BulletPainter(Painter):
    """See ``Painter``. Smooth edges, highlights of single groups and transparency are not drawn.

    Args:
        scene: What is drawn.

    Raises:
        SimulationError: Bullet gives no more physics clients.
    """

    engine = "pybullet"

    def __init__(self, scene: VisualScene):
        super().__init__(scene)
        self._client = pybullet.connect(pybullet.DIRECT)
        if self._client < 0:
            raise SimulationError("PyBullet gives no more physics clients (its limit is 1024); close some painters")
        # Bullet's units in one metre, so that a near limit for any wanted bias is left
        self._scale = _BIAS / (scene.extent * (_MOST_DETACHED + 0.4 * NEAR))
        self._near, self._far = (self._scale * limit * scene.extent for limit in (NEAR, FAR))
        self._centre = np.array(scene.centre)  # is Bullet's origin: its lamp always points there
        with tempfile.TemporaryDirectory(prefix="sim2real-") as folder:
            self._texture_ids = self._load_textures(Path(folder), self.textures)
            own = [thing.pattern for thing in scene.things if thing.pattern]
            patterns = dict(zip(own, self._load_textures(
                Path(folder), [textures.texture(pattern, 0, textures.OWN_SIZE) for pattern in own]), strict=True))
        self._shapes = [_Shape(thing.kind, scene.groups.index(thing.look), np.array(thing.rgba), thing.size,
                               patterns.get(thing.pattern, -1), k) for k, thing in enumerate(scene.things)]
        self._shapes += _robot_shapes(scene)
        for shape in self._shapes:
            self._make(shape, shape.size)

    def _load_textures(self, folder: Path, pixels) -> list[int]:
        """Bullet's numbers of textures; it reads them from files only."""
        path, numbers = folder / "texture.bmp", []
        for k, picture in enumerate(pixels):
            path = folder / f"{k}-{len(picture)}.bmp"  # names of their own: Bullet remembers them
            path.write_bytes(bitmap(picture))
            numbers.append(pybullet.loadTexture(str(path), physicsClientId=self._client))
        return numbers

    def _make(self, shape: _Shape, size: tuple[float, ...]) -> None:
        """A body of ``size`` [m], in place of the one there was."""
        p, client, scaled = pybullet, self._client, [self._scale * s for s in size]
        if shape.body >= 0:
            p.removeBody(shape.body, physicsClientId=client)
        measures = {"halfExtents": [0.5 * s for s in scaled]} if shape.kind == "box" else {"radius": scaled[0]}
        if len(scaled) == 2:
            measures["length"] = scaled[1]
        with quiet():
            seen = p.createVisualShape(_KINDS[shape.kind], **measures, rgbaColor=[1.0] * 4, physicsClientId=client)
            shape.body = p.createMultiBody(0.0, -1, seen, physicsClientId=client)
        shape.size, shape.color, shape.texture, shape.pose = size, (), -1, ()

    # ------------------------------------------------------------------ once a call
    def _prepare(self, poses: Poses, looks: Looks) -> None:
        links = link_poses(self.scene, poses) if self.scene.robot is not None else {}
        self._places, self._turns, self._colors, self._shown = [], [], [], []
        for shape in self._shapes:
            if shape.thing >= 0:
                place, turn = poses.place(self.scene.things[shape.thing])
                shown = looks.shown[:, shape.thing]
            else:
                (place, turn), (offset, local) = links[shape.link], shape.local
                place, turn = place + rotations.rotate(turn, offset), rotations.multiply(turn, local)
                shown = np.ones(poses.n, bool)
            self._places.append((self._scale * (place - self._centre)).tolist())
            self._turns.append(rotations.normalize(turn)[:, [1, 2, 3, 0]].tolist())
            self._colors.append(looks.surface(shape.group, shape.own).tolist())
            self._shown.append((shown & (shape.own[3] > 0.0)).tolist())

    def _resize(self, width: int, height: int) -> None:
        """TinyRenderer is told with each picture."""

    # ------------------------------------------------------------------ once a frame
    def _draw(self, i: int, poses: Poses, looks: Looks, views: Views, covers: np.ndarray, lens: Lens,
              kind: str) -> tuple[np.ndarray, np.ndarray] | np.ndarray:
        self._set_shapes(i, poses, looks, covers)
        view, projection = self._view(i, views), self._projection(i, lens, self._near)
        if kind == "color":
            return self._color(i, looks, view, projection, float(lens.intrinsics[i, :2].min()))
        _, _, _, depth, bodies = self._photograph(view, projection, shadow=0)
        empty = bodies < 0
        if kind == "segmentation":
            groups = np.zeros(max(shape.body for shape in self._shapes) + 2, np.int32)
            for shape in self._shapes:
                groups[shape.body] = shape.group + 1
            return np.where(empty, 0, groups[bodies])
        return np.where(empty, np.inf, self._distance(depth, self._near) / self._scale).astype(np.float32)

    def _color(self, i: int, looks: Looks, view: np.ndarray, projection: np.ndarray, focal: float
               ) -> tuple[np.ndarray, np.ndarray]:
        lamp = self._scale * (looks.light_position[i, 0] - self._centre)
        away = float(np.linalg.norm(lamp))
        color = looks.light_color[i].sum(axis=0)  # all the lamps' light comes from the first
        strength, ambient = float(color.max()), float(looks.ambient[i])
        # bytes hold at most 1, so that brighter scenes are drawn darker and scaled
        fits = max(1.0, ambient + (1.0 + _HIGHLIGHT) * strength)
        light = {"lightDirection": (lamp / away).tolist(), "lightDistance": away,
                 "lightColor": (color / max(strength, 1e-9)).tolist(), "lightAmbientCoeff": ambient / fits,
                 "lightDiffuseCoeff": strength / fits, "lightSpecularCoeff": _HIGHLIGHT * strength / fits}
        _, _, rgba, depth, bodies = self._photograph(view, projection, shadow=0, **light)
        pixels = rgba[..., :3]
        share = _UNSHADED * (1.0 - looks.shadow_softness[i]) * looks.shadow[i]
        if share > 0.0 and strength > 0.0:
            # shadows as wide off as the lamp's picture, which is one of this size, is coarse
            detached = min(1.5 * away / focal, self._scale * _MOST_DETACHED * self.scene.extent)
            near = 0.5 * (_BIAS - detached)
            other = projection.copy()
            other[2, 2:] = _clipping(near, self._far)
            shaded = self._photograph(view, other, shadow=1, **light)[2][..., :3]
            taken = pixels - shaded.astype(np.float32)
            taken[~self._seen_by_lamp(depth, view, projection, lamp)] = 0.0
            pixels = pixels - share * taken
        if fits > 1.0 or pixels.dtype != np.uint8:
            pixels = np.clip(np.round(np.float32(fits) * pixels), 0.0, 255.0).astype(np.uint8)
        return pixels, bodies < 0

    def _seen_by_lamp(self, depth: np.ndarray, view: np.ndarray, projection: np.ndarray, lamp: np.ndarray
                      ) -> np.ndarray:
        """Which pixels the lamp's picture, taken with the camera's projection, has in it: shadows end there."""
        height, width = depth.shape
        forward = -lamp / np.linalg.norm(lamp)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= max(np.linalg.norm(right), 1e-9)
        axes = np.stack([right, np.cross(right, forward), -forward])
        z = self._distance(depth, self._near).astype(np.float32)
        x = z * ((2.0 * np.arange(width) + 1.0) / width - 1.0 + projection[0, 2]).astype(np.float32) / projection[0, 0]
        y = z * ((1.0 - (2.0 * np.arange(height) + 1.0) / height) + projection[1, 2]).astype(np.float32)[:, None] \
            / projection[1, 1]
        turn = (axes @ view[:3, :3].T).astype(np.float32)
        start = (-axes @ (lamp + view[:3, :3].T @ view[:3, 3])).astype(np.float32)
        u, v, w = (t[0] * x + t[1] * y - t[2] * z + s for t, s in zip(turn, start, strict=True))
        inside = 0.98 * -w
        return (w < 0.0) & (np.abs(projection[0, 0] * u + projection[0, 2] * w) < inside) \
            & (np.abs(projection[1, 1] * v + projection[1, 2] * w) < inside)

    def _distance(self, depth: np.ndarray, near: float) -> np.ndarray:
        """Along the optical axis in Bullet's units, of what is in a depth buffer."""
        return near * self._far / (self._far - (self._far - near) * depth.astype(float))

    def _photograph(self, view: np.ndarray, projection: np.ndarray, **options):
        width, height = self._drawn
        return pybullet.getCameraImage(
            width, height, view.T.ravel().tolist(), projection.T.ravel().tolist(), physicsClientId=self._client,
            renderer=pybullet.ER_TINY_RENDERER, **options)

    def _set_shapes(self, i: int, poses: Poses, looks: Looks, covers: np.ndarray) -> None:
        p, client = pybullet, self._client
        for k, shape in enumerate(self._shapes):
            thing = self.scene.things[shape.thing] if shape.thing >= 0 else None
            if thing is not None:
                given = poses.sizes.get(thing.name)
                size = thing.size if given is None else tuple(np.asarray(given[i], float).tolist())
                if size != shape.size:
                    self._make(shape, size)
            shown = self._shown[k][i]
            pose = (*self._places[k][i], *self._turns[k][i]) if shown else (*_AWAY, 0.0, 0.0, 0.0, 1.0)
            if pose != shape.pose:
                p.resetBasePositionAndOrientation(shape.body, pose[:3], pose[3:], physicsClientId=client)
                shape.pose = pose
            color = (*self._colors[k][i], 1.0 if shown else 0.0)
            own, cover = looks.kind[i, shape.group] == OWN, covers[i, shape.group]
            texture = shape.own_texture if own else self._texture_ids[cover] if cover >= 0 else -1
            if color != shape.color or texture != shape.texture:
                p.changeVisualShape(shape.body, -1, rgbaColor=color, textureUniqueId=texture, physicsClientId=client)
                shape.color, shape.texture = color, texture

    def _view(self, i: int, views: Views) -> np.ndarray:
        """OpenGL's camera_from_world, (4, 4), in Bullet's units."""
        axes = views.axes[i] * [1.0, -1.0, -1.0]  # x right, y up, z back
        view = np.eye(4)
        view[:3, :3] = axes.T
        view[:3, 3] = -axes.T @ (self._scale * (views.position[i] - self._centre))
        return view

    def _projection(self, i: int, lens: Lens, near: float) -> np.ndarray:
        # TinyRenderer samples a pixel at its lower left corner
        fx, fy, cx, cy = lens.intrinsics[i] + [0.0, 0.0, -0.5, 0.5]
        width, height = lens.width[i], lens.height[i]
        return np.array([[2.0 * fx / width, 0.0, 1.0 - 2.0 * cx / width, 0.0],
                         [0.0, 2.0 * fy / height, 2.0 * cy / height - 1.0, 0.0],
                         [0.0, 0.0, *_clipping(near, self._far)], [0.0, 0.0, -1.0, 0.0]])

    def close(self) -> None:
        if self._client >= 0:
            pybullet.disconnect(physicsClientId=self._client)
            self._client = -1


def _clipping(near: float, far: float) -> tuple[float, float]:
    """The third row of a projection."""
    return -(far + near) / (far - near), -2.0 * far * near / (far - near)


def _robot_shapes(scene: VisualScene) -> list[_Shape]:
    robot = scene.robot
    if robot is None:
        return []
    geoms: list[tuple[str, Geom]] = [(link.name, geom) for link in robot.model.links for geom in link.geoms]
    if robot.kind == "drone":
        geoms = [(robot.model.root, geom) for geom in drone_looks(robot)]
    return [_Shape(geom.kind, scene.groups.index(ROBOT), np.array(geom.rgba), tuple(geom.size), link=link,
                   local=(np.asarray(geom.xyz), rotations.from_matrix(geom.rotation))) for link, geom in geoms]


def bitmap(pixels: np.ndarray) -> bytes:
    """A Windows bitmap of pixels (height, width, 3): rows from below, blue first, each padded to four bytes."""
    height, width = pixels.shape[:2]
    rows = np.pad(pixels[::-1, :, ::-1].reshape(height, 3 * width), ((0, 0), (0, -3 * width % 4))).tobytes()
    return struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 54 + len(rows), 0, 0, 54, 40, width, height, 1, 24, 0, len(rows),
                       0, 0, 0, 0) + rows
