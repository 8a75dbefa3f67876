"""Gates of the profile, in made-up time; what the policy node does at them is in tests/faults/test_driver.py."""

from __future__ import annotations

import dataclasses

import pytest

from sim2real.robots import load_robot
from sim2real.ros.profiles import RosProfile
from sim2real.ros.topic_gates import TopicGates

RUNNING, SCALING = "/io_and_status_controller/robot_program_running", "/speed_scaling_state_broadcaster/speed_scaling"


@dataclasses.dataclass
class Number:
    data: float | bool


@pytest.fixture
def gates(ros):
    """The UR5e's, and its clock as a list of one time."""
    now = [100.0]
    return TopicGates(ros, RosProfile.for_robot(load_robot("ur5e")), clock=lambda: now[0]), now


def test_nothing_came_yet(gates):
    closed = gates[0].closed()
    assert len(closed) == 2 and all("nothing came on" in sentence for sentence in closed)
    assert gates[0].judge()[0] == "stop"


def say(gates, topic, value):
    """A message on a gate's topic."""
    (gate,) = (gate for gate in gates._gates if gate.topic == topic)
    gates._receive(gate, Number(value))


def test_all_well_then_each_by_itself(gates):
    gates, now = gates
    say(gates, RUNNING, True)
    say(gates, SCALING, 37.0)
    assert gates.closed() == [] and gates.judge() == ("", "")
    say(gates, SCALING, 0.0)
    assert gates.judge() == ("hold", f"{SCALING} is 0; it has to be 1 at least")
    say(gates, RUNNING, False)
    assert gates.judge() == ("stop", f"{RUNNING} is False; it has to be True")  # the graver one
    say(gates, RUNNING, True)
    say(gates, SCALING, 100.0)
    assert gates.closed() == []
    now[0] += 0.6  # the latched one may be silent, the other not
    assert gates.judge() == ("hold", f"{SCALING} is silent for more than 500 ms")
    say(gates, SCALING, float("nan"))
    assert gates.judge()[0] == "hold"


def test_a_stop_that_was_released_before_anybody_looked_is_one(gates):
    gates, _ = gates
    say(gates, SCALING, 100.0)
    for value in (True, False, True):
        say(gates, RUNNING, value)
    assert gates.judge() == ("stop", f"{RUNNING} is False; it has to be True")
    assert gates.closed() == [] and gates.judge() == ("", "")  # armed anew, it is forgotten


def test_a_robot_without_gates(ros):
    gates = TopicGates(ros, RosProfile.for_robot(load_robot("so101")))
    assert gates.closed() == [] and gates.judge() == ("", "")
