"""Gravity's torques: a pendulum by hand, and the SO-101 by its potential energy."""

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.identification.responses.gravity import GravityLoad
from sim2real.robots import load_robot

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll")


def energy(robot, pose):
    """Potential energy in [J] of the arm with its gripper at home."""
    from sim2real import rotations
    angles = {**dict(zip(robot.joint_names, robot.home, strict=True)), **dict(zip(JOINTS, pose, strict=True))}
    frames, total = {robot.model.root: (np.eye(3), np.zeros(3))}, 0.0
    for joint in robot.model.joints:
        rotation, origin = frames[joint.parent]
        turn = rotations.matrix(rotations.from_axis_angle(angles[joint.name] * np.asarray(joint.axis)))
        frames[joint.child] = rotation @ joint.rotation @ turn, origin + rotation @ joint.xyz
    for link in robot.model.links:
        rotation, origin = frames[link.name]
        total += 9.81 * link.mass * (origin + rotation @ link.com)[2]
    return total


def test_torque_is_the_slope_of_the_energy():
    robot = load_robot("so101")
    poses = np.random.default_rng(0).uniform(-1.0, 1.0, (5, 5))
    torque, step = GravityLoad(robot, JOINTS).torque(poses), 1e-5 * np.eye(5)
    slopes = [[-(energy(robot, pose + d) - energy(robot, pose - d)) / 2e-5 for d in step] for pose in poses]
    np.testing.assert_allclose(torque, slopes, atol=1e-7)
    assert abs(torque[:, 0]).max() < 1e-12  # the pan turns about the vertical


def test_columns_follow_the_joints_that_are_named():
    robot, pose = load_robot("so101"), np.array([[0.1, 0.2, 0.3, 0.4, 0.5]])
    whole = GravityLoad(robot, JOINTS).torque(pose)
    swapped = GravityLoad(robot, JOINTS[::-1]).torque(pose[:, ::-1])
    np.testing.assert_allclose(swapped, whole[:, ::-1], atol=1e-12)


def test_a_joint_that_is_not_there():
    with pytest.raises(BadInputError, match="robot so101: unknown joint 'elbow'; did you mean elbow_flex"):
        GravityLoad(load_robot("so101"), ("elbow",))
