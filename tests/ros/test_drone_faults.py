"""Faults of what is in a drone's pose."""

from __future__ import annotations

import numpy as np
import pytest
from rehearse import entry, only_inside, rehearse

from sim2real import rotations
from sim2real.errors import BadInputError, DeploymentError
from sim2real.robots import load_robot
from sim2real.ros.messages import StateReader
from sim2real.ros.profiles import RosProfile


def only(rows):
    for _, message, batch in only_inside(rows):
        assert len(batch) == 1
        yield message.pose.pose, batch[0].pose.pose


def xyz(p):
    return [p.x, p.y, p.z]


def wxyz(q):
    return np.array([q.w, q.x, q.y, q.z])


def read(name, message):
    robot = load_robot(name)
    return StateReader(robot, RosProfile.for_robot(robot)).read(message, 1.0)


@pytest.mark.parametrize("name", ["crazyflie", "x500"])
def test_the_world_is_ned_and_the_body_frd(tmp_path, name):
    for _, message, (sent,) in only_inside(rehearse(tmp_path, entry("frame_flip"), robot=name)):
        e, n, u = xyz(message.pose.pose.position)
        assert xyz(sent.pose.pose.position) == pytest.approx([n, e, -u])
        # what is forward for the body is the same direction on the ground, in other coordinates
        forward = rotations.rotate(wxyz(message.pose.pose.orientation), np.array([1.0, 0.0, 0.0]))
        turned = rotations.rotate(wxyz(sent.pose.pose.orientation), np.array([1.0, 0.0, 0.0]))
        assert turned == pytest.approx([forward[1], forward[0], -forward[2]])
        # in world axes (crazyswarm2) as in body axes (MAVROS), the velocity is right for its convention
        before, after = xyz(message.twist.twist.linear), xyz(sent.twist.twist.linear)
        assert after == pytest.approx([before[1], before[0], -before[2]] if name == "crazyflie" else
                                      [before[0], -before[1], -before[2]])


def test_the_other_order_of_a_quaternion(tmp_path):
    for pose, sent in only(rehearse(tmp_path, entry("quaternion_order"), robot="crazyflie")):
        q, s = pose.orientation, sent.orientation
        assert (s.x, s.y, s.z, s.w) == (q.w, q.x, q.y, q.z)


def test_the_other_sign_is_the_same_attitude(tmp_path):
    rows = only_inside(rehearse(tmp_path, entry("quaternion_sign"), robot="crazyflie"))
    signs = [np.sign(batch[0].pose.pose.orientation.w) for _, _, batch in rows]
    assert signs[:4] == [-1, 1, -1, 1]
    for _, message, batch in rows:
        before, after = read("crazyflie", message), read("crazyflie", batch[0])
        assert abs(before.quaternion[0] @ after.quaternion[0]) == pytest.approx(1.0)


@pytest.mark.parametrize("length", [0.0, 0.5, 2.0])
def test_a_quaternion_of_another_length_is_refused_by_our_reader(tmp_path, length):
    for _, _, (sent,) in only_inside(rehearse(tmp_path, entry("quaternion_norm", length=length), robot="crazyflie")):
        assert np.linalg.norm(wxyz(sent.pose.pose.orientation)) == pytest.approx(length)
        with pytest.raises(DeploymentError, match="expected a unit quaternion"):
            read("crazyflie", sent)


@pytest.mark.parametrize(("field", "where"), [
    ("position", lambda m: m.pose.pose.position), ("attitude", lambda m: m.pose.pose.orientation),
    ("velocity", lambda m: m.twist.twist.linear)])
def test_numbers_that_are_none(tmp_path, field, where):
    for _, message, (sent,) in only_inside(rehearse(tmp_path, entry("nan", field=field), robot="crazyflie")):
        assert np.isnan(where(sent).x) and where(sent).y == where(message).y


@pytest.mark.parametrize(("parameters", "line"), [
    ({"fault": "quaternion_norm", "length": 1.0}, "other than 1"),
    ({"fault": "nan", "field": "effort"}, "have no effort; expected position, velocity, attitude"),
    ({"fault": "degrees"}, "it is for arms, crazyflie is not one; there are silence, freeze"),
])
def test_what_does_not_fit_is_one_line(tmp_path, parameters, line):
    with pytest.raises(BadInputError, match=line):
        rehearse(tmp_path, {"at": 0, "for": 1, **parameters}, robot="crazyflie")
