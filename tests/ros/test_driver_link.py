"""Which states a link takes, and what of each it tells a log."""

from __future__ import annotations

from types import SimpleNamespace as Struct

import numpy as np
import pytest

from sim2real.robots import load_robot
from sim2real.ros.driver_link import DriverLink
from sim2real.ros.profiles import RosProfile

pytest.importorskip("sensor_msgs")
ROBOT = load_robot("ur5e")


def linked(taken):
    """A link without a node, and what its driver's messages go to."""
    subscribed, profile = [], RosProfile.for_robot(ROBOT)

    def nothing(*_, **__):
        return None

    node = Struct(create_publisher=nothing,
                  create_subscription=lambda kind, topic, callback, *a, **k: subscribed.append(callback))
    ros = Struct(node=node, qos=nothing, subscription_events=nothing, publisher_events=nothing, complain=nothing)
    link = DriverLink(ros, ROBOT, profile, profile.command(), 500.0, taken)
    return link, subscribed[0]


def message(stamp, names, positions, velocities):
    return Struct(header=Struct(stamp=Struct(sec=int(stamp), nanosec=round(1e9 * (stamp % 1.0)))), name=names,
                  position=positions, velocity=velocities, effort=[])


def test_only_states_that_are_used_are_told_in_our_order():
    told, names, numbers = [], list(ROBOT.joint_names), np.arange(6.0)
    link, receive = linked(told.append)
    for row in ((100.0, names[::-1], numbers[::-1], 0.1 * numbers[::-1]), (100.0, names, numbers, numbers),
                (99.99, names, numbers, numbers), (100.1, names[:5], numbers[:5], numbers[:5]),
                (100.2, names, [np.nan, *numbers[1:]], numbers), (0.0, names, numbers, numbers)):
        receive(message(*row))
    assert [row["stamp"] for row in told] == [100.0, 100.2, None]  # not a repeated, an overtaken, a partial one
    assert link.refused == 1 and "wrist_3_joint" in link.rejected
    first, second, _ = told
    assert list(first) == ["stamp", "time", "joint_position", "joint_velocity", "joint_effort"]
    assert first["joint_position"] == pytest.approx(numbers) and first["joint_velocity"] == pytest.approx(0.1 * numbers)
    assert np.isnan(second["joint_position"][0])  # a log says what came
    assert [row["time"] for row in told] == list(link.received)


def test_without_a_log_nobody_is_told():
    link, receive = linked(None)
    receive(message(1.0, list(ROBOT.joint_names), np.zeros(6), np.zeros(6)))
    assert link.latest is not None and link.stamp == 1.0
