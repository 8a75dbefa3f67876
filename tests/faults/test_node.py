"""Faults around the policy node: overruns, rivals, clocks, parameters, an overloaded machine, a drone's axes."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from sim2real.ros.context import RosContext, message_class
from tests.faults import judge
from tests.faults.entries import fault
from tests.faults.rig import FAR, NODE
from tests.ros.ros_processes import ROOT

# The policy of a process that has this as its sitecustomize takes its time at SIGUSR1: 1, 2, 5 and 10 periods of the
# UR5e's 40 ms, a second apart.
SLOW = """
import signal, time
from sim2real.deployment.policy import Policy
think, left = Policy.__call__, []
def slowly(self, observation):
    if left:
        time.sleep(left.pop())
    return think(self, observation)
Policy.__call__ = slowly
signal.signal(signal.SIGUSR1, lambda *_: left.extend(sum([[0.0] * 25 + [0.04 * n] for n in (10, 5, 2, 1)], [])))
"""
# Its wall clock is an hour ahead, and after SIGUSR1 an hour behind.
WRONG = """
import signal, time
real, ahead = time.time, [3600.0]
time.time = lambda: real() + ahead[0]
time.time_ns = lambda: int(1e9 * time.time())
signal.signal(signal.SIGUSR1, lambda *_: ahead.__setitem__(0, -3600.0))
"""


def customized(folder, code):
    """Environment of a process that runs ``code`` before anything else."""
    (folder / "customized").mkdir()
    (folder / "customized" / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": f"{folder / 'customized'}{os.pathsep}{ROOT}"}


def stream_of(rig):
    """The samples of who spoke first: the runner."""
    return [sample for sample in rig.samples if sample.publisher == rig.samples[0].publisher]


def assert_no_burst(rig, count=25):
    """Nothing is made up for: never ``count`` commands in much less time than they are for."""
    times = np.array([sample.time for sample in stream_of(rig)])
    assert (times[count:] - times[:-count]).min() > 0.8 * count * rig.period


def assert_untroubled(rig, verdict, since):
    """Nothing came of it; a busy machine may have held the robot for a moment, and said so."""
    causes = set(filter(None, (row["cause"] for at, row in rig.status if at >= since)))
    assert all("overloaded" in cause or cause == "the state is older than 100 ms" for cause in causes), causes
    assert verdict.state in ("ACTIVE", "HOLD") and verdict.over_bounds == 0.0 and not verdict.resumed


@pytest.mark.fault(18, "inference overrun")
def test_a_policy_that_takes_up_to_ten_periods(rig, reach_bundle, tmp_path):
    rig.twin()
    node = rig.deploy(reach_bundle, **customized(tmp_path, SLOW))
    rig.moving()
    at = time.monotonic()
    node.send_signal(signal.SIGUSR1)
    rig.spin(6.0)
    verdict = rig.verdict(at, rest_s=None)
    assert verdict.state == "HOLD" and verdict.over_bounds == 0.0 and not verdict.resumed, rig.causes(at)
    assert_no_burst(rig)
    times = np.array([sample.time for sample in stream_of(rig) if sample.time > at])
    assert np.diff(times).max() > 0.35  # it did take so long
    assert "this machine is overloaded" in rig.causes(at)
    code, out, err = rig.end(node)
    assert code == 0, err
    assert json.loads(out)["skipped"] > 200  # ticks of 2 ms: each one that was left out is counted


@pytest.mark.fault(25, "operator or rival takes over")
def test_a_rival_publisher_stops_it_within_a_tick(rig, reach_bundle):
    rig.twin(fault("rival"))
    rig.deploy(reach_bundle)
    rig.after(1.0, 2.0)
    ours = stream_of(rig)
    theirs = [sample for sample in rig.samples if sample.publisher != ours[0].publisher]
    at = theirs[0].time
    told = next(t for t, row in rig.status if row["mode"] == "STOP")
    stood = judge.last_motion(ours, at)
    verdict = rig.verdict(at, rest_s=stood - at, resumed=judge.last_motion(ours, stood + 0.3) > stood + 0.3)
    assert verdict.state == "FAULT" and verdict.over_bounds == 0.0 and not verdict.resumed
    assert "also publishes on /forward_position_controller/commands" in rig.causes(at)
    # by the stream's own time: a busy machine leaves ticks out on the way to rest
    assert rig.period * sum(at < sample.time <= stood for sample in ours) < 0.8
    assert told - at < 0.04 + 0.02 + 0.15  # a period, until it is told, and what a busy machine adds to both


@pytest.mark.fault(25, "operator or rival takes over")
def test_a_controller_that_takes_no_more_commands_stops_it(rig, reach_bundle, domain):
    rig.twin()
    string = message_class("std_msgs/msg/Float64MultiArray")
    with RosContext("second_controller", [], domain) as other:  # one more that commands go to, and that goes away
        taker = other.node.create_subscription(string, rig.command.topic, lambda m: None, other.qos("best_effort"))
        rig.until(lambda: rig.ros.node.count_subscribers(rig.command.topic) >= 3)
        rig.deploy(reach_bundle)
        rig.moving()
        at = time.monotonic()
        other.node.destroy_subscription(taker)
        rig.spin(1.5)
    verdict = rig.verdict(at)
    assert verdict.state == "FAULT" and verdict.over_bounds == 0.0 and not verdict.resumed
    assert "second_controller takes no more commands on /forward_position_controller/commands" in rig.causes(at)
    assert verdict.rest_s is not None and verdict.rest_s < 0.8


@pytest.mark.fault(25, "operator or rival takes over")
def test_an_operator_who_switches_controllers_stops_it(rig, reach_bundle):
    """The twin's controllers keep their subscriptions, as real ones do: what tells is that the joints do not follow."""
    rig.twin(fault("switch_controller", interface="joint_trajectory"))
    rig.deploy(reach_bundle)
    rig.after(1.0, 2.5)
    verdict = rig.verdict(rig.begun(1.0))
    assert verdict.state in ("STOP", "FAULT") and verdict.over_bounds == 0.0 and not verdict.resumed, rig.causes()
    assert verdict.rest_s is not None


