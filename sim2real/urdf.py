"""URDF -> RobotModel: a tree of links and joints with masses, inertias and primitive shapes.

Meshes are never loaded: a link whose shapes are meshes gets capsules from its origin to the joints it carries.
Only the standard library and numpy, so that a deployed robot can read its own model.
"""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np

from sim2real import rotations
from sim2real.errors import RobotDescriptionError
from sim2real.robot_model import GREY, Geom, Link, RobotModel, UrdfJoint

MOVABLE = ("revolute", "continuous", "prismatic")
MAX_BYTES = 4 << 20  # without meshes they have some 10 000
_DENSITY = 1500.0  # [kg/m3] of a typical arm (aluminium shell, motors, air): only sizes capsules that replace meshes


def parse_urdf(data: bytes | str, file: str = "model.urdf") -> RobotModel:
    """The model in a URDF; ``file`` is only named in errors. Meshes become capsules."""
    root = _xml(data, file)
    colors = {m.get("name"): _rgba(m, file) for m in root.findall("material") if m.find("color") is not None}
    links, meshes = {}, {}
    for element in root.findall("link"):
        name = _name(element, "link", file, links)
        links[name], meshes[name] = _link(element, name, colors, file)
    joints = {}
    for element in root.findall("joint"):
        name = _name(element, "joint", file, joints)
        joints[name] = _joint(element, name, links, file)
    if not links:
        raise RobotDescriptionError(f"{file}: expected at least one <link>, found none")
    base, ordered = _tree(links, joints, file)
    model = RobotModel(root.get("name") or "robot", tuple(links.values()), ordered, base)
    return replace(model, links=tuple(_with_capsules(model, link) if meshes[link.name] else link
                                      for link in model.links), _index={})


# ------------------------------------------------------------------------------------------------- XML elements
def _xml(data: bytes | str, file: str) -> ElementTree.Element:
    if len(data) > MAX_BYTES:
        raise RobotDescriptionError(f"{file}: expected at most {MAX_BYTES} bytes, got {len(data)}; meshes belong into "
                                    "files of their own")
    if (b"<!ENTITY" if isinstance(data, bytes) else "<!ENTITY") in data:  # could grow to any size
        raise RobotDescriptionError(f"{file}: entities are not read; write out what they stand for")
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise RobotDescriptionError(f"{file}: expected XML, but it cannot be parsed: {error}") from None
    if root.tag != "robot":
        raise RobotDescriptionError(f"{file}: expected a URDF with <robot> as its root, got <{root.tag}>")
    if any(str(e.tag).startswith(("{http://www.ros.org/wiki/xacro", "{http://ros.org/wiki/xacro"))
           for e in root.iter()):
        raise RobotDescriptionError(f"{file}: expected a plain URDF, got a xacro; run `xacro {file} > robot.urdf`")
    return root


def _name(element: ElementTree.Element, kind: str, file: str, known: dict) -> str:
    name = element.get("name")
    if not name:
        raise RobotDescriptionError(f"{file}: a <{kind}> has no name; give it a unique one")
    if name in known:
        raise RobotDescriptionError(f"{file}: {kind} {name!r} is defined twice; rename one of them")
    return name


def _numbers(text: str | None, count: int, where: str) -> np.ndarray:
    """``count`` finite numbers of a text; zeros if there is none."""
    if text is None:
        return np.zeros(count)
    try:
        values = np.array([float(part) for part in text.split()])
    except ValueError:
        raise RobotDescriptionError(f"{where}: expected {count} number(s), got {text!r}") from None
    if values.shape != (count,) or not np.isfinite(values).all():
        raise RobotDescriptionError(f"{where}: expected {count} finite number(s), got {text!r}")
    return values


def _number(element: ElementTree.Element | None, key: str, where: str, default: float | None = None) -> float | None:
    if element is None or element.get(key) is None:
        return default
    return float(_numbers(element.get(key), 1, f"{where}: {key}")[0])


def _origin(element: ElementTree.Element, where: str) -> tuple[np.ndarray, np.ndarray]:
    origin = element.find("origin")
    if origin is None:
        return np.zeros(3), np.eye(3)
    xyz = _numbers(origin.get("xyz"), 3, f"{where}: origin xyz")
    rpy = _numbers(origin.get("rpy"), 3, f"{where}: origin rpy")
    return xyz, rotations.matrix(rotations.from_rpy(rpy))


