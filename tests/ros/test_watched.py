"""The policy node that wants a guard. Real kills of either are in tests/faults/test_processes.py."""

from __future__ import annotations

import time

from hand_policies import write_policy

from sim2real.deployment.heartbeat import Heartbeat
from sim2real.ros.context import message_class
from sim2real.ros.watched import Watched


def test_a_guard_that_would_not_be_heard_is_none(tmp_path):
    takers = 0
    with (Heartbeat.create("x", 6, period=0.002, folder=tmp_path) as runner,
          Heartbeat.attach("x", 6, folder=tmp_path) as guard):
        watched = Watched(runner, required=True)
        assert "no guard watches" in watched.closed()[0]
        watched.beside(lambda: takers)
        guard.guard_beat(time.monotonic())
        assert watched.closed() == []
        takers = 2
        guard.guard_beat(time.monotonic(), 1)
        assert watched.closed()[0].startswith("the guard reaches 1 of the 2 that take commands")
        guard.guard_beat(time.monotonic(), 2)
        assert watched.closed() == []


def test_a_velocity_interface_without_a_guard_is_refused(processes, ros, wait, tmp_path):
    seen = []
    ros.node.create_subscription(message_class("sensor_msgs/msg/JointState"), "/joint_states", seen.append,
                                 ros.qos("best_effort"))
    bundle = write_policy(tmp_path / "reach.s2r", "ur5e", "reach")
    processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal", "--interface", "forward_velocity")
    wait(lambda: len(seen) > 50, 30.0)
    node = processes.start("deploy", bundle, "--interface", "forward_velocity", "--goal=0.4,0.1,0.3", "--arm",
                           "--wait", "4")
    _, err = node.communicate(timeout=30)
    assert node.returncode == 1
    assert err.startswith("sim2real: error: no guard watches this process: start `sim2real guard`")
