"""What cameras see: a robot among things, under lights, before a background; plain data that every painter draws.

A painter draws *frames*. What differs from frame to frame is data, too: ``Poses`` says where everything is, and rows of
parameter values (``sim2real.visual_vocabulary``) say how everything looks. Nothing is remembered between frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sim2real.cameras import CameraModel
from sim2real.errors import BadInputError, unknown
from sim2real.parameters import ParameterSpace
from sim2real.robots import RobotDescription
from sim2real.simulators.painting.textures import PATTERNS

ROBOT = "robot"
KINDS = ("box", "sphere", "cylinder", "capsule")
MAX_LIGHTS = 4
NEAR, FAR = 0.01, 20.0  # clipping, over the scene's extent


@dataclass(frozen=True)
class Thing:
    """A shape that does not belong to the robot.

    Attributes:
        name: Unique in the scene.
        group: Whose appearance it shares: parameters are named after groups. Default: its own name.
        kind: ``box`` | ``sphere`` | ``cylinder`` | ``capsule``.
        size: In [m]: box (x, y, z) full lengths; sphere (radius,); cylinder and capsule (radius, length along z).
        position: Of its centre in the world in [m].
        quaternion: (w, x, y, z).
        rgba: Colour, 0 to 1.
        pattern: Its own texture, one of ``textures.PATTERNS``, "" for none; its colour tints it.
        distractor: Whether it is there only as ``distractor_count`` says.
    """

    name: str
    kind: str
    size: tuple[float, ...]
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    rgba: tuple[float, float, float, float] = (0.7, 0.7, 0.7, 1.0)
    group: str = ""
    pattern: str = ""
    distractor: bool = False

    @property
    def look(self) -> str:
        """The group whose appearance it has."""
        return self.group or self.name


def half_height(kind: str, size: np.ndarray) -> np.ndarray:
    """From the ground to the centre, (...), of shapes that stand on their z axis; ``size`` (..., k) as of ``Thing``."""
    size = np.asarray(size, float)
    if kind == "sphere":
        return size[..., 0]
    return 0.5 * size[..., -1] + (size[..., 0] if kind == "capsule" else 0.0)


@dataclass(frozen=True)
class Light:
    """A lamp: ``position`` [m] and ``target`` [m] in the world, colour (0 to 1) times strength."""

    position: tuple[float, float, float] = (1.0, -1.5, 3.0)
    target: tuple[float, float, float] = (0.0, 0.0, 0.0)
    strength: float = 0.7
    shadow: bool = True


@dataclass(frozen=True)
class VisualScene:
    """A scene.

    Attributes:
        cameras: What may be drawn; ``link`` is one of the robot's links, or "" for the world.
        things: Besides the robot.
        robot: An arm or a drone, or None.
        robot_position, robot_quaternion: Of an arm's base in the world.
        lights: At most ``MAX_LIGHTS`` are used; more come as ``light_count`` says.
        ambient: Light from everywhere, 0 to 1.
        background: Colour where nothing is, 0 to 1.
        distractor_region: Where distractors stand: x and y from, to, and z of the ground in [m].
        centre, extent: Of what matters, in [m]: lights turn around it, and it sizes shadows and clipping.
        texture_folder: Pictures that ``texture_kind`` "image" and ``background_kind`` "image" take, or None.
    """

    cameras: tuple[CameraModel, ...]
    things: tuple[Thing, ...] = ()
    robot: RobotDescription | None = None
    robot_position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    robot_quaternion: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    lights: tuple[Light, ...] = (Light(),)
    ambient: float = 0.35
    background: tuple[float, float, float] = (0.86, 0.87, 0.88)
    distractor_region: tuple[tuple[float, float], tuple[float, float], float] = ((-0.5, 0.5), (-0.5, 0.5), 0.0)
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    extent: float = 2.0
    texture_folder: Path | None = None
    space: ParameterSpace = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        names = [thing.name for thing in self.things]
        if len(set(names)) != len(names):
            raise BadInputError(f"things of a scene need names of their own; twice: "
                                f"{', '.join(sorted({n for n in names if names.count(n) > 1}))}")
        for thing in self.things:
            if thing.kind not in KINDS:
                raise BadInputError(f"thing {thing.name}: {unknown('kind', thing.kind, KINDS)}")
            if thing.pattern and thing.pattern not in PATTERNS:
                raise BadInputError(f"thing {thing.name}: {unknown('pattern', thing.pattern, PATTERNS)}")
        if not self.cameras:
            raise BadInputError("a scene needs at least one camera; give CameraModel.looking_at(...)")
        if not 1 <= len(self.lights) <= MAX_LIGHTS:
            raise BadInputError(f"expected 1 to {MAX_LIGHTS} lights, got {len(self.lights)}")
        object.__setattr__(self, "space", ParameterSpace.for_scene(self.groups, self.num_distractors,
                                                                   len(self.lights), MAX_LIGHTS))

    @property
    def groups(self) -> tuple[str, ...]:
        """What has an appearance of its own, in the order of segmentation: a group's id is its index plus one."""
        robot = (ROBOT,) if self.robot is not None else ()
        return tuple(dict.fromkeys((*robot, *(thing.look for thing in self.things))))

    @property
    def num_distractors(self) -> int:
        """Things that may be left out."""
        return sum(thing.distractor for thing in self.things)

    def camera(self, name: str) -> CameraModel:
        """The camera of that name; BadInputError with those there are."""
        for camera in self.cameras:
            if camera.name == name:
                return camera
        raise BadInputError(unknown("camera", name, [camera.name for camera in self.cameras]))

    def with_cameras(self, *cameras: CameraModel) -> VisualScene:
        """The same scene seen by others."""
        return replace(self, cameras=cameras)


