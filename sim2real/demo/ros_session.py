"""A twin and a policy node as two ROS 2 processes, goals through the topics, both stopped cleanly."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from sim2real.errors import DeploymentError

_STOP_SECONDS = 10.0


def free_domain_id() -> int:
    """A ROS domain of this process's own; 1 to 101 are safe on every platform (ROS 2 manual, "The ROS_DOMAIN_ID")."""
    return 1 + os.getpid() % 101


def run_session(bundle: Path, robot: str, goals: int, log: Path, *, engine: str, seed: int,
                seconds: float, folder: Path) -> dict:
    """Drive a twin with a bundle over ROS 2 and return the policy node's summary.

    Args:
        bundle: The policy bundle.
        robot: Robot name or path, as on the command line.
        goals: How many goals to reach one after the other, drawn as evaluation does.
        log: MCAP file to write.
        engine: The twin's engine.
        seed: Seed of the twin's hidden parameters and of the goals.
        seconds: How long to wait for the policy node at most.
        folder: Where the two processes' outputs go.

    Raises:
        DeploymentError: A process failed; the message names the file with its output.
    """
    domain = str(free_domain_id())
    command = [sys.executable, "-m", "sim2real"]
    twin_command = [*command, "twin", robot, "--engine", engine, "--seed", str(seed), "--domain-id", domain]
    deploy_command = [*command, "deploy", str(bundle), "--robot", robot, "--sample", str(goals), "--seed", str(seed),
                      "--log", str(log), "--domain-id", domain, "--arm", "--json"]
    with (folder / "twin.log").open("w") as twin_out, (folder / "deploy.log").open("w") as deploy_out:
        twin = subprocess.Popen(twin_command, stdout=twin_out, stderr=subprocess.STDOUT)
        try:
            done = subprocess.run(deploy_command, stdout=subprocess.PIPE, stderr=deploy_out, text=True,
                                  timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            raise DeploymentError(f"the policy node did not finish within {seconds:.0f} s; see {folder}/deploy.log and "
                                  f"{folder}/twin.log") from None
        finally:
            _stop(twin)
    if done.returncode != 0:
        raise DeploymentError(f"the policy node ended with exit code {done.returncode}; see {folder}/deploy.log")
    return json.loads(done.stdout.strip().splitlines()[-1])


def _stop(process: subprocess.Popen) -> None:
    """SIGINT, as Ctrl-C would; SIGKILL only for one that does not listen."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
