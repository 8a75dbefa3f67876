"""Chains of transforms, worked by hand and against a random tree; what is too old, missing or no transform at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real import rotations
from sim2real.errors import DeploymentError
from sim2real.ros.frames import FrameTree, Pose

NOW = 100.0
QUARTER = rotations.from_rpy(np.array([0.0, 0.0, np.pi / 2]))  # a quarter turn to the left
STRAIGHT = np.array([1.0, 0.0, 0.0, 0.0])


def pose(x=0.0, y=0.0, z=0.0, q=STRAIGHT):
    return Pose(np.array([x, y, z]), q)


@pytest.fixture
def tree():
    return FrameTree("base_link", 0.2)


def point(tree, frame, p, now=NOW):
    there = tree.base_from(frame, now)
    return (rotations.rotate(there.quaternion, np.array(p)) + there.position).round(9).tolist()


def test_one_step_and_a_chain_by_hand(tree):
    tree.put("base_link", "table", pose(1.0, 2.0, 0.5, QUARTER), NOW)
    tree.put("table", "cup", pose(0.1, 0.0, 0.0, QUARTER), NOW)
    assert point(tree, "table", (0.3, 0.0, 0.0)) == [1.0, 2.3, 0.5]
    assert point(tree, "cup", (0.0, 0.0, 0.0)) == [1.0, 2.1, 0.5]
    assert point(tree, "cup", (1.0, 0.0, 0.0)) == [0.0, 2.1, 0.5]  # two quarter turns: backwards
    assert point(tree, "/cup", (0.0, 0.0, 0.0)) == [1.0, 2.1, 0.5]


def test_up_to_a_common_ancestor_and_down_again(tree):
    """A motion capture sees both the robot's base and the table."""
    tree.put("mocap", "base_link", pose(5.0, 0.0, 0.0, QUARTER), NOW)
    tree.put("mocap", "table", pose(5.0, 2.0, 0.0), NOW)
    assert point(tree, "table", (0.0, 0.0, 0.0)) == [2.0, 0.0, 0.0]
    assert point(tree, "mocap", (5.0, 0.0, 0.0)) == [0.0, 0.0, 0.0]


def test_what_lies_above_the_common_ancestor_may_be_stale(tree):
    tree.put("earth", "mocap", pose(), NOW - 50.0)
    tree.put("mocap", "base_link", pose(), NOW)
    tree.put("mocap", "table", pose(1.0), NOW)
    assert point(tree, "table", (0.0, 0.0, 0.0)) == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["", "base_link", "/base_link"])
def test_the_base_itself_needs_no_transform(tree, name):
    assert tree.is_base(name) and point(tree, name, (1.0, 2.0, 3.0)) == [1.0, 2.0, 3.0]


def test_other_names_of_the_base():
    tree = FrameTree("world", 0.2, ("map",))
    tree.put("map", "platform", pose(1.0), NOW)
    assert point(tree, "map", (0.0, 0.0, 0.0)) == [0.0, 0.0, 0.0]
    assert point(tree, "platform", (0.0, 0.0, 0.0)) == [1.0, 0.0, 0.0]


def test_missing_frames_are_named_with_those_that_are_there(tree):
    tree.put("mocap", "table", pose(), NOW)
    with pytest.raises(DeploymentError, match="frame 'cup': no transform connects it to 'base_link'; frames that were "
                                              "placed: table; start who publishes it"):
        tree.base_from("cup", NOW)
    with pytest.raises(DeploymentError, match="frame 'table': no transform connects it"):
        tree.base_from("table", NOW)  # it is in mocap, and nobody says where that is


def test_stale_transforms_are_named_and_static_ones_never_are(tree):
    tree.put("base_link", "camera", pose(1.0), 0.0, static=True)
    tree.put("camera", "marker", pose(0.5), NOW)
    assert point(tree, "camera", (0.0, 0.0, 0.0), 1e9) == [1.0, 0.0, 0.0]
    assert point(tree, "marker", (0.0, 0.0, 0.0), NOW + 0.19) == [1.5, 0.0, 0.0]
    with pytest.raises(DeploymentError, match="frame 'marker': where 'marker' is in 'camera' is known of 250 ms ago; "
                                              "200 ms are allowed"):
        tree.base_from("marker", NOW + 0.25)
    tree.put("camera", "marker", pose(0.6), NOW + 0.3)
    assert point(tree, "marker", (0.0, 0.0, 0.0), NOW + 0.31) == [1.6, 0.0, 0.0]


