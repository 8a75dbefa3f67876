"""The guard as its own process against real kills: a stand-in runner moves a twin over DDS until something happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sim2real.deployment.heartbeat import MOVING, Heartbeat, default_folder, robot_key
from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.robots import load_robot
from sim2real.ros.context import message_class
from sim2real.ros.takeover import BRIDGE

ROOT = Path(__file__).resolve().parents[2]
RUNNER = Path(__file__).with_name("stand_in_runner.py")
UR5E = load_robot("ur5e")
LIMITS = CommandLimits.from_robot(UR5E)
PERIOD = 0.01  # of the stand-in's commands, and of the guard's after it
REST = 0.02  # [rad/s]
TOPICS = {"forward_position": "/forward_position_controller/commands",
          "forward_velocity": "/forward_velocity_controller/commands"}


class Scene:
    """A UR5e's twin, its guard, and a recorder of what reaches the driver and what the joints do."""

    def __init__(self, processes, ros, wait, interface, guarded=True):
        self.processes, self.ros, self.wait, self.interface = processes, ros, wait, interface
        self.states: list[tuple[float, np.ndarray]] = []
        self.commands: list[tuple[float, list[float]]] = []
        self.status: list[dict] = []
        self.start, self.runners = UR5E.home, []
        self.clocks = float(np.median([time.time() - time.monotonic() for _ in range(101)]))
        listen = ros.node.create_subscription
        listen(message_class("sensor_msgs/msg/JointState"), "/joint_states",
               lambda m: self.states.append((time.monotonic(), np.array(m.velocity))), ros.qos("best_effort", depth=50))
        listen(message_class("std_msgs/msg/Float64MultiArray"), TOPICS[interface],
               self.take_command, ros.qos("reliable", depth=200))
        listen(message_class("std_msgs/msg/String"), "/sim2real_guard/status",
               lambda m: self.status.append(json.loads(m.data)), ros.qos("reliable", depth=50))
        self.twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal", "--interface", interface)
        self.guard = processes.start("guard", "--robot", "ur5e", "--interface", interface, "--json")
        wait(lambda: self.states and self.mode == "WAITING" and self.status[-1]["listeners"] >= 2, 30.0)

    def take_command(self, message, info):
        """Keep a command with the time at which its publisher sent it, by this machine's monotonic clock."""
        self.commands.append((1e-9 * info["source_timestamp"] - self.clocks, list(message.data)))

    @property
    def mode(self) -> str:
        return self.status[-1]["mode"] if self.status else ""

    def run(self, **given) -> subprocess.Popen:
        """Start a stand-in runner and wait until it moves the robot."""
        arguments = {"domain": self.processes.domain, "interface": self.interface, "start": list(self.start), **given}
        runner = subprocess.Popen([sys.executable, RUNNER, json.dumps(arguments)], stdout=subprocess.PIPE, text=True,
                                  env={**os.environ, "PYTHONPATH": str(ROOT)})
        self.runners.append(runner)
        seen = len(self.commands)
        self.wait(lambda: len(self.commands) > seen + 30 and self.mode == "WATCHING", 30.0)
        return runner

    def spin(self, seconds):
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end, seconds + 1.0)

    def strike(self, runner, number, after=0.0) -> float:
        """Send the runner a signal in full motion; wait for the guard to be through; when it was."""
        self.spin(after)
        self.wait(lambda: np.abs(self.states[-1][1]).max() > 0.3)
        at = time.monotonic()
        runner.send_signal(number)
        self.wait(lambda: self.mode in ("TAKING_OVER", "TAKEN_OVER"))
        self.wait(lambda: self.mode == "TAKEN_OVER")
        self.start = np.array(self.commands[-1][1]) if self.interface == "forward_position" else self.start
        return at

    def rest(self, at) -> float:
        """Time from ``at`` until the joints stood still for good, in [s]."""
        times = np.array([t for t, _ in self.states])
        moving = np.array([np.abs(v).max() > REST for _, v in self.states])
        assert times[-1] - at > 0.8 and (times > at).sum() > 100
        return float(times[moving & (times >= at - 0.05)].max()) - at

    def stream(self, begin) -> np.ndarray:
        """Commands since ``begin`` [s], shape (T, 6)."""
        return np.array([row for t, row in self.commands if t >= begin])

    def check_seam(self, at):
        """What reached the driver around the take-over is one stream inside the bounds, as far as there is one."""
        report = self.status[-1]
        taken, pause = report["taken_over_at_s"], report["detection_s"]
        before = np.array([row for t, row in self.commands if at - 0.3 <= t < taken])
        after = np.array([row for t, row in self.commands if t >= taken])
        assert len(before) > 20 and len(after) > 90
        slack = 1e-6
        if [t for t, _ in self.commands if t < taken][-1] < taken - pause:
            # it beats, then sends: the guard knows of one more command, which died on its way out; the sway goes on as
            # its last three commands do
            before = np.concatenate([before, [3.0 * (before[-1] - before[-2]) + before[-3]]])
            slack = 0.05  # the sway's third differences, which that leaves out, are 2 % of the jerk bound
        if report["skipped"]:  # by a busy machine: braking goes by time, and from one command to the next says nothing
            return
        bridged = pause <= PERIOD + BRIDGE
        if self.interface == "forward_velocity":
            meanwhile = [] if bridged else [before[-1]] * 2  # the driver kept the last speed up
            rows = np.concatenate([before if bridged else before[-1:], *[[row] for row in meanwhile], after])
            assert (np.abs(rows) <= LIMITS.velocity).all()
            assert (np.abs(np.diff(rows, axis=0)) <= LIMITS.acceleration * PERIOD * (1 + slack)).all()
            assert (np.abs(np.diff(rows, 2, axis=0)) <= LIMITS.jerk * PERIOD**2 * (1 + slack)).all()
            assert not after[-50:].any()  # zeros for a second
        elif bridged:
            rows = np.concatenate([before, after])
            steps = np.round(1e3 * np.diff(rows[len(before) - 5:len(before) + 6, 0]), 3).tolist()
            assert count_violations(rows[:, None], LIMITS, PERIOD, tolerance=slack) == 0, f"{steps} {report}"
        else:  # it stood, and stands
            assert (after == after[0]).all() and np.abs(after[0] - before[-1]).max() < 1e-4

    def close(self):
        for runner in self.runners:
            runner.kill()
            runner.communicate()


