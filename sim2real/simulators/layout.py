"""What the scenes of all engines have in common: who may touch the floor, where the camera stands, inertia axes."""

from __future__ import annotations

import numpy as np

from sim2real.robots import RobotDescription

FIELD_OF_VIEW = 45.0  # [deg], vertical
BACKGROUND = (0.86, 0.87, 0.88, 1.0)


def floor_links(robot: RobotDescription) -> frozenset[str]:
    """Links that may touch the floor: all but the base and those mounted on it, which turn in place."""
    root = robot.model.root
    return frozenset(joint.child for joint in robot.model.joints if joint.parent != root)


def overview(robot: RobotDescription) -> tuple[np.ndarray, np.ndarray]:
    """Eye and target in [m], each (3,), of a camera that sees the workspace; z up."""
    reach = sum(np.linalg.norm(joint.xyz) for joint in robot.model.path(robot.tool_link))
    reach += np.linalg.norm(robot.tool_offset)
    return reach * np.array([1.01, -0.97, 0.84]), reach * np.array([0.15, 0.0, 0.35])


def principal_axes(inertia: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal moments (3,) and right-handed axes as columns (3, 3) of an inertia tensor; unturned if diagonal."""
    if np.count_nonzero(inertia - np.diag(np.diag(inertia))) == 0:
        return np.diag(inertia).copy(), np.eye(3)
    moments, axes = np.linalg.eigh(inertia)
    axes[:, 2] *= np.sign(np.linalg.det(axes))
    return moments, axes
