"""Participants of this machine: no shared memory, nobody else's network, and others still find them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim2real.ros.context import RosContext, message_class
from sim2real.ros.transport import PROFILE, RANGE, without_shared_memory

# A node of somebody else's, without anything of ours: says what comes, and says it on.
_STRANGER = """
import os, sys, time
import rclpy
from std_msgs.msg import String
rclpy.init(domain_id=int(sys.argv[1]))
node = rclpy.create_node("stranger")
out = node.create_publisher(String, "/theirs", 10)
node.create_subscription(String, "/ours", lambda m: out.publish(String(data=m.data + "!")), 10)
while True:
    rclpy.spin_once(node, timeout_sec=0.1)
"""
_LISTENER = """
import sys
from sim2real.ros.context import RosContext, message_class
with RosContext("listener", [], int(sys.argv[1])) as ros:
    ros.node.create_subscription(message_class("std_msgs/msg/String"), "/ours", lambda m: None, ros.qos("best_effort"))
    print("ready", flush=True)
    while True:
        ros.spin_once(0.1)
"""


def mapped(pid) -> set[str]:
    return set(re.findall(r"/dev/shm/fast\S*", Path(f"/proc/{pid}/maps").read_text()))


def udp_addresses(pid) -> set[str]:
    """Local addresses of a process's UDP sockets."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes |= set(re.findall(r"socket:\[(\d+)\]", os.readlink(entry)))
        except FileNotFoundError:
            continue
    rows = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    return {".".join(str(byte) for byte in reversed(bytes.fromhex(row[1].split(":")[0])))
            for row in rows if row[9] in inodes}


@pytest.fixture
def spawn(domain, root):
    started = []

    def start(script, **variables):
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(domain)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PYTHONPATH": str(root), **variables})
        started.append(process)
        return process
    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_participant_has_no_shared_memory_and_listens_on_the_loopback_alone(spawn):
    process = spawn(_LISTENER, **{RANGE: "LOCALHOST"})
    assert process.stdout.readline() == "ready\n"  # the first thing that is said: no warning either
    assert not mapped(process.pid)
    assert udp_addresses(process.pid) == {"127.0.0.1"}


@pytest.mark.parametrize("variables", [{RANGE: "SUBNET"}, {RANGE: "LOCALHOST", PROFILE: "mine.xml"}])
def test_who_has_said_otherwise_gets_it(variables):
    environment = dict(variables)
    with without_shared_memory(environment, "rmw_fastrtps_cpp"):
        assert environment == variables
    assert environment == variables


def test_the_environment_is_as_it_was_afterwards():
    environment = {RANGE: "LOCALHOST", "other": "x"}
    with pytest.raises(ZeroDivisionError), without_shared_memory(environment, "rmw_fastrtps_cpp"):
        assert Path(environment[PROFILE]).is_file() and environment[RANGE] == "SYSTEM_DEFAULT"
        raise ZeroDivisionError
    assert environment == {RANGE: "LOCALHOST", "other": "x"}
    for implementation, distribution in (("rmw_cyclonedds_cpp", "kilted"), ("rmw_fastrtps_cpp", "jazzy")):
        environment = {RANGE: "LOCALHOST", "ROS_DISTRO": distribution}
        with without_shared_memory(environment, implementation):
            assert environment[RANGE] == "LOCALHOST" and PROFILE not in environment


@pytest.mark.parametrize("range_", ["LOCALHOST", "SUBNET"])
def test_nodes_of_others_with_shared_memory_are_found_and_talked_to(spawn, domain, range_, monkeypatch):
    monkeypatch.setenv(RANGE, "LOCALHOST")
    spawn(_STRANGER, **{RANGE: range_})
    heard, kind = [], message_class("std_msgs/msg/String")
    with RosContext("talker", [], domain) as ros:
        publisher = ros.node.create_publisher(kind, "/ours", ros.qos("reliable", depth=10))
        ros.node.create_subscription(kind, "/theirs", lambda m: heard.append(m.data), ros.qos("reliable", depth=10))
        end = time.monotonic() + 20.0
        while not heard and time.monotonic() < end:
            publisher.publish(kind(data="hello"))
            ros.spin_once(0.05)
    assert heard and set(heard) == {"hello!"}


@pytest.mark.slow
def test_killed_listeners_do_not_hold_the_publisher_up(spawn, domain, monkeypatch):
    monkeypatch.setenv(RANGE, "LOCALHOST")
    kind, worst = message_class("std_msgs/msg/String"), []
    with RosContext("talker", [], domain) as ros:
        publisher = ros.node.create_publisher(kind, "/ours", ros.qos("reliable"))

        def pump(seconds):
            end, longest = time.monotonic() + seconds, 0.0
            while time.monotonic() < end:
                begin = time.monotonic()
                publisher.publish(kind(data="x" * 200))
                longest = max(longest, time.monotonic() - begin)
                time.sleep(0.002)
            return longest
        for _ in range(20):
            listener = spawn(_LISTENER)
            assert listener.stdout.readline() == "ready\n"
            end = time.monotonic() + 20.0
            while not publisher.get_subscription_count() and time.monotonic() < end:
                pump(0.05)
            pump(0.2)
            listener.send_signal(signal.SIGKILL)
            worst.append(pump(1.2))
    assert max(worst) < 0.2
