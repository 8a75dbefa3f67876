"""The tree of links and joints of a robot, as plain frozen data; ``urdf`` reads it from a file."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

GREY = (0.7, 0.7, 0.72, 1.0)


class RobotDescriptionWarning(UserWarning):
    """Something in a robot description was missing or slightly wrong and has been filled in."""


@dataclass(frozen=True)
class Geom:
    """A primitive shape in its link's frame.

    Attributes:
        kind: ``box`` | ``sphere`` | ``cylinder`` | ``capsule``.
        size: In [m]: box (x, y, z) full lengths; sphere (radius,); cylinder and capsule (radius, length), along the
            shape's z; a capsule's length leaves out its caps.
        xyz: Centre in the link frame in [m], shape (3,).
        rotation: ``link_from_geom``, shape (3, 3).
        rgba: Colour, 0 to 1.
        collision: Whether it takes part in contacts (every shape is drawn).
    """

    kind: str
    size: tuple[float, ...]
    xyz: np.ndarray
    rotation: np.ndarray
    rgba: tuple[float, float, float, float] = GREY
    collision: bool = True


@dataclass(frozen=True)
class Link:
    """A rigid body: mass [kg], centre of mass [m] and inertia [kg m2] about it, both in link axes."""

    name: str
    mass: float
    com: np.ndarray
    inertia: np.ndarray
    geoms: tuple[Geom, ...] = ()


@dataclass(frozen=True)
class UrdfJoint:
    """A joint: pose of the child in the parent at zero, axis in the child's frame, limits in SI.

    ``lower``/``upper`` are -inf/inf without limits; ``velocity`` and ``effort`` are None where the URDF has none;
    ``mimic`` names the joint that this one follows.
    """

    name: str
    type: str
    parent: str
    child: str
    xyz: np.ndarray
    rotation: np.ndarray
    axis: np.ndarray
    lower: float = -np.inf
    upper: float = np.inf
    velocity: float | None = None
    effort: float | None = None
    damping: float = 0.0
    friction: float = 0.0
    mimic: str = ""


@dataclass(frozen=True)
class RobotModel:
    """A tree of links; ``joints`` are in topological order (a joint comes after the one that carries it)."""

    name: str
    links: tuple[Link, ...]
    joints: tuple[UrdfJoint, ...]
    root: str
    _index: dict = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self):
        self._index.update({("link", link.name): link for link in self.links})
        self._index.update({("joint", joint.name): joint for joint in self.joints})
        self._index.update({("child", joint.child): joint for joint in self.joints})

    def link(self, name: str) -> Link:
        """The link of that name (KeyError if there is none)."""
        return self._index["link", name]

    def joint(self, name: str) -> UrdfJoint:
        """The joint of that name (KeyError if there is none)."""
        return self._index["joint", name]

    def has_link(self, name: str) -> bool:
        """Whether there is a link of that name."""
        return ("link", name) in self._index

    def parent_joint(self, link: str) -> UrdfJoint | None:
        """The joint that carries ``link``; None for the root."""
        return self._index.get(("child", link))

    def children(self, link: str) -> tuple[UrdfJoint, ...]:
        """The joints that ``link`` carries."""
        return tuple(joint for joint in self.joints if joint.parent == link)

    def path(self, link: str) -> tuple[UrdfJoint, ...]:
        """The joints from the root to ``link``."""
        joints = []
        while (joint := self.parent_joint(link)) is not None:
            joints.append(joint)
            link = joint.parent
        return tuple(reversed(joints))

    @property
    def mass(self) -> float:
        """Mass of all links in [kg]."""
        return sum(link.mass for link in self.links)
