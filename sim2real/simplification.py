"""A model reduced to its actuated joints: everything else is frozen and merged into the body that carries it."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from sim2real import rotations
from sim2real.errors import RobotDescriptionError
from sim2real.robot_model import Link, RobotDescriptionWarning, RobotModel, UrdfJoint

_REPAIRABLE = 0.25  # excess over the triangle inequality, of the largest inertia; vendors' files reach 0.13 (xArm 6)


def simplify(model: RobotModel, actuated: tuple[str, ...], locked: dict[str, float] | None = None,
             file: str = "model.urdf") -> RobotModel:
    """The model with only ``actuated`` joints: every other joint is frozen and its child merged into the parent."""
    bodies = {model.root: [(model.link(model.root), np.zeros(3), np.eye(3))]}
    owner = {model.root: (model.root, np.zeros(3), np.eye(3))}
    joints = []
    for joint in model.joints:
        body, xyz, rotation = owner[joint.parent]
        offset, turn = _at(joint, 0.0 if joint.name in actuated else (locked or {}).get(joint.name, 0.0))
        offset, turn = xyz + rotation @ offset, rotation @ turn
        if joint.name in actuated:
            joints.append(replace(joint, parent=body, xyz=offset, rotation=turn))
            owner[joint.child] = (joint.child, np.zeros(3), np.eye(3))
            bodies[joint.child] = [(model.link(joint.child), np.zeros(3), np.eye(3))]
        else:
            owner[joint.child] = (body, offset, turn)
            bodies[body].append((model.link(joint.child), offset, turn))
    links = tuple(_merge(name, parts) for name, parts in bodies.items())
    checked = tuple(link if link.name == model.root and joints else check_inertia(link, file) for link in links)
    return RobotModel(model.name, checked, tuple(joints), model.root)


def frame_in_body(model: RobotModel, frame: str, actuated: tuple[str, ...], locked: dict[str, float]
                  ) -> tuple[str, np.ndarray, np.ndarray]:
    """The body of the simplified model that carries link ``frame``, and the frame's pose (xyz, rotation) in it."""
    xyz, rotation, link = np.zeros(3), np.eye(3), frame
    while (joint := model.parent_joint(link)) is not None and joint.name not in actuated:
        offset, turn = _at(joint, locked.get(joint.name, 0.0))
        xyz, rotation, link = offset + turn @ xyz, turn @ rotation, joint.parent
    return link, xyz, rotation


def _at(joint: UrdfJoint, value: float) -> tuple[np.ndarray, np.ndarray]:
    """Pose of the child in the parent with the joint at ``value``."""
    if joint.type == "prismatic":
        return joint.xyz + joint.rotation @ (joint.axis * value), joint.rotation
    turn = rotations.matrix(rotations.from_axis_angle(joint.axis * value)) if joint.type != "fixed" else np.eye(3)
    return joint.xyz, joint.rotation @ turn


def _merge(name: str, parts: list[tuple[Link, np.ndarray, np.ndarray]]) -> Link:
    """One rigid body of several, by the parallel axis theorem."""
    mass = sum(link.mass for link, _, _ in parts)
    centres = [xyz + rotation @ link.com for link, xyz, rotation in parts]
    moment = sum(link.mass * c for (link, _, _), c in zip(parts, centres, strict=True))
    com = moment / mass if mass > 0 else centres[0]
    inertia = np.zeros((3, 3))
    for (link, _, rotation), centre in zip(parts, centres, strict=True):
        if link.mass > 0.0:  # engines ignore the inertia of a massless frame, and so does this
            d = centre - com
            inertia += rotation @ link.inertia @ rotation.T + link.mass * (d @ d * np.eye(3) - np.outer(d, d))
    geoms = tuple(replace(g, xyz=xyz + rotation @ g.xyz, rotation=rotation @ g.rotation)
                  for link, xyz, rotation in parts for g in link.geoms)
    return Link(name, mass, com, inertia, geoms)


def check_inertia(link: Link, file: str = "model.urdf") -> Link:
    """A moving link with a physical mass and inertia: rounding is repaired with a warning, the rest is an error."""
    where = f"{file}: link {link.name!r}"
    if link.mass <= 0.0:
        raise RobotDescriptionError(f"{where}: a moving link needs a mass over zero, got {link.mass:g} kg")
    values, axes = np.linalg.eigh(link.inertia)
    if values[2] <= 0.0:
        raise RobotDescriptionError(f"{where}: a moving link needs an inertia over zero, got diagonal "
                                    f"{np.diag(link.inertia).tolist()} kg m2; take it from CAD or a solid's formula")
    if values[0] <= 0.0:
        raise RobotDescriptionError(f"{where}: inertia must be positive definite, its principal values are "
                                    f"{_list(values)} kg m2; check signs and off-diagonal terms")
    excess = values[2] - values[0] - values[1]
    if excess <= 1e-9 * values[2]:
        return link
    if excess > _REPAIRABLE * values[2]:
        raise RobotDescriptionError(f"{where}: no rigid body has the principal inertias {_list(values)} kg m2 (one "
                                    "exceeds the sum of the other two); correct them")
    warnings.warn(f"{where}: principal inertia {values[2]:.6g} kg m2 exceeded the sum of the other two by "
                  f"{excess:.2g}; lowered to that sum", RobotDescriptionWarning, stacklevel=2)
    return replace(link, inertia=axes @ np.diag([values[0], values[1], values[0] + values[1]]) @ axes.T)


def _list(values: np.ndarray) -> str:
    return ", ".join(f"{v:.4g}" for v in values)
