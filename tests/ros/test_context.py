"""rclpy's life cycle: no handlers of its own, messages through, one clear line where something is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from sim2real.errors import BadInputError, DeploymentError, MissingDependencyError
from sim2real.ros.context import RosContext, StopSignal, import_ros, message_class


def test_discovery_stays_on_this_machine_and_signals_stay_ours(domain, monkeypatch):
    monkeypatch.delenv("ROS_AUTOMATIC_DISCOVERY_RANGE", raising=False)
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with RosContext("test_node", [], domain) as ros:
        assert os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
        assert ros.node.get_name() == "test_node"
    ros.close()  # twice is fine


def test_the_users_discovery_range_is_respected(domain, monkeypatch):
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    with RosContext("test_node", [], domain):
        assert os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "SUBNET"


def test_messages_pass_and_remaps_work(domain):
    string = message_class("std_msgs/msg/String")
    with RosContext("talker", ["-r", "/a:=/b"], domain) as talker, RosContext("listener", [], domain) as listener:
        heard = []
        listener.node.create_subscription(string, "/b", lambda m: heard.append(m.data), listener.qos("best_effort"))
        publisher = talker.node.create_publisher(string, "/a", talker.qos("reliable"))
        end = time.monotonic() + 10.0
        while not heard and time.monotonic() < end:
            publisher.publish(string(data="hello"))
            listener.spin_once(0.05)
    assert heard[0] == "hello"


def test_latched_messages_reach_those_who_come_late(ros, wait):
    boolean, heard = message_class("std_msgs/msg/Bool"), []
    ros.node.create_publisher(boolean, "/x", ros.qos("reliable", latched=True)).publish(boolean(data=True))
    ros.node.create_subscription(boolean, "/x", lambda m: heard.append(m.data), ros.qos("reliable", latched=True))
    wait(lambda: heard == [True])


@pytest.mark.parametrize("domain_id", [-1, 233])
def test_domain_ids_are_checked(domain_id):
    with pytest.raises(BadInputError, match=f"between 0 and 232, got {domain_id}"):
        RosContext("test_node", [], domain_id)


def test_bad_ros_arguments_are_one_line(domain):
    with pytest.raises(DeploymentError, match="ROS 2 does not start: ") as caught:
        RosContext("test_node", ["-r", "nonsense:=:=x"], domain)
    assert "\n" not in str(caught.value)


def test_missing_packages_are_named():
    with pytest.raises(MissingDependencyError, match="message package crazyflie_interfaces is not installed .* "
                                                     "ros-.ROS_DISTRO-crazyflie-interfaces"):
        message_class("crazyflie_interfaces/msg/FullState")
    with pytest.raises(MissingDependencyError, match="package std_msgs has no message 'Strong'"):
        message_class("std_msgs/msg/Strong")
    assert message_class("std_msgs/msg/String").__name__ == "String"


@pytest.mark.parametrize("module", ["antigravity", "this", "evil", "folder"])
def test_a_profile_cannot_have_other_modules_imported(module, tmp_path, monkeypatch):
    """They would run: a profile comes with a bundle."""
    (tmp_path / "evil.py").write_text("import pathlib; pathlib.Path('executed').touch()")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__init__.py").write_text("import pathlib; pathlib.Path('executed').touch()")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingDependencyError, match=f"module '{module}' has no ROS messages"):
        message_class(f"{module}/msg/String")
    assert module not in sys.modules and not (tmp_path / "executed").exists()


def test_no_rclpy_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "rclpy", None)
    with pytest.raises(MissingDependencyError, match=r"rclpy cannot be imported: pip install 'sim2real\[ros\]', or "
                                                     r"source"):
        import_ros("rclpy")


@pytest.mark.parametrize("verb", [("twin", "ur5e"), ("deploy", "x.s2r")])
def test_the_commands_say_so_too(verb, tmp_path):
    (tmp_path / "rclpy.py").write_text("raise ImportError('no rclpy here')\n")
    from sim2real.ros.context import __file__ as file

    root = os.path.dirname(os.path.dirname(os.path.dirname(file)))
    done = subprocess.run([sys.executable, "-m", "sim2real", *verb], cwd=tmp_path, capture_output=True, text=True,
                          check=False, env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"})
    assert done.returncode == 1
    assert done.stderr.startswith("sim2real: error: ROS 2 is needed and rclpy cannot be imported: pip install")
    assert done.stderr.count("\n") == 1


def test_stop_signals_become_an_event_and_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with StopSignal() as stop:
        assert not stop.wait(0.0)
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        assert stop.wait(5.0)
        assert (stop.number, stop.count, stop.is_set) == (signal.SIGTERM, 1, True)
        os.kill(os.getpid(), signal.SIGINT)  # twice is still a controlled stop
        time.sleep(0.05)
        assert (stop.number, stop.count) == (signal.SIGTERM, 2)
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("rounds", [False, True])
def test_serve_takes_all_that_comes_in_its_time(domain, rounds):
    string = message_class("std_msgs/msg/String")
    with RosContext("talker", [], domain) as talker, RosContext("listener", [], domain, rounds=rounds) as listener:
        heard = {"/a": [], "/b": []}
        for topic, into in heard.items():
            listener.node.create_subscription(string, topic, lambda m, into=into: into.append(m.data),
                                              listener.qos("reliable", depth=50))
        publishers = [talker.node.create_publisher(string, topic, talker.qos("reliable", depth=50)) for topic in heard]
        end = time.monotonic() + 10.0
        while not all(p.get_subscription_count() for p in publishers) and time.monotonic() < end:
            listener.serve(0.05)
        time.sleep(0.3)
        for k in range(20):
            for publisher in publishers:
                publisher.publish(string(data=str(k)))
        begin = time.monotonic()
        listener.serve(0.5)
        assert 0.4 < time.monotonic() - begin
        assert heard == {topic: [str(k) for k in range(20)] for topic in heard}


def test_complaints_are_logged_once_a_second_each_and_cost_next_to_nothing(ros, monkeypatch, capfd):
    begin = time.monotonic()
    for number in range(1000):
        ros.complain("states", f"number {number} is odd")
    assert time.monotonic() - begin < 0.1  # rclpy's own throttle takes 0.2 s for these
    ros.complain("goals", "no goal")
    monkeypatch.setattr(time, "time", lambda: 0.0)  # set back: nothing goes by the wall clock
    monkeypatch.setattr(time, "monotonic", lambda: begin + 1.5)
    ros.complain("states", "still odd")
    said = [line.split("]: ")[1] for line in capfd.readouterr().err.splitlines() if "[ERROR]" in line]
    assert said == ["number 0 is odd", "no goal", "still odd"]
