"""What every test shares: a quiet, reproducible environment, and which tests must not run side by side."""

from __future__ import annotations

import os
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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep a file's tests on one worker (they share fixtures), and all that talk over ROS 2 on one."""
    for item in items:
        path = item.path.relative_to(ROOT).as_posix()
        if path.startswith("tests/ros/"):
            item.add_marker(pytest.mark.ros)
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group("ros" if item.get_closest_marker("ros") else path))


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the repository."""
    return ROOT


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