def _rgba(material: ElementTree.Element, file: str) -> tuple[float, float, float, float]:
    r, g, b, a = _numbers(material.find("color").get("rgba"), 4, f"{file}: material {material.get('name')!r}: rgba")
    return float(r), float(g), float(b), float(a)


def _link(element: ElementTree.Element, name: str, colors: dict, file: str) -> tuple[Link, bool]:
    """The link, and whether meshes have to be replaced."""
    where = f"{file}: link {name!r}"
    mass, com, inertia = 0.0, np.zeros(3), np.zeros((3, 3))
    inertial = element.find("inertial")
    if inertial is not None:
        com, rotation = _origin(inertial, f"{where}: inertial")
        mass = _number(inertial.find("mass"), "value", f"{where}: mass", 0.0)
        tensor = inertial.find("inertia")
        xx, xy, xz, yy, yz, zz = (_number(tensor, key, f"{where}: inertia", 0.0)
                                  for key in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz"))
        inertia = rotation @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ rotation.T
        if mass < 0.0:
            raise RobotDescriptionError(f"{where}: mass must be zero or more, got {mass:g} kg")
    visuals = [_geom(e, False, colors, where, file) for e in element.findall("visual")]
    collisions = [_geom(e, True, colors, where, file) for e in element.findall("collision")]
    mesh = None in visuals and not any(collisions) or None in collisions
    solid = [geom for geom in collisions if geom is not None]
    drawn = [geom for geom in visuals if geom is not None]
    solid = [replace(geom, rgba=next((v.rgba for v in drawn if _same(v, geom)), drawn[0].rgba if drawn else geom.rgba))
             for geom in solid]
    geoms = solid + [v for v in drawn if not any(_same(v, geom) for geom in solid)]
    return Link(name, mass, com, inertia, tuple(geoms)), mesh


def _geom(element: ElementTree.Element, collision: bool, colors: dict, where: str, file: str) -> Geom | None:
    """A primitive; None for a mesh."""
    where = f"{where}: {element.tag}"
    shape = next(iter(element.find("geometry") if element.find("geometry") is not None else ()), None)
    if shape is None:
        raise RobotDescriptionError(f"{where}: expected a <geometry> with a shape in it, found none")
    if shape.tag == "mesh":
        return None
    if shape.tag == "box":
        size = tuple(_numbers(shape.get("size"), 3, f"{where}: box size"))
    elif shape.tag == "sphere":
        size = (_number(shape, "radius", f"{where}: sphere", 0.0),)
    elif shape.tag in ("cylinder", "capsule"):
        size = tuple(_number(shape, key, f"{where}: {shape.tag}", 0.0) for key in ("radius", "length"))
    else:
        raise RobotDescriptionError(f"{where}: unknown shape <{shape.tag}>; "
                                    "known: box, capsule, cylinder, mesh, sphere")
    if min(size) <= 0.0:
        raise RobotDescriptionError(f"{where}: {shape.tag} size must be over zero, got {size}")
    material, rgba = element.find("material"), GREY
    if material is not None:
        rgba = _rgba(material, file) if material.find("color") is not None else colors.get(material.get("name"), GREY)
    xyz, rotation = _origin(element, where)
    return Geom(shape.tag, tuple(float(s) for s in size), xyz, rotation, rgba, collision)


def _same(a: Geom, b: Geom) -> bool:
    return (a.kind == b.kind and a.size == b.size and np.allclose(a.xyz, b.xyz)
            and np.allclose(a.rotation, b.rotation))


def _joint(element: ElementTree.Element, name: str, links: dict, file: str) -> UrdfJoint:
    where = f"{file}: joint {name!r}"
    kind = element.get("type")
    if kind not in (*MOVABLE, "fixed"):
        raise RobotDescriptionError(f"{where}: unknown type {kind!r}; known: continuous, fixed, prismatic, revolute")
    ends = {}
    for end in ("parent", "child"):
        link = element.find(end)
        ends[end] = link.get("link") if link is not None else None
        if ends[end] not in links:
            raise RobotDescriptionError(f"{where}: {end} link {ends[end]!r} is not defined; add <link> or correct it")
    axis_element = element.find("axis")
    axis = _numbers(axis_element.get("xyz"), 3, f"{where}: axis") if axis_element is not None else np.array([1., 0, 0])
    if kind != "fixed":
        if np.linalg.norm(axis) < 1e-9:
            raise RobotDescriptionError(f"{where}: axis must not be zero, got {axis.tolist()}")
        axis = axis / np.linalg.norm(axis)
    limit, dynamics = element.find("limit"), element.find("dynamics")
    lower, upper = (_number(limit, key, f"{where}: limit", None) for key in ("lower", "upper"))
    if lower is not None and upper is not None and lower > upper:
        raise RobotDescriptionError(f"{where}: lower limit {lower:g} is over the upper limit {upper:g}; swap them")
    bounded = kind != "continuous" and limit is not None and (lower is not None or upper is not None)
    xyz, rotation = _origin(element, where)
    return UrdfJoint(
        name, kind, ends["parent"], ends["child"], xyz, rotation, axis,
        lower=(lower or 0.0) if bounded else -np.inf, upper=(upper or 0.0) if bounded else np.inf,
        velocity=_number(limit, "velocity", f"{where}: limit"), effort=_number(limit, "effort", f"{where}: limit"),
        damping=_number(dynamics, "damping", f"{where}: dynamics", 0.0),
        friction=_number(dynamics, "friction", f"{where}: dynamics", 0.0),
        mimic=_mimicked(element))


def _mimicked(element: ElementTree.Element) -> str:
    mimic = element.find("mimic")
    return "" if mimic is None else mimic.get("joint") or "?"


# ------------------------------------------------------------------------------------------------- tree
def _tree(links: dict, joints: dict, file: str) -> tuple[str, tuple[UrdfJoint, ...]]:
    """Root link and joints in topological order."""
    carried: dict[str, UrdfJoint] = {}
    for joint in joints.values():
        if joint.child in carried:
            raise RobotDescriptionError(f"{file}: link {joint.child!r} has two parent joints, "
                                        f"{carried[joint.child].name!r} and {joint.name!r}; a URDF must be a tree")
        carried[joint.child] = joint
    roots = [name for name in links if name not in carried]
    if not roots:
        raise RobotDescriptionError(f"{file}: the links form a loop ({', '.join(list(links)[:4])}...); "
                                    "a URDF must be a tree with one root link")
    if len(roots) > 1:
        raise RobotDescriptionError(f"{file}: expected one root link, got {', '.join(roots)}; "
                                    "connect them with fixed joints")
    ordered: list[UrdfJoint] = []
    frontier = [roots[0]]
    while frontier:
        link = frontier.pop(0)
        found = [joint for joint in joints.values() if joint.parent == link]
        ordered += found
        frontier += [joint.child for joint in found]
    if len(ordered) != len(joints):
        loop = sorted(set(joints) - {joint.name for joint in ordered})
        raise RobotDescriptionError(f"{file}: joints {', '.join(loop)} form a loop; a URDF must be a tree")
    return roots[0], tuple(ordered)


# ------------------------------------------------------------------------------------------------- meshes
def _with_capsules(model: RobotModel, link: Link) -> Link:
    """The link with capsules from its origin to each joint it carries in place of its meshes."""
    ends = [joint.xyz for joint in model.children(link.name) if np.linalg.norm(joint.xyz) > 0.02]
    if not ends:
        ends = [2 * link.com if np.linalg.norm(link.com) > 0.02 else np.array([0.0, 0.0, 0.02])]
    share = max(link.mass, 0.1) / len(ends)
    capsules = []
    for end in ends:
        length = float(np.linalg.norm(end))
        radius = float(np.clip(np.sqrt(share / (_DENSITY * np.pi * length)), 0.01, 0.07))
        capsules.append(Geom("capsule", (radius, length), end / 2, z_to(end / length)))
    return replace(link, geoms=link.geoms + tuple(capsules))


def z_to(direction: np.ndarray) -> np.ndarray:
    """The smallest rotation that takes z to the unit vector ``direction``, shape (3, 3)."""
    axis = np.cross([0.0, 0.0, 1.0], direction)
    sine = np.linalg.norm(axis)
    if sine < 1e-12:
        return np.diag([1.0, np.sign(direction[2]), np.sign(direction[2])])
    return rotations.matrix(rotations.from_axis_angle(axis / sine * np.arctan2(sine, direction[2])))
