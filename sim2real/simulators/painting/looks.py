"""What parameter values mean for the frames of a scene, worked out once for all painters, for all frames together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim2real import rng, rotations
from sim2real.cameras import CameraModel
from sim2real.errors import ParameterError
from sim2real.simulators.painting.textures import DRAWN, VARIANTS
from sim2real.simulators.scenes.visual_scene import MAX_LIGHTS, Poses, VisualScene, half_height
from sim2real.visual_vocabulary import TEXTURES

OWN, FLAT, IMAGE = TEXTURES.index("own"), TEXTURES.index("flat"), TEXTURES.index("image")
_LOWEST, _HIGHEST = math.radians(10.0), math.radians(89.0)  # lamps stay over the horizon
_WARM = np.array([0.3, 0.0, -0.5])  # what a warmth of one adds to red, green and blue
_SMALLEST = 0.5  # distractor over its own size; the largest is 1.5


@dataclass(frozen=True)
class Looks:
    """How ``n`` frames look.

    Attributes:
        mix, color: Share of the drawn colour, (n, G), and that colour, (n, G, 3).
        kind, variant: Texture of each group, (n, G): index of ``TEXTURES``, and number in [0, 1] of the draw.
        specular, shininess, reflectance, emission: (n, G).
        light_position, light_direction, light_color: Of lamps, (n, L, 3); those off are black.
        light_on: (n, L).
        ambient: (n,).
        shadow: (n,); shadow_softness: (n,).
        background_kind, background_variant: (n,).
        shown: Which things are there, (n, T).
    """

    mix: np.ndarray
    color: np.ndarray
    kind: np.ndarray
    variant: np.ndarray
    specular: np.ndarray
    shininess: np.ndarray
    reflectance: np.ndarray
    emission: np.ndarray
    light_position: np.ndarray
    light_direction: np.ndarray
    light_color: np.ndarray
    light_on: np.ndarray
    ambient: np.ndarray
    shadow: np.ndarray
    shadow_softness: np.ndarray
    background_kind: np.ndarray
    background_variant: np.ndarray
    shown: np.ndarray

    @classmethod
    def of(cls, scene: VisualScene, values: np.ndarray) -> Looks:
        """The looks of rows of values, shape (n, P), of ``scene.space``.

        Raises:
            ParameterError: Another shape.
        """
        space = scene.space
        values = np.asarray(values, float)
        if values.ndim != 2 or values.shape[1] != len(space):
            raise ParameterError(f"expected parameter values of shape (n, {len(space)}), got {values.shape}; build "
                                 "them with scene.space.batch")
        one = lambda name: values[:, space.column(name)]  # noqa: E731
        group = lambda name: space.family(values, name) if scene.groups else np.zeros((len(values), 0))  # noqa: E731
        distractors = np.array([thing.distractor for thing in scene.things], bool)
        count = np.floor(one("distractor_count")) if distractors.any() else np.zeros(len(values))
        shown = ~distractors | (np.cumsum(distractors) <= count[:, None])
        return cls(
            mix=group("color_mix"), color=np.stack([group(f"color_{c}") for c in ("red", "green", "blue")], axis=-1),
            kind=group("texture_kind").astype(int), variant=group("texture_variant"), specular=group("specular"),
            shininess=group("shininess"), reflectance=group("reflectance"), emission=group("emission"),
            **_lights(scene, values), ambient=scene.ambient * one("ambient_scale"), shadow=one("shadow") >= 1.0,
            shadow_softness=one("shadow_softness"), background_kind=one("background_kind").astype(int),
            background_variant=one("background_variant"), shown=shown)

    def surface(self, group: int, own: np.ndarray) -> np.ndarray:
        """Colours (n, 3) of a surface of ``group`` whose own colour is ``own`` (3,): what tints its texture, or it.

        A texture that is drawn has colours of its own, so that only the drawn colour tints it.
        """
        textured = (self.kind[:, group] > FLAT)[:, None]
        base = np.where(textured, 1.0, np.asarray(own)[None, :3])
        mix = self.mix[:, group, None]
        return base + mix * (self.color[:, group] - base)


def texture_index(kind: np.ndarray, variant: np.ndarray, pictures: int) -> np.ndarray:
    """Index into ``bank()`` followed by ``pictures`` pictures of the textures drawn; -1 for own and flat."""
    drawn = (kind - FLAT - 1) * VARIANTS + np.minimum((variant * VARIANTS).astype(int), VARIANTS - 1)
    last = len(DRAWN) * VARIANTS
    picture = last + np.minimum((variant * pictures).astype(int), pictures - 1) if pictures else \
        last - VARIANTS + np.minimum((variant * VARIANTS).astype(int), VARIANTS - 1)
    return np.where(kind <= FLAT, -1, np.where(kind == IMAGE, picture, drawn))


def _lights(scene: VisualScene, values: np.ndarray) -> dict[str, np.ndarray]:
    space, centre = scene.space, np.array(scene.centre)
    lights = [scene.lights[k % len(scene.lights)] for k in range(MAX_LIGHTS)]
    each = {name: space.family(values, f"light_{name}") for name in
            ("azimuth", "elevation", "distance_scale", "aim_x", "aim_y", "strength_scale", "warmth")}
    away = np.array([light.position for light in lights]) - centre
    distance = np.linalg.norm(away, axis=1)
    azimuth = np.arctan2(away[:, 1], away[:, 0]) + each["azimuth"]
    elevation = np.arcsin(away[:, 2] / distance)
    lifted = np.where(each["elevation"] == 0.0, elevation,
                      np.clip(elevation + each["elevation"], _LOWEST, _HIGHEST))
    out = np.stack([np.cos(lifted) * np.cos(azimuth), np.cos(lifted) * np.sin(azimuth), np.sin(lifted)], axis=-1)
    position = centre + (distance * each["distance_scale"])[..., None] * out
    target = np.array([light.target for light in lights]) + np.stack(
        [each["aim_x"], each["aim_y"], np.zeros_like(each["aim_x"])], axis=-1)
    direction = target - position
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    on = np.arange(MAX_LIGHTS) < np.floor(values[:, space.column("light_count")])[:, None]
    strength = np.array([light.strength for light in lights]) * each["strength_scale"]
    # as much light in all as the scene has: two lamps at half strength each
    share = np.minimum(1.0, len(scene.lights) / np.maximum(on.sum(axis=1), 1))[:, None]
    white = np.clip(1.0 + each["warmth"][..., None] * _WARM, 0.0, None)
    color = (on * strength * share)[..., None] * white
    return {"light_position": position, "light_direction": direction, "light_color": color, "light_on": on}


@dataclass(frozen=True)
class Views:
    """What a camera's frames are: pose of its optical frame in the world, position (n, 3) in [m] and axes as columns
    (n, 3, 3), intrinsics (n, 4) fx, fy, cx, cy in [pixels] and distortion (n, 5)."""

    position: np.ndarray
    axes: np.ndarray
    intrinsics: np.ndarray
    distortion: np.ndarray

    @classmethod
    def of(cls, scene: VisualScene, camera: CameraModel, poses: Poses, values: np.ndarray) -> Views:
        """The views of ``camera`` in the frames of ``poses`` under rows of values, shape (n, P)."""
        one = lambda name: values[:, scene.space.column(name)]  # noqa: E731
        given = poses.cameras.get(camera.name)
        pose = np.tile([*camera.position, *camera.quaternion], (poses.n, 1)) if given is None else given
        place, turn = pose[:, :3], rotations.normalize(pose[:, 3:])
        if camera.link:
            link_place, link_turn = link_poses(scene, poses)[camera.link]
            place, turn = link_place + rotations.rotate(link_turn, place), rotations.multiply(link_turn, turn)
        off = np.stack([one("camera_x"), one("camera_y"), one("camera_z")], axis=1)
        # pitch up: about the optical frame's x, which points right
        about = rotations.from_axis_angle(np.stack([one("camera_pitch"), one("camera_yaw"), one("camera_roll")],
                                                   axis=1))
        focal, wide = one("focal_scale"), one("lens_center_x") * camera.width
        high = one("lens_center_y") * camera.height
        intrinsics = np.stack([camera.fx * focal, camera.fy * focal, camera.cx + wide, camera.cy + high], axis=1)
        distortion = np.tile(np.pad(np.array(camera.distortion, float), (0, 5 - len(camera.distortion))), (poses.n, 1))
        distortion[:, 0] += one("lens_k1")
        distortion[:, 1] += one("lens_k2")
        return cls(place + rotations.rotate(turn, off), rotations.matrix(rotations.multiply(turn, about)), intrinsics,
                   distortion)


def link_poses(scene: VisualScene, poses: Poses) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Positions (n, 3) and quaternions (n, 4) of the robot's links in the world, by name."""
    robot = scene.robot
    base = np.tile([*scene.robot_position, *scene.robot_quaternion], (poses.n, 1))
    if robot.kind == "drone" and poses.base is not None:
        base = np.asarray(poses.base, float)
    links = {robot.model.root: (base[:, :3], rotations.normalize(base[:, 3:]))}
    if robot.kind == "drone":
        return links
    joints = np.tile(robot.home, (poses.n, 1)) if poses.joints is None else np.asarray(poses.joints, float)
    for joint in robot.model.joints:
        place, turn = links[joint.parent]
        moved = joints[:, robot.joint_names.index(joint.name), None] * joint.axis
        frame = rotations.multiply(turn, rotations.from_matrix(joint.rotation))
        place = place + rotations.rotate(turn, joint.xyz)
        links[joint.child] = (place + rotations.rotate(frame, moved), frame) if joint.type == "prismatic" else (
            place, rotations.multiply(frame, rotations.from_axis_angle(moved)))
    return links


