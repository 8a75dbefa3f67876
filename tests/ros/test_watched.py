"""The policy node and its guard as two processes against a twin, and real kills."""

from __future__ import annotations

import json
import signal
import time

import numpy as np
import pytest
from hand_policies import write_policy

from sim2real.ros.context import message_class

REST = 0.02  # [rad/s]
FAR = [f"--goal=0.05,{y},0.3" for y in (-0.55, 0.55, -0.55, 0.55, -0.55, 0.55)]  # from one side to the other


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_policy(tmp_path_factory.mktemp("bundle") / "reach.s2r", "ur5e", "reach")


@pytest.fixture
def moving(ros):
    """Joint speeds [rad/s] as they come in, each with its time [s]."""
    seen = []
    ros.node.create_subscription(message_class("sensor_msgs/msg/JointState"), "/joint_states",
                                 lambda m: seen.append((time.monotonic(), np.abs(m.velocity).max())),
                                 ros.qos("best_effort", depth=50))
    return seen


def start(processes, wait, moving, bundle, interface, *more):
    twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal", "--interface", interface)
    guard = processes.start("guard", "--robot", "ur5e", "--interface", interface, "--json")
    wait(lambda: len(moving) > 50, 30.0)
    node = processes.start("deploy", bundle, "--interface", interface, *FAR, "--arm",
                           "--require-guard", "--goal-timeout", "60", "--json", *more)
    wait(lambda: moving[-1][1] > 0.3 or node.poll() is not None, 40.0)
    assert node.poll() is None, node.communicate()
    return twin, guard, node


@pytest.mark.parametrize("interface", ["forward_velocity", "forward_position"])
def test_a_killed_runner_leaves_the_robot_at_rest_within_half_a_second(processes, wait, moving, bundle, interface):
    _, guard, node = start(processes, wait, moving, bundle, interface)
    at = time.monotonic()
    node.kill()
    end = at + 2.0
    wait(lambda: time.monotonic() > end)
    late = [t - at for t, speed in moving if t > at and speed > REST]
    assert max(late, default=0.0) <= 0.5
    code, out, err = processes.end(guard)
    assert code == 1 and "the guard took over" in err and json.loads(out)["taken_over"]


def test_a_runner_whose_guard_dies_stops(processes, wait, moving, bundle):
    _, guard, node = start(processes, wait, moving, bundle, "forward_position")
    guard.kill()
    out, err = node.communicate(timeout=20)
    assert node.returncode == 1 and "the guard is gone" in err
    assert json.loads(out)["limit_violations"] == 0
    gone = time.monotonic()
    wait(lambda: moving[-1][0] > gone + 0.3 and moving[-1][1] < REST)


def test_a_velocity_interface_without_a_guard_is_refused(processes, wait, moving, bundle):
    processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal", "--interface", "forward_velocity")
    wait(lambda: len(moving) > 50, 30.0)
    node = processes.start("deploy", bundle, "--interface", "forward_velocity", *FAR, "--arm")
    _, err = node.communicate(timeout=30)
    assert node.returncode == 1
    assert err.startswith("sim2real: error: no guard watches this process: start `sim2real guard`")


def test_two_runners_for_one_robot(processes, wait, moving, bundle):
    twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal")
    wait(lambda: len(moving) > 50, 30.0)
    first = processes.start("deploy", bundle, *FAR, "--arm", "--goal-timeout", "60", "--json")
    wait(lambda: moving[-1][1] > 0.1, 30.0)
    second = processes.start("deploy", bundle, "--goal=0.4,0.1,0.3", "--arm")
    _, err = second.communicate(timeout=30)
    assert second.returncode == 1 and err.count("\n") == 1
    assert "another runner" in err and "stop it first, or use another domain" in err
    assert first.poll() is None
    processes.end(first, signal.SIGINT)
    processes.end(twin)
