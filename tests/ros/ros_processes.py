"""Nodes as processes of their own, in a ROS domain of their own, that no test leaves behind: fixtures of ROS tests."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.ros.hand_policies import write_policy

ROOT = Path(__file__).resolve().parents[2]
_count = 0


class Processes:
    """Starts ``sim2real`` commands, and ends whatever is left of them."""

    def __init__(self, domain: int, folder: Path):
        self.domain, self._folder = domain, folder
        self._started: list[subprocess.Popen] = []

    def start(self, *arguments: object, **variables: str) -> subprocess.Popen:
        """``sim2real ARGUMENTS --domain-id ...`` in the background, its output in pipes; more environment variables."""
        command = [sys.executable, "-m", "sim2real", *map(str, arguments), "--domain-id", str(self.domain)]
        return self.popen(command, **variables)

    def popen(self, command: list[str], **variables: str) -> subprocess.Popen:
        """Any other command, as ``start`` does."""
        process = subprocess.Popen(command, cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   stdin=subprocess.DEVNULL,
                                   env={**os.environ, "PYTHONPATH": str(ROOT), **variables})
        self._started.append(process)
        return process

    @staticmethod
    def end(process: subprocess.Popen, number: int = signal.SIGINT, timeout: float = 30.0) -> tuple[int, str, str]:
        """Send a signal and wait: (exit code, stdout, stderr)."""
        process.send_signal(number)
        out, err = process.communicate(timeout=timeout)
        return process.returncode, out, err

    def close(self) -> None:
        """Kill what still runs, by its own id."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()


def forget_ports(domain: int) -> None:
    """Remove what killed processes left of a domain's shared memory ports: newcomers would wait at their locks.

    Ports of Fast DDS in shared memory are numbered as RTPS numbers those of UDP: 250 a domain, from 7400.
    """
    for port in range(7400 + 250 * domain, 7650 + 250 * domain):
        for name in (f"fastdds_port{port}", f"fastdds_port{port}_el", f"sem.fastdds_port{port}_mutex"):
            Path("/dev/shm", name).unlink(missing_ok=True)


@pytest.fixture
def domain():
    """A ROS domain that no other test uses on this machine, in whatever process it runs."""
    global _count
    for _ in range(100):
        _count += 1
        number = 100 + (os.getpid() * 7 + _count) % 100
        with open(Path(tempfile.gettempdir()) / f"sim2real-test-domain-{number}", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            forget_ports(number)
            yield number
            return
    raise AssertionError("all of a hundred ROS domains are in use by other tests")


@pytest.fixture
def processes(domain, tmp_path):
    """Background processes in ``domain``."""
    running = Processes(domain, tmp_path)
    yield running
    running.close()


@pytest.fixture
def ros(domain):
    """A node of the test's own in ``domain``."""
    from sim2real.ros.context import RosContext

    with RosContext(f"test_node_{domain}", [], domain) as context:
        yield context


@pytest.fixture
def wait(ros):
    """Spin until a condition holds; fails after ``timeout`` [s]."""
    def until(condition, timeout: float = 15.0) -> None:
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, "it did not happen in time"
            ros.spin_once(0.02)
    return until


__all__ = ["Processes", "domain", "processes", "ros", "wait"]


@pytest.fixture(scope="session")
def reach_bundle(tmp_path_factory):
    """A UR5e's hand-written reach policy."""
    return write_policy(tmp_path_factory.mktemp("bundle") / "reach.s2r", "ur5e", "reach")


@pytest.fixture(scope="session")
def hover_bundle(tmp_path_factory):
    """A Crazyflie's hand-written hover policy."""
    return write_policy(tmp_path_factory.mktemp("bundle") / "hover.s2r", "crazyflie", "hover")