@dataclass
class Poses:
    """Where everything is in ``n`` frames; what is left out is as in the scene.

    Attributes:
        n: Number of frames.
        joints: Joint positions in [rad], shape (n, J); default: the arm's home.
        base: A drone's position [m] and quaternion in the world, shape (n, 7).
        places: Positions [m], (n, 3), or poses, (n, 7), of things by name.
        sizes: Sizes of things by name in [m] as in ``Thing.size``, shape (n, k).
        cameras: Poses of cameras by name, in the world or in their link, (n, 7).
    """

    n: int
    joints: np.ndarray | None = None
    base: np.ndarray | None = None
    places: Mapping[str, np.ndarray] = field(default_factory=dict)
    sizes: Mapping[str, np.ndarray] = field(default_factory=dict)
    cameras: Mapping[str, np.ndarray] = field(default_factory=dict)

    def check(self, scene: VisualScene) -> None:
        """Raise BadInputError where a shape or a name does not fit ``scene``."""
        names = {thing.name: thing for thing in scene.things}
        joints = scene.robot.num_joints if scene.robot is not None else 0
        wanted: list[tuple[str, np.ndarray | None, Sequence[int]]] = [
            ("joints", self.joints, (joints,)), ("base", self.base, (7,))]
        for name, place in self.places.items():
            if name not in names:
                raise BadInputError(f"places: {unknown('thing', name, names)}")
            wanted.append((f"places[{name!r}]", place, (3, 7)))
        for name, size in self.sizes.items():
            if name not in names:
                raise BadInputError(f"sizes: {unknown('thing', name, names)}")
            wanted.append((f"sizes[{name!r}]", size, (len(names[name].size),)))
        for name, pose in self.cameras.items():
            scene.camera(name)
            wanted.append((f"cameras[{name!r}]", pose, (7,)))
        for what, array, widths in wanted:
            if array is not None and np.shape(array) not in [(self.n, width) for width in widths]:
                raise BadInputError(f"{what}: expected shape ({self.n}, {' or '.join(map(str, widths))}), got "
                                    f"{np.shape(array)}")

    def place(self, thing: Thing) -> tuple[np.ndarray, np.ndarray]:
        """Positions (n, 3) and quaternions (n, 4) of ``thing``."""
        given = self.places.get(thing.name)
        if given is None:
            given = np.tile([*thing.position, *thing.quaternion], (self.n, 1))
        given = np.asarray(given, float)
        turn = given[:, 3:] if given.shape[1] == 7 else np.tile(thing.quaternion, (self.n, 1))
        return given[:, :3], turn
