"""Nobody beyond this machine hears of the nodes unless the environment says so: seen at the network interfaces."""

from __future__ import annotations

import select
import socket
import struct
import sys
import time

import pytest

from tests.deployment.tiny_policy import build

_ETH_P_ALL, _ETH_P_IP, _UDP = 0x0003, 0x0800, 17  # only who listens to all hears what leaves


@pytest.fixture
def packets(domain):
    """``packets(seconds, until)``: interfaces, other than the loopback, on which the domain's DDS packets leave."""
    if not any(name != "lo" for _, name in socket.if_nameindex()):
        pytest.skip("there is no network interface but the loopback")
    try:
        listener = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
    except PermissionError:
        pytest.skip("listening at the interfaces needs root")
    ports = range(7400 + 250 * domain, 7400 + 250 * (domain + 1))  # of a domain: RTPS 2.5, 9.6.2.3

    def heard(seconds: float, enough: int = 10**9) -> list[str]:
        found, end = [], time.monotonic() + seconds
        while len(found) < enough and (left := end - time.monotonic()) > 0.0:
            if not select.select([listener], [], [], left)[0]:
                break
            data, (interface, protocol, *_) = listener.recvfrom(65535)
            if interface == "lo" or protocol != _ETH_P_IP or len(data) < 28:
                continue
            header = 4 * (data[0] & 15)
            if data[9] == _UDP and len(data) >= header + 4:
                if struct.unpack("!H", data[header + 2:header + 4])[0] in ports:
                    found.append(interface)
        return found

    with listener:
        yield heard


def start(processes, verb, *options):
    """A command in an environment that says nothing of discovery, but for ``options``."""
    processes.popen(["env", "-u", "ROS_AUTOMATIC_DISCOVERY_RANGE", "-u", "ROS_LOCALHOST_ONLY", *options, sys.executable,
                     "-m", "sim2real", *map(str, verb), "--domain-id", str(processes.domain)])


def test_no_node_is_heard_beyond_this_machine(packets, processes, ros, wait, tmp_path):
    verbs = {"so101_twin": ("twin", "so101", "--engine", "mujoco"), "sim2real_guard": ("guard", "--robot", "so101"),
             "sim2real_policy": ("deploy", build(tmp_path / "policy.s2r", "so101-reach"))}
    for verb in verbs.values():
        start(processes, verb)
    wait(lambda: set(verbs) <= set(ros.node.get_node_names()), timeout=60.0)
    assert packets(2.0) == []  # what came since the beginning waits in the socket


def test_the_same_listener_hears_those_who_ask_for_the_subnet(packets, processes):
    """Or the test above could not fail."""
    start(processes, ("guard", "--robot", "so101"), "ROS_AUTOMATIC_DISCOVERY_RANGE=SUBNET")
    assert len(packets(30.0, enough=3)) == 3