@pytest.fixture
def scene(processes, ros, wait, domain):
    """Makes scenes; whatever runs is ended."""
    made = []

    def make(interface):
        made.append(Scene(processes, ros, wait, interface))
        return made[-1]

    yield make
    for one in made:
        one.close()
    processes.close()
    for name in ("ur5e", "crazyflie"):
        (default_folder() / f"sim2real-{robot_key(name, domain)}.beat").unlink(missing_ok=True)


def finished(runner, timeout=10.0):
    """What a runner said until it ended, by event."""
    out, _ = runner.communicate(timeout=timeout)
    return {row["event"]: row for row in map(json.loads, out.splitlines())}


def test_a_killed_runners_arm_is_at_rest_within_half_a_second_in_velocity_mode(scene):
    here = scene("forward_velocity")
    for k in range(3):  # the same guard: a new runner is watched anew
        at = here.strike(here.run(), signal.SIGKILL, 0.2 * k)
        assert here.rest(at) < 0.5 and here.status[-1]["detection_s"] < 0.1
        assert here.status[-1]["cause"] == "the runner's process ended without disarming"
        here.check_seam(at)
    code, out, err = here.processes.end(here.guard)
    assert code == 1 and json.loads(out)["taken_over"] is True
    assert err == "sim2real: error: the guard took over: the runner's process ended without disarming\n"


def test_a_killed_and_a_hanging_runner_in_position_mode(scene):
    here = scene("forward_position")
    at = here.strike(here.run(), signal.SIGKILL, 0.3)
    assert here.rest(at) < 0.5
    here.check_seam(at)
    at = here.strike(here.run(), signal.SIGUSR1, 0.3)
    assert here.rest(at) < 0.5 and 0.1 < here.status[-1]["detection_s"] < 0.2
    here.check_seam(at)


def test_a_runner_that_hangs_with_the_interpreters_lock_in_velocity_mode(scene):
    here = scene("forward_velocity")
    at = here.strike(here.run(), signal.SIGUSR1, 0.3)
    assert here.rest(at) < 0.5 and 0.1 < here.status[-1]["detection_s"] < 0.2
    assert here.status[-1]["cause"].startswith("the runner has not beaten for 1")
    here.check_seam(at)


def test_a_halted_runner_that_wakes_never_sends_again(scene):
    here = scene("forward_velocity")
    runner = here.run()
    at = here.strike(runner, signal.SIGSTOP)
    here.check_seam(at)
    here.spin(max(0.0, at + 1.5 - time.monotonic()))
    woken = time.monotonic()
    runner.send_signal(signal.SIGCONT)
    said = finished(runner)
    assert said["stopped"]["taken_over"] is True
    here.spin(1.2)
    after = here.stream(woken)
    assert len(after) > 30 and not after.any()  # the guard says its zeros again; nothing else got through
    assert here.rest(at) < 0.5 and max(np.abs(v).max() for t, v in here.states if t > woken) < REST


def test_the_runner_learns_of_a_killed_guard_within_150_ms(scene):
    here = scene("forward_position")
    runner = here.run()
    at = time.monotonic()
    here.guard.kill()
    said = finished(runner)
    assert said["stopped"]["taken_over"] is False and 0.0 < said["stopped"]["at"] - at < 0.15


