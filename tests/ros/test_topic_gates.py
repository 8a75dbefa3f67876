"""Gates of the profile, in made-up time, and what the policy node does at them against a twin that rehearses faults."""

from __future__ import annotations

import dataclasses
import json
import time

import numpy as np
import pytest
from hand_policies import write_policy

from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.robots import load_robot
from sim2real.ros.context import message_class
from sim2real.ros.profiles import RosProfile
from sim2real.ros.topic_gates import TopicGates

RUNNING, SCALING = "/io_and_status_controller/robot_program_running", "/speed_scaling_state_broadcaster/speed_scaling"
FAR = [f"--goal=0.05,{y},0.3" for y in (-0.55, 0.55, -0.55, 0.55, -0.55, 0.55)]  # from one side to the other


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


def test_all_well_then_each_by_itself(gates):
    gates, now = gates
    gates._receive(RUNNING, Number(True))
    gates._receive(SCALING, Number(37.0))
    assert gates.closed() == [] and gates.judge() == ("", "")
    gates._receive(SCALING, Number(0.0))
    assert gates.judge() == ("hold", f"{SCALING} is 0; it has to be 1 at least")
    gates._receive(RUNNING, Number(False))
    assert gates.judge() == ("stop", f"{RUNNING} is False; it has to be True")  # the graver one
    gates._receive(RUNNING, Number(True))
    gates._receive(SCALING, Number(100.0))
    now[0] += 0.6  # the latched one may be silent, the other not
    assert gates.judge() == ("hold", f"{SCALING} is silent for more than 500 ms")
    gates._receive(SCALING, Number(float("nan")))
    assert gates.judge()[0] == "hold"


def test_a_robot_without_gates(ros):
    gates = TopicGates(ros, RosProfile.for_robot(load_robot("so101")))
    assert gates.closed() == [] and gates.judge() == ("", "")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_policy(tmp_path_factory.mktemp("bundle") / "reach.s2r", "ur5e", "reach")


def rehearse(processes, ros, wait, tmp_path, bundle, fault):
    """Run a twin with one fault 0.6 s after the first command; status rows, commands and speeds until 2 s after it."""
    (tmp_path / "faults.yaml").write_text(f"- {{since: command, at: 0.6 s, {fault}}}\n")
    status, commands, speeds = [], [], []
    listen = ros.node.create_subscription
    listen(message_class("std_msgs/msg/String"), "/sim2real_policy/status",
           lambda m: status.append(json.loads(m.data)), ros.qos("reliable", depth=50))
    listen(message_class("std_msgs/msg/Float64MultiArray"), "/forward_position_controller/commands",
           lambda m: commands.append(list(m.data)), ros.qos("reliable", depth=5000))
    listen(message_class("sensor_msgs/msg/JointState"), "/joint_states",
           lambda m: speeds.append(np.abs(m.velocity).max()), ros.qos("best_effort"))
    processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal", "--faults", tmp_path / "faults.yaml")
    wait(lambda: len(speeds) > 50, 30.0)
    processes.start("deploy", bundle, *FAR, "--goal-timeout", "60", "--arm", "--json")
    wait(lambda: len(commands) > 100, 30.0)
    end = time.monotonic() + 3.0
    wait(lambda: time.monotonic() > end)
    stream = np.array(commands)
    assert count_violations(stream[:, None], CommandLimits.from_robot(load_robot("ur5e")), 0.002) == 0
    return status, stream, speeds


def test_an_emergency_stop_is_latched_and_its_release_moves_nothing(processes, ros, wait, tmp_path, bundle):
    status, stream, speeds = rehearse(processes, ros, wait, tmp_path, bundle, "for: 0.3 s, fault: e_stop")
    assert any(row["mode"] == "STOP" and RUNNING in row["cause"] for row in status)
    assert np.abs(np.diff(stream[-20:], axis=0)).max() == 0.0 and max(speeds[-100:]) < 0.02
    assert status[-1]["mode"] == "ENDED" and "robot_program_running is False" in status[-1]["cause"]


def test_speed_scaling_to_zero_holds_and_goes_on_without_a_jump(processes, ros, wait, tmp_path, bundle):
    status, _, speeds = rehearse(processes, ros, wait, tmp_path, bundle,
                                 "for: 0.3 s, fault: speed_scaling, to: 0.0, ramp: 0.05 s")
    modes = [row["mode"] for row in status]
    assert "HOLD" in modes and modes[-1] == "ACTIVE", status[-8:]
    assert any(SCALING in row["cause"] for row in status if row["mode"] == "HOLD")
    assert len(speeds) > 100
