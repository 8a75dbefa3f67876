"""The self-test of ROS 2 that ``sim2real doctor`` runs in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from sim2real.ros.selftest import distribution

ROOT = Path(__file__).resolve().parents[2]


def selftest(tmp_path, domain, **variables):
    done = subprocess.run([sys.executable, "-m", "sim2real.ros.selftest"], cwd=tmp_path, capture_output=True, text=True,
                          check=False, timeout=60,
                          env={**os.environ, "PYTHONPATH": str(ROOT), "ROS_DOMAIN_ID": str(domain), **variables})
    return done.returncode, json.loads(done.stdout or "{}")


def test_a_message_comes_back(tmp_path, domain):
    code, answer = selftest(tmp_path, domain)
    assert code == 0 and distribution() in answer["detail"] and "message to itself" in answer["detail"]


def test_a_middleware_that_is_not_there_ends_this_process_and_no_other(tmp_path, domain):
    code, answer = selftest(tmp_path, domain, RMW_IMPLEMENTATION="rmw_absent_cpp")
    assert code != 0 and "detail" not in answer  # rcl itself exits with 102 and no word on stdout


def test_without_rclpy_the_module_is_named(tmp_path, domain):
    (tmp_path / "rclpy.py").write_text("raise ModuleNotFoundError('no rclpy here', name='rclpy')")
    code, answer = selftest(tmp_path, domain, PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert code == 1 and answer["module"] == "rclpy"
