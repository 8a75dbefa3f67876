import numpy as np
import pytest

from sim2real.errors import RobotDescriptionError
from sim2real.urdf import MAX_BYTES, parse_urdf
from tests.tiny_urdf import joint, link, robot


def test_tree_limits_and_order():
    # the joints stand in the wrong order in the file
    model = parse_urdf(robot(link("c"), joint("two", "b", "c", axis="0 2 0"), link("a"), link("b"),
                             joint("one", "a", "b", xyz="0 0 1")))
    assert model.root == "a"
    assert [j.name for j in model.joints] == ["one", "two"]
    one, two = model.joints
    assert (one.lower, one.upper, one.velocity, one.effort) == (-1, 2, 3, 4)
    assert np.allclose(one.xyz, [0, 0, 1]) and np.allclose(two.axis, [0, 1, 0])
    assert [j.name for j in model.path("c")] == ["one", "two"]
    assert model.mass == 3.0


def test_rpy_is_fixed_axis_roll_pitch_yaw():
    model = parse_urdf(robot(link("a"), link("b"), joint("j", "a", "b", rpy="1.5707963 0 1.5707963")))
    # Rz(90) Rx(90): the child's y axis first goes up to z and stays there
    assert np.allclose(model.joints[0].rotation @ [0, 1, 0], [0, 0, 1], atol=1e-7)
    assert np.allclose(model.joints[0].rotation @ [1, 0, 0], [0, 1, 0], atol=1e-7)


def test_a_visual_that_equals_its_collision_is_one_coloured_shape():
    both = ('<visual><geometry><box size="1 2 3"/></geometry><material name="m"><color rgba="1 0 0 1"/></material>'
            '</visual><collision><geometry><box size="1 2 3"/></geometry></collision>'
            '<visual><geometry><sphere radius="0.5"/></geometry></visual>')
    box, sphere = parse_urdf(robot(link("a", more=both))).link("a").geoms
    assert box.collision and box.rgba == (1, 0, 0, 1) and box.size == (1, 2, 3)
    assert not sphere.collision and sphere.size == (0.5,)


def test_meshes_become_capsules_to_the_carried_joints():
    mesh = '<visual><geometry><mesh filename="package://nowhere/a.stl"/></geometry></visual>'
    model = parse_urdf(robot(link("a", more=mesh), link("b", com="0.1 0 0", more=mesh),
                             joint("j", "a", "b", xyz="0 0.3 0")))
    (capsule,) = model.link("a").geoms
    assert capsule.kind == "capsule" and capsule.collision
    assert capsule.size[1] == pytest.approx(0.3) and np.allclose(capsule.xyz, [0, 0.15, 0])
    assert np.allclose(capsule.rotation @ [0, 0, 1], [0, 1, 0])
    (tip,) = model.link("b").geoms  # a link that carries nothing reaches as far beyond its centre of mass
    assert tip.size[1] == pytest.approx(0.2)


@pytest.mark.parametrize(("text", "words"), [
    ("<robot", ["cannot be parsed"]),
    ("", ["cannot be parsed"]),
    ("<mujoco/>", ["<robot>", "<mujoco>"]),
    (robot(), ["at least one <link>"]),
    ('<robot xmlns:xacro="http://www.ros.org/wiki/xacro"><xacro:macro name="x"/></robot>', ["xacro", "run `xacro"]),
    (robot(link("a"), link("a")), ["link 'a'", "twice"]),
    (robot(link("a"), "<link/>"), ["no name"]),
    (robot(link("a"), link("b"), joint("j", "a", "nowhere")), ["joint 'j'", "child link 'nowhere'"]),
    (robot(link("a"), link("b"), joint("j", "a", "b", kind="floating")), ["joint 'j'", "'floating'", "revolute"]),
    (robot(link("a"), link("b"), joint("j", "a", "b", axis="0 0 0")), ["joint 'j'", "axis"]),
    (robot(link("a"), link("b"), joint("j", "a", "b", limit='<limit lower="2" upper="1"/>')),
     ["joint 'j'", "lower limit 2", "upper limit 1"]),
    (robot(link("a"), link("b"), joint("j", "a", "b", limit='<limit lower="nan" upper="1"/>')), ["lower", "finite"]),
    (robot(link("a"), link("b"), joint("j", "a", "b", xyz="0 0")), ["joint 'j'", "origin xyz", "3 finite", "'0 0'"]),
    (robot(link("a", mass="heavy")), ["link 'a'", "mass", "'heavy'"]),
    (robot(link("a", mass=-1)), ["link 'a'", "-1 kg"]),
    (robot(link("a"), link("b")), ["one root link", "a, b"]),
    (robot(link("a"), link("b"), joint("i", "a", "b"), joint("j", "b", "a")), ["loop"]),
    (robot(link("r"), link("a"), link("b"), joint("i", "a", "b"), joint("j", "b", "a")), ["i, j", "loop"]),
    (robot(link("a"), link("b"), link("c"), joint("i", "a", "c"), joint("j", "b", "c")), ["'c'", "two parent joints"]),
    (robot(link("a", more='<visual><geometry><box size="0 1 1"/></geometry></visual>')), ["link 'a'", "box", "zero"]),
    (robot(link("a", more='<visual><geometry><cone/></geometry></visual>')), ["<cone>", "cylinder"]),
    (robot(link("a", more="<visual/>")), ["link 'a'", "<geometry>"]),
])
def test_wrong_urdfs_get_one_clear_line(text, words):
    with pytest.raises(RobotDescriptionError) as caught:
        parse_urdf(text, "bad.urdf")
    message = str(caught.value)
    assert message.startswith("bad.urdf") and "\n" not in message
    for word in words:
        assert word in message


def test_bombs_are_refused():
    laughs = "".join(f'<!ENTITY e{k} "{f"&e{k - 1};" * 10}">' for k in range(1, 10))
    bomb = f'<!DOCTYPE r [<!ENTITY e0 "ha">{laughs}]><robot name="r">&e9;</robot>'
    for data in (bomb, bomb.encode()):
        with pytest.raises(RobotDescriptionError, match="entities are not read"):
            parse_urdf(data)
    for data in (bomb.encode("utf-16"), b"<robot>" + b"<a>" * 100_000, b"<robot>" + b" " * MAX_BYTES):
        with pytest.raises(RobotDescriptionError, match="cannot be parsed|at most"):
            parse_urdf(data)