def test_the_same_stamp_again_is_no_news(tree):
    for k in range(10):
        tree.put("base_link", "marker", pose(1.0), NOW + 0.1 * k, stamp=50.0)
    with pytest.raises(DeploymentError, match="of 1000 ms ago"):
        tree.base_from("marker", NOW + 1.0)


def test_an_overtaken_transform_is_left_out_unless_its_clock_began_anew(tree):
    tree.put("base_link", "marker", pose(1.0), NOW, stamp=50.0)
    tree.put("base_link", "marker", pose(2.0), NOW + 0.01, stamp=49.9)
    assert point(tree, "marker", (0.0, 0.0, 0.0), NOW + 0.01) == [1.0, 0.0, 0.0]
    tree.put("base_link", "marker", pose(3.0), NOW + 0.5, stamp=2.0)
    assert point(tree, "marker", (0.0, 0.0, 0.0), NOW + 0.5) == [3.0, 0.0, 0.0]


def test_a_circle_ends(tree):
    tree.put("a", "b", pose(), NOW)
    tree.put("b", "a", pose(), NOW)
    with pytest.raises(DeploymentError, match="frame 'a': no transform connects it"):
        tree.base_from("a", NOW)
    tree.put("base_link", "c", pose(), NOW)
    tree.put("c", "base_link", pose(), NOW)
    assert point(tree, "c", (0.0, 0.0, 0.0)) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(("arguments", "line"), [
    (("", "cup", pose()), "expected two different frames"), (("table", "", pose()), "expected two different frames"),
    (("cup", "/cup", pose()), "expected two different frames"),
    (("table", "cup", pose(float("nan"))), "expected finite numbers"),
    (("table", "cup", pose(q=np.zeros(4))), "a quaternion of norm 1, got .* and norm 0"),
    (("table", "cup", pose(q=np.array([1.0, 0.0, 0.0, 0.5]))), "norm 1.118"),
    (("table", "cup", pose(q=np.full(4, np.inf))), "norm inf"),
])
def test_what_is_no_transform_is_rejected_and_what_was_there_stays(tree, arguments, line):
    tree.put("base_link", "cup", pose(1.0), NOW)
    with pytest.raises(DeploymentError, match=line):
        tree.put(*arguments, NOW)
    assert point(tree, "cup", (0.0, 0.0, 0.0)) == [1.0, 0.0, 0.0]


def test_a_flood_of_frames_is_bounded(tree):
    with pytest.raises(DeploymentError, match="there are 2000 frames already"):
        for k in range(3000):
            tree.put("base_link", f"f{k}", pose(), NOW)
    tree.put("base_link", "f0", pose(1.0), NOW)  # those that are known go on
    assert point(tree, "f0", (0.0, 0.0, 0.0)) == [1.0, 0.0, 0.0]


@given(st.integers(0, 2**32 - 1))
def test_any_tree_agrees_with_matrices(seed):
    """Frames put where they are in a world: whatever the tree's shape, base_from is base^-1 * frame."""
    random = np.random.default_rng(seed)
    n = int(random.integers(2, 9))
    world = [np.eye(4)]
    for _ in range(n):
        matrix = np.eye(4)
        matrix[:3, :3] = rotations.matrix(rotations.normalize(random.normal(size=4)))
        matrix[:3, 3] = random.normal(size=3)
        world.append(matrix)
    base = int(random.integers(n + 1))
    tree = FrameTree(f"f{base}", 0.2)
    for k in range(1, n + 1):
        parent = int(random.integers(k))
        step = np.linalg.inv(world[parent]) @ world[k]
        tree.put(f"f{parent}", f"f{k}", Pose(step[:3, 3], rotations.from_matrix(step[:3, :3])), NOW)
    for k in range(n + 1):
        found, expected = tree.base_from(f"f{k}", NOW), np.linalg.inv(world[base]) @ world[k]
        np.testing.assert_allclose(found.position, expected[:3, 3], atol=1e-9)
        np.testing.assert_allclose(rotations.matrix(found.quaternion), expected[:3, :3], atol=1e-9)
