"""The policy node's life as ROS people see it: its services, transitions, status and diagnostics, over real DDS."""

from __future__ import annotations

import importlib
import json
import signal
import time

import numpy as np
import pytest
from hand_policies import write_policy

from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.robots import load_robot
from sim2real.ros.context import message_class

NODE = "/sim2real_policy"
FAR = [f"--goal=0.05,{y},0.3" for y in (-0.55, 0.55, -0.55, 0.55, -0.55, 0.55)]  # from one side to the other
TRANSITIONS = {"configure": 1, "cleanup": 2, "activate": 3, "deactivate": 4}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_policy(tmp_path_factory.mktemp("bundle") / "reach.s2r", "ur5e", "reach")


class Operator:
    """Somebody with ROS's own tools: calls services, listens to status, diagnostics and the command stream."""

    def __init__(self, ros, wait):
        self._ros, self._wait = ros, wait
        self.status, self.diagnostics, self.commands, self.states = [], [], [], []
        listen = ros.node.create_subscription
        listen(message_class("std_msgs/msg/String"), f"{NODE}/status",
               lambda m: self.status.append(json.loads(m.data)), ros.qos("reliable", depth=50))
        listen(message_class("diagnostic_msgs/msg/DiagnosticArray"), "/diagnostics",
               lambda m: self.diagnostics.append(m.status[0]), ros.qos("reliable", depth=50))
        listen(message_class("std_msgs/msg/Float64MultiArray"), "/forward_position_controller/commands",
               lambda m: self.commands.append(list(m.data)), ros.qos("reliable", depth=5000))
        listen(message_class("sensor_msgs/msg/JointState"), "/joint_states", self.states.append,
               ros.qos("best_effort"))
        self._change = importlib.import_module("lifecycle_msgs.srv").ChangeState
        self._get = importlib.import_module("lifecycle_msgs.srv").GetState
        self._clients = {}
        self._trigger = importlib.import_module("std_srvs.srv").Trigger

    def call(self, kind, name, request, timeout=30.0):
        if name not in self._clients:
            self._clients[name] = self._ros.node.create_client(kind, name)
            self._wait(self._clients[name].service_is_ready, timeout=timeout)
            # ready says that we know the server; an answer is lost until it knows us too
            end = time.monotonic() + 0.5
            self._wait(lambda: time.monotonic() > end)
        future = self._clients[name].call_async(request)
        self._wait(future.done, timeout=timeout)
        return future.result()

    def change(self, transition) -> bool:
        request = self._change.Request()
        request.transition.id = TRANSITIONS[transition]
        return self.call(self._change, f"{NODE}/change_state", request).success

    def state(self) -> str:
        return self.call(self._get, f"{NODE}/get_state", self._get.Request()).current_state.label

    def trigger(self, name) -> tuple[bool, str]:
        answer = self.call(self._trigger, f"{NODE}/{name}", self._trigger.Request())
        return answer.success, answer.message


@pytest.fixture
def operator(ros, wait):
    return Operator(ros, wait)


