"""The policy node that wants a guard. Real kills of either are in tests/faults/test_processes.py."""

from __future__ import annotations

from hand_policies import write_policy

from sim2real.ros.context import message_class


def test_a_velocity_interface_without_a_guard_is_refused(processes, ros, wait, tmp_path):
    seen = []
    ros.node.create_subscription(message_class("sensor_msgs/msg/JointState"), "/joint_states", seen.append,
                                 ros.qos("best_effort"))
    bundle = write_policy(tmp_path / "reach.s2r", "ur5e", "reach")
    processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal", "--interface", "forward_velocity")
    wait(lambda: len(seen) > 50, 30.0)
    node = processes.start("deploy", bundle, "--interface", "forward_velocity", "--goal=0.4,0.1,0.3", "--arm")
    _, err = node.communicate(timeout=30)
    assert node.returncode == 1
    assert err.startswith("sim2real: error: no guard watches this process: start `sim2real guard`")
