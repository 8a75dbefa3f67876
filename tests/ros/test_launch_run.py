"""The launch files started for real, where ROS 2's ``launch`` is: who comes up, and that robots end at rest."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim2real.recordings.log_reader import LogReader
from sim2real.ros.context import import_ros
from tests.faults.recorder import Recorder
from tests.ros.hand_policies import write_policy

pytest.importorskip("launch_ros.actions", reason="launch and launch_ros come with a ROS 2 distribution")

ROOT = Path(__file__).resolve().parents[2]
# What `ros2 launch FILE ARGUMENTS` does, which needs ros2cli too.
_LAUNCH = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import AnyLaunchDescriptionSource
service = LaunchService(argv=sys.argv[2:])
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(
    AnyLaunchDescriptionSource(sys.argv[1]), launch_arguments=[a.split(":=", 1) for a in sys.argv[2:]])]))
sys.exit(service.run())
"""
FAR = "[[0.05, -0.55, 0.3], [0.05, 0.55, 0.3], [0.05, -0.55, 0.3], [0.05, 0.55, 0.3]]"


class Launch:
    """A launch file as a process group of its own, as in a terminal."""

    def __init__(self, folder, domain, file, **arguments):
        self.log_dir = folder / "launch_log"
        self._out = (folder / f"{file}.out").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, ROOT / "launch" / file, *(f"{k}:={v}" for k, v in arguments.items())],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=self._out, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "ROS_DOMAIN_ID": str(domain), "ROS_LOG_DIR": str(self.log_dir),
                 "AMENT_PREFIX_PATH": str(_install(folder)),
                 "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])})

    @property
    def output(self) -> str:
        self._out.flush()
        self._out.seek(0)
        return self._out.read()

    def children(self) -> dict[str, int]:
        """Verb of each ``sim2real`` process in the group and its id."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                group = int((entry / "stat").read_text().rpartition(")")[2].split()[2])
            except (OSError, ValueError, IndexError):
                continue
            if group == self.process.pid and b"sim2real" in words:
                found[words[words.index(b"sim2real") + 1].decode()] = int(entry.name)
        return found

    def ctrl_c(self) -> None:
        """What a terminal does: the whole group gets the signal."""
        os.killpg(self.process.pid, signal.SIGINT)

    def close(self) -> None:
        for pid in [*self.children().values(), self.process.pid]:
            with_group = self.process.poll() is None or pid != self.process.pid
            if with_group:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.process.wait()
        self._out.close()


def _install(folder) -> Path:
    """The parts of an installed package that `Node` looks for: its mark in the index, and its executable."""
    prefix = folder / "install"
    index, programs = prefix / "share/ament_index/resource_index/packages", prefix / "lib/sim2real"
    for each in (index, programs):
        each.mkdir(parents=True, exist_ok=True)
    (index / "sim2real").touch()
    script = programs / "sim2real"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m sim2real "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return prefix


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_policy(tmp_path_factory.mktemp("bundle") / "reach.s2r", "ur5e", "reach")


@pytest.fixture
def launch(tmp_path, domain):
    started = []

    def start(file, **arguments):
        started.append(Launch(tmp_path, domain, file, **arguments))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def goals(tmp_path):
    (tmp_path / "goals.yaml").write_text(FAR)
    return tmp_path / "goals.yaml"


@pytest.fixture
def heard(ros):
    recorder = Recorder(ros)
    yield recorder
    recorder.close()


@pytest.fixture
def wait(ros, heard):
    def until(condition, launched, timeout=60.0):
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end and launched.process.poll() is None, launched.output
            heard.hear()
            ros.spin_once(0.005)
    return until


@pytest.fixture
def ended(heard):
    """Listen until a launch has ended, and a moment longer; its exit code."""
    def until(launched, timeout=60.0):
        end = time.monotonic() + timeout
        while launched.process.poll() is None or launched.children():
            assert time.monotonic() < end, launched.output
            heard.hear()
            heard.ros.spin_once(0.005)
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            heard.ros.spin_once(0.005)
        heard.hear()
        return launched.process.returncode
    return until


def test_all_together_until_the_goals_are_done(launch, wait, ended, heard, bundle):
    all_of_it = launch("sim_to_twin.launch.py", policy=bundle, engine="mujoco", sample=1, arm="true")
    wait(lambda: heard.speed > 0.1, all_of_it)
    assert set(all_of_it.children()) == {"twin", "guard", "deploy"}
    assert ended(all_of_it) == 0, all_of_it.output
    assert "of 1 goals" in all_of_it.output, all_of_it.output  # a hand-written policy need not reach them
    assert heard.over_bounds() == 0.0
    (log,) = all_of_it.log_dir.rglob("policy.mcap")  # the recorder's
    reader = LogReader(log)
    assert sum(topic == "/command" for _, topic, _ in reader) > 100 and reader.end == "" and reader.missing == 0


def test_ctrl_c_leaves_the_robot_stopped(launch, wait, ended, heard, bundle, goals):
    all_of_it = launch("deploy.launch.py", policy=bundle, hardware="twin", engine="mujoco", goals=goals, arm="true")
    wait(lambda: heard.speed > 0.3, all_of_it)
    at = time.monotonic()
    all_of_it.ctrl_c()
    ended(all_of_it)
    assert "escalating" not in all_of_it.output and "process has died" not in all_of_it.output, all_of_it.output
    assert heard.over_bounds() == 0.0
    assert heard.rest_s(at, measured=False) is not None and heard.rest_s(at, measured=False) < 1.0
    assert "ENDED" in heard.modes(at), all_of_it.output


@pytest.mark.slow
@pytest.mark.parametrize("number, within", [(signal.SIGINT, 5.0), (signal.SIGTERM, 1.5), (signal.SIGKILL, 1.5)])
def test_a_signal_to_launch_alone_ends_the_policy_and_the_robot_that_stays_is_at_rest(launch, wait, ended, heard,
                                                                                      bundle, goals, number, within):
    robot = launch("twin.launch.py", engine="mujoco")
    policy = launch("deploy.launch.py", policy=bundle, goals=goals, arm="true")
    wait(lambda: heard.speed > 0.3, policy)
    at = time.monotonic()
    policy.process.send_signal(number)
    ended(policy)  # with its nodes, which launch does not always wait for
    assert robot.process.poll() is None
    wait(lambda: time.monotonic() > at + within + 0.5, robot)
    assert heard.over_bounds() == 0.0
    rest = heard.rest_s(at, measured=False)
    assert heard.speed < 0.1  # of a twin with noise
    assert rest is not None and rest < within, policy.output
    assert not {row["mode"] for t, row in heard.guard_status if t > at} & {"TAKING_OVER", "TAKEN_OVER"}  # not by force


def test_it_waits_to_be_armed_and_lives_by_ros_own_services(launch, wait, heard, ended, bundle, goals, ros):
    all_of_it = launch("deploy.launch.py", policy=bundle, hardware="twin", engine="mujoco", goals=goals, log="none")
    trigger, lifecycle = import_ros("std_srvs.srv").Trigger, import_ros("lifecycle_msgs.srv").ChangeState
    arm = ros.node.create_client(trigger, "/sim2real_policy/arm")
    change = ros.node.create_client(lifecycle, "/sim2real_policy/change_state")
    wait(lambda: heard.status and heard.status[-1][1]["state"] == "INACTIVE", all_of_it)  # configured by itself
    wait(lambda: arm.service_is_ready() and change.service_is_ready(), all_of_it)
    assert not heard.samples

    def call(client, request):
        future = client.call_async(request)
        wait(future.done, all_of_it)
        return future.result()

    assert call(arm, trigger.Request()).success
    activate = lifecycle.Request()
    activate.transition.id = 3
    assert call(change, activate).success
    wait(lambda: heard.speed > 0.3, all_of_it)
    at = time.monotonic()
    all_of_it.ctrl_c()
    ended(all_of_it)
    assert heard.rest_s(at, measured=False) is not None and heard.over_bounds() == 0.0
    assert not list(all_of_it.log_dir.rglob("*.mcap"))


@pytest.mark.parametrize("file, arguments, words", [
    ("deploy.launch.py", {"hardware": "imaginary"}, "Argument \"hardware\" provided value \"imaginary\" is not"),
    ("deploy.launch.py", {}, "the launch argument 'policy' is missing; give policy:=policy.s2r"),
    ("twin.launch.py", {"robot": "so101", "hardware": "real"}, "its ros section names no launch file"),
])
def test_wrong_arguments_are_told(launch, ended, file, arguments, words):
    launched = launch(file, **arguments)
    assert ended(launched) != 0 and words in launched.output