@pytest.mark.fault(31, "wall clock an hour off")
def test_a_runner_whose_wall_clock_is_wrong_and_jumps(rig, reach_bundle, tmp_path):
    rig.twin()
    node = rig.deploy(reach_bundle, **customized(tmp_path, WRONG))
    rig.moving()
    at = time.monotonic()
    node.send_signal(signal.SIGUSR1)
    rig.spin(1.5)
    verdict = rig.verdict(at, rest_s=None)
    assert_untroubled(rig, verdict, at)
    assert judge.last_motion(stream_of(rig), at + 1.0) > at + 1.0  # it goes on


@pytest.mark.fault(31, "wall clock an hour off")
def test_a_driver_whose_wall_clock_jumps(rig, reach_bundle):
    ahead = [0]

    def stamped(message, k):
        message.header.stamp.sec += ahead[0]
        return [message]
    rig.driver(stamped, follow=True)
    rig.deploy(reach_bundle)
    rig.until(lambda: len(rig.samples) > 400)
    at = time.monotonic()
    for seconds in (3600, -3600, 0):
        ahead[0] = seconds
        rig.spin(0.5)
    assert_untroubled(rig, rig.verdict(at, rest_s=None), at)


class Simulation:
    """Publishes /clock a hundred times a second and stamps what a played driver says, until told otherwise."""

    def __init__(self, domain):
        self.shift, self.frozen, self._begun = 0.0, None, time.monotonic()
        self._ros = RosContext("simulation", [], domain)
        self._kind = message_class("rosgraph_msgs/msg/Clock")
        self._publisher = self._ros.node.create_publisher(self._kind, "/clock", self._ros.qos("reliable"))
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def now(self):
        return 100.0 + time.monotonic() - self._begun + self.shift if self.frozen is None else self.frozen

    def stamp(self, message, k):
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(round(1e9 * self.now), 10**9)
        return [message]

    def _run(self):
        while not self._ending.wait(0.01):
            message = self._kind()
            message.clock.sec, message.clock.nanosec = divmod(round(1e9 * self.now), 10**9)
            self._publisher.publish(message)

    def close(self):
        self._ending.set()
        self._thread.join()
        self._ros.close()


@pytest.fixture
def simulation(domain):
    running = Simulation(domain)
    yield running
    running.close()