def test_nothing_moves_before_it_is_armed_and_activated_and_again_after(processes, operator, wait, bundle):
    twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal")
    node = processes.start("deploy", bundle, *FAR, "--goal-timeout", "60",
                           "--json")
    wait(lambda: operator.status and operator.status[-1]["state"] == "INACTIVE", timeout=30)
    assert operator.state() == "inactive"
    assert not operator.change("activate")  # nobody armed it
    assert operator.state() == "inactive" and not operator.commands
    assert operator.trigger("arm") == (True, "")
    wait(lambda: operator.status[-1]["state"] == "ARMED")
    assert not operator.commands
    assert operator.change("activate") and operator.state() == "active"
    wait(lambda: len(operator.commands) > 12)
    assert operator.trigger("disarm") == (True, "")  # in the middle of the motion
    assert operator.state() == "inactive"
    end = time.monotonic() + 1.0
    wait(lambda: time.monotonic() > end and operator.status[-1]["state"] == "INACTIVE")
    first = np.array(operator.commands)
    limits, period = CommandLimits.from_robot(load_robot("ur5e")), 0.002  # the driver's
    assert count_violations(first[:, None], limits, period) == 0
    assert np.abs(np.diff(first[-4:], axis=0)).max() == 0.0  # it ends at rest
    assert not operator.change("activate")  # one word, one activation
    answer = operator.trigger("arm")
    assert answer == (True, "")
    assert operator.change("activate")
    before = len(first)
    wait(lambda: len(operator.commands) > before + 5)
    again = np.array(operator.commands[before:])
    settled = np.array(operator.states[-1].position) if operator.states else again[0]
    assert np.abs(again[0] - first[-1]).max() < 0.05  # begins where the arm is
    assert settled is not None and count_violations(again[:, None], limits, period) == 0
    told = len(operator.diagnostics)  # what comes from here on tells of the second activation
    def figures():
        return {pair.key: pair.value for pair in operator.diagnostics[-1].values}
    wait(lambda: len(operator.diagnostics) > told and np.isfinite(float(figures()["period p50 [ms]"])))
    assert operator.diagnostics[-1].name.endswith("control loop")
    assert operator.diagnostics[-1].level < b"\x02"  # a busy machine skips ticks
    assert figures().keys() >= {
        "state", "speed", "commands", "skipped ticks", "states refused", "log rows dropped", "log restarts",
        "clipped",
        *(f"{name} {word} [{unit}]" for word in ("p50", "p99", "max") for name, unit in (
            ("period", "ms"), ("latency", "us"), ("lateness", "us"), ("age", "ms")))}
    assert 1.5 < float(figures()["period p50 [ms]"]) < 4.0  # the driver's rate
    code, _, err = processes.end(node, signal.SIGINT)
    assert code == 0, err
    processes.end(twin)


def test_managed_waits_for_every_transition_and_says_why_it_refuses(processes, operator, wait, bundle):
    node = processes.start("deploy", bundle, "--managed", "--wait", "3", "--json")
    wait(lambda: operator.status, timeout=30)
    assert operator.state() == "unconfigured"
    ok, why = operator.trigger("arm")
    assert not ok and "this one is unconfigured" in why
    assert not operator.change("configure")  # there is no driver
    twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal")
    wait(lambda: operator.states, timeout=20)
    assert operator.change("configure") and operator.state() == "inactive"
    assert operator.change("cleanup") and operator.state() == "unconfigured"
    code, _, err = processes.end(node, signal.SIGTERM)
    assert code == 0
    assert "no message on /joint_states" in err
    processes.end(twin)


def test_a_fault_is_latched_until_somebody_arms_again(processes, operator, wait, bundle):
    twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal")
    node = processes.start("deploy", bundle, "--managed", *FAR, "--goal-timeout", "60", "--json")
    wait(lambda: operator.states and operator.status, timeout=30)
    assert operator.change("configure") and operator.trigger("arm")[0] and operator.change("activate")
    wait(lambda: len(operator.commands) > 12)
    processes.end(twin, signal.SIGKILL)
    wait(lambda: operator.status[-1]["state"] == "FAULT")
    assert "older than 100 ms" in operator.status[-1]["cause"]
    assert operator.state() == "inactive"
    end = time.monotonic() + 1.0  # what was sent before is still coming in
    wait(lambda: time.monotonic() > end)
    count = len(operator.commands)
    twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal")  # the driver is back
    operator.states.clear()
    wait(lambda: len(operator.states) > 100, timeout=20)
    assert operator.status[-1]["state"] == "FAULT" and len(operator.commands) == count  # nothing resumes by itself
    assert not operator.change("activate")
    wait(lambda: operator.trigger("arm")[0], timeout=30)  # once all of the new driver's topics are found
    assert operator.change("activate")
    wait(lambda: len(operator.commands) > count + 5)
    processes.end(node, signal.SIGINT)
    processes.end(twin)


def test_parameters_do_not_change_while_active(processes, operator, ros, wait, bundle):
    twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal")
    node = processes.start("deploy", bundle, "--arm", "--json")
    wait(lambda: operator.status and operator.status[-1]["state"] == "ACTIVE", timeout=30)
    services = importlib.import_module("rcl_interfaces.srv")
    parameter = importlib.import_module("rclpy.parameter").Parameter("use_sim_time", value=True)
    request = services.SetParameters.Request(parameters=[parameter.to_parameter_msg()])
    (result,) = operator.call(services.SetParameters, f"{NODE}/set_parameters", request).results
    assert not result.successful and "use_sim_time is settled when the node starts" in result.reason
    processes.end(node, signal.SIGINT)
    processes.end(twin)
