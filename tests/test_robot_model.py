"""Walking along the tree of links and joints."""

import numpy as np
import pytest

from sim2real.robot_model import Link, RobotModel, UrdfJoint


def joint(name, parent, child):
    return UrdfJoint(name=name, type="revolute", parent=parent, child=child, xyz=np.zeros(3), rotation=np.eye(3),
                     axis=np.array([0.0, 0.0, 1.0]), lower=-1.0, upper=1.0, velocity=1.0, effort=1.0, damping=0.0,
                     friction=0.0)


@pytest.fixture
def fork():
    """base -> a -> b, and base -> c."""
    links = tuple(Link(name=n, mass=m, com=np.zeros(3), inertia=np.eye(3), geoms=())
                  for n, m in (("base", 1.0), ("a", 2.0), ("b", 3.0), ("c", 4.0)))
    joints = (joint("j1", "base", "a"), joint("j2", "a", "b"), joint("j3", "base", "c"))
    return RobotModel(name="fork", links=links, joints=joints, root="base")


def test_path_runs_from_the_root_to_the_link(fork):
    assert [j.name for j in fork.path("b")] == ["j1", "j2"]
    assert fork.path("base") == ()


def test_children_parent_and_mass(fork):
    assert {j.child for j in fork.children("base")} == {"a", "c"}
    assert fork.parent_joint("c").name == "j3" and fork.parent_joint("base") is None
    assert fork.mass == pytest.approx(10.0)
    assert fork.has_link("a") and not fork.has_link("z")
