import numpy as np
import pytest

from sim2real.errors import RobotDescriptionError
from sim2real.robot_model import RobotDescriptionWarning
from sim2real.simplification import frame_in_body, simplify
from sim2real.urdf import parse_urdf
from tests.tiny_urdf import joint, link, robot


def test_fixed_links_are_merged_by_the_parallel_axis_theorem():
    tree = parse_urdf(robot(link("a"), link("b", mass=2.0), link("c", mass=1.0), joint("j", "a", "b"),
                            joint("f", "b", "c", kind="fixed", xyz="0.3 0 0")))
    body = simplify(tree, ("j",)).link("b")
    assert body.mass == 3.0
    assert np.allclose(body.com, [0.1, 0, 0])
    # 2 kg at 0.1 m and 1 kg at 0.2 m from the common centre: 2*0.01 + 1*0.04 = 0.06 kg m2 about y and z
    assert np.allclose(body.inertia, np.diag([0.2, 0.26, 0.26]))


def test_locked_joints_are_frozen_at_their_value():
    tree = parse_urdf(robot(link("a"), link("b"), link("c"), joint("j", "a", "b"),
                            joint("k", "b", "c", xyz="1 0 0"), link("d"),
                            joint("tip", "c", "d", kind="fixed", xyz="1 0 0")))
    body, xyz, rotation = frame_in_body(tree, "d", ("j",), {"k": np.pi / 2})
    assert body == "b"
    assert np.allclose(xyz, [1, 1, 0])
    assert np.allclose(rotation @ [1, 0, 0], [0, 1, 0])
    assert [link_.name for link_ in simplify(tree, ("j",), {"k": np.pi / 2}).links] == ["a", "b"]


def test_a_massless_fixed_frame_is_fine_even_with_an_odd_inertia():
    tree = parse_urdf(robot(link("a"), link("b"), link("t", mass=0.0), joint("j", "a", "b"),
                            joint("f", "b", "t", kind="fixed")))
    assert np.allclose(simplify(tree, ("j",)).link("b").inertia, 0.1 * np.eye(3))


def test_rounding_in_an_inertia_is_repaired_with_a_warning():
    inertia = '<inertia ixx="0.1" ixy="0" ixz="0" iyy="0.1" iyz="0" izz="0.202"/>'
    tree = parse_urdf(robot(link("a"), link("b", inertia=inertia), joint("j", "a", "b")))
    with pytest.warns(RobotDescriptionWarning, match="'b'.*lowered"):
        repaired = simplify(tree, ("j",)).link("b").inertia
    assert np.allclose(repaired, np.diag([0.1, 0.1, 0.2]))


ZERO = '<inertia ixx="0" ixy="0" ixz="0" iyy="0" iyz="0" izz="0"/>'
FLAT = '<inertia ixx="0.1" ixy="0" ixz="0" iyy="0.1" iyz="0" izz="0.5"/>'
INDEFINITE = '<inertia ixx="0.1" ixy="0.2" ixz="0" iyy="0.1" iyz="0" izz="0.1"/>'


@pytest.mark.parametrize(("second", "words"), [
    (link("b", inertia=ZERO), ["link 'b'", "inertia over zero"]),
    (link("b", mass=0.0), ["link 'b'", "mass over zero", "0 kg"]),
    (link("b", inertia=FLAT), ["link 'b'", "no rigid body", "0.5"]),
    (link("b", inertia=INDEFINITE), ["link 'b'", "positive definite"]),
])
def test_moving_links_must_be_physical(second, words):
    tree = parse_urdf(robot(link("a"), second, joint("j", "a", "b")), "bad.urdf")
    with pytest.raises(RobotDescriptionError) as caught:
        simplify(tree, ("j",), file="bad.urdf")
    for word in ["bad.urdf", *words]:
        assert word in str(caught.value)