def deploy_simulated(rig, bundle, *arguments, arm=True):
    """``deploy`` on simulation time; ROS arguments come last."""
    node = rig.processes.popen([sys.executable, "-m", "sim2real", "deploy", str(bundle), *FAR, "--goal-timeout", "60",
                                "--json", *arguments, "--domain-id", str(rig.processes.domain), "--ros-args", "-p",
                                "use_sim_time:=true"])
    rig._nodes.append(node)
    if arm:
        rig.arm()
    return node


@pytest.mark.fault(32, "/clock frozen, forward, backward")
@pytest.mark.parametrize("change", ["frozen", "forward", "backward"])
def test_a_clock_that_does_not_run_on(rig, reach_bundle, simulation, change):
    rig.driver(simulation.stamp, follow=True)
    deploy_simulated(rig, reach_bundle, "--wait", "30")
    rig.until(lambda: len(rig.samples) > 400)
    at = time.monotonic()
    if change == "frozen":
        simulation.frozen = simulation.now
    else:
        simulation.shift += 10.0 if change == "forward" else -3.0
    rig.reaches("FAULT", at)
    rig.spin(0.5)
    client = rig.ros.node.create_client(importlib.import_module("lifecycle_msgs.srv").GetState, f"{NODE}/get_state")
    rig.until(client.service_is_ready)
    answer = client.call_async(importlib.import_module("lifecycle_msgs.srv").GetState.Request())
    rig.until(answer.done)
    verdict = rig.verdict(at)
    assert answer.result().current_state.label == "inactive"
    assert verdict.state == "FAULT" and verdict.over_bounds == 0.0 and not verdict.resumed
    assert verdict.rest_s is not None and verdict.rest_s < 1.5
    said = {"frozen": "", "forward": "/clock jumped forward by 10", "backward": "/clock went back by"}[change]
    assert said in rig.causes(at)  # of a clock that stands the states, whose stamps stand as well, may tell first
    simulation.frozen, moved = None, len(rig.samples)
    rig.spin(0.7)
    assert len(rig.samples) == moved  # and nothing goes on by itself


@pytest.mark.fault(37, "parameters changed while active")
def test_only_a_lower_speed_is_taken_while_active(rig, reach_bundle, tmp_path, run_cli):
    rig.twin()
    node = rig.deploy(reach_bundle, "--log", tmp_path / "run.mcap")
    rig.moving()
    services, parameter = (importlib.import_module(name) for name in ("rcl_interfaces.srv", "rclpy.parameter"))
    client = rig.ros.node.create_client(services.SetParameters, f"{NODE}/set_parameters")
    rig.until(client.service_is_ready)

    def set_to(name, value):
        message = parameter.Parameter(name, value=value).to_parameter_msg()
        future = client.call_async(services.SetParameters.Request(parameters=[message]))
        rig.until(future.done)
        return future.result().results[0]
    at = time.monotonic()
    assert set_to("speed", 0.2).successful
    slowed = time.monotonic()
    for name, value, why in (("speed", 0.5, "can only be lowered while the node is active: it is 0.2"),
                             ("speed", -1.0, "between 0 and 1"),
                             ("use_sim_time", True, "settled when the node starts")):
        result = set_to(name, value)
        assert not result.successful and why in result.reason
    rig.spin(1.5)
    ours = stream_of(rig)
    rates = {word: np.abs(np.diff([s.command for s in ours if begin < s.time < end], axis=0)).max() / rig.period
             for word, begin, end in (("before", 0.0, at), ("after", slowed + 0.6, np.inf))}
    assert_untroubled(rig, rig.verdict(at, rest_s=None), at)
    assert 0.0 < rates["after"] < 0.5 * rates["before"]
    assert rig.status[-1][1]["speed"] == 0.2
    assert rig.call("disarm")[0]
    assert set_to("speed", 1.0).successful  # at rest it may be raised
    code, _, err = rig.end(node)
    assert code == 0, err
    code, out, err = run_cli("replay", tmp_path / "run.mcap", "--bundle", reach_bundle)
    assert code == 0, (out, err)  # bit for bit, the change of speed included


