"""The gate of simulation time, in made-up time."""

from __future__ import annotations

import types

import pytest

from sim2real.ros.context import RosContext, message_class
from sim2real.ros.simulation_time import SimulationTime


class Played:
    """A gate with a clock that the test sets; ``run`` lets both times go on."""

    def __init__(self, ros):
        self.at, self.sim = 1000.0, 5.0
        self.link = types.SimpleNamespace(latest=object(), stamp=0.0)
        self.gate = SimulationTime(ros, self.link, clock=lambda: self.at)
        self._message = message_class("rosgraph_msgs/msg/Clock")()

    def say(self):
        self._message.clock.sec, self._message.clock.nanosec = divmod(round(self.sim * 1e9), 10**9)
        self.gate._receive(self._message)

    def run(self, seconds, rate=1.0):
        for _ in range(round(seconds / 0.01)):
            self.at, self.sim = self.at + 0.01, self.sim + 0.01 * rate
            self.say()
            self.link.stamp = self.sim - 0.005


@pytest.fixture
def simulated(domain):
    with RosContext("simulated", ["-p", "use_sim_time:=true"], domain) as ros:
        yield Played(ros)


def test_without_it_nothing_is_asked(ros):
    gate = SimulationTime(ros, types.SimpleNamespace())
    assert not gate.used and gate.closed() == [] and gate.judge() == ("", "")


def test_a_clock_that_runs_evenly_opens_the_gate(simulated):
    assert "nothing came on /clock" in simulated.gate.closed()[0] and simulated.gate.used
    simulated.run(0.3)
    assert "less than 0.5 s" in simulated.gate.closed()[0]
    simulated.run(0.5)
    assert simulated.gate.closed() == [] and simulated.gate.judge() == ("", "")


def test_a_clock_that_stands_holds_then_stops(simulated):
    simulated.run(1.0)
    simulated.at += 0.09
    assert simulated.gate.judge() == ("", "")
    simulated.at += 0.02
    simulated.say()  # the same time again is no sign of life
    assert simulated.gate.judge() == ("hold", "/clock stands still")
    simulated.at += 0.4
    assert simulated.gate.judge() == ("stop", "/clock stands still")
    simulated.link.stamp = simulated.sim
    assert "has stood still for 0.5 s" in simulated.gate.closed()[0]
    simulated.run(0.3)  # it goes on: not at once
    assert "less than 0.5 s" in simulated.gate.closed()[0]
    simulated.run(0.3)
    assert simulated.gate.closed() == []


@pytest.mark.parametrize(("by", "said"), [
    (-0.001, "/clock went back by 0.001 s"), (-5.9, "/clock went back by 5.9 s"),
    (0.5, "/clock jumped forward by 0.51 s"), (3600.0, "/clock jumped forward by 3.6e+03 s"),
])
def test_a_clock_that_jumps_stops_until_it_has_run_evenly(simulated, by, said):
    simulated.run(1.0)
    simulated.at, simulated.sim = simulated.at + 0.01, simulated.sim + 0.01 + by
    if by < 0.0:
        simulated.sim -= 0.01
    simulated.say()
    assert simulated.gate.judge() == ("stop", said)
    simulated.run(0.4)
    assert simulated.gate.judge()[0] == "stop"  # latched until the gates are looked at anew
    assert simulated.gate.closed() == [f"/clock has run evenly for less than 0.5 s: {said}"]
    simulated.run(0.2)
    assert simulated.gate.closed() == [] and simulated.gate.judge() == ("", "")


@pytest.mark.parametrize(("rate", "well"), [(0.3, False), (0.7, True), (1.5, True), (3.0, False)])
def test_a_simulation_has_to_keep_up_with_real_time(simulated, rate, well):
    simulated.run(2.0, rate)
    closed = simulated.gate.closed()
    assert (closed == []) == well
    assert well or f"runs at {rate:.2g} of real time" in closed[0]


@pytest.mark.parametrize("stamp", [0.0, 1.76e9, 8.0])
def test_stamps_of_another_clock_are_a_real_drivers(simulated, stamp):
    simulated.run(1.0)
    simulated.link.stamp = stamp
    (sentence,) = simulated.gate.closed()
    assert "does not run on simulation time" in sentence and "do not set use_sim_time" in sentence
