"""The policy node as its own process, against the twin; faults are injected in tests/faults."""

from __future__ import annotations

import json
import signal
import time
import types

import numpy as np
import pytest
from played_driver import PlayedDriver

from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.robots import load_robot
from sim2real.ros.context import StopSignal, message_class
from sim2real.ros.log import read_log
from sim2real.ros.policy_node import PolicyNode

ARRAY, JOINTS = "std_msgs/msg/Float64MultiArray", "sensor_msgs/msg/JointState"


def test_reaches_goals_by_trajectories_and_logs_them(processes, tmp_path, reach_bundle):
    twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--seed", "1", "--interface", "joint_trajectory")
    node = processes.start("deploy", reach_bundle, "--arm", "--robot", "ur5e", "--interface", "joint_trajectory",
                           "--sample", "2", "--log", tmp_path / "run.mcap", "--json")
    out, err = node.communicate(timeout=60)
    assert node.returncode == 0, err
    row = json.loads(out)
    assert (row["goals"], row["reached"], row["limit_violations"]) == (2, 2, 0)
    assert set(row) == {"goals", "reached", "commands", "limit_violations", "worst_age_s", "latency_p50_us",
                        "latency_p99_us", "late_p99_us", "skipped"}
    assert row["commands"] > 30 and 0.0 < row["worst_age_s"] < 0.1 and 0.0 < row["latency_p50_us"] < 20_000
    rows = read_log(tmp_path / "run.mcap")
    assert len(rows["/goal"]) == 2
    assert len(rows["/command"]) == len(rows["/state"]) == len(rows["/decision"]) == row["commands"]
    modes = [r["mode"] for r in rows["/decision"]]
    assert modes[0] == "ACTIVE" and modes[-1] == "STOP" and "the goals are done" in rows["/decision"][-1]["cause"]
    processes.end(twin)


def test_an_activation_between_two_looks_is_not_taken_for_one_that_is_over():
    """Services are answered in another thread: here they come exactly where the caller's thread has just looked."""
    stop, changes = StopSignal(), []

    class Node:
        _ros = types.SimpleNamespace(serve=lambda seconds: None)
        managed = types.SimpleNamespace(state="inactive", change=lambda word: changes.append(word) or "")
        looks = 0

        def _tell(self):
            pass

        def _log_states(self):
            pass

        @property
        def _running(self):
            self.looks += 1
            if stop.is_set:
                return False
            if self.looks > 20:
                stop.set()
            running = self.managed.state == "active"
            self.managed.state = "active"  # activate's answer
            return running

    PolicyNode._live(Node(), stop, None, [], once=False)
    assert changes == []


def test_goals_by_topic_and_a_controlled_stop_on_sigint(processes, ros, wait, reach_bundle):
    robot = load_robot("ur5e")
    states, commands, status = [], [], []
    ros.node.create_subscription(message_class(JOINTS), "/joint_states", states.append, ros.qos("best_effort"))
    ros.node.create_subscription(message_class(ARRAY), "/forward_position_controller/commands",
                                 lambda m: commands.append(list(m.data)), ros.qos("reliable", depth=5000))
    ros.node.create_subscription(message_class("std_msgs/msg/String"), "/sim2real_policy/status",
                                 lambda m: status.append(json.loads(m.data)), ros.qos("reliable", depth=50))
    pose = message_class("geometry_msgs/msg/PoseStamped")
    goal = ros.node.create_publisher(pose, "/sim2real_policy/goal", ros.qos("reliable"))
    twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal")
    node = processes.start("deploy", reach_bundle, "--arm", "--json")
    wait(lambda: states and goal.get_subscription_count())
    time.sleep(0.3)
    assert not commands  # nothing moves before there is a goal
    message = pose()
    message.pose.position.x, message.pose.position.y, message.pose.position.z = 0.05, -0.55, 0.3  # far away
    goal.publish(message)
    wait(lambda: len(commands) > 300 and status)
    assert np.abs(states[-1].velocity).max() > 0.05  # in full motion
    code, out, err = processes.end(node, signal.SIGINT)
    assert code == 0, err
    end = time.monotonic() + 0.6
    wait(lambda: time.monotonic() > end)

    stream = np.array(commands)
    assert json.loads(out)["commands"] == len(stream)
    assert np.abs(np.diff(stream[-5:], axis=0)).max() == 0.0  # ends at rest
    assert count_violations(stream[:, None], CommandLimits.from_robot(robot), 0.002) == 0  # at the driver's rate
    assert np.abs(states[-1].velocity).max() < 0.02  # and so does the arm
    assert {s["mode"] for s in status} >= {"ACTIVE", "ENDED"} and status[-1]["goals"] == 1
    processes.end(twin)


def test_a_drone_hovers_then_lands(processes, ros, wait, hover_bundle):
    odometry = []
    ros.node.create_subscription(message_class("nav_msgs/msg/Odometry"), "/cf/odom",
                                 lambda m: odometry.append(m.pose.pose.position.z), ros.qos("best_effort"))
    twin = processes.start("twin", "crazyflie", "--engine", "quadrotor", "--nominal")
    node = processes.start("deploy", hover_bundle, "--arm", "--robot", "crazyflie", "--goal=0.2,0.1,0.6", "--json")
    wait(lambda: node.poll() is not None, timeout=40.0)
    out, err = node.communicate()
    assert node.returncode == 0, err
    row = json.loads(out)
    assert (row["goals"], row["reached"], row["limit_violations"]) == (1, 1, 0)
    assert max(odometry) > 0.4 and odometry[-1] < 0.1
    processes.end(twin, signal.SIGTERM)


def test_a_driver_that_goes_away_stops_the_run(processes, domain, reach_bundle):
    driver = PlayedDriver(domain)
    node = processes.start("deploy", reach_bundle, "--arm", "--goal", "0.45,0.1,0.35", "--json")
    end = time.monotonic() + 20.0
    while len(driver.commands) < 10 and time.monotonic() < end:
        time.sleep(0.02)
    driver.close()
    out, err = node.communicate(timeout=30)
    assert node.returncode == 1
    assert ("the runner stopped: driver takes no more commands on /forward_position_controller/commands: the driver "
            "has ended") in err  # before its states are too old
    assert json.loads(out)["limit_violations"] == 0


@pytest.mark.parametrize(("arguments", "line"), [
    (("--robot", "fr3"), "the bundle is for robot ur5e, not for fr3"),
    (("--interface", "velocity"), "unknown command interface 'velocity'; did you mean forward_velocity"),
    (("--goal", "0.4,0.1"), "task reach takes 3 numbers, got 2"),
    (("--goals", "none.yaml"), "cannot read the goals file none.yaml"),
    (("--duration", "0"), "expected --duration over zero"),
    (("--sample", "-1"), "expected --sample and --seed of zero or more"),
])
def test_bad_input_is_one_line(arguments, line, reach_bundle, capsys):
    from sim2real.cli import main

    assert main(["deploy", str(reach_bundle), *arguments]) == 2
    error = capsys.readouterr().err
    assert line in error and error.count("\n") == 1


def test_a_missing_bundle_is_one_line(capsys):
    from sim2real.cli import main

    assert main(["deploy", "none.s2r"]) == 2
    assert "none.s2r" in capsys.readouterr().err
