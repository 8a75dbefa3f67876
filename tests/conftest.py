"""What every test shares: a quiet, reproducible environment, and which tests must not run side by side."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Before any library is imported: rendering without a screen, one thread a library (two workers share two cores), ROS 2
# on this machine only and apart from what else runs here.
os.environ.setdefault("MUJOCO_GL", "egl")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
os.environ.setdefault("ROS_DOMAIN_ID", str(20 + os.getpid() % 80))


# what a file below tests/ros/ has that starts nodes, or keeps time
_LIVE = re.compile(r"^(import|from) (time|threading|subprocess|signal|socket|multiprocessing)\b|RosContext|import_ros|"
                   r"message_class|rclpy|Recorder|def test_\w+\([^)]*\b(ros|processes|wait|domain)\b", re.M)


@functools.cache
def is_live(path: str) -> bool:
    """Whether the tests of a file talk over ROS 2 or keep time, so that nothing else may run beside them."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.startswith("tests/ros/"):
        return bool(_LIVE.search(text))
    return path.startswith("tests/faults/") or "pytest.mark.ros" in text


def pytest_collection_modifyitems(items):
    """The live files below tests/ros/ are ROS 2 tests, and so is every fault that is injected into nodes.

    Of each of these faults one test is quick, the first of its file that is not marked slow: five seconds each add up.
    """
    tried = set()
    for item in items:
        injected = item.path.is_relative_to(ROOT / "tests" / "faults") and "processes" in item.fixturenames
        path = item.path.relative_to(ROOT).as_posix() if item.path.is_relative_to(ROOT) else ""
        if injected or path.startswith("tests/ros/") and is_live(path):
            item.add_marker(pytest.mark.ros)
        fault = item.get_closest_marker("fault")
        if injected and fault is not None and item.get_closest_marker("slow") is None:
            if fault.args[0] in tried:
                item.add_marker(pytest.mark.slow)
            tried.add(fault.args[0])


def work_unit(path: str) -> str:
    """What one worker does without the other: a file (its tests share fixtures), or all that talk over ROS 2."""
    return "ros" if is_live(path) else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """``--dist loadfile`` by work unit. (Groups of xdist 3.8 have no effect with pytest 9.2.)"""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByWorkUnit(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return work_unit(nodeid.split("::", 1)[0])

    return ByWorkUnit(config, log)


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the repository."""
    return ROOT


@pytest.fixture
def fault_row(request):
    """Reports what came of a fault that was injected, for `python -m benchmarks.faults`; of several the worst counts.

    state: What was reached: REFUSE, ACTIVE, HOLD, STOP, FAULT. rest_s: Time from the injection to rest in [s], None
    where it is none of it. over_bounds: How far commands left their bounds at the driver, 0.0 inside. resumed: Whether
    the robot moved again by itself after it had stopped for good.
    """
    def report(state: str, rest_s: float | None = None, over_bounds: float = 0.0, resumed: bool = False) -> None:
        row = {"state": state, "rest_s": rest_s, "over_bounds": over_bounds, "resumed": resumed}
        request.node.user_properties.append(("fault_row", row))

    return report


@pytest.fixture
def run_cli(tmp_path):
    """Run ``sim2real ARGUMENTS`` in a process of its own, in an empty folder: (exit code, stdout, stderr)."""
    def run(*arguments: str, cwd: Path | None = None, timeout: float = 120.0, **variables: str):
        done = subprocess.run(
            [sys.executable, "-m", "sim2real", *map(str, arguments)], cwd=cwd or tmp_path, capture_output=True,
            text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT), **variables})
        return done.returncode, done.stdout, done.stderr

    return run
