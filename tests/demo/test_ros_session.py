"""Twin and policy node as two processes: goals through the topics, nothing left behind."""

import subprocess

import pytest

from sim2real.demo.ros_session import free_domain_id, run_session
from sim2real.errors import DeploymentError

pytestmark = pytest.mark.ros


def test_two_goals_over_ros(servo_path, tmp_path):
    summary = run_session(servo_path, "ur5e", 2, tmp_path / "ros.mcap", engine="mujoco", seed=3, seconds=60.0,
                          folder=tmp_path)
    assert summary["goals"] == 2 and summary["limit_violations"] == 0 and summary["commands"] > 20
    assert (tmp_path / "ros.mcap").read_bytes()[:5] == b"\x89MCAP"
    alive = subprocess.run(["pgrep", "-f", f"twin ur5e .*--domain-id {free_domain_id()}"], capture_output=True)
    assert alive.stdout == b"", "the twin is still running"


def test_a_policy_node_that_fails_is_reported_with_its_log(servo_path, tmp_path):
    with pytest.raises(DeploymentError, match="exit code 2.*deploy.log"):
        run_session(servo_path, "fr3", 1, tmp_path / "ros.mcap", engine="mujoco", seed=0, seconds=30.0,
                    folder=tmp_path)
    assert "ur5e" in (tmp_path / "deploy.log").read_text()