def test_a_guard_that_is_asked_to_end_lets_the_runner_stop_first(scene):
    here = scene("forward_position")
    runner = here.run()
    at = time.monotonic()
    code, out, _ = here.processes.end(here.guard, signal.SIGTERM)
    assert code == 0 and json.loads(out)["taken_over"] is False
    said = finished(runner)
    assert 0.0 < said["stopped"]["at"] - at < 0.4 and not said["stopped"]["taken_over"]


def test_a_runner_that_disarms_is_left_alone_and_a_second_one_refused(scene):
    here = scene("forward_position")
    runner = here.run(seconds=3.0)
    arguments = {"domain": here.processes.domain, "interface": "forward_position", "start": list(here.start)}
    second = subprocess.run([sys.executable, RUNNER, json.dumps(arguments)], capture_output=True, text=True,
                            timeout=20, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert second.returncode == 1
    assert f"another runner (process {runner.pid}) has this robot" in json.loads(second.stdout)["why"]
    finished(runner)
    here.wait(lambda: here.mode == "WAITING")
    here.spin(0.3)
    sent = len(here.commands)
    here.spin(0.5)
    assert len(here.commands) == sent
    code, out, err = here.processes.end(here.guard)
    assert (code, err) == (0, "") and json.loads(out)["taken_over"] is False


def test_a_guard_does_nothing_about_a_runner_that_died_before_it_came(processes, ros, wait, domain):
    commands, status, diagnostics = [], [], []
    listen = ros.node.create_subscription
    listen(message_class("std_msgs/msg/Float64MultiArray"), TOPICS["forward_position"], commands.append,
           ros.qos("reliable", depth=10))
    listen(message_class("std_msgs/msg/String"), "/sim2real_guard/status",
           lambda m: status.append(json.loads(m.data)), ros.qos("reliable", depth=10))
    listen(message_class("diagnostic_msgs/msg/DiagnosticArray"), "/diagnostics", diagnostics.append,
           ros.qos("reliable", depth=10))
    with Heartbeat.create(robot_key("ur5e", domain), 6, period=PERIOD) as page:
        page.runner_beat(time.monotonic(), MOVING, UR5E.home, np.ones(6))  # and it never disarms
    try:
        guard = processes.start("guard", "--robot", "ur5e", "--json")
        wait(lambda: len(status) > 5 and diagnostics)
        assert {row["mode"] for row in status} == {"WAITING"} and not commands
        row = diagnostics[-1].status[0]
        assert (row.name, row.level, row.hardware_id) == ("sim2real_guard: ur5e", b"\x00", "ur5e")
        second = processes.start("guard", "--robot", "ur5e")
        _, err = second.communicate(timeout=20)
        assert second.returncode == 1 and err.count("\n") == 1
        assert f"another guard (process {guard.pid}) has this robot" in err
        assert processes.end(guard)[0] == 0
    finally:
        page.path.unlink()


@pytest.mark.slow
def test_twenty_of_twenty_killed_runners_in_velocity_mode(scene):
    here = scene("forward_velocity")
    random, rests = np.random.default_rng(0), []
    for _ in range(20):
        at = here.strike(here.run(), signal.SIGKILL, random.uniform(0.0, 1.5))
        rests.append(here.rest(at))
        here.check_seam(at)
    assert max(rests) < 0.5, rests


@pytest.mark.slow
def test_a_killed_runners_drone_is_landed(scene, processes, ros, wait, domain):
    robot, odometry, status = load_robot("crazyflie"), [], []
    ros.node.create_subscription(message_class("nav_msgs/msg/Odometry"), "/cf/odom",
                                 lambda m: odometry.append((time.monotonic(), m)), ros.qos("best_effort", depth=50))
    thrusts = []
    ros.node.create_subscription(message_class("geometry_msgs/msg/Twist"), "/cf/cmd_vel_legacy",
                                 lambda m: thrusts.append(m.linear.z), ros.qos("reliable", depth=200))
    ros.node.create_subscription(message_class("std_msgs/msg/String"), "/sim2real_guard/status",
                                 lambda m: status.append(json.loads(m.data)), ros.qos("reliable", depth=50))
    processes.start("twin", "crazyflie", "--engine", "quadrotor", "--nominal")
    processes.start("guard", "--robot", "crazyflie")
    wait(lambda: odometry and status and status[-1]["listeners"] >= 2, 30.0)
    arguments = {"domain": domain, "interface": None, "robot": "crazyflie", "start": [robot.hover_thrust, 0, 0, 0]}
    runner = subprocess.Popen([sys.executable, RUNNER, json.dumps(arguments)], stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        wait(lambda: len(thrusts) > 50 and status[-1]["mode"] == "WATCHING", 30.0)
        runner.kill()
        at = time.monotonic()
        wait(lambda: status[-1]["mode"] == "TAKEN_OVER", 30.0)
    finally:
        runner.kill()
        runner.communicate()
    falling = [m.twist.twist.linear.z for t, m in odometry if t > at]
    assert min(falling) > -0.7 and odometry[-1][1].pose.pose.position.z < 0.06
    assert thrusts[-1] == 0.0 and thrusts[-300] > 0.0
