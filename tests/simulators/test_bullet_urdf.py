import numpy as np
import pytest

from sim2real.robots import load_robot
from sim2real.simulators.bullet_urdf import urdf_text, with_point_mass
from sim2real.simulators.layout import floor_links
from sim2real.urdf import parse_urdf


def test_point_mass_by_hand():
    """2 kg at the origin and 2 kg at x = 1: centre at 0.5, and 2 (0.5^2 + 0.5^2) = 1 more about y and z."""
    mass, com, inertia = with_point_mass(2.0, np.zeros(3), np.diag([0.1, 0.2, 0.3]), 2.0, np.array([1.0, 0, 0]))
    assert mass == 4.0
    assert com.tolist() == [0.5, 0, 0]
    np.testing.assert_allclose(inertia, np.diag([0.1, 1.2, 1.3]))


@pytest.mark.parametrize("name", ["ur5e", "so101"])
def test_text_is_a_urdf_of_the_same_robot(name):
    robot = load_robot(name)
    scale = np.linspace(0.8, 1.2, len(robot.moving_links))
    again = parse_urdf(urdf_text(robot, scale))
    assert [joint.name for joint in again.joints] == [joint.name for joint in robot.model.joints]
    for link, factor in zip(robot.moving_links, scale, strict=True):
        other = again.link(link.name)
        assert other.mass == pytest.approx(link.mass * factor)
        np.testing.assert_allclose(other.com, link.com, atol=1e-12)
        np.testing.assert_allclose(other.inertia, link.inertia * factor, rtol=1e-6, atol=1e-12)
        solid = link.geoms if link.name in floor_links(robot) else ()
        assert [g.kind for g in other.geoms] == [g.kind for g in solid if g.collision]
    for joint in robot.model.joints:
        other = again.joint(joint.name)
        np.testing.assert_allclose(other.rotation, joint.rotation, atol=1e-7)
        np.testing.assert_allclose(other.axis, joint.axis, atol=1e-12)


def test_payload_is_merged_into_the_tool_link():
    robot = load_robot("ur5e")
    ones = np.ones(len(robot.moving_links))
    loaded = parse_urdf(urdf_text(robot, ones, 2.0, robot.tool_offset))
    assert loaded.link(robot.tool_link).mass == pytest.approx(robot.model.link(robot.tool_link).mass + 2.0)


