"""Faults of what is in joint states."""

from __future__ import annotations

import math

import numpy as np
import pytest
from rehearse import entry, only_inside, rehearse

from sim2real.errors import BadInputError, DeploymentError
from sim2real.robots import load_robot
from sim2real.ros.messages import StateReader
from sim2real.ros.profiles import RosProfile

NAMES = load_robot("ur5e").joint_names


def only(rows):
    """(the untouched message, the one in its place) of a fault that changes one into one."""
    for _, message, batch in only_inside(rows):
        assert len(batch) == 1
        yield message, batch[0]


def joints(message):
    return {name: (p, v) for name, p, v in zip(message.name, message.position, message.velocity, strict=True)}


def test_permuted_joints_say_the_same_in_another_order_each_time(tmp_path):
    orders = set()
    for message, sent in only(rehearse(tmp_path, entry("permute_joints"))):
        assert joints(sent) == joints(message)
        assert list(sent.name) != list(NAMES)
        orders.add(tuple(sent.name))
    assert len(orders) > 50


def test_permuted_once(tmp_path):
    rows = rehearse(tmp_path, entry("permute_joints", every="fault"))
    orders = {tuple(sent.name) for _, sent in only(rows)}
    assert len(orders) == 1 and orders != {NAMES}
    again = {tuple(sent.name) for _, sent in only(rehearse(tmp_path, entry("permute_joints", every="fault")))}
    assert again == orders  # the seed's


@pytest.mark.parametrize("joint", [None, "elbow_joint"])
def test_missing_joint(tmp_path, joint):
    parameters = {} if joint is None else {"joint": joint}
    gone = joint or NAMES[0]
    for message, sent in only(rehearse(tmp_path, entry("missing_joint", **parameters))):
        wanted = joints(message)
        del wanted[gone]
        assert joints(sent) == wanted


def test_duplicate_joint(tmp_path):
    for message, sent in only(rehearse(tmp_path, entry("duplicate_joint", joint="wrist_1_joint"))):
        assert list(sent.name) == [*NAMES, "wrist_1_joint"]
        assert list(sent.position) == [*message.position, message.position[3]]
        assert list(sent.velocity) == [*message.velocity, message.velocity[3]]


@pytest.mark.parametrize("count", [1, 2000])
def test_extra_joints_and_huge_messages(tmp_path, count):
    for message, sent in only(rehearse(tmp_path, entry("extra_joints", count=count), until=0.32)):
        assert len(sent.name) == len(sent.position) == len(sent.velocity) == 6 + count == len(set(sent.name))
        assert list(sent.position)[:6] == list(message.position)


@pytest.mark.parametrize("field", ["position", "velocity", "effort"])
@pytest.mark.parametrize("by", [-2, 3])
def test_wrong_length(tmp_path, field, by):
    for message, sent in only(rehearse(tmp_path, entry("wrong_length", field=field, by=by))):
        assert len(getattr(sent, field)) == 6 + by
        others = {"position", "velocity", "effort"} - {field}
        assert all(getattr(sent, other) == getattr(message, other) for other in others)


@pytest.mark.parametrize("field", ["position", "velocity", "effort"])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_numbers_that_are_none(tmp_path, field, value):
    for message, sent in only(rehearse(tmp_path, entry("nan", field=field, value=value, joint="elbow_joint"))):
        values = list(getattr(sent, field))
        assert len(values) == 6 and str(values[2]) == value
        expected = list(getattr(message, field)) or [0.0] * 6
        assert values[:2] + values[3:] == expected[:2] + expected[3:]
    for _, sent in only(rehearse(tmp_path, entry("nan", field=field))):
        assert np.isnan(getattr(sent, field)).all()


@pytest.mark.parametrize("field", ["position", "velocity"])
def test_empty(tmp_path, field):
    for _, sent in only(rehearse(tmp_path, entry("empty", field=field))):
        assert len(getattr(sent, field)) == 0 and list(sent.name) == list(NAMES)


def test_spike(tmp_path):
    for message, sent in only(rehearse(tmp_path, entry("spike", joint="elbow_joint", size="90 deg"))):
        np.testing.assert_allclose(np.subtract(sent.position, message.position), [0, 0, math.pi / 2, 0, 0, 0])
        assert sent.velocity == message.velocity


def test_a_single_sample_spikes(tmp_path):
    rows = list(only(rehearse(tmp_path, entry("spike", size=2.0, count=1))))
    assert [sent != message for message, sent in rows] == [True] + [False] * (len(rows) - 1)


def test_degrees(tmp_path):
    for message, sent in only(rehearse(tmp_path, entry("degrees"))):
        np.testing.assert_allclose(sent.position, np.degrees(message.position))
        np.testing.assert_allclose(sent.velocity, np.degrees(message.velocity))


@pytest.mark.parametrize(("fault", "parameters", "line"), [
    ("missing_joint", {}, "expected joint 'shoulder_pan_joint' once, found it 0 times"),
    ("duplicate_joint", {}, "found it 2 times"), ("wrong_length", {}, "expected 6 numbers"),
    ("empty", {}, "it has no velocities")])
def test_our_reader_says_what_is_wrong(tmp_path, fault, parameters, line):
    robot = load_robot("ur5e")
    reader = StateReader(robot, RosProfile.for_robot(robot))
    for _, sent in only(rehearse(tmp_path, entry(fault, **parameters))):
        with pytest.raises(DeploymentError, match=line):
            reader.read(sent, 1.0)


@pytest.mark.parametrize(("parameters", "line"), [
    ({"fault": "missing_joint", "joint": "elbow"}, "unknown joint 'elbow'; did you mean elbow_joint"),
    ({"fault": "wrong_length", "by": 0}, "expected another length, got 0"),
    ({"fault": "nan", "field": "attitude"}, "have no attitude; expected position, velocity, effort"),
    ({"fault": "spike", "size": "1 kg"}, "wrong dimension"),
    ({"fault": "extra_joints", "count": 10**9}, "less than or equal to 100000"),
    ({"fault": "spike", "count": 0}, "greater than or equal to 1"),
])
def test_what_does_not_fit_is_one_line(tmp_path, parameters, line):
    with pytest.raises(BadInputError, match=line) as error:
        rehearse(tmp_path, {"at": 0, "for": 1, **parameters})
    assert "\n" not in str(error.value) and "entry 1" in str(error.value)
