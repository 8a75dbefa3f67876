"""Who takes commands and who else gives some, by real endpoints in a ROS domain."""

from __future__ import annotations

import types

import pytest

from sim2real.robots import load_robot
from sim2real.ros.context import RosContext, message_class
from sim2real.ros.driver_gate import DriverGate
from sim2real.ros.driver_link import DriverLink
from sim2real.ros.profiles import RosProfile


class Place:
    """A link and its gate, and somebody else in the same domain who comes and goes."""

    def __init__(self, ros, wait, other):
        robot = load_robot("so101")
        profile = RosProfile.for_robot(robot)
        self.command = profile.command()
        self.watched = types.SimpleNamespace(accompanied=False)
        self.link = DriverLink(ros, robot, profile, self.command, 50.0)
        self.gate = DriverGate(robot, profile, self.command, self.link, self.watched)
        self._kind, self._qos, self._wait = message_class(self.command.type), ros.qos("reliable"), wait
        self.taker = self.listen(other)
        assert any("no usable state" in sentence for sentence in self.gate.closed())
        assert self.gate.judge() == ("", "")

    def listen(self, other):
        count = self.link.takers
        taker = other.node.create_subscription(self._kind, self.command.topic, lambda m: None, self._qos)
        self._wait(lambda: self.link.takers > count)
        return taker

    def talk(self, other):
        count = self.link.publishers
        publisher = other.node.create_publisher(self._kind, self.command.topic, self._qos)
        self._wait(lambda: self.link.publishers > count)
        return publisher

    def leave(self, other, endpoint):
        counts = self.link.takers, self.link.publishers
        (other.node.destroy_publisher if hasattr(endpoint, "publish") else other.node.destroy_subscription)(endpoint)
        self._wait(lambda: (self.link.takers, self.link.publishers) != counts)


@pytest.fixture
def other(domain):
    with RosContext("other", [], domain) as context:
        yield context


@pytest.fixture
def place(ros, wait, other):
    return Place(ros, wait, other)


def test_a_rival_stops_it_by_name_until_it_is_gone(place, other, wait):
    rival = place.talk(other)
    action, why = place.gate.judge()
    assert action == "stop" and "other also publishes on /forward_position_controller/commands" in why or (
        "another node also publishes" in why)  # its name may come a moment later
    wait(lambda: any("other also publishes" in sentence for sentence in place.gate.closed()))
    place.leave(other, rival)
    assert place.gate.judge() == ("", "") and not any("publishes" in sentence for sentence in place.gate.closed())


def test_a_guard_is_no_rival_even_where_it_comes_late_and_dies(place, other):
    place.watched.accompanied = True
    place.talk(other)
    assert place.gate.judge() == ("", "")
    place.watched.accompanied = False  # its process is gone, its publisher not yet
    assert place.gate.judge() == ("", "")
    place.talk(other)  # one more is one too many
    assert place.gate.judge()[0] == "stop"


def test_a_taker_that_goes_stops_it(place, other, wait):
    place.leave(other, place.taker)
    wait(lambda: place.gate.judge()[0], timeout=1.0)  # its name is looked up in the graph, which hears of it later
    action, why = place.gate.judge()
    assert action == "stop" and "takes no more commands on /forward_position_controller/commands" in why
    assert "other" in why or "whose name was never heard" in why


def test_a_tool_that_looks_on_may_go(place, other, domain, wait):
    with RosContext("rosbag2_recorder", [], domain) as tool:
        recording = place.listen(tool)
        wait(lambda: "rosbag2_recorder" in place.link.listeners().values())  # who leaves unnamed may be the driver
        place.gate.closed()
        assert place.gate.judge() == ("", "")
        place.leave(tool, recording)
    assert place.gate.judge() == ("", "")
    place.leave(other, place.taker)  # the driver is missed all the same
    wait(lambda: place.gate.judge()[0] == "stop", timeout=1.0)


def test_one_more_taker_is_welcome(place, other):
    more = place.listen(other)
    assert place.gate.judge() == ("", "")
    place.leave(other, more)
    assert place.gate.judge() == ("", "")
