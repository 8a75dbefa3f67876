"""What a SIGKILL leaves behind: a robot at rest, and a log that can be read.

    python -m benchmarks.survival --runs 20 --json

`sim2real deploy --log` drives a UR5e's twin through its velocity interface, where nothing below stops a robot whose
policy is gone, with `sim2real guard` beside it. At a random moment of its motion the runner is killed, and in every
other run its recorder in the same instant. Everything is heard at the driver's topics:

- rest: from the kill until the joints were last measured faster than 0.02 rad/s, and until the last velocity command
  that was not zero
- floor: the same by arithmetic alone: from the speed of the last command, braking inside the robot's acceleration and
  jerk bounds takes at least v / a + a / j (v >= a^2 / j; else 2 sqrt(v / j)), whoever notices however fast
- over_bounds: how far the runner's or the guard's commands left a bound, 0.0 where inside
- readable: rows of /command in the log per command that the runner had published

`load` is the machine's average load over the last 5 minutes: where it is over the number of cores, others took the time
that is measured here.

Exit code 1 where a robot took longer than 500 ms to rest, less than 97 % of a log is readable, or a command left its
bounds.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from sim2real.deployment.limits import CommandLimits
from sim2real.errors import DeploymentError
from sim2real.recordings.log_reader import LogReader
from sim2real.ros.context import RosContext
from tests.faults.judge import by_publisher
from tests.faults.recorder import Recorder
from tests.ros.hand_policies import write_policy
from tests.ros.ros_processes import Processes

ROBOT, INTERFACE = "ur5e", "forward_velocity"
REST_SECONDS, READABLE = 0.5, 0.97  # what must be
_FAST = 0.3  # [rad/s]: a robot that moves
_GOALS = [f"--goal=0.05,{y},0.3" for y in (-0.55, 0.55)] * 20


def floor(speed: np.ndarray, limits: CommandLimits) -> float:
    """Least time in [s] in which joints at ``speed`` (C,) [rad/s] can be stopped inside ``limits``."""
    v, a, j = np.abs(speed), limits.acceleration, limits.jerk
    return float(np.where(v >= a**2 / j, v / a + a / j, 2.0 * np.sqrt(v / j)).max())


class Series:
    """One twin, its guard, and runners that are killed one after the other."""

    def __init__(self, ros: RosContext, processes: Processes, folder: Path, seed: int):
        self._processes, self._folder, self._random = processes, folder, np.random.default_rng(seed)
        self._heard = Recorder(ros, ROBOT, INTERFACE)
        self._bundle = write_policy(folder / "reach.s2r", ROBOT, "reach")
        processes.start("twin", ROBOT, "--engine", "mujoco", "--nominal", "--interface", INTERFACE)
        processes.start("guard", "--robot", ROBOT, "--interface", INTERFACE, "--json")
        self._until(lambda: self._heard.states > 100 and self._heard.guard_status, "twin and guard")

    def run(self, number: int, *, both: bool) -> dict:
        """Start a runner, kill it (and its recorder with ``both``) while it moves, and say what is left.

        Raises:
            DeploymentError: It ended by itself before, as on a machine that is too busy.
        """
        log, before = self._folder / f"run{number}.mcap", len(self._heard.samples)
        node = self._processes.start("deploy", self._bundle, "--interface", INTERFACE, *_GOALS, "--goal-timeout", "60",
                                     "--wait", "30", "--arm", "--json", "--log", log)
        try:
            self._until(lambda: self._moves(node), "a motion")
            self._spin(self._random.uniform(3.0, 9.0))  # into the run, so that a share of its log means something
            self._until(lambda: self._moves(node), "a motion")
            recorder = recorder_of(node.pid)
        finally:
            at = time.monotonic()
            node.kill()
        if both:
            os.kill(recorder, signal.SIGKILL)
        node.wait()
        self._until(lambda: self._heard.guard_status[-1][1]["mode"] == "TAKEN_OVER", "a take-over")
        self._spin(1.0)
        return self._found(at, log, before) | {"killed": "runner and recorder" if both else "runner"}

    def _found(self, at: float, log: Path, before: int) -> dict:
        """What a kill at ``at`` [s] left, of a runner whose commands are heard from number ``before`` on."""
        heard = self._heard
        mine = max(by_publisher([sample for sample in heard.samples[before:] if sample.time <= at]), key=len)
        published = mine[-1].number - mine[0].number + 1
        rows = sum(topic == "/command" for _, topic, _ in LogReader(log))
        return {"rest_s": heard.rest_s(at), "commands_rest_s": heard.rest_s(at, measured=False),
                "floor_s": floor(mine[-1].command, heard.limits), "speed": float(np.abs(mine[-1].command).max()),
                "detection_s": heard.guard_status[-1][1]["detection_s"], "published": published, "logged": rows,
                "readable": min(rows / published, 1.0),
                "over_bounds": heard.over_bounds(before)}

    def _moves(self, node: subprocess.Popen) -> bool:
        if node.poll() is not None:
            raise DeploymentError(f"deploy ended by itself: {node.communicate()[1].strip()}")
        return self._heard.speed > _FAST

    def close(self) -> None:
        """Hear no more."""
        self._heard.close()

    def _until(self, condition, what: str, timeout: float = 60.0) -> None:
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise DeploymentError(f"{what} did not happen within {timeout:g} s; is the machine busy?")
            self._heard.hear()
            self._heard.ros.spin_once(0.005)

    def _spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self._until(lambda: time.monotonic() > end, "", seconds + 1.0)


def recorder_of(pid: int) -> int:
    """Id of the recorder's process of a runner."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"sim2real.ros.log_process" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise DeploymentError(f"process {pid} has no recorder")


def summary(rows: list[dict]) -> dict:
    """What all runs come to."""
    def column(name: str) -> np.ndarray:
        return np.array([np.inf if row[name] is None else row[name] for row in rows])

    rest, share, over = column("rest_s"), column("readable"), column("over_bounds")
    return {"runs": len(rows), "at_rest_in_time": int((rest <= REST_SECONDS).sum()), "rest_max_s": float(rest.max()),
            "rest_p50_s": float(np.median(rest)), "commands_rest_max_s": float(column("commands_rest_s").max()),
            "floor_max_s": float(column("floor_s").max()),
            "over_floor_max_s": float((rest - column("floor_s")).max()), "readable_min": float(share.min()),
            "readable_mean": float(share.mean()), "over_bounds": float(over.max()),
            "passed": bool((rest <= REST_SECONDS).all() and (share >= READABLE).all() and over.max() == 0.0)}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--domain-id", type=int, default=200 + os.getpid() % 33)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, RosContext("survival", [], args.domain_id) as ros:
        processes = Processes(args.domain_id, Path(folder))
        try:
            series, rows, void = Series(ros, processes, Path(folder), args.seed), [], 0
            while len(rows) < args.runs:
                try:
                    rows.append(series.run(len(rows) + void, both=len(rows) % 2 == 1))
                except DeploymentError as error:
                    void += 1
                    print(f"run repeated: {error}", file=sys.stderr, flush=True)
                    if void > args.runs:
                        raise
                    continue
                print(" ".join(f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}"
                               for key, value in rows[-1].items()), file=sys.stderr, flush=True)
            series.close()
            found = {**summary(rows), "repeated": void, "load": os.getloadavg()[1]}
        finally:
            processes.close()
    if args.json:
        print(json.dumps({**found, "rows": rows}))
    else:
        print("\n".join(f"{key:20} {value:.4g}" if isinstance(value, float) else f"{key:20} {value}"
                        for key, value in found.items()))
    return 0 if found["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