def place_distractors(scene: VisualScene, poses: Poses, values: np.ndarray) -> Poses:
    """``poses`` with distractors where ``distractor_variant`` puts them; those that ``poses`` places stay."""
    drawn = [(k, thing) for k, thing in enumerate(scene.things)
             if thing.distractor and thing.name not in poses.places]
    if not drawn:
        return poses
    variant = values[:, scene.space.column("distractor_variant")]
    if not variant.any():
        return poses
    places, sizes = dict(poses.places), dict(poses.sizes)
    (x_low, x_high), (y_low, y_high), ground = scene.distractor_region
    identity = (variant * 2.0**53).astype(np.uint64)
    own = variant == 0.0
    for k, thing in drawn:
        u = rng.uniform(0, identity, k, "distractor", 4)
        scale = _SMALLEST + u[:, 2]
        size = np.asarray(thing.size) * np.where(own, 1.0, scale)[:, None]
        yaw = np.pi * u[:, 3]
        place = np.stack([x_low + u[:, 0] * (x_high - x_low), y_low + u[:, 1] * (y_high - y_low),
                          ground + half_height(thing.kind, size),
                          np.cos(0.5 * yaw), np.zeros_like(yaw), np.zeros_like(yaw), np.sin(0.5 * yaw)], axis=1)
        places[thing.name] = np.where(own[:, None], [*thing.position, *thing.quaternion], place)
        sizes.setdefault(thing.name, size)
    return Poses(poses.n, poses.joints, poses.base, places, sizes, poses.cameras)
