"""URDF text for PyBullet of a robot with given parameter values: masses, payload, limits and nothing dissipative."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

import numpy as np

from sim2real import rotations
from sim2real.robot_model import Geom, Link
from sim2real.robots import RobotDescription
from sim2real.simulators.layout import floor_links, principal_axes


def urdf_text(robot: RobotDescription, link_scale: np.ndarray, payload_mass: float = 0.0,
              payload_position: np.ndarray | None = None) -> str:
    """A URDF of ``robot``.

    Args:
        robot: An arm.
        link_scale: Mass and inertia over nominal of ``robot.moving_links``, shape (L,).
        payload_mass: Point mass in [kg] fixed to the tool link.
        payload_position: Where it is in the tool link's frame in [m], shape (3,).
    """
    scale = {link.name: s for link, s in zip(robot.moving_links, link_scale, strict=True)}
    limits, solid = {joint.name: joint.position for joint in robot.joints}, floor_links(robot)
    lines = [f"<robot name={quoteattr(robot.name)}>"]
    for link in robot.model.links:
        factor = scale.get(link.name, 1.0)
        mass, com, inertia = link.mass * factor, link.com, link.inertia * factor
        if link.name == robot.model.root:  # it is fixed; Bullet only wants some mass
            mass, com, inertia = 1.0, np.zeros(3), np.eye(3)
        if link.name == robot.tool_link and payload_mass > 0.0:
            mass, com, inertia = with_point_mass(mass, com, inertia, payload_mass, payload_position)
        lines += _link(link, mass, com, inertia, link.name in solid)
    for joint in robot.model.joints:
        low, high = limits[joint.name]
        kind = "prismatic" if joint.type == "prismatic" else "revolute"
        lines += [f"<joint name={quoteattr(joint.name)} type=\"{kind}\">",
                  f"<parent link={quoteattr(joint.parent)}/><child link={quoteattr(joint.child)}/>",
                  _origin(joint.xyz, joint.rotation), f'<axis xyz="{_text(joint.axis)}"/>',
                  f'<limit lower="{low!r}" upper="{high!r}" effort="1e9" velocity="1e9"/></joint>']
    return "\n".join([*lines, "</robot>"])


def with_point_mass(mass: float, com: np.ndarray, inertia: np.ndarray, added: float, place: np.ndarray
                    ) -> tuple[float, np.ndarray, np.ndarray]:
    """Mass, centre of mass and inertia about it of a body with a point mass ``added`` at ``place`` (3,)."""
    total = mass + added
    d = place - com
    # two bodies turn about their common centre with the reduced mass at their distance (Steiner)
    reduced = mass * added / total
    return total, com + d * (added / total), inertia + reduced * (d @ d * np.eye(3) - np.outer(d, d))


def _link(link: Link, mass: float, com: np.ndarray, inertia: np.ndarray, solid: bool) -> list[str]:
    lines = [f"<link name={quoteattr(link.name)}>"]
    moments, axes = principal_axes(inertia)
    xx, yy, zz = (repr(float(m)) for m in moments)
    lines += ["<inertial>", _origin(com, axes), f'<mass value="{float(mass)!r}"/>',
              f'<inertia ixx="{xx}" ixy="0" ixz="0" iyy="{yy}" iyz="0" izz="{zz}"/></inertial>']
    for geom in link.geoms:
        if solid and geom.collision:
            lines += ["<collision>", *_shape(geom), "</collision>"]
    return [*lines, "</link>"]


def _shape(geom: Geom) -> list[str]:
    if geom.kind == "box":
        shape = f'<box size="{_text(geom.size)}"/>'
    elif geom.kind == "sphere":
        shape = f'<sphere radius="{geom.size[0]!r}"/>'
    else:
        shape = f'<{geom.kind} radius="{geom.size[0]!r}" length="{geom.size[1]!r}"/>'
    return [_origin(geom.xyz, geom.rotation), f"<geometry>{shape}</geometry>"]


def _origin(xyz: np.ndarray, rotation: np.ndarray) -> str:
    rpy = rotations.to_rpy(rotations.from_matrix(rotation))
    return f'<origin xyz="{_text(xyz)}" rpy="{_text(rpy)}"/>'


def _text(numbers) -> str:
    return " ".join(repr(float(x)) for x in numbers)
