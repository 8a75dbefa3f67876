"""Which differences between a bundle's robot and the one on this machine matter."""

from __future__ import annotations

import pytest

from sim2real.errors import BundleError
from sim2real.robots import RobotDescription, load_robot
from sim2real.ros.robot_match import check_same_robot


def edited(robot, old, new):
    text = robot.files["robot.yaml"].decode()
    assert old in text
    return RobotDescription.from_files({**robot.files, "robot.yaml": text.replace(old, new, 1).encode()})


@pytest.fixture(scope="module")
def so101():
    return load_robot("so101")


def test_the_same_robot_passes(so101):
    check_same_robot(so101, load_robot("so101"))


def test_a_site_may_have_its_own_topics_and_signs(so101):
    site = edited(so101, "topic: /joint_states", "topic: /follower/joint_states")
    assert site.hash != so101.hash
    check_same_robot(so101, site)


def test_a_bundle_from_before_efforts_were_reported_fits():
    now = load_robot("ur5e")
    before = edited(now, ", effort_noise: 0.01", "")
    assert before.sensors.effort_noise is None
    check_same_robot(before, now)


def test_another_robot_is_refused(so101):
    with pytest.raises(BundleError, match="the bundle is for robot so101, not for ur5e"):
        check_same_robot(so101, load_robot("ur5e"))


@pytest.mark.parametrize(("old", "new", "section"), [
    ("period: 40 ms", "period: 20 ms", "control"),
    ("stiffness: 18 N m/rad", "stiffness: 19 N m/rad", "defaults"),
    ("link: tool", "link: tool, offset: [0, 0, 0.01]", "tool"),
])
def test_another_description_is_refused_by_section(so101, old, new, section):
    with pytest.raises(BundleError, match=f"another description of so101: {section} differs; train again"):
        check_same_robot(so101, edited(so101, old, new))


def test_another_model_is_refused(so101):
    urdf = so101.files["so101.urdf"].replace(b"mass value=\"0.1\"", b"mass value=\"0.2\"") + b"\n"
    other = RobotDescription.from_files({**so101.files, "so101.urdf": urdf})
    with pytest.raises(BundleError, match="so101.urdf differs"):
        check_same_robot(so101, other)