@pytest.mark.fault(41, "CPU overloaded")
def test_twice_as_much_work_as_processors(rig, reach_bundle):
    rig.twin()
    node = rig.deploy(reach_bundle)
    rig.moving()
    at = time.monotonic()
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 2))]
    try:
        rig.spin(4.0)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    verdict = rig.verdict(at, rest_s=None)
    assert verdict.over_bounds == 0.0 and not verdict.resumed
    assert_no_burst(rig)
    _, out, _ = rig.end(node)
    row = json.loads(out)
    assert row["skipped"] >= 0 and row["late_p99_us"] > 0.0 and row["limit_violations"] == 0


@pytest.mark.fault(41, "CPU overloaded")
def test_a_process_that_gets_no_time_holds_and_goes_on(rig, reach_bundle):
    rig.twin()
    node = rig.deploy(reach_bundle)
    rig.moving()
    at = time.monotonic()
    for _ in range(3):
        node.send_signal(signal.SIGSTOP)
        time.sleep(0.2)  # the fault itself: for so long the scheduler leaves it out
        node.send_signal(signal.SIGCONT)
        rig.spin(1.0)
    verdict = rig.verdict(at, rest_s=None)
    assert verdict.state == "HOLD" and verdict.over_bounds == 0.0 and not verdict.resumed, rig.causes(at)
    assert_no_burst(rig)
    _, out, _ = rig.end(node)
    assert json.loads(out)["skipped"] >= 3 * 70


class PlayedOdometry:
    """A drone that stands still in the air, and whose driver says so in its own way; takes commands."""

    def __init__(self, rig, domain, q_xyzw, height):
        self._ros = RosContext("odometry", [], domain)
        node, state = self._ros.node, rig.profile.state
        self._publisher = node.create_publisher(message_class(state.type), state.topic, self._ros.qos("reliable"))
        for part in (rig.command, *rig.command.also):
            node.create_subscription(message_class(part.type), part.topic, lambda m: None, self._ros.qos("best_effort"))
        self._message = message_class(state.type)()
        pose = self._message.pose.pose
        pose.position.z = height
        pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w = map(float, q_xyzw)
        self._timer = node.create_timer(0.01, lambda: self._publisher.publish(self._message))
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._ending.is_set():
            self._ros.spin_once(0.05)

    def close(self):
        self._ending.set()
        self._thread.join()
        self._ros.close()


@pytest.mark.fault(44, "axes, quaternion order, sign, norm")
@pytest.mark.parametrize(("q_xyzw", "height", "why"), [
    ((0.0, 0.0, 0.0, 1.0), -1.0, "'ros.state.frame' is wrong"),  # NED where ENU is expected
    ((1.0, 0.0, 0.0, 0.0), 1.0, "in another order"),  # w first
    ((0.0, 0.0, 0.0, 0.5), 1.0, "expected a unit quaternion, got one of length 0.5"),
    ((0.0, 0.0, 0.0, 0.0), 1.0, "expected a unit quaternion, got one of length 0"),
    ((0.0, 0.0, 0.0, float("nan")), 1.0, "expected a unit quaternion"),
], ids=["ned", "order", "norm", "zero", "nan"])
def test_a_drone_in_other_axes_is_not_armed(make_rig, hover_bundle, domain, q_xyzw, height, why):
    rig = make_rig("crazyflie")
    driver = PlayedOdometry(rig, domain, q_xyzw, height)
    try:
        node = rig.deploy(hover_bundle, "--wait", "8", arm="flag")
        code, _, err = rig.finished(node)
    finally:
        driver.close()
    verdict = rig.verdict(0.0, rest_s=None)
    assert verdict.state == "REFUSE" and not rig.samples and code == 1
    assert why in err


@pytest.mark.fault(48, "simulation time against a real driver")
@pytest.mark.parametrize("clock", [False, True], ids=["no clock", "another's clock"])
def test_a_real_driver_and_simulation_time(rig, reach_bundle, domain, clock):
    rig.driver(follow=True)  # stamps by the wall clock
    simulation = Simulation(domain) if clock else None
    try:
        node = deploy_simulated(rig, reach_bundle, "--arm", "--wait", "8", arm=False)
        code, _, err = rig.finished(node)
    finally:
        if simulation is not None:
            simulation.close()
    verdict = rig.verdict(0.0, rest_s=None)
    assert verdict.state == "REFUSE" and not rig.samples and code == 1
    assert ("does not run on simulation time" if clock else "nothing came on /clock") in err
    assert "do not set use_sim_time" in err
